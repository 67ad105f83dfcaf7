"""Up to where a member's files are known to be committed, without asking anybody."""

from dataclasses import dataclass
from pathlib import Path

from node.storage.errors import CorruptionError
from node.storage.files import Files
from node.storage.place import record_that_holds, sound_header
from node.storage.scan import SegmentScan, durable_behind
from node.storage.segments import list_segments, segment_path
from transport.entry import read_record_header
from transport.messages import Watermark
from transport.zxid import ZERO, Zxid


@dataclass(slots=True)
class _Found:
    """last: zxid of the last sound record.  committed: the highest stamp."""

    last: Zxid = ZERO
    committed: Zxid = ZERO


def known_mark(files: Files, log_dir: Path, after: int) -> Watermark | None:
    """The last record that the log's own stamps prove committed (rule 2); None: not beyond *after*.

    A little behind what was acknowledged: a stamp is as old as the record that carries it. Every record from the
    segment of *after* on is checked, also while the member writes behind them. Raises LogGapError, CorruptionError: a
    record that had been durable is unreadable.
    """
    firsts = list_segments(files, log_dir)
    following = max((first for first in firsts if first <= after), default=min(firsts, default=None))
    found = _Found()
    while following is not None and files.exists(segment_path(log_dir, following)):
        following = _walk(files, segment_path(log_dir, following), found)
    committed = min(found.committed, found.last)
    return record_that_holds(files, log_dir, committed) if committed > after else None


def _walk(files: Files, path: Path, found: _Found) -> int | None:
    """The segment that follows."""
    handle = files.open(path)
    try:
        segment_id = sound_header(files, handle, path).segment_id
        scan = SegmentScan(files, handle, segment_id=segment_id)
        _take(scan, found)
        while scan.next_first is None:
            durable = durable_behind(files, handle, segment_id=segment_id, offset=scan.end)
            if durable is None or durable <= found.last:
                break
            # It may have been written since we came by: look again, once for each step forward.
            end = scan.end
            scan = SegmentScan(files, handle, segment_id=segment_id, offset=end)
            _take(scan, found)
            if scan.end == end and scan.next_first is None:
                raise CorruptionError(
                    "an unreadable record that had been durable", file=path, offset=end, zxid=found.last)
        return scan.next_first
    finally:
        files.close(handle)


def _take(scan: SegmentScan, found: _Found) -> None:
    for scanned in scan:
        found.last = read_record_header(scanned.buffer, scanned.offset).last_zxid
        found.committed = max(found.committed, Zxid(scanned.committed))
