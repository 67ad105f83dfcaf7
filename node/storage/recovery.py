"""What the files say after any end: the state to go on from, a torn tail cut off, corruption refused.

Torn or corrupt (design, section 3, rule 7)? Pages reach the disk in any order, so a bad record with good ones behind
it is normal after a power cut, as long as nothing says that it had been durable. Every record carries how far the log
was durable when it was written: a bad record at or below the largest such number behind it is corruption.

What was read need not be on the disk: the page cache outlives the process, and after a failed sync it shows what was
never written. So all that no record proves durable is written again, and synced, before this member builds on it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.storage.epochs import Epochs
from node.storage.errors import CorruptionError
from node.storage.files import Files, Handle
from node.storage.identity import Identity
from node.storage.layout import HEADER, SegmentHeader
from node.storage.log import Log, OpenSegment
from node.storage.place import end_of_record
from node.storage.received import finish_installation
from node.storage.scan import Scanned, SegmentScan, durable_behind
from node.storage.segments import (
    YOUNG_SEGMENT_BYTES,
    cut,
    end_truncation,
    first_nonzero,
    list_segments,
    load_header,
    remove_segments,
    segment_bytes,
    segment_path,
    storage_errors,
    unfinished_truncation,
    zero_from,
)
from node.storage.snapshots import Snapshot, discard_unfinished, newest_valid
from node.zab.events import Recovered
from transport.entry import RECORD, Kind, follows
from transport.messages import EpochTable
from transport.zxid import Zxid, epoch_of, show


@dataclass(frozen=True, slots=True)
class Recovery:
    """torn_bytes: of a tail that was cut off. damaged: snapshots that were passed over. Both are worth a log line."""

    recovered: Recovered
    log: Log
    torn_bytes: int
    damaged: tuple[Path, ...]


def recover(
    files: Files, *, data_dir: Path, log_dir: Path, identity: Identity, epochs: Epochs,
    new_id: Callable[[], int], young_bytes: int = YOUNG_SEGMENT_BYTES,
) -> Recovery:
    """data_dir, log_dir: the `corral` directories, locked.  Afterwards the log may be appended to.

    Raises CorruptionError, RefusedError; StorageError where the disk fails.
    """
    with storage_errors("recovering", log_dir):
        finish_installation(files, data_dir=data_dir, log_dir=log_dir)
        _finish_truncation(files, log_dir)
        discard_unfinished(files, data_dir, received=True)
        snapshot, damaged = newest_valid(files, data_dir)
        history = _History(files, log_dir, snapshot)
        history.read()
        tail, torn_bytes = history.repair()
    log = Log(
        files, log_dir, new_id=new_id, after=history.last_zxid, tail=tail,
        committed=history.committed, young_bytes=young_bytes)
    recovered = Recovered(
        accepted_epoch=epochs.accepted,
        current_epoch=epochs.current,
        last_zxid=history.last_zxid,
        committed=history.committed,
        epochs=history.epochs,
        snapshot_zxid=snapshot.header.zxid if snapshot else Zxid(0),
        log_after=history.log_after,
        controls=history.controls(),
        ensemble=identity.ensemble,
        incarnation=identity.incarnation,
        initial=identity.initial,
    )
    return Recovery(recovered, log, torn_bytes, damaged)


def _finish_truncation(files: Files, log_dir: Path) -> None:
    zxid = unfinished_truncation(files, log_dir)
    if zxid is None:
        return
    firsts = list_segments(files, log_dir)
    emptied = [first for first in firsts if not segment_bytes(files, log_dir, first)]
    remove_segments(files, log_dir, emptied)
    segment, offset = end_of_record(files, log_dir, zxid) if len(emptied) < len(firsts) else (0, 0)
    cut(files, log_dir, segment=segment, offset=offset)
    end_truncation(files, log_dir)


class _History:
    """Reads the log from the newest snapshot on: what is before it need not be read to go on."""

    def __init__(self, files: Files, directory: Path, snapshot: Snapshot | None) -> None:
        self.files = files
        self.directory = directory
        self.snapshot_zxid = snapshot.header.zxid if snapshot else Zxid(0)
        self.last_zxid = self.log_after = self.committed = self.snapshot_zxid
        self._controls = (
            [(self.snapshot_zxid, snapshot.header.control)] if snapshot and snapshot.header.control else [])
        self._epochs: dict[int, int] = dict(snapshot.header.epochs) if snapshot else {}
        self._firsts = list_segments(files, directory)
        self._tail: OpenSegment | None = None  # the segment where the sound records end, and where they do
        self._proven = 0  # the largest durable_upto read
        self._unproven: deque[tuple[int, int]] = deque()  # (last zxid, end) in the tail, of records after _proven
        self._rewrite_from = 0

    @property
    def epochs(self) -> EpochTable:
        return sorted(self._epochs.items())

    def controls(self) -> tuple[tuple[Zxid, bytes], ...]:
        """As Recovered wants them: the last one known to be committed, and every later one."""
        known = [each for each in self._controls if each[0] <= self.committed]
        return tuple(known[-1:] + self._controls[len(known):])

    def read(self) -> None:
        """Raises CorruptionError: a segment is missing, or the log does not reach the snapshot."""
        if not self._firsts:
            return
        start = self._load(self._firsts[0])
        if start is None:
            return
        self.files.close(start[0])
        self.log_after = Zxid(start[1].after)
        if self.log_after > self.snapshot_zxid:
            raise self._corrupt(
                f"the log begins after {show(self.log_after)}, and no valid snapshot reaches that far",
                self._firsts[0], 0)
        self._read_from(max((f for f in self._firsts if f <= self.snapshot_zxid), default=self._firsts[0]))
        if self.last_zxid < self.snapshot_zxid:
            raise self._corrupt(
                f"the log ends before the snapshot at {show(self.snapshot_zxid)}",
                *self._end())

    def repair(self) -> tuple[OpenSegment | None, int]:
        """Cut off what is torn behind the last sound record: (where to go on, bytes that were cut).

        Raises CorruptionError: it had been durable.
        """
        tail = self._tail
        segment, offset = self._end()
        for later in [first for first in self._firsts if first > segment]:
            self._refuse_used(later)
        if tail is not None:
            durable = durable_behind(
                self.files, tail.handle, segment_id=tail.header.segment_id, offset=offset)
            if durable is not None and durable > self.last_zxid:
                raise self._corrupt(
                    f"an unreadable record (records behind it say that all up to {show(durable)} was durable)",
                    segment, offset)
        # In this order: an end marker must not outlive the segment that it names.
        torn_bytes = self._make_durable(tail) if tail is not None else 0
        remove_segments(self.files, self.directory, [f for f in self._firsts if f > segment])
        return tail, torn_bytes

    def _make_durable(self, tail: OpenSegment) -> int:
        torn_bytes = zero_from(self.files, tail.handle, tail.offset)
        unproven = self.files.pread(tail.handle, tail.offset - self._rewrite_from, self._rewrite_from)
        self.files.pwrite(tail.handle, [unproven], self._rewrite_from)
        self.files.fdatasync(tail.handle)
        self.files.fsync_dir(self.directory)
        return torn_bytes

    # Reading -----------------------------------------------------------------------------------

    def _read_from(self, first_zxid: int) -> None:
        next_first: int | None = first_zxid
        while next_first is not None:
            loaded = self._load(next_first)
            if loaded is None:
                raise self._missing(next_first)
            handle, header = loaded
            before = self._tail
            if before is None:
                self.last_zxid = Zxid(header.after)
            elif header.after != self.last_zxid:
                raise self._corrupt("the segment does not follow the one before it", next_first, 0)
            scan = SegmentScan(self.files, handle, segment_id=header.segment_id)
            if before is not None and not self._is_used(handle, header):
                # Perhaps the end of the one before it is not durable yet: go on there.
                self.files.close(handle)
                return
            if before is not None:
                self.files.close(before.handle)
            self._read_segment(scan, header)
            next_first = scan.next_first

    def _read_segment(self, scan: SegmentScan, header: SegmentHeader) -> None:
        self._unproven.clear()
        self._rewrite_from = 0
        for record in scan:
            self._take(record, header)
        self._tail = OpenSegment(scan.handle, header, scan.end, self.files.size(scan.handle))

    def _is_used(self, handle: Handle, header: SegmentHeader) -> bool:
        if any(True for _ in SegmentScan(self.files, handle, segment_id=header.segment_id)):
            return True
        return durable_behind(
            self.files, handle, segment_id=header.segment_id, offset=HEADER.size) is not None

    def _take(self, scanned: Scanned, header: SegmentHeader) -> None:
        first_zxid, count, kind, _, _, _, length = RECORD.unpack_from(scanned.buffer, scanned.offset)
        if not follows(first_zxid, self.last_zxid) or RECORD.size + length != scanned.size:
            raise self._corrupt("a record that does not follow", header.first_zxid, scanned.end)
        self.last_zxid = Zxid(first_zxid + count - 1)
        self._proven = max(self._proven, scanned.durable_upto)
        self._unproven.append((self.last_zxid, scanned.end))
        while self._unproven and self._unproven[0][0] <= self._proven:
            self._rewrite_from = self._unproven.popleft()[1]
        self.committed = Zxid(max(self.committed, min(scanned.committed, self.last_zxid)))
        if self.last_zxid > self.snapshot_zxid:
            self._epochs[epoch_of(self.last_zxid)] = self.last_zxid
            if kind != Kind.BATCHES:
                body = scanned.offset + RECORD.size
                self._controls.append((Zxid(first_zxid), scanned.buffer[body:body + length]))

    def _load(self, first_zxid: int) -> tuple[Handle, SegmentHeader] | None:
        """None: the file is missing, or its header is not one."""
        path = segment_path(self.directory, first_zxid)
        if first_zxid not in self._firsts:
            return None
        handle = self.files.open(path, write=True)
        header = load_header(self.files, handle, path)
        if header is None or header.first_zxid != first_zxid:
            self.files.close(handle)
            return None
        return handle, header

    # Judging -----------------------------------------------------------------------------------

    def _refuse_used(self, first_zxid: int) -> None:
        """A segment comes into use only after the one before it has ended: see node/storage/segments.py."""
        path = segment_path(self.directory, first_zxid)
        handle = self.files.open(path)
        try:
            header = load_header(self.files, handle, path)
            if header is None:
                is_used = first_nonzero(self.files, handle, HEADER.size) is not None
            else:
                is_used = self._is_used(handle, header)
        finally:
            self.files.close(handle)
        if is_used:
            raise self._corrupt(f"{path.name} has records, but the log before it has no end", *self._end())

    def _end(self) -> tuple[int, int]:
        """(segment, offset) behind the last sound record; (0, 0) where there is none and never was a segment."""
        return (self._tail.header.first_zxid, self._tail.offset) if self._tail else (0, 0)

    def _missing(self, first_zxid: int) -> CorruptionError:
        if self._tail is None:
            return self._corrupt("the segment's header is damaged", first_zxid, 0)
        name = segment_path(self.directory, first_zxid).name
        return self._corrupt(f"the segment that follows, {name}, is missing or damaged", *self._end())

    def _corrupt(self, problem: str, segment: int, offset: int) -> CorruptionError:
        file = segment_path(self.directory, segment) if segment else self.directory
        return CorruptionError(problem, file=file, offset=offset, zxid=self.last_zxid)
