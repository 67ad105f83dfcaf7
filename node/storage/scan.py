"""A verified walk over one segment, and the search for good records behind a bad one."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from node.storage.files import Files, Handle
from node.storage.layout import (
    END,
    END_MARKER_BYTES,
    ENVELOPE,
    HEADER,
    NEXT,
    SEGMENT_ID,
    SEGMENT_ID_AT,
    is_sound,
)

CHUNK_BYTES: Final = 1 << 20


class Scanned(NamedTuple):
    """RECORD is buffer[offset:offset + size]; *end*: offset in the file of what comes after it."""

    buffer: bytes
    offset: int
    size: int
    end: int
    committed: int
    durable_upto: int


class SegmentScan:
    """Iterate it once: the sound records from *offset* on. Then *end* is the offset of what stopped it.

    next_first: of the end marker there; None: the end of what was written, or something unreadable.
    """

    def __init__(
        self, files: Files, handle: Handle, *, segment_id: int, offset: int = HEADER.size
    ) -> None:
        self.files = files
        self.handle = handle
        self.segment_id = segment_id
        self.end = offset
        self.next_first: int | None = None
        self._chunk = b""
        self._base = offset

    def __iter__(self) -> Iterator[Scanned]:
        while self._reaches(ENVELOPE.size):
            length, _, found, committed, durable_upto = ENVELOPE.unpack_from(
                self._chunk, self.end - self._base)
            if found != self.segment_id:
                return
            size = END_MARKER_BYTES if length == END else ENVELOPE.size + length
            if not self._reaches(size):
                return
            at = self.end - self._base
            if not is_sound(memoryview(self._chunk), at, at + size, segment_id=self.segment_id):
                return
            if length == END:
                (self.next_first,) = NEXT.unpack_from(self._chunk, at + ENVELOPE.size)
                return
            self.end += size
            yield Scanned(
                self._chunk, at + ENVELOPE.size, length, self.end, committed, durable_upto)

    def _reaches(self, size: int) -> bool:
        """Whether the file has *size* bytes from *end* on; they are in the chunk then."""
        if self.end + size <= self._base + len(self._chunk):
            return True
        if size > CHUNK_BYTES and self.end + size > self.files.size(self.handle):
            return False  # a damaged length: don't ask for gigabytes
        self._base = self.end
        self._chunk = self.files.pread(self.handle, max(CHUNK_BYTES, size), self.end)
        return len(self._chunk) >= size


def durable_behind(files: Files, handle: Handle, *, segment_id: int, offset: int) -> int | None:
    """The largest durable_upto of any sound record or end marker from *offset* on, wherever they begin.

    None: there is none.
    """
    wanted = SEGMENT_ID.pack(segment_id)
    highest: int | None = None
    while chunk := files.pread(handle, CHUNK_BYTES, offset):
        at = chunk.find(wanted, SEGMENT_ID_AT)
        while at >= 0:
            durable_upto = _sound_at(files, handle, segment_id, offset + at - SEGMENT_ID_AT)
            if durable_upto is not None:
                highest = max(highest or 0, durable_upto)
            at = chunk.find(wanted, at + 1)
        if len(chunk) < CHUNK_BYTES:
            break
        offset += len(chunk) - SEGMENT_ID_AT - SEGMENT_ID.size + 1  # an id may lie across the chunks
    return highest


def _sound_at(files: Files, handle: Handle, segment_id: int, offset: int) -> int | None:
    head = files.pread(handle, ENVELOPE.size, offset)
    if len(head) < ENVELOPE.size:
        return None
    length, _, _, _, durable_upto = ENVELOPE.unpack(head)
    size = END_MARKER_BYTES if length == END else ENVELOPE.size + length
    if offset + size > files.size(handle):
        return None
    whole = memoryview(files.pread(handle, size, offset))
    return durable_upto if is_sound(whole, 0, size, segment_id=segment_id) else None
