"""`corral log`: what changed, when, and who did it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from node.cli.errors import EXIT_CODES, refusals_shown
from node.cli.history import POINTS, PathType, PointType, executed_by, history_of, json_of, text_of
from node.cli.local import last_config
from node.cli.waterfall import harmless
from node.history.place import History, end_now, records, state_before, zxid_of
from node.history.points import Point, when
from node.history.travel import CHANGED, CREATED, FAILED, Change, Traveller
from node.tree.execute import poison_hook
from node.tree.paths import ROOT, ZOOKEEPER
from node.tree.znode import is_session
from transport.entry import read_record_header
from transport.messages import Watermark
from transport.zxid import show

_FOLLOW_POLL_S: Final = 0.5


@click.command(epilog=f"{POINTS}\n\n{EXIT_CODES}")
@click.argument("config", type=click.Path(path_type=Path), default=last_config)
@click.option("--path", type=PathType(), default=ROOT.decode(), help="Only this znode and those below it.")
@click.option("--since", type=PointType(), metavar="WHEN", help="Only what came after that.")
@click.option("--until", type=PointType(), metavar="WHEN", help="Only what came up to then.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("-n", "--last", type=click.IntRange(1), metavar="N", help="Only the last N.")
@click.option("--failed", is_flag=True, help="Requests that failed, too.")
@click.option("--data", "with_data", is_flag=True, help="With the new values.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with whole values.")
@refusals_shown
def log(
    config: Path, path: bytes, since: Point | None, until: Point | None, follow: bool, last: int | None, failed: bool,
    with_data: bool, as_json: bool,
) -> None:
    """Show what changed, when, by which session and from which address, from the files of the member CONFIG.

    The member may run or be stopped; its files are only read. How far back they go is set by autopurge.snapRetainCount.
    Without CONFIG it is a member of the last local `corral up`. What belongs to /zookeeper is shown with
    --path /zookeeper.

    \b
    Examples:
      corral log -f
      corral log /etc/corral/main/zoo.cfg --since 1h --path /app
      corral log /etc/corral/main/zoo.cfg -f --data
      corral log /etc/corral/main/zoo.cfg --since 4:17 --until 4:90 --failed --json
    """
    if follow and until is not None:
        raise click.UsageError("--follow goes on for ever, so there is no --until")
    with history_of(config) as history:
        found = changes(history, path, since=since, until=until, follows=follow)
        wanted = (change for change in found if _is_wanted(change, path, failed=failed))
        for change in _last_of(wanted, last) if last is not None and not follow else wanted:
            click.echo(json.dumps(_as_json(change)) if as_json else _line(change, with_data=with_data))


def changes(
    history: History, path: bytes, *, since: Point | None, until: Point | None, follows: bool,
) -> Iterator[Change]:
    """Raises RefusedError, LogGapError, CorruptionError."""
    begin = history.begins if since is None else zxid_of(history, since)
    end = history.end.zxid if until is None else zxid_of(history, until)
    state = state_before(history, begin)
    traveller = Traveller(state, below=path, hook=poison_hook if history.config.test_hooks else None)
    for record in records(history, state.zxid):
        if read_record_header(record).first_zxid > end:
            return
        yield from (change for change in traveller.apply(record) if begin < change.zxid <= end)
    while follows:
        mark = _next_mark(history, state.zxid)
        for record in records(history, state.zxid, mark):
            yield from traveller.apply(record)


def _next_mark(history: History, after: int) -> Watermark:
    while True:
        mark = end_now(history, executed_by(history.config))
        if mark is not None and mark.zxid > after:
            return mark
        time.sleep(_FOLLOW_POLL_S)


def _is_wanted(change: Change, path: bytes, *, failed: bool) -> bool:
    if change.what == FAILED and not failed:
        return False
    return path != ROOT or not change.path.startswith(ZOOKEEPER)


def _last_of(found: Iterator[Change], count: int) -> list[Change]:
    from collections import deque

    return list(deque(found, maxlen=count))


def _line(change: Change, *, with_data: bool) -> str:
    request = change.request
    parts = [when(request.time_ms) if request else " " * len(when(0)), f"{show(change.zxid):>10}", f"{change.what:<7}",
             str(harmless(change.path.decode(errors="replace")))]
    if change.what in (CREATED, CHANGED):
        parts.append(f"{len(change.data or b'')} B, version {change.version}")
        if is_session(change.owner):
            parts.append("ephemeral")
    if change.error:
        parts.append(change.error)
    if request is not None:
        parts.append(_who(change))
    if with_data and change.data is not None:
        parts.append(f"\n    {text_of(change.data)}")
    return "  ".join(parts)


def _who(change: Change) -> str:
    request = change.request
    assert request is not None
    whose = f"by {request.op_name} of 0x{request.session % (1 << 64):x}"
    address = f" from {request.address}" if request.address else ""
    users = f" ({', '.join(request.users)})" if request.users else ""
    return str(harmless(f"{whose}{address}{users}"))


def _as_json(change: Change) -> dict[str, Any]:
    request = change.request
    line: dict[str, Any] = {
        "zxid": change.zxid, "at": show(change.zxid), "what": change.what,
        "path": change.path.decode(errors="replace")}
    if change.what in (CREATED, CHANGED):
        line |= {"version": change.version, "ephemeral_owner": change.owner if is_session(change.owner) else 0,
                 **json_of(change.data)}
    if change.error:
        line["error"] = change.error
    if request is not None:
        line |= {"time": when(request.time_ms), "op": request.op_name, "session": f"0x{request.session % (1 << 64):x}",
                 "member": request.member, "address": request.address, "users": request.users}
    return line
