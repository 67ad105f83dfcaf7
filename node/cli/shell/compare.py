"""diff: two subtrees of one ensemble, or of two."""

import difflib
from typing import Any, Final

import click
from rich.text import Text

from node.cli.shell import requests
from node.cli.shell.access import acl_text
from node.cli.shell.client import Client
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import PATH
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.values import size_text, text_of, value_json
from node.cli.shell.walk import Found, walk
from node.cli.waterfall import harmless

EXIT_DIFFERS: Final = 1
_OWN: Final = "/zookeeper"  # what servers keep about themselves


@command("diff")
@click.argument("left", type=PATH)
@click.argument("right", type=PATH, required=False)
@click.option("--with", "servers", metavar="SERVERS", help="RIGHT is of another ensemble.")
@click.option("--acl", "with_acl", is_flag=True, help="Compare ACLs, too.")
@click.option("-q", "is_brief", is_flag=True, help="Only which differ, not what is in them.")
@pass_shell
def diff(shell: Shell, left: str, right: str | None, servers: str | None, with_acl: bool, is_brief: bool) -> None:
    """Compare two subtrees: which znodes only one has, and whose values differ. RIGHT is LEFT if it is not said.

    Exit code 0 where they are equal, 1 where not. Of the root, /zookeeper is left out.

    \b
    Examples:
      diff /app /app.old
      diff / --with other1:2181,other2:2181
      diff /app --with other1:2181 --acl --json
    """
    if right is None and servers is None:
        raise click.UsageError("say RIGHT, or --with another ensemble")
    right = left if right is None else right
    other = shell.other(servers)
    try:
        rows = _compared(shell.client, left, other, right, with_acl=with_acl)
    finally:
        if other is not shell.client:
            other.close()
    shell.output.answer([_json(row) for row in rows], [line for row in rows for line in _lines(row, is_brief)])
    if rows:
        raise click.exceptions.Exit(EXIT_DIFFERS)


def _compared(one: Client, left: str, two: Client, right: str, *, with_acl: bool) -> list[dict[str, Any]]:
    olds, news = _read(one, left), _read(two, right)
    both = [path for path in olds if path in news]
    rows = [{"path": path, "only": "left", "left": olds[path]} for path in olds if path not in news]
    rows += [{"path": path, "only": "right", "right": news[path]} for path in news if path not in olds]
    rows += [{"path": path, "differs": "value", "left": olds[path], "right": news[path]} for path in both
             if olds[path].data != news[path].data]
    if with_acl:
        old_acls = _acls(one, [olds[path].path for path in both])
        new_acls = _acls(two, [news[path].path for path in both])
        rows += [{"path": path, "differs": "acl", "acls": (old, new)}
                 for path, old, new in zip(both, old_acls, new_acls, strict=True) if old != new]
    return sorted(rows, key=lambda row: row["path"].split("/"))


def _read(client: Client, top: str) -> dict[str, Found]:
    """By the path below *top*."""
    skip = _OWN if top == "/" else ""
    cut = 0 if top == "/" else len(top)
    return {each.path[cut:] or "/": each for each in walk(client, top, with_data=True, skip=skip)}


def _acls(client: Client, paths: list[str]) -> list[str]:
    return ["(not readable)" if isinstance(answer, RefusedError) else acl_text(answer[0])
            for _, answer in client.call_all(requests.get_acl(client.whole(path)) for path in paths)]


def _json(row: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in row.items() if key not in ("left", "right", "acls")}
    for side in ("left", "right"):
        if side in row:
            shown[side] = value_json(row[side].data)
    if "acls" in row:
        shown["left"], shown["right"] = row["acls"]
    return shown


def _lines(row: dict[str, Any], is_brief: bool) -> list[Text]:
    path = harmless(row["path"])
    if "only" in row:
        sign, style = ("-", "red") if row["only"] == "left" else ("+", "green")
        return [Text(f"{sign} {path}", style=style)]
    head = Text(f"! {path}: {row['differs']}", style="yellow")
    if is_brief:
        return [head]
    if "acls" in row:
        return [head, Text(f"  - {row['acls'][0]}", style="red"), Text(f"  + {row['acls'][1]}", style="green")]
    return [head, *_changes(row["left"].data, row["right"].data)]


def _changes(old: bytes | None, new: bytes | None) -> list[Text]:
    texts = text_of(old or b""), text_of(new or b"")
    if texts[0] is None or texts[1] is None:
        return [Text(f"  {size_text(len(old or b''))} and {size_text(len(new or b''))}, binary", style="dim")]
    lines = difflib.unified_diff(texts[0].splitlines(), texts[1].splitlines(), n=1, lineterm="")
    styles = {"-": "red", "+": "green"}
    return [Text(f"  {harmless(line)}", style=styles.get(line[:1], "dim")) for line in list(lines)[2:]]
