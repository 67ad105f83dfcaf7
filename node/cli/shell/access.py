"""acl, getAcl, setAcl, addauth, whoami."""

from typing import Any, Final

import click

from node.cli.shell import requests
from node.cli.shell.paths import PATH
from node.cli.shell.requests import ANY_VERSION
from node.cli.shell.shell import Shell, command, dry_run_option, pass_shell, yes_option
from node.cli.shell.stats import stat_json, stat_lines
from node.cli.shell.walk import walk
from transport.records import ACL, Id

PERMISSIONS: Final = {"c": 4, "d": 8, "r": 1, "w": 2, "a": 16}  # in the order in which zkCli prints them
_ALL: Final = 31


def parse_acl(text: str) -> list[ACL]:
    """`world:anyone:r,digest:ann:HASH:cdrwa`; permissions also as `all`.  Raises UsageError."""
    return [_parse_entry(entry.strip()) for entry in text.split(",") if entry.strip()]


def _parse_entry(entry: str) -> ACL:
    scheme, _, rest = entry.partition(":")
    id_, colon, letters = rest.rpartition(":")
    wanted = _ALL if letters == "all" else sum({PERMISSIONS.get(letter, 1 << 9) for letter in letters})
    if not colon or not scheme or not 0 < wanted <= _ALL:
        raise click.UsageError(
            f"{entry!r} is no ACL entry — SCHEME:ID:PERMISSIONS, permissions out of cdrwa, as in world:anyone:r, "
            "auth::cdrwa, ip:10.0.0.0/8:rw, digest:USER:HASH:cdrwa")
    return ACL(wanted, Id(scheme.encode(), id_.encode()))


def letters_of(perms: int) -> str:
    return "".join(letter for letter, bit in PERMISSIONS.items() if perms & bit)


def acl_json(acl: list[ACL]) -> list[dict[str, str]]:
    return [{"scheme": (each.id.scheme or b"").decode(), "id": (each.id.id or b"").decode(),
             "perms": letters_of(each.perms)} for each in acl]


def acl_text(acl: list[ACL]) -> str:
    """As `setAcl` takes it."""
    return ",".join(f"{each['scheme']}:{each['id']}:{each['perms']}" for each in acl_json(acl))


@command("acl")
@click.argument("path", type=PATH, default=".")
@click.argument("acl", required=False)
@click.option("-r", "is_recursive", is_flag=True, help="Of all znodes below, too.")
@dry_run_option
@yes_option
@pass_shell
def acl_(shell: Shell, path: str, acl: str | None, is_recursive: bool, dry_run: bool, yes: bool) -> None:
    """Show who may do what with a znode, or say it. Permissions: c create children, d delete them, r read, w write,
    a change the ACL; `all` is all of them.

    \b
    Examples:
      acl /app
      acl /app world:anyone:r,digest:ann:HASH:all
      addauth digest ann:secret
      acl -r /app auth::all                  mine alone, with all below
    """
    if acl is None:
        _show_many(shell, path, is_recursive)
        return
    shell.is_yes = shell.is_yes or yes
    _set(shell, path, acl, version=ANY_VERSION, is_recursive=is_recursive, dry_run=dry_run)


def _show_many(shell: Shell, path: str, is_recursive: bool) -> None:
    client = shell.client
    paths = [found.path for found in walk(client, path)] if is_recursive else [path]
    rows: list[dict[str, Any]] = []
    lines = []
    for each in paths:
        found, stat = client.call(requests.get_acl(client.whole(each)))
        rows.append({"path": each, "acl": acl_json(found), "aversion": stat.aversion})
        lines.append(f"{each}  {acl_text(found)}")
    shell.output.answer(rows if is_recursive else rows[0], lines)


@command("getAcl")
@click.argument("path", type=PATH, default=".")
@click.option("-s", "with_stat", is_flag=True, help="Also its facts.")
@pass_shell
def get_acl(shell: Shell, path: str, with_stat: bool) -> None:
    """Who may do what with a znode, as zkCli prints it.

    \b
    Example:
      getAcl /app
    """
    found, stat = shell.client.call(requests.get_acl(shell.client.whole(path)))
    lines = [line for each in acl_json(found) for line in (f"'{each['scheme']},'{each['id']}", f": {each['perms']}")]
    shell.output.answer(
        {"path": path, "acl": acl_json(found), "aversion": stat.aversion},
        [*lines, *(stat_lines(stat) if with_stat else [])])


@command("setAcl")
@click.argument("path", type=PATH)
@click.argument("acl")
@click.argument("acl_version", type=int, required=False, metavar="[VERSION]")
@click.option("-s", "with_stat", is_flag=True, help="Show its facts afterwards.")
@click.option("-v", "version", type=int, default=ANY_VERSION, help="Only if its ACL has this version.")
@click.option("-R", "is_recursive", is_flag=True, help="Of all znodes below, too.")
@pass_shell
def set_acl(
    shell: Shell, path: str, acl: str, acl_version: int | None, with_stat: bool, version: int, is_recursive: bool,
) -> None:
    """Say who may do what with a znode.

    \b
    Examples:
      setAcl /app world:anyone:r
      setAcl -R /app auth::cdrwa
    """
    asked = version if acl_version is None else acl_version
    _set(shell, path, acl, version=asked, is_recursive=is_recursive, with_stat=with_stat)


def _set(
    shell: Shell, path: str, text: str, *, version: int, is_recursive: bool, with_stat: bool = False,
    dry_run: bool = False,
) -> None:
    client, wanted = shell.client, parse_acl(text)
    paths = [found.path for found in walk(client, path)] if is_recursive else [path]
    what = f"change the ACL of {len(paths):,} znodes"
    if dry_run:
        shell.output.answer({"would": "set ACL", "paths": paths}, [*paths, f"would {what}"])
        return
    if not shell.may(what, len(paths)):
        return
    stat = None
    for _, answer in client.call_all(requests.set_acl(client.whole(each), wanted, version) for each in paths):
        if isinstance(answer, Exception):
            raise answer
        stat = stat or answer
    assert stat is not None
    shell.output.answer(
        {"path": path, "changed": len(paths), "stat": stat_json(stat)}, stat_lines(stat) if with_stat else [])


@command("addauth")
@click.argument("scheme")
@click.argument("auth", required=False, default="")
@pass_shell
def addauth(shell: Shell, scheme: str, auth: str) -> None:
    """Prove who you are; several may be added. Lines with it are not kept in the history.

    \b
    Example:
      addauth digest ann:secret
    """
    shell.client.add_auth(scheme, auth)
    shell.output.answer({"scheme": scheme}, [])


@command("whoami")
@pass_shell
def whoami(shell: Shell) -> None:
    """Who you are to the server: what `addauth`, TLS and your address have proved."""
    found = shell.client.call(requests.who_am_i())
    shell.output.answer(
        [{"scheme": scheme, "user": user} for scheme, user in found],
        ["Auth scheme: User", *(f"{scheme}: {user}" for scheme, user in found)])
