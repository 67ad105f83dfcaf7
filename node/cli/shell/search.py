"""find, grep, du."""

import fnmatch
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

import click
from rich.text import Text

from node.cli.shell.paths import PATH, is_within, name_of, parent_of
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.stats import owner, stat_json
from node.cli.shell.values import size_text, text_of
from node.cli.shell.walk import Found, in_order, walk
from node.cli.waterfall import harmless
from transport.zxid import parse_session

_SIZE: Final = re.compile(r"([+-]?)(\d+)([kKmM]?)")
_AGE: Final = re.compile(r"([+-]?)(\d+)([smhd])")
_SIZE_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20}
_AGE_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LINE_MAX: Final = 300  # characters of a line that grep shows

Test = Callable[[Found], bool]


@command("find")
@click.argument("path", type=PATH, default=".")
@click.option("--name", "-name", help="Its name matches, as in 'lock-*'.")
@click.option("--path", "-path", "whole", help="Its whole path matches.")
@click.option("--size", "-size", metavar="[+-]N[k|m]", help="Bytes of its value: exactly, more, or less.")
@click.option("--changed", metavar="[+-]N(s|m|h|d)", help="Last changed longer ago (+), or since then (-).")
@click.option("--children", metavar="[+-]N", help="So many children.")
@click.option("--ephemeral/--persistent", "is_ephemeral", default=None, help="Those that go with a session, or stay.")
@click.option("--owner", "session", help="Ephemerals of this session.")
@click.option("--empty", "-empty", "is_empty", is_flag=True, help="Neither value nor children.")
@click.option("--depth", "-maxdepth", "depth", type=click.IntRange(0), help="No deeper.")
@pass_shell
def find(
    shell: Shell, path: str, name: str | None, whole: str | None, size: str | None, changed: str | None,
    children: str | None, is_ephemeral: bool | None, session: str | None, is_empty: bool, depth: int | None,
) -> None:
    """List znodes for which all that is said holds; options may be said as find(1) has them.

    \b
    Examples:
      find /app --name 'lock-*'
      find / --size +100k                values above 100 KiB
      find / --children +1000
      find /app --ephemeral --owner 0x100000400000001
      find /app --changed -5m            changed within the last five minutes
    """
    tests = list(_tests(name, whole, size, changed, children))
    if is_ephemeral is not None:
        tests.append(lambda found: bool(found.stat.ephemeral_owner) == is_ephemeral)
    if session is not None:
        wanted = _session(session)
        tests.append(lambda found: owner(found.stat) == wanted)
    if is_empty:
        tests.append(lambda found: not found.stat.data_length and not found.stat.num_children)
    hits = in_order([each for each in _seen(shell, path, depth) if all(test(each) for test in tests)])
    shell.output.answer(
        [{"path": each.path, "stat": stat_json(each.stat)} for each in hits],
        [Text(harmless(each.path)) for each in hits])


def _tests(
    name: str | None, whole: str | None, size: str | None, changed: str | None, children: str | None,
) -> Iterator[Test]:
    if name is not None:
        yield lambda found: fnmatch.fnmatchcase(name_of(found.path), name)
    if whole is not None:
        yield lambda found: fnmatch.fnmatchcase(found.path, whole)
    if size is not None:
        fits_size = _compared(size, _SIZE, _SIZE_UNITS, "--size")
        yield lambda found: fits_size(found.stat.data_length)
    if children is not None:
        fits_children = _compared(children, _SIZE, _SIZE_UNITS, "--children")
        yield lambda found: fits_children(found.stat.num_children)
    if changed is not None:
        fits_age, now_s = _compared(changed, _AGE, _AGE_UNITS, "--changed"), int(time.time())
        yield lambda found: fits_age(now_s - found.stat.mtime // 1000)


def _compared(text: str, pattern: re.Pattern[str], units: dict[str, int], option: str) -> Callable[[int], bool]:
    match = pattern.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} — as in +10, -10 or 10, with a unit behind it", param_hint=option)
    sign, number, unit = match.groups()
    wanted = int(number) * units[unit.lower()]
    if sign == "+":
        return lambda value: value > wanted
    return (lambda value: value < wanted) if sign == "-" else (lambda value: value == wanted)


