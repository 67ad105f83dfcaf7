"""`corral diff`: what is another between two points in time."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from node.cli.errors import EXIT_CODES, refusals_shown
from node.cli.history import POINTS, PathType, PointType, acl_text, history_of, json_of
from node.cli.local import last_config
from node.cli.waterfall import harmless
from node.history.compare import ADDED, CHANGED, REMOVED, Difference, Facts, compare, facts_below
from node.history.place import state_at, zxid_of
from node.history.points import Point
from node.tree.paths import ROOT
from transport.zxid import show

_SIGNS: Final = {ADDED: "+", REMOVED: "-", CHANGED: "~"}


@click.command(epilog=f"{POINTS}\n\n{EXIT_CODES}")
@click.argument("config", type=click.Path(path_type=Path), default=last_config)
@click.option("--from", "begin", type=PointType(), required=True, metavar="WHEN", help="The earlier one.")
@click.option("--to", "end", type=PointType(), metavar="WHEN", help="The later one.  [default: now]")
@click.option("--path", type=PathType(), default=ROOT.decode(), help="Only this znode and those below it.")
@click.option("--text", is_flag=True, help="With the lines of text values that are others.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with whole values.")
@refusals_shown
def diff(config: Path, begin: Point, end: Point | None, path: bytes, text: bool, as_json: bool) -> None:
    """Show which znodes came (+), went (-) or are others (~) between two points in time.

    From the files of the member CONFIG, which may run or be stopped; without it, of one of the last local `corral up`.
    Exit code 0 also where nothing differs.

    \b
    Examples:
      corral diff /etc/corral/main/zoo.cfg --from 1d
      corral diff /etc/corral/main/zoo.cfg --from 4:17 --to 4:90 --path /app --text
    """
    with history_of(config) as history:
        first, last = zxid_of(history, begin), history.end.zxid if end is None else zxid_of(history, end)
        if first > last:
            raise click.UsageError(f"--from {show(first)} comes after --to {show(last)}")
        before = facts_below(state_at(history, first), path)
        found = compare(before, facts_below(state_at(history, last), path))
    if as_json:
        differences = [_as_json(each) for each in found]
        click.echo(json.dumps({"from": show(first), "to": show(last), "differences": differences}))
        return
    for each in found:
        click.echo(f"{_SIGNS[each.what]} {harmless(each.path.decode(errors='replace'))}{_remark(each)}")
        if text:
            for line in _text_diff(each):
                click.echo(f"    {harmless(line)}")
    click.echo(f"{show(first)} to {show(last)}: {len(found)} differences", err=True)


def _remark(difference: Difference) -> str:
    before, after = difference.before, difference.after
    if before is None or after is None:
        return f"  {len((before or after or _NOTHING).data or b'')} B"
    remarks = {
        "again": "deleted and made anew", "acl": "other ACL", "version": "written with the same value",
        "data": f"{len(before.data or b'')} B → {len(after.data or b'')} B, version {before.version} → {after.version}"}
    return "  " + ", ".join(remarks[part] for part in difference.parts)


_NOTHING: Final = Facts(None, (), 0, 0, 0, 0)


def _text_diff(difference: Difference) -> Iterator[str]:
    """Nothing where a value is no text."""
    try:
        before, after = ((each or _NOTHING).data or b"" for each in (difference.before, difference.after))
        lines = difflib.unified_diff(before.decode().splitlines(), after.decode().splitlines(), n=1, lineterm="")
        yield from list(lines)[2:]
    except UnicodeDecodeError:
        return


def _as_json(difference: Difference) -> dict[str, Any]:
    return {
        "what": difference.what, "path": difference.path.decode(errors="replace"), "parts": list(difference.parts),
        "before": _facts(difference.before), "after": _facts(difference.after)}


def _facts(facts: Facts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {"version": facts.version, "modified_zxid": show(facts.mzxid), "created_zxid": show(facts.czxid),
            "acl": acl_text(facts.acl), **json_of(facts.data)}
