"""The log of one member: one writer, which appends records behind envelopes of its own and makes them durable.

Rules (design, section 3): a failed append or sync ends the process (3); every envelope says what was committed (2) and
what was durable (7) when it was written; a cut is made of zeros, synced (7).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.storage.errors import LogGapError, StorageError
from node.storage.files import Files, Handle
from node.storage.layout import (
    END_MARKER_BYTES,
    ENVELOPE,
    HEADER,
    SegmentHeader,
    pack_end_marker,
    pack_envelope,
)
from node.storage.place import end_of_record, log_start, sound_header
from node.storage.reader import LogReader
from node.storage.segments import (
    YOUNG_SEGMENT_BYTES,
    begin_truncation,
    create_segment,
    cut,
    end_truncation,
    segment_path,
    storage_errors,
)
from transport.entry import RECORD, follows
from transport.zxid import ZERO, Zxid, show

POSITIONS_KEPT: Final = 8192
STREAM_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """Where appending goes on.  offset: of the next envelope; bytes: what the segment may hold."""

    handle: Handle
    header: SegmentHeader
    offset: int
    bytes: int


class Sync:
    """One fdatasync, begun and ended by the log's thread, run() by any. Covers what was appended when it began."""

    __slots__ = ("_files", "_handle", "_path", "is_over", "zxid")

    def __init__(self, files: Files, handle: Handle | None, path: Path, zxid: Zxid) -> None:
        self._files = files
        self._handle = handle
        self._path = path
        self.zxid = zxid
        self.is_over = False

    def run(self) -> None:
        """Raises StorageError; never to be tried again."""
        try:
            if self._handle is not None:
                self._files.fdatasync(self._handle)
        except OSError as error:
            raise StorageError(file=self._path, action="syncing", error=error) from error
        finally:
            self.is_over = True


