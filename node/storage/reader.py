"""Reading the log while another process writes it: records up to a watermark, from any record's end on.

A reader holds a shared lock on the segment that it reads, and retention leaves a locked segment and all after it alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from node.storage.errors import CorruptionError, LogGapError
from node.storage.files import Files, Handle
from node.storage.layout import (
    END,
    END_MARKER_BYTES,
    ENVELOPE,
    HEADER,
    LENGTH,
    NEXT,
    SegmentHeader,
    is_sound,
)
from node.storage.place import end_of_record, sound_header
from node.storage.segments import list_segments, segment_path
from transport.zxid import show

CHUNK_BYTES: Final = 1 << 20
_SMALL_BYTES: Final = 64 << 10  # a chunk while looking for the place: most of it would be thrown away


class LogReader:
    """Records after *after*, which must be a record's end (or what the log begins after).

    verify: check every record's checksum, for who reads what may have lain on the disk for long. The live path does
    without: its bytes were written a moment ago and come from the page cache.
    """

    def __init__(self, files: Files, directory: Path, after: int, *, verify: bool = False) -> None:
        self.files = files
        self.directory = directory
        self.verify = verify
        self.segment = 0  # 0: the place has not been looked for yet
        self.offset = 0
        self._after = after
        self._handle: Handle | None = None
        self._segment_id = 0

    def read(self, zxid: int, segment: int, offset: int) -> Iterator[tuple[bytes, int, int]]:
        """Every RECORD not yet read up to the watermark, as (buffer, offset in it, size).

        A record counts as read when it is yielded. An older watermark yields nothing. Raises LogGapError; with verify,
        CorruptionError.
        """
        if zxid <= self._after:
            return
        # A snapshot of the leader's may have taken the place of the log. The segment that we hold open would still show
        # what it held behind the last watermark, and that was never committed.
        if segment == 0 or (self.segment and self.segment < segment and not self._is_there()):
            raise self._gap("a snapshot has taken its place")
        if not self.segment:
            self._seek()
        while self.segment < segment or (self.segment == segment and self.offset < offset):
            limit = offset if self.segment == segment else None
            yield from self._read_chunk(limit)
        self._after = zxid

    def close(self) -> None:
        if self._handle is not None:
            self.files.close(self._handle)
            self._handle = None
        self.segment = 0

    def _read_chunk(self, limit: int | None, wanted: int = CHUNK_BYTES) -> Iterator[tuple[bytes, int, int]]:
        """The records of one pread; at an end marker the next segment is opened."""
        assert self._handle is not None
        base = self.offset
        chunk = self.files.pread(
            self._handle, wanted if limit is None else min(wanted, limit - base), base)
        at, size = 0, len(chunk)
        verify = self.verify
        while at + ENVELOPE.size <= size:
            (length,) = LENGTH.unpack_from(chunk, at)
            end = at + ENVELOPE.size + length
            if end > size:
                break
            if length == 0:
                raise self._gap("it ends before the watermark; it was cut or replaced")
            if verify and not is_sound(memoryview(chunk), at, end, segment_id=self._segment_id):
                raise self._corrupt(base + at)
            self.offset = base + end
            yield chunk, at + ENVELOPE.size, length
            at = end
        if at == 0:
            yield from self._read_beyond(chunk, limit)

    def _read_beyond(self, chunk: bytes, limit: int | None) -> Iterator[tuple[bytes, int, int]]:
        """An end marker, or a record larger than a chunk."""
        assert self._handle is not None
        if len(chunk) < ENVELOPE.size:
            raise self._gap("it ends before the watermark; it was cut or replaced")
        (length,) = LENGTH.unpack_from(chunk)
        if length == END and len(chunk) >= END_MARKER_BYTES:
            if self.verify and not is_sound(
                    memoryview(chunk), 0, END_MARKER_BYTES, segment_id=self._segment_id):
                raise self._corrupt(self.offset)
            (next_first,) = NEXT.unpack_from(chunk, ENVELOPE.size)
            self._open(next_first)
            return
        size = ENVELOPE.size + length
        if self.offset + size > (self.files.size(self._handle) if limit is None else limit):
            raise self._corrupt(self.offset)
        yield from self._read_chunk(limit, size)

    # The place ---------------------------------------------------------------------------------

    def _is_there(self) -> bool:
        return self.files.exists(segment_path(self.directory, self.segment))

    def _seek(self) -> None:
        """Go to where the record that ends with *after* ends."""
        segment, offset = end_of_record(self.files, self.directory, self._after)
        if segment:
            self._open(segment)
            self.offset = offset
            return
        header = self._open(list_segments(self.files, self.directory)[0])
        if header.after != self._after:
            self.close()
            raise self._gap(f"it begins after {show(header.after)}")

    def _open(self, first_zxid: int) -> SegmentHeader:
        path = segment_path(self.directory, first_zxid)
        try:
            handle = self.files.open(path)
        except FileNotFoundError:
            raise self._gap(f"{path.name} is not there any more") from None
        self.files.lock_shared(handle)
        if self._handle is not None:
            self.files.close(self._handle)
        self._handle = handle
        header = sound_header(self.files, handle, path)
        self.segment, self.offset, self._segment_id = first_zxid, HEADER.size, header.segment_id
        return header

    def _gap(self, problem: str) -> LogGapError:
        return LogGapError(directory=self.directory, after=self._after, problem=problem)

    def _corrupt(self, offset: int) -> CorruptionError:
        path = segment_path(self.directory, self.segment)
        return CorruptionError("a damaged record", file=path, offset=offset, zxid=self._after)
