"""Small files that are replaced as a whole: after any end they hold the old content or the new one."""

from pathlib import Path
from typing import TypeVar

from node.storage.errors import RefusedError
from node.storage.files import Files

_Absent = TypeVar("_Absent")


def replace_file(files: Files, path: Path, content: bytes) -> None:
    """Durable on return."""
    aside = path.with_name(path.name + ".tmp")
    handle = files.open(aside, create=True)
    try:
        files.truncate(handle, 0)
        files.pwrite(handle, [content], 0)
        files.fdatasync(handle)
    finally:
        files.close(handle)
    files.rename(aside, path)
    files.fsync_dir(path.parent)


def read_file(files: Files, path: Path) -> bytes | None:
    """None: there is none."""
    try:
        handle = files.open(path)
    except FileNotFoundError:
        return None
    try:
        return files.pread(handle, files.size(handle), 0)
    finally:
        files.close(handle)


def replace_number(files: Files, path: Path, number: int) -> None:
    replace_file(files, path, b"%d\n" % number)


def read_number(files: Files, path: Path, *, absent: _Absent) -> int | _Absent:
    """Raises RefusedError: not a number."""
    content = read_file(files, path)
    if content is None:
        return absent
    if not content.endswith(b"\n") or not content[:-1].isdigit():
        raise RefusedError(
            f"holds {content[:20]!r}, not a number", file=path,
            cure="the disk changed it: move this member's data and log directories away and start it, "
            "so that it takes a snapshot from the leader")
    return int(content)


def remove_number(files: Files, path: Path) -> None:
    """Durable on return; nothing happens where there is none."""
    if files.exists(path):
        files.unlink(path)
        files.fsync_dir(path.parent)
