"""A backup file: a header that says whose it is, a snapshot as node/storage/snapshots.py has it, a checksum of it all.

    magic 8 · crc32 u32 (of what follows, header included) · header bytes u32 · header (msgpack of BackupHeader)
    the snapshot: its own header with the epochs, sections (zstd, a checksum each), trailer with the digest
    sha256 32 (of all before it)

Written aside, synced, read back and loaded; only then does it get its name.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from node.storage.errors import RefusedError
from node.storage.files import Files, Handle
from node.storage.snapshot_builder import header_of
from node.storage.snapshots import DamagedSnapshotError, SnapshotHeader, SnapshotImage, SnapshotReader
from node.tree.snapshot import CorruptSnapshotError, decode_state, encode_state
from node.tree.state import State
from transport.zxid import Zxid

MAGIC: Final = b"CORRBKUP"
FORMAT: Final = 1
NEEDS: Final = "0.1.0"  # first version that reads FORMAT

ASIDE: Final = ".part"
_FRONT = struct.Struct("<8sII")
_U32 = struct.Struct("<I")
_HEADER_BYTES_MAX = 1 << 20
_CHUNK_BYTES = 1 << 20
_SHA256_BYTES = 32

Progress = Callable[[str, int, int], None]  # (what is being done, how much of it is, of how much: 0: not known)


class BackupHeader(msgspec.Struct, frozen=True, kw_only=True):
    """*version*: of the Corral that wrote it. *made_ms*: wall clock, since 1970. *digest*: of the whole state.

    *is_complete*: every write that any member had acknowledged when the backup began is in it. *point*: the point in
    time that was asked for, as text; empty: now.
    """

    format: int = FORMAT
    needs: str = NEEDS
    ensemble: str
    member: int
    version: str
    feature_level: int
    zxid: Zxid
    made_ms: int
    znodes: int
    sessions: int
    digest: int
    is_complete: bool
    point: str = ""


class DamagedBackupError(Exception):
    def __init__(self, path: Path | str, problem: str) -> None:
        self.problem = problem
        super().__init__(f"{path}: {problem}")


@dataclass(frozen=True, slots=True)
class Backup:
    """One that was read whole and loaded."""

    path: Path
    header: BackupHeader
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Loaded:
    backup: Backup
    snapshot: SnapshotHeader
    state: State


def silent(_what: str, _done: int, _of: int) -> None:
    """A Progress that tells nobody."""


# Writing ---------------------------------------------------------------------------------------


@contextmanager
def written_aside(files: Files, path: Path) -> Iterator[Handle]:
    """A file beside *path*, locked; at the end of the block it gets its name, durably, or goes.

    Raises RefusedError: somebody else is writing it.
    """
    aside = aside_path(path)
    handle = files.open(aside, create=True)
    try:
        if not files.lock_exclusive(handle):
            raise RefusedError("another backup is being written there", file=path, cure="wait until it is done")
        try:
            files.truncate(handle, 0)
            yield handle
            files.rename(aside, path)
        except BaseException:
            files.unlink(aside)
            raise
        files.fsync_dir(path.parent)
    finally:
        files.close(handle)


def write_backup(
    files: Files, handle: Handle, header: BackupHeader, state: State, epochs: dict[int, int],
    progress: Progress = silent,
) -> None:
    """Durable on return.  Raises OSError."""
    out = _Output(files, handle)
    packed = msgspec.msgpack.encode(header)
    sealed = _U32.pack(len(packed)) + packed
    out.put(MAGIC + _U32.pack(crc32(sealed)) + sealed)
    image = SnapshotImage(out.put, header_of(state, epochs))
    for number, section in enumerate(encode_state(state)):
        image.write(section)
        progress("writing", number + 1, 0)
    image.seal(digest=header.digest)
    out.end()
    files.fdatasync(handle)


def aside_path(path: Path) -> Path:
    return path.with_name(path.name + ASIDE)


class _Output:
    """Pieces into a file, and their sha256 behind them."""

    def __init__(self, files: Files, handle: Handle) -> None:
        self._files, self._handle = files, handle
        self._hash = hashlib.sha256()
        self._parts: list[bytes] = []
        self._waiting = self._offset = 0

    def put(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._parts.append(piece)
        self._waiting += len(piece)
        if self._waiting >= _CHUNK_BYTES:
            self._write_out()

    def end(self) -> None:
        self._parts.append(self._hash.digest())
        self._waiting += _SHA256_BYTES
        self._write_out()

    def _write_out(self) -> None:
        self._files.pwrite(self._handle, self._parts, self._offset)
        self._offset += self._waiting
        self._parts, self._waiting = [], 0


# Reading ---------------------------------------------------------------------------------------


def read_header(files: Files, path: Path) -> BackupHeader:
    """Only the header, and its own checksum.  Raises DamagedBackupError, RefusedError, OSError."""
    return _read_front(files, path)[0]


def load_backup(files: Files, path: Path, progress: Progress = silent) -> Loaded:
    """The trial load: every checksum, then the whole state, its digest and its counts.

    Raises DamagedBackupError; RefusedError: a newer format; OSError.
    """
    header, begin, size = _read_front(files, path)
    sha256 = _check_whole(files, path, size, progress)
    end = size - _SHA256_BYTES
    try:
        reader = SnapshotReader(files, path, begin=begin, end=end)
        try:
            digest = reader.verify(zxid=header.zxid).digest
            progress("loading", 0, 0)
            state = decode_state(reader.sections())
        finally:
            reader.close()
    except (DamagedSnapshotError, CorruptSnapshotError) as error:
        raise DamagedBackupError(path, str(error).removeprefix(f"{path}: ")) from error
    found = (state.zxid, state.digest(), digest, len(state.tree.nodes) - 1, len(state.sessions))
    if found != (header.zxid, header.digest, header.digest, header.znodes, header.sessions):
        raise DamagedBackupError(path, f"what it holds is not what its header says: {found}")
    return Loaded(Backup(path, header, size, sha256), reader.header, state)


def _read_front(files: Files, path: Path) -> tuple[BackupHeader, int, int]:
    """(header, where the snapshot begins, bytes of the file)"""
    handle = files.open(path)
    try:
        size = files.size(handle)
        front = files.pread(handle, _FRONT.size, 0)
        if len(front) < _FRONT.size or not front.startswith(MAGIC):
            raise DamagedBackupError(path, "not a backup of Corral")
        _, crc, header_bytes = _FRONT.unpack(front)
        packed = files.pread(handle, min(header_bytes, _HEADER_BYTES_MAX), _FRONT.size)
    finally:
        files.close(handle)
    begin = _FRONT.size + header_bytes
    if begin + _SHA256_BYTES > size or crc32(packed, crc32(_U32.pack(header_bytes))) != crc:
        raise DamagedBackupError(path, "its header is damaged")
    return _decode_header(path, packed), begin, size


def _decode_header(path: Path, packed: bytes) -> BackupHeader:
    try:
        fields = msgspec.msgpack.decode(packed, type=dict[str, object])
        if isinstance(fields["format"], int) and fields["format"] > FORMAT:
            raise RefusedError(
                f"a backup of format {fields['format']}", file=path,
                cure=f"use Corral {fields['needs']} or later")
        return msgspec.convert(fields, BackupHeader)
    except (msgspec.DecodeError, KeyError) as error:
        raise DamagedBackupError(path, f"its header is wrong: {error}") from error


def _check_whole(files: Files, path: Path, size: int, progress: Progress) -> str:
    """The sha256 in hex.  Raises DamagedBackupError."""
    digest = hashlib.sha256()
    end, offset = size - _SHA256_BYTES, 0
    handle = files.open(path)
    try:
        while offset < end:
            piece = files.pread(handle, min(_CHUNK_BYTES, end - offset), offset)
            if not piece:
                break
            digest.update(piece)
            offset += len(piece)
            progress("verifying", offset, size)
        written = files.pread(handle, _SHA256_BYTES, end)
    finally:
        files.close(handle)
    if written != digest.digest():
        raise DamagedBackupError(path, "its checksum is wrong: bytes were changed or lost")
    return digest.hexdigest()
