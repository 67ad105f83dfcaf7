"""What the log says of a write: who wanted what; for telemetry, which has only its zxid.

Read backwards from a watermark, whose place in the log broadcast has noted: a look-up costs some records, no scan.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from node.storage.backwards import read_back
from node.storage.errors import CorruptionError, LogGapError, RefusedError
from node.storage.files import Files
from node.storage.segments import list_segments
from node.tree.session_ops import session_id_of
from observability.assembly import Entry
from observability.timeline import Write
from transport.batch import BATCH, REQUEST, TRACE_CONTEXT_BYTES, TRACED, BatchHeader, read_header
from transport.entry import RECORD, Kind, RecordHeader, read_control, read_record_header
from transport.opcodes import OpCode

KEPT_BYTES_MAX = 1 << 20  # of the last record that was looked for
SEARCHED_BYTES_MAX = 8 << 20  # from a watermark back to the record of a zxid that it is the first to cover
_INT = struct.Struct(">i")
_MULTI_HEADER_BYTES = 9  # type int, done bool, err int

OP_NAMES = {
    OpCode.CREATE: "create", OpCode.CREATE2: "create2", OpCode.CREATE_CONTAINER: "createContainer",
    OpCode.CREATE_TTL: "createTTL", OpCode.DELETE: "delete", OpCode.DELETE_CONTAINER: "deleteContainer",
    OpCode.SET_DATA: "setData", OpCode.SET_ACL: "setACL", OpCode.SYNC: "sync", OpCode.CHECK: "check",
    OpCode.MULTI: "multi", OpCode.RECONFIG: "reconfig", OpCode.PREPARE_RECONFIG: "reconfig",
    OpCode.CREATE_SESSION: "createSession",
    OpCode.CLOSE_SESSION: "closeSession", OpCode.REATTACH: "reattachSession", OpCode.EXPIRE: "expireSession",
}
_WITHOUT_PATH = frozenset((
    OpCode.CREATE_SESSION, OpCode.CLOSE_SESSION, OpCode.REATTACH, OpCode.EXPIRE, OpCode.RECONFIG,
    OpCode.PREPARE_RECONFIG))


class WriteLog:
    """*directory*: of the log's segments. Everything here raises OSError where the disk fails."""

    def __init__(self, files: Files, directory: Path) -> None:
        self._files = files
        self._directory = directory
        self._last: tuple[range, bytes] = (range(0), b"")  # (its zxids, the record)

    def find(self, zxid: int, *, watermark: int, offset: int) -> Entry | None:
        """*watermark*: at or after it; its record ends at *offset*. None: purged, or not readable."""
        record = self._record(zxid, watermark, offset)
        return None if record is None else _entry(record, read_record_header(record), zxid)

    def writes(self, zxids: range, *, watermark: int, offset: int) -> list[Write]:
        """Of one batch; none where it is purged, or not readable. *watermark*, *offset*: as in `find`."""
        record = self._record(zxids[0], watermark, offset)
        if record is None:
            return []
        header = read_record_header(record)
        if header.kind != Kind.BATCHES:
            return []
        return [each.write for each in _entries(record, header, zxids)]

    def _record(self, zxid: int, watermark: int, offset: int) -> bytes | None:
        """The one that it stands in. What is asked for together mostly stands in one."""
        if zxid in self._last[0]:
            return self._last[1]
        searched = 0
        for record in self._back(watermark, offset):
            header = read_record_header(record)
            if header.first_zxid <= zxid:
                if zxid > header.last_zxid:
                    return None
                if len(record) <= KEPT_BYTES_MAX:
                    self._last = range(header.first_zxid, header.last_zxid + 1), record
                return record
            searched += len(record)
            if searched > SEARCHED_BYTES_MAX:
                return None
        return None

    def newest(
        self, matches: Callable[[Write], bool], *, watermark: int, offset: int, count: int, bytes_max: int,
    ) -> list[Write]:
        """Up to *count* writes that match, the newest first, in the last *bytes_max* of the log."""
        found: list[Write] = []
        searched = 0
        for record in self._back(watermark, offset):
            header = read_record_header(record)
            if header.kind == Kind.BATCHES:
                found += [each.write for each in reversed(list(_entries(record, header))) if matches(each.write)]
            searched += len(record)
            if len(found) >= count or searched > bytes_max:
                break
        return found[:count]

    def _back(self, watermark: int, offset: int) -> Iterator[bytes]:
        try:
            segment = max(
                (each for each in list_segments(self._files, self._directory) if each <= watermark), default=0)
            yield from read_back(self._files, self._directory, segment=segment, offset=offset)
        except (LogGapError, CorruptionError, RefusedError):
            return  # broadcast and the snapshotter report what is wrong with the log


