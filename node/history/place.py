"""Where in a member's files a point in time is. The member may run: everything is only read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node.backup.watermark import known_mark
from node.config.member import MemberConfig
from node.history.points import Point, when
from node.history.travel import Traveller
from node.storage.errors import RefusedError
from node.storage.files import Files
from node.storage.layout import data_directory, log_directory
from node.storage.place import header_of, log_start, record_that_holds
from node.storage.reader import LogReader
from node.storage.segments import list_segments
from node.storage.snapshots import DamagedSnapshotError, SnapshotReader, list_snapshots, snapshot_path
from node.tree.execute import poison_hook
from node.tree.snapshot import decode_state
from node.tree.state import State
from transport.entry import read_record_header
from transport.messages import Watermark
from transport.zxid import ZERO, Zxid, show


@dataclass(frozen=True, slots=True)
class History:
    """One member's files.  *begins*: states and changes after this zxid can be shown.  *end*: of what is committed."""

    files: Files
    config: MemberConfig
    data_dir: Path
    log_dir: Path
    begins: Zxid
    end: Watermark


class BeforeHistoryError(RefusedError):
    """A point before what there is."""


class AfterHistoryError(RefusedError):
    """A point that is still to come."""


def open_history(files: Files, config: MemberConfig, executed: Zxid | None) -> History:
    """*executed*: up to where the running member says that it is; None: what its files prove committed, which may lack
    the last writes.  Raises RefusedError: there is none; LogGapError, CorruptionError."""
    data_dir, log_dir = data_directory(config.data_dir), log_directory(config.log_dir)
    start = log_start(files, log_dir)
    begins = None if start is None else _first_state(files, data_dir, start)
    end = None if begins is None else _end(files, log_dir, executed)
    if begins is None or end is None:
        raise RefusedError(
            "no snapshot and log that fit together: there is no history", file=data_dir,
            cure="give the zoo.cfg of a member that has served")
    return History(files, config, data_dir, log_dir, begins, end)


def end_now(history: History, executed: Zxid | None) -> Watermark | None:
    """Where the history ends by now."""
    return _end(history.files, history.log_dir, executed)


def zxid_of(history: History, point: Point) -> Zxid:
    """The last zxid at that point, within what there is.  Raises BeforeHistoryError, AfterHistoryError."""
    zxid = point.zxid if point.zxid is not None else _zxid_at(history, point.time_ms or 0)
    if zxid < history.begins:
        raise BeforeHistoryError(
            f"{point} was before this member's files begin, after zxid {show(history.begins)}", file=history.log_dir,
            cure="look into a backup of that time (`corral backup list`)")
    if zxid > history.end.zxid:
        raise AfterHistoryError(
            f"{point} is still to come: the last zxid is {show(history.end.zxid)}", file=history.log_dir,
            cure="give an earlier one")
    return zxid


def state_before(history: History, zxid: int) -> State:
    """Of the newest snapshot that is not beyond *zxid*; an empty one where the log begins at the beginning."""
    for found in reversed(list_snapshots(history.files, history.data_dir)):
        if found > zxid or found < history.begins:
            continue
        try:
            reader = SnapshotReader(history.files, snapshot_path(history.data_dir, found))
            try:
                reader.verify(zxid=found)
                return decode_state(reader.sections())
            finally:
                reader.close()
        except (DamagedSnapshotError, FileNotFoundError):
            continue
    if history.begins != ZERO:
        raise RefusedError(
            f"no readable snapshot from which zxid {show(zxid)} could be reached", file=history.data_dir,
            cure="try another member")
    return State()


def state_at(history: History, zxid: int) -> State:
    """Exactly, also in the middle of a record.  Raises RefusedError, LogGapError, CorruptionError."""
    state = state_before(history, zxid)
    traveller = Traveller(state, hook=poison_hook if history.config.test_hooks else None)
    for record in records(history, state.zxid):
        if state.zxid >= zxid:
            break
        traveller.go_to(record, zxid)
    return state


def records(history: History, after: int, end: Watermark | None = None) -> Iterator[bytes]:
    """Those after the record that ends with *after*, up to the end.  Raises LogGapError, CorruptionError."""
    mark = end or history.end
    reader = LogReader(history.files, history.log_dir, after, verify=True)
    try:
        for buffer, offset, size in reader.read(mark.zxid, mark.segment, mark.offset):
            yield buffer[offset:offset + size]
    finally:
        reader.close()


def _first_state(files: Files, data_dir: Path, start: Zxid) -> Zxid | None:
    """The oldest from which the log goes on."""
    if start == ZERO:
        return ZERO
    return next((Zxid(zxid) for zxid in list_snapshots(files, data_dir) if zxid >= start), None)


def _zxid_at(history: History, time_ms: int) -> Zxid:
    """Of the last record that was written at *time_ms* or before; the beginning, if all is there from the beginning."""
    last: Zxid | None = None
    after = max((first for first in _segments_begun(history, time_ms)), default=history.begins)
    for record in records(history, max(after, history.begins)):
        header = read_record_header(record)
        if header.time_ms > time_ms:
            break
        last = header.last_zxid
    if last is None and history.begins == ZERO:
        return ZERO
    if last is None:
        raise BeforeHistoryError(
            f"{when(time_ms)} was before this member's files begin, after zxid {show(history.begins)}",
            file=history.log_dir, cure="look into a backup of that time (`corral backup list`)")
    return last


def _segments_begun(history: History, time_ms: int) -> Iterator[int]:
    """Ends of the segments before those whose first record was written at *time_ms* or before."""
    for first in list_segments(history.files, history.log_dir):
        if first > history.end.zxid:
            return
        after = header_of(history.files, history.log_dir, first).after
        if after < history.begins:
            continue
        record = next(records(history, after), None)
        if record is None or read_record_header(record).time_ms > time_ms:
            return
        yield after


def _end(files: Files, log_dir: Path, executed: Zxid | None) -> Watermark | None:
    return known_mark(files, log_dir, 0) if executed is None else record_that_holds(files, log_dir, executed)
