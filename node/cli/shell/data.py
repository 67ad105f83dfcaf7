"""get, set, create."""

import base64
import binascii
import sys
from pathlib import Path

import click

from node.cli.shell import requests
from node.cli.shell.access import parse_acl
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import NEW_PATH, PATH, parent_of
from node.cli.shell.requests import ANY_VERSION, OPEN_ACL
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.stats import stat_json, stat_lines
from node.cli.shell.values import shown, value_json
from transport.errors import Err

_file_option = click.option(
    "--file", "file", type=click.Path(path_type=Path, allow_dash=True), help="What this file holds; -: stdin.")


@command("get")
@click.argument("path", type=PATH, default=".")
@click.option("-s", "with_stat", is_flag=True, help="Also its facts.")
@click.option("-w", "is_watched", is_flag=True, help="Say it once when it changes.")
@click.option("-b", "as_base64", is_flag=True, help="In base64.")
@click.option("-x", "as_hex", is_flag=True, help="In hexadecimal.")
@click.option("--raw", is_flag=True, help="Exactly its bytes, and nothing behind them.")
@pass_shell
def get(
    shell: Shell, path: str, with_stat: bool, is_watched: bool, as_base64: bool, as_hex: bool, raw: bool,
) -> None:
    """Show the value of a znode.

    On a terminal JSON, YAML, XML and properties are laid out and coloured, gzip is unpacked, and what is no text is
    dumped; elsewhere it is printed as it is.

    \b
    Examples:
      get /app/config
      get -s /app/config
      get --raw /app/blob > blob
    """
    data, stat = shell.client.get(path, watch=is_watched)
    output = shell.output
    if output.as_json:
        output.json({"path": path, **value_json(data), "stat": stat_json(stat)})
        return
    if raw:
        output.raw(data or b"")
    elif as_base64 or as_hex:
        output.print(base64.b64encode(data or b"").decode() if as_base64 else (data or b"").hex())
    elif output.is_terminal:
        output.print(shown(data))
    else:
        output.raw(b"null\n" if data is None else data + b"\n")
    if with_stat:
        output.print(*stat_lines(stat))


@command("set")
@click.argument("path", type=PATH)
@click.argument("data", required=False)
@click.argument("old_version", type=int, required=False, metavar="[VERSION]")
@click.option("-s", "with_stat", is_flag=True, help="Show its facts afterwards.")
@click.option("-v", "version", type=int, default=ANY_VERSION, help="Only if it has this version.")
@click.option("-b", "is_base64", is_flag=True, help="DATA is base64.")
@_file_option
@pass_shell
def set_(
    shell: Shell, path: str, data: str | None, old_version: int | None, with_stat: bool, version: int, is_base64: bool,
    file: Path | None,
) -> None:
    """Give a znode another value.

    \b
    Examples:
      set /app/config '{"workers": 8}'
      set -v 3 /app/config new          only if its version is 3: nobody has changed it since
      set /app/config --file config.json
      set /app/number -- -5
    """
    value = value_of(data, file, is_base64=is_base64)
    if value is None:
        raise click.UsageError("say DATA, or --file FILE")
    stat = shell.client.set(path, value, version if old_version is None else old_version)
    shell.output.answer({"path": path, "stat": stat_json(stat)}, stat_lines(stat) if with_stat else [])


@command("create")
@click.argument("path", type=NEW_PATH)
@click.argument("data", required=False)
@click.argument("acl", required=False)
@click.option("-s", "is_sequential", is_flag=True, help="With a number behind its name that nobody else gets.")
@click.option("-e", "is_ephemeral", is_flag=True, help="Gone when this session ends.")
@click.option("-c", "is_container", is_flag=True, help="Gone when its last child is.")
@click.option("-t", "ttl_ms", type=click.IntRange(1), metavar="MS", help="Gone so long after its last change.")
@click.option("-p", "with_parents", is_flag=True, help="Parents that are missing, too.")
@click.option("-b", "is_base64", is_flag=True, help="DATA is base64.")
@_file_option
@pass_shell
def create(
    shell: Shell, path: str, data: str | None, acl: str | None, is_sequential: bool, is_ephemeral: bool,
    is_container: bool, ttl_ms: int | None, with_parents: bool, is_base64: bool, file: Path | None,
) -> None:
    """Make a znode. ACL as in world:anyone:r,digest:USER:HASH:cdrwa; without one, everybody may everything.

    \b
    Examples:
      create /app
      create -p /app/a/b/config '{"workers": 4}'
      create -e -s /app/election/n- host1
      create -t 60000 /app/cache x
    """
    if (is_container or ttl_ms) and (is_ephemeral or (is_container and (is_sequential or ttl_ms))):
        raise click.UsageError("-c goes alone; -t goes with -s only")
    value = value_of(data, file, is_base64=is_base64)
    wanted = OPEN_ACL if acl is None else tuple(parse_acl(acl))
    client = shell.client
    if with_parents:
        make_parents(shell, path)
    # A name that ends with a slash is one that its number will complete.
    whole = client.whole(path.rstrip("/")) + "/" if path.endswith("/") and path != "/" else client.whole(path)
    made, stat = client.call(requests.create(
        whole, value, wanted, ephemeral=is_ephemeral, sequential=is_sequential, container=is_container,
        ttl_ms=ttl_ms or 0))
    own = client.own(made)
    shell.output.answer({"path": own, "stat": stat_json(stat)}, f"Created {own}")


def make_parents(shell: Shell, path: str) -> None:
    """Those of *path* that are missing, empty."""
    missing = []
    parent = parent_of(path.rstrip("/"))
    while parent != "/" and shell.client.exists(parent) is None:
        missing.append(parent)
        parent = parent_of(parent)
    for each in reversed(missing):
        try:
            shell.client.call(requests.create(shell.client.whole(each), b""))
        except RefusedError as error:
            if error.code != Err.NODE_EXISTS:
                raise


def value_of(data: str | None, file: Path | None, *, is_base64: bool) -> bytes | None:
    """None: neither was said."""
    if data is not None and file is not None:
        raise click.UsageError("DATA or --file, not both")
    if file is not None:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    elif data is not None:
        raw = data.encode(errors="surrogateescape")
    else:
        return None
    if not is_base64:
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error as error:
        raise click.UsageError(f"this is no base64: {error}") from None