def _session(text: str) -> int:
    try:
        return parse_session(text) % (1 << 64)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no session id, as 0x100000400000001", param_hint="--owner") from None


def _seen(shell: Shell, path: str, depth: int | None = None, *, with_data: bool = False) -> Iterator[Found]:
    """What may be read, and a word about what may not."""
    hidden = 0
    for found in walk(shell.client, path, depth_max=depth, with_data=with_data):
        hidden += found.is_hidden
        if not found.is_hidden:
            yield found
    if hidden:
        shell.output.remark(f"{hidden} znodes are not readable for you, and left out")


@command("grep")
@click.argument("pattern")
@click.argument("path", type=PATH, default=".")
@click.option("-i", "ignores_case", is_flag=True, help="Upper and lower case are the same.")
@click.option("-l", "paths_only", is_flag=True, help="Only the paths.")
@click.option("-F", "is_fixed", is_flag=True, help="PATTERN is plain text, not a regular expression.")
@click.option("--name", default="*", help="Only of znodes whose name matches.")
@pass_shell
def grep(
    shell: Shell, pattern: str, path: str, ignores_case: bool, paths_only: bool, is_fixed: bool, name: str,
) -> None:
    """Look for a pattern in the values of a subtree; text line by line, other values as bytes.

    Exit code 1 where nothing matches.

    \b
    Examples:
      grep 10.0.0.7 /services
      grep -i -l error /app --name 'task-*'
    """
    try:
        regex = re.compile(re.escape(pattern) if is_fixed else pattern, re.IGNORECASE if ignores_case else 0)
    except re.error as error:
        raise click.BadParameter(f"{pattern!r}: {error} — -F takes it as plain text", param_hint="PATTERN") from None
    hits = [
        (found.path, line) for found in in_order(list(_seen(shell, path, with_data=True)))
        if found.data and fnmatch.fnmatchcase(name_of(found.path), name) for line in _lines(regex, found.data)]
    if paths_only:
        paths = list(dict.fromkeys(path for path, _ in hits))
        shell.output.answer(paths, [Text(harmless(each)) for each in paths])
    else:
        shell.output.answer([{"path": path, "line": line} for path, line in hits],
                            [_hit(path, line, regex) for path, line in hits])
    if not hits:
        raise click.exceptions.Exit(1)


def _lines(regex: re.Pattern[str], data: bytes) -> list[str]:
    text = text_of(data)
    if text is None:
        return ["(binary)"] if regex.search(data.decode("latin-1")) else []
    return [line[:_LINE_MAX] for line in text.splitlines() if regex.search(line)]


def _hit(path: str, line: str, regex: re.Pattern[str]) -> Text:
    text = Text(harmless(path), style="magenta")
    text.append(": ", style="dim")
    shown = Text(harmless(line), style="default")
    shown.highlight_regex(regex, style="bold red")
    return text.append_text(shown)


@command("du")
@click.argument("path", type=PATH, default=".")
@click.option("-d", "--depth", type=click.IntRange(0), default=1, show_default=True, help="Subtrees down to so deep.")
@click.option("-n", "count", type=click.IntRange(1), help="Only so many of the largest.")
@pass_shell
def du(shell: Shell, path: str, depth: int, count: int | None) -> None:
    """How many bytes of values and how many znodes are in a subtree and in those below it, the largest first.

    \b
    Examples:
      du /
      du -d 2 -n 20 /
    """
    sizes: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for found in _seen(shell, path):
        at, level = found.path, found.depth
        while True:
            if level <= depth:
                sizes[at][0] += found.stat.data_length
                sizes[at][1] += 1
            if level == 0 or not is_within(at, path):
                break
            at, level = parent_of(at), level - 1
    rows = sorted(sizes.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))[:count]
    shell.output.answer(
        [{"path": each, "bytes": total, "znodes": znodes} for each, (total, znodes) in rows],
        [f"{size_text(total):>10} {znodes:>9,} {harmless(each)}" for each, (total, znodes) in rows])
