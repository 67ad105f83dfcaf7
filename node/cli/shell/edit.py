"""edit: a value in $EDITOR, given back only if nobody has changed it meanwhile."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import click

from node.cli.errors import Failure
from node.cli.shell import requests
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import PATH
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.shell.stats import stat_json
from node.cli.shell.values import kind_of, text_of
from transport.errors import Err

_EDITORS = ("VISUAL", "EDITOR")


@command("edit")
@click.argument("path", type=PATH)
@click.option("-c", "--create", "is_created", is_flag=True, help="Make the znode if there is none.")
@click.option("--force", is_flag=True, help="Also JSON that has become broken.")
@pass_shell
def edit(shell: Shell, path: str, is_created: bool, force: bool) -> None:
    """Change a value in your editor ($VISUAL, $EDITOR, else vi).

    If somebody else changes the znode meanwhile, nothing is overwritten: your text stays in a file that is named.

    \b
    Examples:
      edit /app/config
      edit -c /app/new.json
    """
    data, version = _read(shell, path, is_created=is_created)
    text = text_of(data or b"")
    if text is None:
        raise Failure(f"{path} is {kind_of(data)}, not text — `get --raw` and `set --file` change it")
    file = _file_for(path, text)
    is_kept = True
    try:
        _edit(file)
        changed = file.read_bytes()
        if changed == (data or b""):
            is_kept = False
            shell.output.answer({"path": path, "changed": False}, "not changed")
            return
        if kind_of(data) == "json" and kind_of(changed) != "json" and not force:
            raise Failure(
                f"this is JSON no more; your text is in {file} — mend it and `set {path} --file {file}`, or --force")
        _write(shell, path, changed, version, file)
        is_kept = False
    finally:
        if not is_kept:
            file.unlink(missing_ok=True)


def _read(shell: Shell, path: str, *, is_created: bool) -> tuple[bytes | None, int | None]:
    """Its value and version; version None: there is none, and it shall be made."""
    try:
        data, stat = shell.client.get(path)
    except RefusedError as error:
        if error.code != Err.NO_NODE or not is_created:
            raise
        return None, None
    return data, stat.version


def _file_for(path: str, text: str) -> Path:
    """Of this user alone, named so that an editor sees what it is."""
    name = path.rpartition("/")[2] or "root"
    suffix = Path(name).suffix or {"json": ".json", "yaml": ".yaml", "xml": ".xml"}.get(kind_of(text.encode()), "")
    handle, file = tempfile.mkstemp(prefix="corral-", suffix="".join(c for c in suffix if c.isalnum() or c == "."))
    with os.fdopen(handle, "w", newline="") as out:
        out.write(text)
    return Path(file)


def _edit(file: Path) -> None:
    editor = next((os.environ[name] for name in _EDITORS if os.environ.get(name)), "vi")
    try:
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)
    except OSError as error:
        raise Failure(f"{editor}: {error.strerror} — say your editor in $EDITOR") from None
    if done.returncode:
        raise Failure(f"{editor} ended with {done.returncode}: nothing was changed; your text is in {file}")


def _write(shell: Shell, path: str, data: bytes, version: int | None, file: Path) -> None:
    client = shell.client
    try:
        if version is None:
            _, stat = client.call(requests.create(client.whole(path), data))
        else:
            stat = client.set(path, data, version)
    except RefusedError as error:
        if error.code not in (Err.BAD_VERSION, Err.NODE_EXISTS, Err.NO_NODE):
            raise Failure(f"{error.message}; your text is in {file}") from None
        raise Failure(
            f"{path}: somebody changed it meanwhile (it had version {version}); nothing was overwritten, your text is "
            f"in {file} — compare with `get {path}`, then `set {path} --file {file}`") from None
    shell.output.answer({"path": path, "changed": True, "stat": stat_json(stat)}, f"version {stat.version}")
