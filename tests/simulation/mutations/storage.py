"""How rules of storage are broken."""

from typing import Any

from node.storage import snapshot_builder
from node.storage.errors import StorageError
from node.storage.identity import DataLock
from node.storage.layout import ENVELOPE
from node.storage.log import Sync
from node.storage.reader import LogReader
from node.storage.segments import list_segments, remove_segments, segment_path
from node.storage.snapshot_builder import Replayed, replay
from node.storage.snapshots import list_snapshots, snapshot_path
from tests.simulation.host import LOG_DIR
from tests.simulation.mutations.mutation import Method, Patch, around, everywhere
from transport.entry import read_record_header
from transport.zxid import epoch_of


def twice(original: Method, sync: Sync) -> None:
    try:
        original(sync)
    except StorageError:
        original(sync)


class Unsynced:
    """Files whose fdatasync does nothing."""

    def __init__(self, files: Any) -> None:
        self.files = files

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)

    def fdatasync(self, handle: int) -> None: ...


def without_sync(original: Method, received: Any, **places: Any) -> Any:
    received._files = Unsynced(received._files)
    return original(received, **places)


def clearing_first(original: Method, received: Any, files: Any, data_dir: Any, **its: Any) -> None:
    """What there was goes as soon as a snapshot begins to come."""
    original(received, files, data_dir, **its)
    remove_segments(files, LOG_DIR, list_segments(files, LOG_DIR))
    for zxid in list_snapshots(files, data_dir):
        files.unlink(snapshot_path(data_dir, zxid))
    files.fsync_dir(data_dir)


def leaving_no_note(*_its: Any) -> None:
    pass


def going_on() -> list[Patch]:
    """A reader does not look whether its segment is still there, and segments are not emptied before they are removed.

    Either alone keeps it from reading on, so that breaking one of them changes nothing. What remains to stop it is that
    the first watermark after a SNAP has no place in the log, unless that one is conflated and newer records have come.
    What it then reads is what its member wrote as an isolated leader.
    """
    def unlink_alone(files: Any, directory: Any, firsts: list[int]) -> None:
        for first_zxid in sorted(firsts, reverse=True):
            files.unlink(segment_path(directory, first_zxid))
            files.fsync_dir(directory)

    return [*around(LogReader, "_is_there", lambda *_its: True), *everywhere(remove_segments, unlink_alone)]


def sound_by_id_alone(view: memoryview, at: int, end: int, *, segment_id: int) -> bool:
    found: int = ENVELOPE.unpack_from(view, at)[2]
    return found == segment_id


def nothing_behind(*_its: Any, **_named: Any) -> None:
    """A bad record is always the torn tail."""


def without_looking(_original: Method, lock: DataLock, directory: Any, pid: int) -> None:
    """No lock at all."""


def one_record_too_far() -> list[Patch]:
    """A snapshot is given the zxid of the record before its last one."""
    ends = [0, 0]

    class Remembering(LogReader):
        def read(self, zxid: int, segment: int, offset: int) -> Any:
            ends[:] = [0, 0]
            for buffer, at, size in super().read(zxid, segment, offset):
                ends[:] = [ends[1], read_record_header(buffer, at).last_zxid]
                yield buffer, at, size

    def replayed(*its: Any, **named: Any) -> Replayed:
        found = replay(*its, **named)
        before, last = ends
        if before and epoch_of(before) == epoch_of(last):
            found.state.zxid = found.epochs[epoch_of(last)] = before
        return found

    return [(snapshot_builder, "LogReader", Remembering), *everywhere(replay, replayed)]
