"""Whose data this is: the lock, the identity file, and the mark of an explicit first initialisation (rules 8 and 9).

The directories are `<dataDir>/corral` and `<dataLogDir>/corral`. Whoever initialises an ensemble (`corral keys init`,
`corral up`) puts an empty file `initialize` into the first; it goes when the log names the member. A directory
without it gets an incarnation all the same, but may only join an ensemble that lives, without a vote until readmitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from node.storage.errors import RefusedError
from node.storage.files import Files, Handle
from node.storage.replaced import read_file, replace_file
from node.storage.segments import list_segments, storage_errors
from node.storage.snapshots import list_snapshots

FORMAT: Final = 1
NEEDS: Final = "0.1.0"  # first version that reads FORMAT

_IDENTITY: Final = "identity"
_MARK: Final = "initialize"
_LOCK: Final = "lock"


class _IdentityFile(msgspec.Struct, frozen=True):
    format: int
    needs: str
    ensemble: str
    member: int
    incarnation: str


@dataclass(frozen=True, slots=True)
class Identity:
    """initial: the directory was explicitly initialised, and its log does not name the member yet."""

    ensemble: str
    member: int
    incarnation: str
    initial: bool


class DataLock:
    """One process at a time writes to a member's directories; the lock goes with the process."""

    def __init__(self, files: Files, *, data_dir: Path, log_dir: Path, pid: int) -> None:
        """Makes the directories.  pid: told to whoever comes second.  Raises RefusedError: another holds it."""
        self._files = files
        self._handles: list[Handle] = []
        try:
            for directory in dict.fromkeys((data_dir, log_dir)):
                self._lock(directory, pid)
        except RefusedError:
            self.release()
            raise

    def release(self) -> None:
        for handle in self._handles:
            self._files.close(handle)
        self._handles = []

    def _lock(self, directory: Path, pid: int) -> None:
        path = directory / _LOCK
        with storage_errors("locking", path):
            self._files.mkdir(directory)
            handle = self._files.open(path, create=True)
            self._handles.append(handle)
            if self._files.lock_exclusive(handle):
                self._files.truncate(handle, 0)
                self._files.pwrite(handle, [b"%d\n" % pid], 0)
                return
            holder = self._files.pread(handle, 32, 0).decode("ascii", "replace").strip()
        raise RefusedError(
            f"process {holder or 'unknown'} uses this data already", file=path,
            cure="stop that member first, or give this one a dataDir and a dataLogDir of its own")


def open_identity(
    files: Files, *, data_dir: Path, log_dir: Path, ensemble: str, member: int, alone: bool,
    new_incarnation: Callable[[], str],
) -> Identity:
    """Read this directory's identity, or give it one.  The lock is held.

    alone: an ensemble of one, which nobody can readmit a member to. Raises RefusedError.
    """
    path = data_dir / _IDENTITY
    with storage_errors("reading", path):
        content = read_file(files, path)
        is_marked = files.exists(data_dir / _MARK)
        if content is None:
            _refuse_strange_directory(files, data_dir, log_dir, alone=alone and not is_marked)
            found = _IdentityFile(FORMAT, NEEDS, ensemble, member, new_incarnation())
            replace_file(files, path, msgspec.json.encode(found))
        else:
            found = _decode(path, content)
    _refuse_other(path, found, ensemble=ensemble, member=member)
    return Identity(found.ensemble, found.member, found.incarnation, is_marked)


def has_identity(files: Files, data_dir: Path) -> bool:
    return files.exists(data_dir / _IDENTITY)


def initialise(files: Files, data_dir: Path, *, ensemble: str, member: int, incarnation: str) -> None:
    """Say whose directory this is, and that it may start its ensemble with what is in it.  Durable on return."""
    with storage_errors("initialising", data_dir):
        replace_file(files, data_dir / _IDENTITY, msgspec.json.encode(
            _IdentityFile(FORMAT, NEEDS, ensemble, member, incarnation)))
        files.close(files.open(data_dir / _MARK, create=True))
        files.fsync_dir(data_dir)


def consume_mark(files: Files, data_dir: Path) -> None:
    """When the log names the member: from now on an empty log is a lost one. Durable on return."""
    path = data_dir / _MARK
    with storage_errors("removing", path):
        if files.exists(path):
            files.unlink(path)
            files.fsync_dir(data_dir)


def _refuse_strange_directory(files: Files, data_dir: Path, log_dir: Path, *, alone: bool) -> None:
    if list_snapshots(files, data_dir) or list_segments(files, log_dir):
        raise RefusedError(
            "snapshots or a log, but no file that says whose they are", file=data_dir / _IDENTITY,
            cure="put the file back, or move both directories away and start this member to let it join anew")
    if alone:
        raise RefusedError(
            "an empty directory that nobody initialised, in an ensemble of one", file=data_dir,
            cure="if this is a new ensemble run `corral keys init` for it; else put its data back")


def _decode(path: Path, content: bytes) -> _IdentityFile:
    try:
        head = msgspec.json.decode(content, type=dict[str, object])
        if isinstance(head.get("format"), int) and head["format"] > FORMAT:  # type: ignore[operator]
            raise RefusedError(
                f"data of format {head['format']}", file=path,
                cure=f"start it with Corral {head.get('needs', 'of a newer version')} or later")
        return msgspec.convert(head, _IdentityFile)
    except msgspec.DecodeError as error:
        raise RefusedError(
            f"unreadable ({error})", file=path, cure="put back a copy of the file; no other member's will do",
        ) from error


def _refuse_other(path: Path, found: _IdentityFile, *, ensemble: str, member: int) -> None:
    if found.ensemble != ensemble:
        raise RefusedError(
            f"data of ensemble {found.ensemble}, but the keys are of {ensemble}", file=path,
            cure="correct dataDir or corral.keys")
    if found.member != member:
        raise RefusedError(
            f"data of member {found.member}, but myid says {member}", file=path,
            cure="correct dataDir or myid")
