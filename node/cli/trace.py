"""`corral trace`: the story of one write, as a waterfall; from the members' own notes, with no collector."""

import json
import urllib.error
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.cli.local import has_ensemble, last_directory, load_ensemble
from node.cli.site import NOT_OURS, Site, Trust, site_of_member, sites_of, trust_options
from transport.zxid import parse_session, parse_zxid

SESSION_MIN: Final = 1 << 56  # a session id has its member in the top byte: no zxid gets as far
LIMIT_MAX: Final = 50


class Asked(NamedTuple):
    """What of the three it is; the others are empty."""

    zxid: int | None = None
    path: str = ""
    session: int = 0


@click.command(epilog=EXIT_CODES)
@click.argument("what", metavar="ZXID|PATH|SESSION")
@click.option("--server", default="",
              help="Members' metrics ports, host:port or https://host:port, with commas between them.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), help="A local ensemble's directory.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a drawing.")
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=1, show_default=True,
              help="Of a path or a session: so many of the newest writes.")
@trust_options
@refusals_shown
def trace(what: str, server: str, data: Path | None, as_json: bool, limit: int, trust: Trust) -> None:
    """Say what every member did for a write, when, and who was slowest.

    WHAT is a zxid (0x…, decimal, or epoch:counter as in `corral status`), a path (its newest
    write), or a session id. Any member can be asked; without --server those of the last local
    `corral up` are. The members keep notes of the newest writes: corral.traceRing says how many.

    \b
    Examples:
      corral trace 4:17
      corral trace /app/config
      corral trace 0x100000400000001 --limit 3
      corral trace /app/config --server zk1:7000,zk2:7000 --json
    """
    asked = asked_for(what)
    servers = sites_of([server], trust) or local_sites(data)
    zxids = [asked.zxid] if asked.zxid is not None else newest_of(servers, asked, limit)
    timelines = [explain(servers, zxid) for zxid in zxids]
    if as_json:
        # In ASCII: a path may hold what a terminal obeys.
        click.echo(json.dumps(timelines[0] if asked.zxid is not None else timelines))
        return
    from node.cli.waterfall import draw

    for timeline in timelines:
        draw(timeline)


def asked_for(what: str) -> Asked:
    if what.startswith("/"):
        return Asked(path=what)
    try:
        if ":" not in what and not 0 <= int(what, 0) < SESSION_MIN:
            return Asked(session=parse_session(what))
        return Asked(zxid=parse_zxid(what))
    except ValueError:
        raise click.BadParameter(
            f"{what!r} is no zxid (0x10000000007, 4:17), no path (/a) and no session id (0x100000400000001)",
            param_hint="ZXID|PATH|SESSION") from None


def local_sites(data: Path | None) -> list[Site]:
    directory = data or last_directory()
    if directory is None or not (data or has_ensemble(directory)):
        raise Failure("no local ensemble is known — say --server HOST:METRICSPORT, or --data DIR")
    ensemble = load_ensemble(directory)
    return [site_of_member(ensemble.config(member)) for member in ensemble.members]


def newest_of(servers: Sequence[Site], asked: Asked, limit: int) -> list[int]:
    """Zxids, the newest first."""
    query = {"path": asked.path} if asked.path else {"session": str(asked.session)}
    answer = ask(servers, "/recent", {**query, "n": str(limit)})
    zxids = [int(write["zxid"]) for write in answer["writes"]]
    if not zxids:
        whose = f"path {asked.path}" if asked.path else f"session 0x{asked.session % (1 << 64):x}"
        raise Failure(f"no write of {whose} is among the newest — `corral trace ZXID` looks further back")
    return zxids


def explain(servers: Sequence[Site], zxid: int) -> dict[str, Any]:
    return ask(servers, "/explain", {"zxid": str(zxid)})


def ask(servers: Sequence[Site], path: str, query: dict[str, str]) -> dict[str, Any]:
    """The first good answer of any. Raises Failure with the reason of the last that gave one."""
    reasons = []
    for site in servers:
        try:
            return site.get_json(f"{path}?{urllib.parse.urlencode(query)}")
        except urllib.error.HTTPError as error:
            reasons.append(f"{site}: {_reason(error)}")
        except OSError as error:
            reasons.append(f"{site}: {error}" if str(error) == NOT_OURS else f"{site}: no answer ({error})")
    raise Failure("\n".join(reasons) or "no server to ask — say --server HOST:METRICSPORT")


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        from node.cli.waterfall import harmless

        return str(harmless(json.loads(error.read())["reason"]))
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: what answers there is no member's metrics port"
