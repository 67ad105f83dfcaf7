"""Snapshot n + log -> snapshot n+1, at the exact zxid of a watermark, from files alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from node.storage.errors import LogGapError
from node.storage.files import Files
from node.storage.place import end_of_record
from node.storage.reader import LogReader
from node.storage.segments import storage_errors
from node.storage.snapshots import (
    Snapshot,
    SnapshotHeader,
    SnapshotWriter,
    discard_unfinished,
    load_newest_with_header,
)
from node.tree.execute import Hook, Replica
from node.tree.sink import LastDigest
from node.tree.snapshot import decode_state, encode_state
from node.tree.state import State
from node.tree.watches import Watches
from transport.entry import RECORD, read_control
from transport.messages import Watermark
from transport.zxid import Zxid, epoch_of


@dataclass(frozen=True, slots=True)
class Replayed:
    """epochs: up to the state's zxid.  digest_point: as in Built."""

    state: State
    epochs: dict[int, int]
    digest_point: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Built:
    """digest_point: the last (zxid, digest) that other replicas report too; None: none was executed."""

    snapshot: Snapshot
    digest_point: tuple[int, int] | None


def build_snapshot(
    files: Files, *, data_dir: Path, log_dir: Path, mark: Watermark, hook: Hook | None = None
) -> Built | None:
    """In place, verified and durable on return; None: there is one at the watermark already.

    Raises LogGapError: snapshot and log do not join any more (the leader's snapshot was just installed: try again);
    DamagedSnapshotError: it did not verify and was not put in place; CorruptionError: a damaged record; StorageError.
    """
    with storage_errors("building a snapshot in", data_dir):
        discard_unfinished(files, data_dir, received=False)
        loaded = load_newest_with_header(files, data_dir)
        if loaded is not None and loaded[0].zxid >= mark.zxid:
            return None
        replayed = replay(files, loaded, log_dir=log_dir, mark=mark, hook=hook)
        snapshot = _write(files, data_dir, log_dir, replayed)
        return Built(snapshot, replayed.digest_point)


def replay(
    files: Files, loaded: tuple[SnapshotHeader, Iterable[bytes]] | None, *, log_dir: Path, mark: Watermark,
    hook: Hook | None = None, on_record: Callable[[int], None] | None = None,
) -> Replayed:
    """A snapshot, or nothing, brought forward to *mark* by the log.  on_record: told each record's size.

    Raises LogGapError, CorruptSnapshotError, CorruptRecordError, CorruptionError.
    """
    state = State() if loaded is None else decode_state(loaded[1])
    epochs = {} if loaded is None else dict(loaded[0].epochs)
    sink = LastDigest()
    replica = Replica(state, Watches(), sink, hook)
    reader = LogReader(files, log_dir, state.zxid, verify=True)
    try:
        for buffer, offset, size in reader.read(mark.zxid, mark.segment, mark.offset):
            replica.apply_record(buffer, offset)
            first_zxid, count, *_ = RECORD.unpack_from(buffer, offset)
            epochs[epoch_of(first_zxid)] = first_zxid + count - 1
            if on_record is not None:
                on_record(size)
    finally:
        reader.close()
    if state.zxid != mark.zxid:
        raise LogGapError(directory=log_dir, after=state.zxid, problem="it ends before the watermark")
    return Replayed(state, epochs, sink.digest_point)


def header_of(state: State, epochs: Mapping[int, int]) -> SnapshotHeader:
    return SnapshotHeader(
        zxid=Zxid(state.zxid), epochs=sorted(epochs.items()), control=state.control,
        feature_level=read_control(state.control).feature_level if state.control else 0,
        count=len(state.tree.nodes))


def _write(files: Files, data_dir: Path, log_dir: Path, replayed: Replayed) -> Snapshot:
    state = replayed.state
    digest = state.digest()
    writer = SnapshotWriter(files, data_dir, header_of(state, replayed.epochs))
    for section in encode_state(state):
        writer.write(section)
    writer.complete(digest=digest)
    # While this was built the leader's snapshot may have taken the place of everything here (node/storage/received.py).
    # Then the log does not hold this zxid, and a snapshot beyond the log's end would be refused at the next start.
    _check_log_holds(files, log_dir, state.zxid)
    snapshot = writer.put_in_place()
    try:
        _check_log_holds(files, log_dir, state.zxid)
    except LogGapError:
        files.unlink(snapshot.path)
        files.fsync_dir(data_dir)
        raise
    return snapshot


def _check_log_holds(files: Files, log_dir: Path, zxid: int) -> None:
    end_of_record(files, log_dir, zxid)
