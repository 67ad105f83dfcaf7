"""cp, mv: of znodes and subtrees, within an ensemble or to another one."""

from collections.abc import Sequence

import click

from node.cli.errors import Failure
from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import PATH, is_within, join, name_of
from node.cli.shell.removing import KEPT
from node.cli.shell.requests import Request
from node.cli.shell.shell import Shell, command, dry_run_option, pass_shell, yes_option
from node.cli.shell.walk import Found, in_order, walk
from node.cli.waterfall import harmless
from transport.errors import Err
from transport.records import ACL

MULTI_ZNODES_MAX = 1000  # of a move that happens at once
MULTI_BYTES_MAX = 512 << 10  # well below jute.maxbuffer

Pairs = list[tuple[Found, str]]  # what there is, and where it goes


@command("cp")
@click.argument("source", type=PATH)
@click.argument("destination", type=PATH)
@click.option("-r", "is_recursive", is_flag=True, help="With all below.")
@click.option("--to", "servers", metavar="SERVERS", help="To another ensemble.")
@click.option("--overwrite", is_flag=True, help="Give znodes that are there already the new values.")
@click.option("--acl/--no-acl", "with_acl", default=True, help="With the ACLs, or open to all.  [default: with]")
@dry_run_option
@yes_option
@pass_shell
def cp(
    shell: Shell, source: str, destination: str, is_recursive: bool, servers: str | None, overwrite: bool,
    with_acl: bool, dry_run: bool, yes: bool,
) -> None:
    """Copy a znode or a subtree. Into DESTINATION if that exists, else to be it. Ephemeral znodes are left out.

    \b
    Examples:
      cp /app/config /app/config.old
      cp -r -n /app /backup
      cp -r /app /app --to other1:2181,other2:2181
    """
    shell.is_yes = shell.is_yes or yes
    other = shell.other(servers)
    try:
        pairs = _planned(shell, source, destination, other, is_recursive=is_recursive, is_overwriting=overwrite)
        if _agreed(shell, "copy", pairs, dry_run=dry_run):
            copied = _copy(shell.client, other, pairs, with_acl=with_acl, is_overwriting=overwrite)
            shell.output.answer({"copied": copied, "to": pairs[0][1]}, f"copied {copied:,} znodes to {pairs[0][1]}")
    finally:
        if other is not shell.client:
            other.close()


@command("mv")
@click.argument("source", type=PATH)
@click.argument("destination", type=PATH)
@dry_run_option
@yes_option
@pass_shell
def mv(shell: Shell, source: str, destination: str, dry_run: bool, yes: bool) -> None:
    """Move a znode with all below it. Small subtrees move at once: others see all of it here or all of it there.
    Larger ones are copied, and deleted where nobody has changed them meanwhile.

    \b
    Examples:
      mv /app/config /app/settings
      mv -n /app /old
    """
    shell.is_yes = shell.is_yes or yes
    if source in KEPT:
        raise Failure(f"{source} stays")
    client = shell.client
    pairs = _planned(shell, source, destination, client, is_recursive=True, is_overwriting=False, is_move=True)
    if not _agreed(shell, "move", pairs, dry_run=dry_run):
        return
    size = sum(len(found.data or b"") + 2 * len(path) + 200 for found, path in pairs)
    is_atomic = len(pairs) <= MULTI_ZNODES_MAX and size <= MULTI_BYTES_MAX
    acls = _acls(client, [found.path for found, _ in pairs])
    removals = [requests.delete(client.whole(found.path), found.stat.version) for found, _ in reversed(pairs)]
    if is_atomic:
        client.multi([*_creations(client, pairs, acls), *removals])
    else:
        _copy(client, client, pairs, with_acl=True, is_overwriting=False)
        _remove(client, removals)
    shell.output.answer({"moved": len(pairs), "to": pairs[0][1], "at_once": is_atomic},
                        f"moved {len(pairs):,} znodes to {pairs[0][1]}{', at once' if is_atomic else ''}")


