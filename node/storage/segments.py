"""Segment files of the log: their names, making them ahead of use, opening, cutting.

A segment comes into use in an order that leaves only harmless states behind whenever the power goes: its header and its
name are durable first, then the end marker of the segment before it is, then comes its first record. So an end marker
that names a missing file, or a record in a segment whose predecessor has no end, can only be damage.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.storage.errors import RefusedError, StorageError
from node.storage.files import Files, Handle
from node.storage.layout import HEADER, NewerFormatError, SegmentHeader, pack_header, read_header
from node.storage.replaced import read_number, remove_number, replace_number

SEGMENT_BYTES: Final = 64 << 20
YOUNG_SEGMENT_BYTES: Final = 4 << 20  # until the snapshotter has made a spare: a new ensemble serves at once

_PREFIX: Final = "log."
_SPARE: Final = "spare."
_TRUNCATION: Final = "truncation"
# Small enough that a sync of the log, which waits for the same device, is not held up for long.
_FILL_BYTES: Final = 1 << 20
_ZEROS: Final = bytes(_FILL_BYTES)


@contextmanager
def storage_errors(action: str, file: Path) -> Iterator[None]:
    """OSError becomes StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(file=file, action=action, error=error) from error


def segment_path(directory: Path, first_zxid: int) -> Path:
    return directory / f"{_PREFIX}{first_zxid:016x}"


def list_segments(files: Files, directory: Path) -> list[int]:
    """First zxids, ascending."""
    names = files.listdir(directory)
    return sorted(int(n[len(_PREFIX):], 16) for n in names if n.startswith(_PREFIX) and len(n) == 20)


def load_header(files: Files, handle: Handle, path: Path) -> SegmentHeader | None:
    """None: not one, or damaged.  Raises RefusedError: a newer format."""
    try:
        return read_header(files.pread(handle, HEADER.size, 0))
    except NewerFormatError as error:
        raise RefusedError(
            f"a log of format {error.found}", file=path,
            cure=f"start it with Corral {error.needs} or later",
        ) from error


# Ahead of use ----------------------------------------------------------------------------------


def prepare_segment(files: Files, directory: Path, size: int) -> Path:
    """Write zeros to a spare segment and sync it; for whoever is not the log's writer (design, section 7)."""
    taken = [name for name in files.listdir(directory) if name.startswith(_SPARE)]
    number = max((int(n.split(".")[1]) for n in taken), default=0) + 1
    path = directory / f"{_SPARE}{number}"
    aside = path.with_name(path.name + ".tmp")
    with storage_errors("preparing a segment in", aside):
        handle = files.open(aside, create=True)
        try:
            fill_with_zeros(files, handle, size)
        finally:
            files.close(handle)
        files.rename(aside, path)
        files.fsync_dir(directory)
    return path


def list_spares(files: Files, directory: Path) -> list[Path]:
    """Finished ones, oldest first."""
    names = [n for n in files.listdir(directory) if n.startswith(_SPARE) and not n.endswith(".tmp")]
    return [directory / n for n in sorted(names, key=lambda n: int(n[len(_SPARE):]))]


def discard_unfinished_spares(files: Files, directory: Path) -> None:
    for name in files.listdir(directory):
        if name.startswith(_SPARE) and name.endswith(".tmp"):
            files.unlink(directory / name)


def fill_with_zeros(files: Files, handle: Handle, size: int) -> None:
    for offset in range(0, size, _FILL_BYTES):
        files.pwrite(handle, [_ZEROS[:min(_FILL_BYTES, size - offset)]], offset)
        files.fdatasync(handle)


def create_segment(
    files: Files, directory: Path, header: SegmentHeader, *, least_bytes: int, young_bytes: int
) -> tuple[Handle, int]:
    """A durable, empty segment under its name, from a spare if one is there: (handle, its size)."""
    path = segment_path(directory, header.first_zxid)
    handle = _from_spare(files, directory, path, least_bytes)
    if handle is None:
        handle = files.open(path, create=True)
        files.truncate(handle, 0)
        fill_with_zeros(files, handle, max(young_bytes, least_bytes))
    files.pwrite(handle, [pack_header(header)], 0)
    files.fdatasync(handle)
    files.fsync_dir(directory)
    return handle, files.size(handle)


def _from_spare(files: Files, directory: Path, path: Path, least_bytes: int) -> Handle | None:
    for spare in list_spares(files, directory):
        handle = files.open(spare, write=True)
        if files.size(handle) >= least_bytes:
            files.rename(spare, path)
            return handle
        files.close(handle)
    return None


def segment_bytes(files: Files, directory: Path, first_zxid: int) -> int:
    """0: there is none."""
    try:
        handle = files.open(segment_path(directory, first_zxid))
    except FileNotFoundError:
        return 0
    try:
        return files.size(handle)
    finally:
        files.close(handle)


def spare_bytes(current_bytes: int) -> int:
    """How large the next segment should be: logs that grow get larger ones."""
    return min(SEGMENT_BYTES, max(YOUNG_SEGMENT_BYTES, 4 * current_bytes))


# Cutting ---------------------------------------------------------------------------------------


def zero_from(files: Files, handle: Handle, offset: int) -> int:
    """Overwrite with zeros what is not zero from *offset* on, and sync: how many bytes were not."""
    size = files.size(handle)
    dirty = 0
    while offset < size:
        chunk = files.pread(handle, _FILL_BYTES, offset)
        if chunk.count(0) != len(chunk):
            files.pwrite(handle, [_ZEROS[:len(chunk)]], offset)
            dirty += len(chunk) - chunk.count(0)
        offset += len(chunk)
    if dirty:
        files.fdatasync(handle)
    return dirty


def first_nonzero(files: Files, handle: Handle, offset: int) -> int | None:
    """The offset of the first chunk from *offset* on that has anything in it."""
    while chunk := files.pread(handle, _FILL_BYTES, offset):
        if chunk.count(0) != len(chunk):
            return offset
        offset += len(chunk)
    return None


def remove_segments(files: Files, directory: Path, firsts: list[int]) -> None:
    """Newest first, each durably gone before the next: whatever the power leaves is a log without its end.

    Emptied before they go, so that a reader that has one open finds an end, not records that are no longer true.
    """
    for first_zxid in sorted(firsts, reverse=True):
        path = segment_path(directory, first_zxid)
        handle = files.open(path, write=True)
        files.truncate(handle, 0)
        files.close(handle)
        files.unlink(path)
        files.fsync_dir(directory)


def cut(files: Files, directory: Path, *, segment: int, offset: int) -> None:
    """End the log at *offset* of *segment* (0: remove all of it).  Durable, and finished by recovery if interrupted."""
    remove_segments(files, directory, [f for f in list_segments(files, directory) if f > segment])
    if segment:
        handle = files.open(segment_path(directory, segment), write=True)
        try:
            zero_from(files, handle, offset)
        finally:
            files.close(handle)


def begin_truncation(files: Files, directory: Path, zxid: int) -> None:
    # Zeros reach the disk page by page in any order: without this note an interrupted truncation would look like
    # corruption, a bad record with good ones behind it that say it was durable.
    replace_number(files, directory / _TRUNCATION, zxid)


def unfinished_truncation(files: Files, directory: Path) -> int | None:
    return read_number(files, directory / _TRUNCATION, absent=None)


def end_truncation(files: Files, directory: Path) -> None:
    remove_number(files, directory / _TRUNCATION)
