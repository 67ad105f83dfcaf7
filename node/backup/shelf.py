"""A directory of backups: `corral-<ensemble>-m<member>-<UTC time>-<zxid>.backup`, which sort by time."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from node.backup.archive import ASIDE, Backup, BackupHeader, DamagedBackupError, read_header
from node.storage.errors import RefusedError
from node.storage.files import Files

_NAME = re.compile(r"corral-(?P<ensemble>\w+)-m(?P<member>\d+)-(?P<time>\d{8}T\d{6}Z)-[0-9a-f]{16}\.backup")


@dataclass(frozen=True, slots=True)
class Entry:
    """*header* is None where it cannot be read: *problem* says why."""

    path: Path
    bytes: int
    header: BackupHeader | None
    problem: str = ""


def file_name(header: BackupHeader) -> str:
    when = datetime.fromtimestamp(header.made_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"corral-{header.ensemble}-m{header.member}-{when}-{header.zxid:016x}.backup"


def list_backups(files: Files, directory: Path) -> list[Entry]:
    """Those with a name of ours, oldest first; only their headers are read.  Raises OSError."""
    return [_entry(files, directory / name) for name in backup_names(files.listdir(directory))]


def remove_older(files: Files, newest: Backup, keep: int) -> list[Path]:
    """Leave the *keep* newest of this ensemble and member beside *newest*; returns what is gone."""
    directory = newest.path.parent
    gone = [directory / name for name in older_names(files.listdir(directory), newest, keep)]
    for path in gone:
        files.unlink(path)
    if gone:
        files.fsync_dir(directory)
    return gone


def older_names(names: Iterable[str], newest: Backup, keep: int) -> list[str]:
    """Of those, all but the *keep* newest of this ensemble and member, and never *newest*."""
    ours = [name for name in names if _is_of(name, newest.header)]
    return [name for name in sorted(ours, key=_time_of)[:-keep] if name != newest.path.name]


def backup_names(names: Iterable[str]) -> list[str]:
    """Those with a name of ours, oldest first."""
    return sorted((name for name in names if _NAME.fullmatch(name)), key=_time_of)


def discard_unfinished(files: Files, directory: Path, header: BackupHeader) -> None:
    """What earlier backups of this member left that were interrupted; not those that are being written."""
    for name in files.listdir(directory):
        if not name.endswith(ASIDE) or not _is_of(name.removesuffix(ASIDE), header):
            continue
        handle = files.open(directory / name, write=True)
        try:
            if files.lock_exclusive(handle):
                files.unlink(directory / name)
        finally:
            files.close(handle)


def _is_of(name: str, header: BackupHeader) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and (found["ensemble"], found["member"]) == (header.ensemble, str(header.member))


def _time_of(name: str) -> tuple[str, str]:
    found = _NAME.fullmatch(name)
    return (found["time"] if found else "", name)


def _entry(files: Files, path: Path) -> Entry:
    size = path.stat().st_size
    try:
        return Entry(path, size, read_header(files, path))
    except (DamagedBackupError, RefusedError) as error:
        return Entry(path, size, None, str(error).removeprefix(f"{path}: "))
