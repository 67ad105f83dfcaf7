"""`corral show`: a znode as it was."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.cli.history import POINTS, PathType, PointType, acl_text, history_of, json_of, text_of
from node.cli.local import last_config
from node.cli.show_remote import ask_past
from node.cli.site import AUTH_VARIABLE, Trust, sites_of, trust_options
from node.cli.waterfall import harmless
from node.history.place import state_at, zxid_of
from node.history.points import Point, when
from node.tree.znode import Znode, is_session
from transport.zxid import show as show_zxid

_SHOWN_BYTES: Final = 1 << 20


@click.command(epilog=f"{POINTS}\n\n{EXIT_CODES}")
@click.argument("words", nargs=-1, required=True, metavar="[CONFIG|URL] PATH")
@click.option("--at", type=PointType(), metavar="WHEN", help="As it was after that.  [default: now]")
@click.option("--raw", is_flag=True, help="Only the value, byte for byte.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--auth", metavar="SCHEME:CREDENTIAL", envvar=AUTH_VARIABLE, default="",
              help=f"Of a URL: who you are, for its ACLs; also in ${AUTH_VARIABLE}, which other users cannot see.")
@trust_options
@refusals_shown
def show(
    words: tuple[str, ...], at: Point | None, raw: bool, as_json: bool, auth: str, trust: Trust
) -> None:
    """Show the znode PATH as it was at a point in time, from the files of the member whose zoo.cfg CONFIG is, or by
    the admin HTTP of the one at URL, which answers what the ACLs of then and of now let you read; a path in URL is
    admin.commandURL, where that is another than /commands.

    The member may run or, of a CONFIG, be stopped; its files are only read. Without both it is one of the last local
    `corral up`. Exit code 1: there was no such znode.

    \b
    Examples:
      corral show /app/config --at 10m
      corral show /etc/corral/main/zoo.cfg /app/config --at 2h
      corral show /etc/corral/main/zoo.cfg /app/config --at 4:17 --raw > config.then
      corral show http://zk1:7000 /app/config --at 2h --auth digest:ann:secret
    """
    *before, last = words
    if len(before) > 1:
        raise click.UsageError(f"one CONFIG or URL, and one PATH: {' '.join(words)}")
    path = PathType().convert(last, None, None)
    member = before[0] if before else str(last_config())
    if "://" in member:
        (site,) = sites_of([member], trust)
        facts, data = ask_past(site, path.decode(), at, auth.partition("\n")[0])
    else:
        facts, data = _in_files(Path(member), path, at)
    if raw:
        sys.stdout.buffer.write(data or b"")
    elif as_json:
        click.echo(json.dumps(facts | json_of(data)))
    else:
        _say(facts, data)


def _in_files(config: Path, path: bytes, at: Point | None) -> tuple[dict[str, Any], bytes | None]:
    with history_of(config) as history:
        zxid = history.end.zxid if at is None else zxid_of(history, at)
        node = state_at(history, zxid).tree.nodes.get(path)
    if node is None:
        raise Failure(f"{path.decode(errors='replace')}: there was no such znode at {show_zxid(zxid)}")
    return _facts(node, zxid), node.data


def _say(facts: dict[str, Any], data: bytes | None) -> None:
    click.echo(f"{harmless(facts['path'])}  at {facts['at']}")
    click.echo(text_of(data, _SHOWN_BYTES))
    for name, value in facts.items():
        if name not in ("path", "at") and value != "" and value != []:
            text = ", ".join(value) if isinstance(value, list) else str(value)
            click.echo(f"{name.replace('_', ' ')}: {harmless(text)}")


def _facts(node: Znode, zxid: int) -> dict[str, Any]:
    children = sorted(name.decode(errors="replace") for name in node.children or ())
    return {
        "path": node.path.decode(errors="replace"), "at": show_zxid(zxid), "version": node.version,
        "created": when(node.ctime), "created_zxid": show_zxid(node.czxid), "modified": when(node.mtime),
        "modified_zxid": show_zxid(node.mzxid), "acl": acl_text(node.acl),
        "ephemeral_owner": f"0x{node.owner % (1 << 64):x}" if is_session(node.owner) else "", "children": children}