def _entry(record: bytes, header: RecordHeader, zxid: int) -> Entry | None:
    if header.kind != Kind.BATCHES:
        return _control(record, header)
    return next(_entries(record, header, range(zxid, zxid + 1)), None)


def _control(record: bytes, header: RecordHeader) -> Entry | None:
    try:
        leader = read_control(record[RECORD.size:]).leader
    except msgspec.MsgspecError:
        return None
    write = Write(
        zxid=header.first_zxid, session=0, xid=0, op=Kind(header.kind).name.lower(), path="", bytes=header.length,
        error=None, known=True)
    return Entry(write, leader, -1, header.first_zxid, 1, header.first_zxid, 1, len(record))


def _entries(record: bytes, header: RecordHeader, zxids: range | None = None) -> Iterator[Entry]:
    """The requests of a record of batches; *zxids*: only those, since a record may hold thousands."""
    first, at = int(header.first_zxid), RECORD.size
    wanted = range(first, first + header.count) if zxids is None else zxids
    while at + BATCH.size <= len(record):
        batch = read_header(record, at)
        with suppress(struct.error, IndexError):  # it does not add up: execution says so
            yield from _of_batch(record, header, at, batch, first, wanted)
        first += batch.count
        at += max(batch.length, BATCH.size)


def _of_batch(
    record: bytes, header: RecordHeader, at: int, batch: BatchHeader, first: int, wanted: range,
) -> Iterator[Entry]:
    """Those of the batch at *at*, whose first zxid is *first*.  Raises struct.error, IndexError: it does not add up."""
    of_batch = range(max(first, wanted.start), min(first + batch.count, wanted.stop))
    request_at = at + BATCH.size + batch.identities
    for _ in range(of_batch.start - first if of_batch else 0):
        request_at = _after(record, request_at)
    for zxid in of_batch:
        write, request_at = _write(record, request_at, zxid, batch.member)
        yield Entry(
            write, batch.member, batch.processor, first, batch.count, header.first_zxid, header.count, len(record))


def _after(record: bytes, at: int) -> int:
    """Where the request at *at* ends."""
    _, _, _, _, flags, _, _, length = REQUEST.unpack_from(record, at)
    return int(at + REQUEST.size + length + (TRACE_CONTEXT_BYTES if flags & TRACED else 0))


def _write(record: bytes, at: int, zxid: int, member: int) -> tuple[Write, int]:
    """The request at *at*, and the offset after it."""
    session, _, xid, op, flags, _, _, length = REQUEST.unpack_from(record, at)
    at += REQUEST.size
    context = b""
    if flags & TRACED:
        context = record[at:at + TRACE_CONTEXT_BYTES]
        at += TRACE_CONTEXT_BYTES
    if op == OpCode.CREATE_SESSION:
        session = session_id_of(member=member, zxid=zxid)
    write = Write(
        zxid=zxid, session=session, xid=xid, op=OP_NAMES.get(op, str(op)), path=_path(record, at, length, op),
        bytes=length, error=None, known=True, trace_id=context[:16].hex(), parent_id=context[16:24].hex(),
        client_sampled=bool(context and context[24] & 1))
    return write, at + length


def _path(record: bytes, at: int, length: int, op: int) -> str:
    """Of a multi, the first one's."""
    if op in _WITHOUT_PATH:
        return ""
    end = at + length
    at += _MULTI_HEADER_BYTES if op == OpCode.MULTI else 0
    if at + _INT.size > end:
        return ""
    (size,) = _INT.unpack_from(record, at)
    at += _INT.size
    return record[at:at + size].decode(errors="replace") if 0 <= size <= end - at else ""
