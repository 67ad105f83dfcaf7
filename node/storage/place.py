"""Finding where a record ends in the log, by walking over envelopes without looking at their contents."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from node.storage.errors import CorruptionError, LogGapError
from node.storage.files import Files, Handle
from node.storage.layout import END, ENVELOPE, HEADER, LENGTH, SegmentHeader
from node.storage.segments import list_segments, load_header, segment_path
from transport.entry import RECORD
from transport.messages import Watermark
from transport.zxid import Zxid, show

CHUNK_BYTES: Final = 1 << 20


def log_start(files: Files, directory: Path) -> Zxid | None:
    """The log holds every record after this zxid; None: there is no log."""
    firsts = list_segments(files, directory)
    return Zxid(header_of(files, directory, firsts[0]).after) if firsts else None


def end_of_record(files: Files, directory: Path, zxid: int) -> tuple[int, int]:
    """(segment, offset) where the record that ends with *zxid* ends; (0, 0): before the log's first record.

    Raises LogGapError: none does.
    """
    firsts = list_segments(files, directory)
    if not firsts:
        raise LogGapError(directory=directory, after=zxid, problem="there is no log")
    segment = max((first for first in firsts if first <= zxid), default=0)
    if segment == 0:
        start = header_of(files, directory, firsts[0]).after
        if zxid != start:
            raise LogGapError(directory=directory, after=zxid, problem=f"it begins after {show(start)}")
        return 0, 0
    with suppress(FileNotFoundError):  # purged meanwhile
        for last_zxid, end in _ends_in(files, segment_path(directory, segment)):
            if last_zxid == zxid:
                return segment, end
            if last_zxid > zxid:
                break
    raise LogGapError(directory=directory, after=zxid, problem="no record ends there")


def record_that_holds(files: Files, directory: Path, zxid: int) -> Watermark:
    """Where the record with *zxid* in it ends.  Raises LogGapError: the log has none (any more)."""
    segment = max((first for first in list_segments(files, directory) if first <= zxid), default=0)
    with suppress(FileNotFoundError):  # purged meanwhile
        for last_zxid, end in _ends_in(files, segment_path(directory, segment)):
            if last_zxid >= zxid:
                return Watermark(Zxid(last_zxid), segment, end)
    raise LogGapError(directory=directory, after=zxid, problem="it holds no such record")


def header_of(files: Files, directory: Path, segment: int) -> SegmentHeader:
    """Raises CorruptionError, LogGapError: the file is not there."""
    path = segment_path(directory, segment)
    try:
        handle = files.open(path)
    except FileNotFoundError:
        raise LogGapError(directory=directory, after=segment, problem=f"{path.name} is not there") from None
    try:
        return sound_header(files, handle, path)
    finally:
        files.close(handle)


def sound_header(files: Files, handle: Handle, path: Path) -> SegmentHeader:
    header = load_header(files, handle, path)
    if header is None:
        raise CorruptionError("the segment's header is damaged", file=path, offset=0, zxid=0)
    return header


def _ends_in(files: Files, path: Path) -> Iterator[tuple[int, int]]:
    """(last zxid, offset after it) per record."""
    handle = files.open(path)
    try:
        base, wanted = HEADER.size, CHUNK_BYTES
        head = ENVELOPE.size + RECORD.size
        while len(chunk := files.pread(handle, wanted, base)) >= head:
            at, size = 0, len(chunk)
            while at + head <= size:
                (length,) = LENGTH.unpack_from(chunk, at)
                if length in (0, END):
                    return
                first_zxid, count, *_ = RECORD.unpack_from(chunk, at + ENVELOPE.size)
                at += ENVELOPE.size + length
                yield first_zxid + count - 1, base + at
            # Only heads are looked at, so the next chunk may begin far behind this one.
            base += at
    finally:
        files.close(handle)