class Log:
    """Append, sync, truncate; made by node/storage/recovery.py.

    after: the zxid that an empty log follows (0, or a snapshot's). Everything raises StorageError where the disk fails.
    """

    def __init__(
        self, files: Files, directory: Path, *, new_id: Callable[[], int], after: Zxid,
        tail: OpenSegment | None = None, committed: Zxid = ZERO,
        young_bytes: int = YOUNG_SEGMENT_BYTES,
    ) -> None:
        self.files = files
        self.directory = directory
        self.last_zxid = self.durable = after
        self.committed = committed
        self._new_id = new_id
        self._young_bytes = young_bytes
        self._handle: Handle | None = None
        self._segment = self._segment_id = self._offset = self._limit = 0
        self._segment_file = directory
        self._written_offset = 0
        self._pending: list[bytes] = []
        self._ends_zxid: list[int] = []
        self._ends: list[tuple[int, int]] = []
        self._outstanding: Sync | None = None
        self._retired: list[Handle] = []
        if tail is not None:
            self._take(tail)
            self._ends_zxid.append(after)
            self._ends.append((self._segment, self._offset))

    # Appending ---------------------------------------------------------------------------------

    def append(self, record: bytes, *, committed: int, durable_upto: int) -> None:
        """Behind the last record; written by write_out, sync or begin_sync. The caller keeps *record* unchanged."""
        first_zxid, count, *_ = RECORD.unpack_from(record)
        if not follows(first_zxid, self.last_zxid):
            raise LogGapError(
                directory=self.directory, after=self.last_zxid,
                problem=f"a record that begins at {show(first_zxid)} does not follow")
        size = ENVELOPE.size + len(record)
        if self._offset + size > self._limit:
            self._rotate(first_zxid, size)
        self.committed = Zxid(max(self.committed, committed))
        # A rotation has synced more than the caller can know of.
        durable_upto = max(durable_upto, self.durable)
        envelope = pack_envelope(
            record, segment_id=self._segment_id, committed=committed, durable_upto=durable_upto)
        self._pending.append(envelope)
        self._pending.append(record)
        self._offset += size
        self.last_zxid = Zxid(first_zxid + count - 1)
        self._ends_zxid.append(self.last_zxid)
        self._ends.append((self._segment, self._offset))
        if len(self._ends) >= 2 * POSITIONS_KEPT:
            del self._ends_zxid[:POSITIONS_KEPT], self._ends[:POSITIONS_KEPT]

    def write_out(self) -> None:
        """All that was appended is in the file (not yet durable), where readers find it."""
        if not self._pending:
            return
        assert self._handle is not None
        try:
            self.files.pwrite(self._handle, self._pending, self._written_offset)
        except OSError as error:
            raise StorageError(file=self._path(), action="appending to", error=error) from error
        self._pending = []
        self._written_offset = self._offset

    def sync(self) -> Zxid:
        """Make durable, in line, all that was appended."""
        sync = self.begin_sync()
        sync.run()
        self.end_sync(sync)
        return self.durable

    def begin_sync(self) -> Sync:
        """At most one at a time; appending may go on meanwhile."""
        assert self._outstanding is None
        self.write_out()
        self._outstanding = Sync(self.files, self._handle, self._path(), self.last_zxid)
        return self._outstanding

    def end_sync(self, sync: Sync) -> None:
        assert self._outstanding is sync
        self._outstanding = None
        self.durable = max(self.durable, sync.zxid)
        for handle in self._retired:
            self.files.close(handle)
        self._retired = []

    def close(self) -> None:
        """What was appended and not written is gone. No sync may be under way; one may have failed."""
        assert self._outstanding is None or self._outstanding.is_over
        self._outstanding = None
        self._pending = []
        self._retire()

    # Cutting -----------------------------------------------------------------------------------

    def truncate(self, zxid: int) -> None:
        """Cut everything after *zxid*, a record's end.  Durable on return.

        Raises LogGapError: it is no record's end here, or below what this log knows to be committed.
        """
        self.sync()
        if zxid == self.last_zxid:
            return
        if zxid < self.committed:
            raise LogGapError(
                directory=self.directory, after=zxid,
                problem=f"{show(self.committed)} is committed and must not be cut off")
        segment, offset = self.position(zxid)
        with storage_errors("truncating the log in", self.directory):
            begin_truncation(self.files, self.directory, zxid)
            self._retire()
            cut(self.files, self.directory, segment=segment, offset=offset)
            end_truncation(self.files, self.directory)
            if segment:
                self._reopen(segment, offset)
        self.last_zxid = self.durable = Zxid(zxid)
        self._ends_zxid, self._ends = ([zxid], [(segment, offset)]) if segment else ([], [])

    def restart_after(self, zxid: int) -> None:
        """The log is empty and follows a snapshot at *zxid* that has been installed (node/storage/received.py)."""
        assert self._outstanding is None
        self._pending = []
        self._retire()
        self.last_zxid = self.durable = self.committed = Zxid(zxid)
        self._ends_zxid, self._ends = [], []

    # Positions and reading ---------------------------------------------------------------------

    def position(self, zxid: int) -> tuple[int, int]:
        """(segment, offset) where the record that ends with *zxid* ends; (0, 0): before the log's first record.

        Raises LogGapError: no record here ends with it.
        """
        at = bisect_left(self._ends_zxid, zxid)
        if at < len(self._ends) and self._ends_zxid[at] == zxid:
            return self._ends[at]
        if zxid == self.last_zxid and self._handle is None:
            return 0, 0
        self.write_out()
        with storage_errors("reading the log in", self.directory):
            return end_of_record(self.files, self.directory, zxid)

    def start(self) -> Zxid:
        """The log holds every record after this zxid; changes as others purge it."""
        with storage_errors("reading the log in", self.directory):
            start = log_start(self.files, self.directory)
        return self.last_zxid if start is None else start

    def read_records(self, after: int, upto: int) -> Iterator[bytes]:
        """Whole records after *after* up to *upto* (both ends of records), joined into pieces of about STREAM_BYTES."""
        self.write_out()
        reader = LogReader(self.files, self.directory, after)
        piece: list[bytes] = []
        size = 0
        try:
            for buffer, offset, length in reader.read(upto, *self.position(upto)):
                piece.append(buffer[offset:offset + length])
                size += length
                if size >= STREAM_BYTES:
                    yield b"".join(piece)
                    piece, size = [], 0
        finally:
            reader.close()
        if piece:
            yield b"".join(piece)

    # Segments ----------------------------------------------------------------------------------

    def _rotate(self, first_zxid: int, size: int) -> None:
        header = SegmentHeader(self._new_id(), first_zxid, self.last_zxid)
        with storage_errors("starting a log segment in", self.directory):
            handle, limit = create_segment(
                self.files, self.directory, header,
                least_bytes=HEADER.size + size + END_MARKER_BYTES, young_bytes=self._young_bytes)
            if self._handle is not None:
                self._finish_segment(first_zxid)
        self._retire()
        self._take(OpenSegment(handle, header, HEADER.size, limit))

    def _finish_segment(self, next_first: int) -> None:
        assert self._handle is not None
        self._pending.append(pack_end_marker(
            next_first, segment_id=self._segment_id, committed=self.committed,
            durable_upto=self.durable))
        self.write_out()
        self.files.fdatasync(self._handle)
        self.durable = self.last_zxid

    def _take(self, tail: OpenSegment) -> None:
        self._handle = tail.handle
        self._segment = tail.header.first_zxid
        self._segment_file = segment_path(self.directory, self._segment)
        self._segment_id = tail.header.segment_id
        self._offset = self._written_offset = tail.offset
        self._limit = tail.bytes - END_MARKER_BYTES

    def _reopen(self, segment: int, offset: int) -> None:
        path = segment_path(self.directory, segment)
        handle = self.files.open(path, write=True)
        header = sound_header(self.files, handle, path)
        self._take(OpenSegment(handle, header, offset, self.files.size(handle)))

    def _retire(self) -> None:
        """Close the segment, but not under a sync that runs in another thread."""
        if self._handle is None:
            return
        if self._outstanding is None:
            self.files.close(self._handle)
        else:
            self._retired.append(self._handle)
        self._handle = None
        self._segment = self._offset = self._limit = self._written_offset = 0

    def _path(self) -> Path:
        """Of the open segment, or of the last one that was."""
        return self._segment_file
