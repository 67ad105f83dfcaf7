"""What may be deleted: old snapshots, and the log before the oldest snapshot that is kept.

A segment that a reader holds (node/storage/reader.py) stays, and all after it: a learner in the middle of a DIFF and a
slow processor keep their way. But not for ever: a stopped process must not fill the disk.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from node.storage.files import Files
from node.storage.place import log_start
from node.storage.segments import list_segments, segment_bytes, segment_path, storage_errors
from node.storage.snapshots import list_snapshots, snapshot_path
from transport.zxid import Zxid

PINNED_BYTES_MAX: Final = 2 << 30


@dataclass(frozen=True, slots=True)
class Purged:
    """oldest_needed: the log from this zxid on is kept. log_after: what it now begins after."""

    snapshots: int
    segments: int
    oldest_needed: Zxid
    log_after: Zxid


def purge(
    files: Files, *, data_dir: Path, log_dir: Path, keep: int, pinned_bytes_max: int = PINNED_BYTES_MAX
) -> Purged:
    """Keep the *keep* newest snapshots and the log from the oldest of them on; all of the log while they are fewer.

    So a snapshot that turns out to be damaged can be made again. Only to be called when the newest snapshot has been
    verified. Raises StorageError.
    """
    with storage_errors("purging", data_dir):
        zxids = list_snapshots(files, data_dir)
        gone = zxids[:-keep]
        for zxid in gone:
            files.unlink(snapshot_path(data_dir, zxid))
        if gone:
            files.fsync_dir(data_dir)
        oldest = Zxid(zxids[-keep]) if len(zxids) >= keep else Zxid(0)
        segments = _purge_log(files, log_dir, oldest, pinned_bytes_max)
        start = log_start(files, log_dir)
        return Purged(len(gone), segments, oldest, oldest if start is None else start)


def _purge_log(files: Files, log_dir: Path, oldest: Zxid, pinned_bytes_max: int) -> int:
    """Remove the segments that end at or before *oldest*, the first ones first: the log never has a hole."""
    firsts = list_segments(files, log_dir)
    # A segment ends before the next one begins; the last one is being written.
    purgeable = [first for first, after_it in pairwise(firsts) if after_it <= oldest]
    removed = 0
    for first in purgeable:
        path = segment_path(log_dir, first)
        held_bytes = sum(segment_bytes(files, log_dir, each) for each in purgeable[removed:])
        if held_bytes <= pinned_bytes_max and not _is_free(files, path):
            break
        files.unlink(path)
        # Each before the next, or the power could take a later one and leave this.
        files.fsync_dir(log_dir)
        removed += 1
    return removed


def _is_free(files: Files, path: Path) -> bool:
    handle = files.open(path, write=True)
    try:
        return files.lock_exclusive(handle)
    finally:
        files.close(handle)
