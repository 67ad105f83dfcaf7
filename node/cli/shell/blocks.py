"""multi: several changes, all or none."""

import shlex
from collections.abc import Callable, Iterable
from typing import Any, Final

import click

from node.cli.shell import requests
from node.cli.shell.access import parse_acl
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import NEW_PATH, PATH
from node.cli.shell.requests import ANY_VERSION, OPEN_ACL, Request
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.stats import stat_json
from transport.errors import Err

COMMIT: Final = ("commit", "done")
ABORT: Final = ("abort", "rollback")


@command("multi")
@click.argument("operations", nargs=-1, metavar="[OPERATION]...")
@pass_shell
def multi(shell: Shell, operations: tuple[str, ...]) -> None:
    """Do several changes at once: all of them, or none if one is refused. OPERATION is a line: create [-e] [-s] [-c]
    [-t MS] PATH [DATA] [ACL]; set [-v VERSION] PATH DATA; delete [-v VERSION] PATH; check [-v VERSION] PATH. Without
    any, the lines that follow are read, until `commit` or `abort`.

    \b
    Examples:
      multi "check -v 3 /app" "set /app new" "create /app/log"
      multi
        check -v 3 /app
        set /app new
      commit
    """
    lines = list(operations) if operations else _block(shell)
    if lines is None:
        shell.output.answer({"aborted": True}, "aborted: nothing was done")
        return
    wanted = [_request(shell, line) for line in lines]
    try:
        results = shell.client.multi(wanted)
    except RefusedError as error:
        raise RefusedError(f"nothing was done: {error.path}", error.code) from None
    done = list(zip(lines, results, strict=True))
    assert all(result.err == Err.OK for _, result in done)
    shell.output.answer(
        [{"operation": line, "path": result.path or None, "stat": stat_json(result.stat) if result.stat else None}
         for line, result in done],
        [f"ok  {result.path or line}" for line, result in done])


def _block(shell: Shell) -> list[str] | None:
    """The lines until commit; None: aborted.  Raises UsageError: there is no end."""
    lines: list[str] = []
    while (line := shell.next_line("multi> ")) is not None:
        word = line.strip()
        if word in ABORT:
            return None
        if word in COMMIT:
            return lines
        if word and not word.startswith("#"):
            lines.append(word)
    raise click.UsageError("the block has no `commit`: nothing was done")


def _request(shell: Shell, line: str) -> Request:
    """Raises UsageError."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise click.UsageError(f"{line}: {error}") from None
    if not words or words[0] not in _OPERATIONS:
        raise click.UsageError(f"{line!r} — create, set, delete or check begins a line of a multi")
    with _OPERATIONS[words[0]].make_context(words[0], words[1:], obj=shell) as context:
        return _requested(_OPERATIONS[words[0]], context)


def _requested(operation: click.Command, context: click.Context) -> Request:
    request = operation.invoke(context)
    assert isinstance(request, Request)
    return request


_version = click.option("-v", "version", type=int, default=ANY_VERSION)


@click.command(name="create")
@click.option("-e", "is_ephemeral", is_flag=True)
@click.option("-s", "is_sequential", is_flag=True)
@click.option("-c", "is_container", is_flag=True)
@click.option("-t", "ttl_ms", type=click.IntRange(1))
@click.argument("path", type=NEW_PATH)
@click.argument("data", required=False)
@click.argument("acl", required=False)
@pass_shell
def _create(
    shell: Shell, path: str, data: str | None, acl: str | None, is_ephemeral: bool, is_sequential: bool,
    is_container: bool, ttl_ms: int | None,
) -> Request:
    return requests.create(
        shell.client.whole(path), None if data is None else data.encode(),
        OPEN_ACL if acl is None else tuple(parse_acl(acl)), ephemeral=is_ephemeral, sequential=is_sequential,
        container=is_container, ttl_ms=ttl_ms or 0)


@click.command(name="set")
@_version
@click.argument("path", type=PATH)
@click.argument("data")
@pass_shell
def _set(shell: Shell, path: str, data: str, version: int) -> Request:
    return requests.set_data(shell.client.whole(path), data.encode(), version)


def _with_version(make: Callable[[str, int], Request]) -> Callable[..., Request]:
    def made(shell: Shell, path: str, version: int) -> Request:
        return make(shell.client.whole(path), version)

    return made


def _simple(name: str, make: Callable[[str, int], Request]) -> click.Command:
    parameters: Iterable[Any] = (_version, click.argument("path", type=PATH))
    found: Any = pass_shell(_with_version(make))
    for each in reversed(list(parameters)):
        found = each(found)
    built = click.command(name=name)(found)
    assert isinstance(built, click.Command)
    return built


_OPERATIONS: Final[dict[str, click.Command]] = {
    "create": _create, "set": _set, "delete": _simple("delete", requests.delete),
    "check": _simple("check", requests.check)}