def _planned(
    shell: Shell, source: str, destination: str, other: Client, *, is_recursive: bool, is_overwriting: bool,
    is_move: bool = False,
) -> Pairs:
    """What goes where, parents first.  Raises Failure: it cannot go there."""
    client = shell.client
    is_here = other is client
    if other.exists(destination) is not None and not (is_overwriting and not is_here) and not (
            is_overwriting and source == destination):
        destination = join(destination, name_of(source))
        if not is_overwriting and other.exists(destination) is not None:
            raise RefusedError(destination, Err.NODE_EXISTS)
    if is_here and is_within(destination, source):
        raise Failure(f"{destination} is within {source} — choose another place")
    found_all = in_order(list(walk(client, source, depth_max=None if is_recursive else 0, with_data=True)))
    if found_all[0].children and not is_recursive:
        shell.output.remark(f"{source} has children, which stay where they are; -r takes them along")
    _refuse_hidden(found_all)
    ephemerals = [found.path for found in found_all if found.stat.ephemeral_owner]
    if ephemerals and is_move:
        raise Failure(f"{harmless(ephemerals[0])} is ephemeral, of a session, and cannot move — {len(ephemerals)} such")
    if ephemerals:
        shell.output.remark(f"{len(ephemerals)} ephemeral znodes are left out: they belong to sessions")
    kept = [found for found in found_all if not found.stat.ephemeral_owner]
    if not kept:
        raise Failure(f"{source} is ephemeral: there is nothing to copy")
    return [(found, _moved(found.path, source, destination)) for found in kept]


def _refuse_hidden(found_all: Sequence[Found]) -> None:
    hidden = [found.path for found in found_all if found.is_hidden]
    if hidden:
        raise Failure(f"{harmless(hidden[0])}: you may not read it, and {len(hidden) - 1} more — `addauth` first")


def _moved(path: str, source: str, destination: str) -> str:
    rest = path[len(source):] if source != "/" else path if path != "/" else ""
    return f"{destination.rstrip('/')}{rest}" or "/"


def _agreed(shell: Shell, verb: str, pairs: Pairs, *, dry_run: bool) -> bool:
    what = f"{verb} {len(pairs):,} znodes to {pairs[0][1]}"
    if dry_run:
        moves = [{"from": found.path, "to": path} for found, path in pairs]
        lines = [harmless(f"{found.path} -> {path}") for found, path in pairs]
        shell.output.answer({"would": verb, "znodes": moves}, [*lines, f"would {what}"])
        return False
    return shell.may(what, len(pairs))


def _acls(client: Client, paths: Sequence[str]) -> list[tuple[ACL, ...]]:
    found = []
    for _, answer in client.call_all(requests.get_acl(client.whole(path)) for path in paths):
        if isinstance(answer, RefusedError):
            raise answer
        found.append(tuple(answer[0]))
    return found


def _creations(client: Client, pairs: Pairs, acls: Sequence[tuple[ACL, ...]]) -> list[Request]:
    return [
        requests.create(client.whole(path), found.data, acl)
        for (found, path), acl in zip(pairs, acls, strict=True)]


def _copy(source: Client, other: Client, pairs: Pairs, *, with_acl: bool, is_overwriting: bool) -> int:
    """Requests of one connection stay in order: parents are there before their children come."""
    acls = (_acls(source, [found.path for found, _ in pairs]) if with_acl
            else [requests.OPEN_ACL] * len(pairs))
    there = []
    for (found, path), (_, answer) in zip(pairs, other.call_all(_creations(other, pairs, acls)), strict=True):
        if isinstance(answer, RefusedError):
            if answer.code != Err.NODE_EXISTS or not is_overwriting:
                raise answer
            there.append(requests.set_data(other.whole(path), found.data))
    for _, answer in other.call_all(there):
        if isinstance(answer, RefusedError):
            raise answer
    return len(pairs)


def _remove(client: Client, removals: Sequence[Request]) -> None:
    """What somebody changed since it was copied stays, and is said."""
    kept = [answer for _, answer in client.call_all(removals) if isinstance(answer, RefusedError)]
    kept = [error for error in kept if error.code != Err.NO_NODE]
    if kept:
        raise Failure(f"copied, but {len(kept)} znodes were changed meanwhile and are still there: {kept[0].message} "
                      "— compare with `diff`, then `rm -r` the old ones")
