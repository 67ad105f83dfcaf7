"""The log read backwards from the end of a record: what was written last, without a walk over what came before it.

An envelope says how long its record is, not where the one before began. But it carries the segment's random id: so the
ids in a piece of the file show where envelopes may begin, and the first one from which lengths lead to the piece's very
end is one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from node.storage.errors import LogGapError
from node.storage.files import Files, Handle
from node.storage.layout import END, ENVELOPE, HEADER, LENGTH, SEGMENT_ID, SEGMENT_ID_AT
from node.storage.place import sound_header
from node.storage.segments import list_segments, segment_path

WINDOW_BYTES: Final = 64 << 10
WINDOW_BYTES_MAX: Final = 64 << 20  # no record is larger


def read_back(files: Files, directory: Path, *, segment: int, offset: int) -> Iterator[bytes]:
    """Every RECORD that ends at *offset* of *segment* or before, the newest first, into earlier segments.

    Ends where the log begins. Raises LogGapError: no record ends there, or the file is gone.
    """
    for first in reversed([each for each in list_segments(files, directory) if each <= segment]):
        path = segment_path(directory, first)
        try:
            handle = files.open(path)
        except FileNotFoundError:
            return  # purged meanwhile
        try:
            header = sound_header(files, handle, path)
            wanted = SEGMENT_ID.pack(header.segment_id)
            end = offset if first == segment else _end_of(files, handle, wanted)
            yield from _read_segment(files, handle, wanted, end)
        except _NoRecordError:
            raise LogGapError(directory=directory, after=segment, problem="no record ends there") from None
        finally:
            files.close(handle)


class _NoRecordError(Exception):
    pass


def _read_segment(files: Files, handle: Handle, wanted: bytes, end: int) -> Iterator[bytes]:
    window = WINDOW_BYTES
    while end > HEADER.size:
        base = max(HEADER.size, end - window)
        piece = files.pread(handle, end - base, base)
        starts = _starts(piece, wanted)
        if not starts:
            if base == HEADER.size or window >= WINDOW_BYTES_MAX:
                raise _NoRecordError
            window *= 4
            continue
        for start in reversed(starts):
            (length,) = LENGTH.unpack_from(piece, start)
            yield piece[start + ENVELOPE.size:start + ENVELOPE.size + length]
        end = base + starts[0]


def _starts(piece: bytes, wanted: bytes) -> list[int]:
    """Where the records begin that lead to the end of *piece*."""
    at = piece.find(wanted, SEGMENT_ID_AT)
    while at >= 0:
        starts = _chain(piece, at - SEGMENT_ID_AT, wanted)
        if starts:
            return starts
        at = piece.find(wanted, at + 1)
    return []


def _chain(piece: bytes, start: int, wanted: bytes) -> list[int]:
    starts = []
    while start + ENVELOPE.size <= len(piece):
        (length,) = LENGTH.unpack_from(piece, start)
        if length == END or not piece.startswith(wanted, start + SEGMENT_ID_AT):
            return []
        starts.append(start)
        start += ENVELOPE.size + length
    return starts if start == len(piece) else []


def _end_of(files: Files, handle: Handle, wanted: bytes) -> int:
    """Where a finished segment's end marker begins: its last envelope."""
    end = files.size(handle)
    while end > HEADER.size:
        base = max(HEADER.size, end - WINDOW_BYTES)
        # An id may lie across two pieces.
        at = files.pread(handle, end - base + SEGMENT_ID.size, base).rfind(wanted)
        if at >= 0:
            return base + at - SEGMENT_ID_AT
        end = base
    raise _NoRecordError
