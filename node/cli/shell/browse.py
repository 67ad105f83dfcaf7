"""ls, tree, cd, pwd, stat, getAllChildrenNumber, getEphemerals."""

from collections import defaultdict

import click
from rich.columns import Columns
from rich.text import Text
from rich.tree import Tree

from node.cli.shell import requests
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import PATH, join, name_of, parent_of
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.stats import age, kind, owner, stat_json, stat_lines
from node.cli.shell.values import size_text
from node.cli.shell.walk import Found, in_order, walk
from node.cli.waterfall import harmless
from transport.errors import Err
from transport.records import Stat

TREE_CHILDREN_MAX = 50  # of one znode that are drawn, unless --all


@command("ls")
@click.argument("path", type=PATH, default=".")
@click.option("-l", "is_long", is_flag=True, help="With kind, size, children, version and time of each child.")
@click.option("-R", "is_recursive", is_flag=True, help="All znodes below, by path.")
@click.option("-s", "with_stat", is_flag=True, help="Also the facts of the znode itself.")
@click.option("-w", "is_watched", is_flag=True, help="Say it once when its children change.")
@pass_shell
def ls(shell: Shell, path: str, is_long: bool, is_recursive: bool, with_stat: bool, is_watched: bool) -> None:
    """List the children of a znode.

    \b
    Examples:
      ls /app
      ls -l /app          kind (p persistent, e ephemeral), bytes, children, version, changed, name
      ls -R /app          every znode below it
    """
    client = shell.client
    if is_recursive:
        found = in_order(list(walk(client, path)))
        shell.output.answer([each.path for each in found], [Text(harmless(each.path)) for each in found])
        return
    names, stat = client.children(path, watch=is_watched)
    if is_long:
        _long(shell, path, names)
    else:
        value = {"path": path, "children": names, "stat": stat_json(stat)} if with_stat else names
        shell.output.answer(value, _columns(shell, names))
    if with_stat and not shell.output.as_json:
        shell.output.print(*stat_lines(stat))


def _columns(shell: Shell, names: list[str]) -> list[Text | Columns]:
    texts = [Text(harmless(name)) for name in names]
    return [Columns(texts, padding=(0, 2), column_first=True)] if shell.output.is_terminal and texts else [*texts]


def _long(shell: Shell, path: str, names: list[str]) -> None:
    client = shell.client
    answers = client.call_all(requests.exists(client.whole(join(path, name))) for name in names)
    stats: list[tuple[str, Stat]] = [
        (name, answer) for name, (_, answer) in zip(names, answers, strict=True) if isinstance(answer, Stat)]
    if shell.output.as_json:
        shell.output.json([{"name": name, "path": join(path, name), "stat": stat_json(stat)} for name, stat in stats])
        return
    lines = []
    for name, stat in stats:
        line = Text(f"{kind(stat)} {stat.data_length:>9} {stat.num_children:>7} {stat.version:>6} {age(stat.mtime)} ")
        style = "yellow" if stat.ephemeral_owner else "bold blue" if stat.num_children else ""
        line.append(harmless(name), style=style)
        if stat.ephemeral_owner:
            line.append(f"  of session 0x{owner(stat):x}", style="dim")
        lines.append(line)
    shell.output.print(*lines)


@command("tree")
@click.argument("path", type=PATH, default=".")
@click.option("-L", "--depth", type=click.IntRange(1), help="No deeper than so many levels.")
@click.option("--all", "is_all", is_flag=True, help=f"More than {TREE_CHILDREN_MAX} children of a znode, too.")
@pass_shell
def tree(shell: Shell, path: str, depth: int | None, is_all: bool) -> None:
    """Draw a subtree.

    \b
    Examples:
      tree /app
      tree -L 2 /
    """
    found = list(walk(shell.client, path, depth_max=depth))
    if shell.output.as_json:
        shell.output.json([{"path": each.path, "stat": stat_json(each.stat)} for each in in_order(found)])
        return
    below: dict[str, list[Found]] = defaultdict(list)
    for each in found[1:]:
        below[parent_of(each.path)].append(each)
    drawing = Tree(Text(harmless(path), style="bold"), guide_style="dim")
    _draw(drawing, below, path, None if is_all else TREE_CHILDREN_MAX)
    shell.output.print(drawing, Text(f"{len(found)} znodes", style="dim"))


def _draw(drawing: Tree, below: dict[str, list[Found]], path: str, most: int | None) -> None:
    """Without recursion: trees of znodes may be deep."""
    waiting = [(drawing, path)]
    while waiting:
        branch, at = waiting.pop()
        waiting += [(branch.add(_label(found)), found.path) for found in below[at][:most]]
        if most is not None and len(below[at]) > most:
            branch.add(Text(f"… {len(below[at]) - most} more", style="dim"))


def _label(found: Found) -> Text:
    label = Text(harmless(name_of(found.path)), style="yellow" if found.stat.ephemeral_owner else "")
    if found.is_hidden:
        label.append("  (not readable)", style="red")
    elif found.stat.data_length:
        label.append(f"  {size_text(found.stat.data_length)}", style="dim")
    return label


@command("cd")
@click.argument("path", type=PATH, default="/")
@pass_shell
def cd(shell: Shell, path: str) -> None:
    """Go to a znode: paths that do not begin with / are from there.

    \b
    Examples:
      cd /app
      cd ..
    """
    if shell.client.exists(path) is None:
        raise RefusedError(path, Err.NO_NODE)
    shell.cwd = path


@command("pwd")
@pass_shell
def pwd(shell: Shell) -> None:
    """Say where you are."""
    shell.output.answer(shell.cwd, shell.cwd)


@command("stat")
@click.argument("path", type=PATH, default=".")
@click.option("-w", "is_watched", is_flag=True, help="Say it once when it changes.")
@pass_shell
def stat(shell: Shell, path: str, is_watched: bool) -> None:
    """The facts of a znode: zxids, times, versions, owner, sizes.

    \b
    Example:
      stat /app/config
    """
    found = shell.client.exists(path, watch=is_watched)
    if found is None:
        raise RefusedError(path, Err.NO_NODE)
    shell.output.answer({"path": path, "stat": stat_json(found)}, stat_lines(found))


@command("getAllChildrenNumber")
@click.argument("path", type=PATH, default=".")
@pass_shell
def count_descendants(shell: Shell, path: str) -> None:
    """How many znodes are below one, at any depth.

    \b
    Example:
      getAllChildrenNumber /app
    """
    count = shell.client.call(requests.count_descendants(shell.client.whole(path)))
    shell.output.answer(count, str(count))


@command("getEphemerals")
@click.argument("path", type=PATH, default="/")
@pass_shell
def own_ephemerals(shell: Shell, path: str) -> None:
    """Ephemeral znodes of this session whose path begins so.

    \b
    Example:
      getEphemerals /app
    """
    client = shell.client
    found = [client.own(each) for each in client.call(requests.own_ephemerals(client.whole(path)))]
    shell.output.answer(found, [Text(harmless(each)) for each in found])
