"""rm, delete, deleteall."""

from collections.abc import Iterable

import click

from node.cli.errors import Failure
from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import PATH
from node.cli.shell.requests import ANY_VERSION
from node.cli.shell.shell import Shell, command, dry_run_option, pass_shell, yes_option
from node.cli.shell.walk import in_order, walk
from transport.errors import Err

ROUNDS = 5  # of a deletion while others go on creating below it
KEPT = ("/", "/zookeeper")


@command("rm")
@click.argument("paths", type=PATH, nargs=-1, required=True)
@click.option("-r", "is_recursive", is_flag=True, help="With all below.")
@click.option("-v", "version", type=int, default=ANY_VERSION, help="Only if it has this version; not with -r.")
@dry_run_option
@yes_option
@pass_shell
def rm(shell: Shell, paths: tuple[str, ...], is_recursive: bool, version: int, dry_run: bool, yes: bool) -> None:
    """Delete znodes. Before more than ten go, it says how many, and asks.

    \b
    Examples:
      rm /app/old
      rm -r -n /app                 list what would go
      rm -r -y /app                 without a question
    """
    shell.is_yes = shell.is_yes or yes
    if is_recursive:
        for path in paths:
            remove_all(shell, path, dry_run=dry_run)
        return
    if dry_run:
        shell.output.answer({"would": "delete", "paths": list(paths)}, [*paths, f"would delete {len(paths):,} znodes"])
        return
    for path in paths:
        shell.client.delete(path, version)
    shell.output.answer({"deleted": list(paths)}, [])


@command("delete")
@click.argument("path", type=PATH)
@click.argument("old_version", type=int, required=False, metavar="[VERSION]")
@click.option("-v", "version", type=int, default=ANY_VERSION, help="Only if it has this version.")
@pass_shell
def delete(shell: Shell, path: str, old_version: int | None, version: int) -> None:
    """Delete one znode.

    \b
    Example:
      delete -v 3 /app/old
    """
    shell.client.delete(path, version if old_version is None else old_version)
    shell.output.answer({"deleted": [path]}, [])


@command("deleteall")
@click.argument("path", type=PATH)
@click.option("-b", "batch", type=click.IntRange(1), default=1000, help="Taken for zkCli's sake; without effect.")
@dry_run_option
@yes_option
@pass_shell
def deleteall(shell: Shell, path: str, batch: int, dry_run: bool, yes: bool) -> None:
    """Delete a znode with all below it, as `rm -r` does.

    \b
    Examples:
      deleteall -n /app
      deleteall /app
    """
    shell.is_yes = shell.is_yes or yes or not shell.is_interactive  # zkCli's scripts are not asked
    remove_all(shell, path, dry_run=dry_run)


def remove_all(shell: Shell, path: str, *, dry_run: bool) -> None:
    if path in KEPT:
        raise Failure(f"{path} stays — say what below it is to go")
    paths = [found.path for found in in_order(list(walk(shell.client, path)))]
    what = f"delete {len(paths):,} znodes under {path}"
    if dry_run:
        shell.output.answer({"would": "delete", "paths": paths}, [*paths, f"would {what}"])
        return
    if not shell.may(what, len(paths)):
        shell.output.remark("nothing was deleted")
        return
    deleted = delete_subtree(shell.client, path, paths)
    shell.output.answer({"deleted": deleted}, f"deleted {deleted:,} znodes" if deleted > 1 else [])


def delete_subtree(client: Client, top: str, paths: list[str]) -> int:
    """*paths*: of the subtree, parents first. How many went; what others create meanwhile goes with it."""
    deleted = 0
    for _ in range(ROUNDS):
        deleted += _delete(client, reversed(paths))
        try:
            paths = [found.path for found in in_order(list(walk(client, top)))]
        except RefusedError as error:
            if error.code == Err.NO_NODE:
                return deleted
            raise
    raise Failure(f"{top}: others create znodes there as fast as they are deleted — stop them first")


def _delete(client: Client, paths: Iterable[str]) -> int:
    """Children before parents, so that requests of one connection, which stay in order, can all be on their way."""
    deleted = 0
    for _, answer in client.call_all(requests.delete(client.whole(path)) for path in paths):
        if not isinstance(answer, RefusedError):
            deleted += 1
        elif answer.code not in (Err.NO_NODE, Err.NOT_EMPTY):
            raise answer
    return deleted


