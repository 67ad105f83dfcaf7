"""Replica: one copy of the state, brought forward by the records of the log.

Execution is a pure function of (state, record): every replica that executes the same records is the same, and gives
the same answers, whoever wants them. `apply_record` is the hottest loop of Corral; what it calls per request takes
offsets into the record and makes nothing that is not stored or sent.
"""

import struct
from collections.abc import Callable, Collection
from typing import Final

from node.config.servers import config_text
from node.sessions.table import LOCAL_FOR_GOOD, LOCAL_TO_UPGRADE, Session
from node.tree.acl import OPEN, READ, Acl, is_permitted
from node.tree.alarms import set_alarm
from node.tree.compatibility import NEWEST, Compatibility
from node.tree.create import create, create2, create_container, create_ttl
from node.tree.delete import delete, delete_container
from node.tree.digest import DIRTY_MAX
from node.tree.extensions import show_extensions
from node.tree.history import EVERYTHING, History
from node.tree.keeper import HANDLERS as KEEPER_HANDLERS
from node.tree.multi import multi
from node.tree.paths import CONFIG
from node.tree.reconfig import disabled, prepare
from node.tree.session_ops import (
    close_local_session,
    close_session,
    create_session,
    expire,
    reattach,
    sync,
)
from node.tree.set_acl import set_acl
from node.tree.set_data import set_data
from node.tree.sink import Sink
from node.tree.state import State
from node.tree.undo import Undo, roll_back
from node.tree.watches import EventType, Watches
from transport.batch import (
    BATCH,
    LOCAL,
    MAY_UPGRADE,
    REQUEST,
    TRACE_CONTEXT_BYTES,
    TRACED,
    BatchHeader,
    identity_table,
    read_header,
    source_of,
)
from transport.entry import (
    DIGEST_POINT,
    FEATURE_LEVEL_FIRST,
    LEVEL_OF_RECONFIG,
    RECORD,
    RECORD_VERSION,
    Kind,
    RecordHeader,
    follows,
    read_control,
    read_record_header,
)
from transport.errors import Err
from transport.jute import JuteError
from transport.opcodes import OpCode

# The layout is in transport/batch.py. The types are for the compiler, which makes plain numbers of known ints.
_UNPACK_REQUEST: Final[Callable[[bytes, int], tuple[int, int, int, int, int, int, int, int]]] = REQUEST.unpack_from
_REQUEST_BYTES: Final = REQUEST.size
_SET_DATA: Final = int(OpCode.SET_DATA)
_CREATE: Final = int(OpCode.CREATE)
_DELETE: Final = int(OpCode.DELETE)
_MULTI: Final = int(OpCode.MULTI)

Handler = Callable[["Replica", bytes, int, int, Session, bytes, int], bytes | Err]
Hook = Callable[[int, bytes, int], None]  # (op, path, feature level): raises where a test wants execution to fail


class CorruptRecordError(Exception):
    """A record whose parts do not add up: this replica must not go on."""


class MalformedBatchError(Exception):
    """What a processor has made of its clients' requests does not add up. Only execution sees it, so every replica."""


class RecordGapError(Exception):
    """A record that does not follow the last one executed."""

    def __init__(self, *, expected_after: int, first_zxid: int) -> None:
        super().__init__(f"record {first_zxid:#x} does not follow zxid {expected_after:#x}")
        self.expected_after = expected_after
        self.first_zxid = first_zxid


POISON = b"/corral-test-poison"
LATER = b"/corral-test-level-"


def poison_hook(op: int, path: bytes, feature_level: int) -> None:
    """Test hook: a request on this path makes execution raise, on every replica alike.

    On LATER + b"N" it does so below feature level N, as if that brought such nodes.
    """
    if path.startswith(POISON) or (path.startswith(LATER) and feature_level < int(path[len(LATER):])):
        raise RuntimeError(f"poisoned by test hook: op {op}")


class Replica:
    """*wanted*, *now_ms*, *undo* hold for the request in execution; *changes*, *moved*, *ended* are what it did, told
    to the sink once it is through, so that nothing of a sink can make execution fail.

    *over_quota*: what the last record's requests wanted beyond a limit that stops nothing: path -> kind, wanted, limit.
    *compatibility*: of the reads that are answered from here.
    """

    __slots__ = (
        "alarms_changed", "changes", "child_watches", "compatibility", "data_watches", "dirty", "ended",
        "enforces_quotas", "feature_level", "has_extended_types", "has_extensions", "history", "hook", "moved", "nodes",
        "now_ms", "over_quota", "quotas", "recursive_watches", "sessions", "sink", "state", "tree", "undo",
        "wanted", "watches",
    )

    def __init__(
        self, state: State, watches: Watches, sink: Sink, hook: Hook | None = None,
        compatibility: Compatibility = NEWEST,
    ) -> None:
        self.state = state
        self.watches = watches
        self.sink = sink
        self.hook = hook
        self.compatibility = compatibility
        self.tree = state.tree
        self.sessions = state.sessions
        self.nodes = state.tree.nodes
        self.quotas = state.tree.quotas
        self.dirty = state.tree.digest.dirty
        self.data_watches = watches.data
        self.child_watches = watches.child
        self.recursive_watches = watches.recursive
        self.history: History | None = None
        self.wanted = self.alarms_changed = False
        self.now_ms = 0
        self.undo: Undo | None = None
        self.changes: list[tuple[EventType, bytes, Acl]] = []
        self.moved: list[tuple[int, int, int]] = []
        self.ended: list[tuple[int, int, int, Collection[bytes]]] = []
        self.over_quota: dict[bytes, tuple[bytes, int, int]] = {}
        self.has_extended_types = self.enforces_quotas = self.has_extensions = False
        self.feature_level = FEATURE_LEVEL_FIRST
        self._take_settings()

    @property
    def zxid(self) -> int:
        """Of the last request or control record executed; inside a reply to an own request, of that one."""
        return self.state.zxid

    def digest(self) -> int:
        return self.state.digest()

    def remember(self, limit: int) -> None:
        """From here on, so many changes for those who will have missed them."""
        self.history = History(limit, self.state.zxid)
        self.recursive_watches = EVERYTHING

    def flip_byte(self, path: bytes) -> None:
        """Test hook: corrupt a node's data as a bad memory cell would."""
        self.tree.flip_byte(path)

    # --- records ---------------------------------------------------------------------------------------------

    def apply_record(self, buffer: bytes | memoryview, offset: int = 0) -> int:
        """Execute the record at *offset*; returns the offset after it.

        Raises CorruptRecordError, RecordGapError; and whatever the sink raises.
        """
        header = read_record_header(buffer, offset)
        after = offset + header.size
        if after > len(buffer):
            raise CorruptRecordError(f"record of {header.size} bytes is cut off")
        if not follows(header.first_zxid, self.state.zxid):
            raise RecordGapError(
                expected_after=self.state.zxid, first_zxid=header.first_zxid)
        if header.version > RECORD_VERSION:
            raise CorruptRecordError(
                f"record of version {header.version}: this version of Corral reads up to {RECORD_VERSION}")
        record = bytes(buffer[offset:after])
        if header.kind == Kind.BATCHES:
            self._apply_batches(record, header)
        else:
            self._apply_control(record[RECORD.size:], header)
        self.state.zxid = header.last_zxid
        if self.over_quota:
            self._tell_of_quotas()
        if header.flags & DIGEST_POINT:
            self.report_digest(header.last_zxid)
        elif len(self.dirty) >= DIRTY_MAX:
            self.tree.digest.settle()
        return after

    def _apply_control(self, body: bytes, header: RecordHeader) -> None:
        self.state.control = body
        self._take_settings()
        self.state.zxid = header.last_zxid
        self._show_config(header)
        if self.has_extensions:
            show_extensions(self.tree, zxid=header.last_zxid, time_ms=header.time_ms)
        self.sink.control(header, body)

    def _show_config(self, header: RecordHeader) -> None:
        """In /zookeeper/config, as ZooKeeper does, with a version that never counts."""
        entry = read_control(self.state.control)
        node = self.nodes.get(CONFIG)  # a tree from before ZooKeeper 3.5 has none
        text = config_text(entry.servers, entry.config_version, entry.hierarchy) if entry.servers else b""
        if entry.feature_level < LEVEL_OF_RECONFIG or node is None or node.data == text:
            return
        node.data, node.mzxid, node.mtime, node.version = text, entry.config_version, header.time_ms, -1
        self.tree.digest.touched(node)
        self.changes.append((EventType.NODE_DATA_CHANGED, CONFIG, node.acl))
        self._tell_watchers(header.last_zxid)

    def _take_settings(self) -> None:
        settings: dict[str, str] = {}
        if self.state.control:
            entry = read_control(self.state.control)
            settings, self.feature_level = entry.settings, entry.feature_level
        self.has_extended_types = settings.get("extendedTypesEnabled") == "true"
        self.enforces_quotas = settings.get("enforceQuota") == "true"
        self.has_extensions = settings.get("corral.extensions") == "true"

    def report_digest(self, zxid: int) -> None:
        digest = self.state.digest()
        changed = self.tree.digest.scrub()
        for node in changed:
            self.sink.alarm("memory_changed_by_itself", zxid=zxid, path=node.path)
        self.sink.digest(zxid, self.state.digest() if changed else digest)

    def _apply_batches(self, record: bytes, header: RecordHeader) -> None:
        self.now_ms = header.time_ms
        zxid = header.first_zxid - 1
        at = RECORD.size
        while at < len(record):
            if at + BATCH.size > len(record):
                raise CorruptRecordError("a header is cut off")
            batch = read_header(record, at)
            if batch.length < BATCH.size or at + batch.length > len(record):
                raise CorruptRecordError("batch is cut off")
            try:
                self._apply_batch(record, at, batch, zxid)
            except (MalformedBatchError, struct.error) as error:
                self._on_malformed(batch, error)
            zxid += batch.count
            at += batch.length
        if zxid != header.last_zxid:
            raise CorruptRecordError(
                f"record counts {header.count} requests, its batches hold {zxid + 1 - header.first_zxid}")

    def _on_malformed(self, batch: BatchHeader, error: Exception) -> None:
        """The rest of it is refused, on every replica alike: it has its zxids, and nobody dies of it."""
        self.sink.alarm(
            "batch_malformed", of_member=batch.member, of_processor=batch.processor, sequence=batch.sequence,
            error=str(error))

    def _apply_batch(self, record: bytes, at: int, batch: BatchHeader, zxid: int) -> None:
        """Execute the requests of one batch, from *zxid* + 1 on.  Raises MalformedBatchError, struct.error."""
        wanted = self.wanted = self.sink.owns(batch, zxid + 1)
        batch_end = at + batch.length
        if batch.length < BATCH.size + batch.identities:
            raise MalformedBatchError("its identities are cut off")
        identities = identity_table(record, at, batch)
        at += BATCH.size + batch.identities
        source = source_of(
            member=batch.member, processor=batch.processor, generation=batch.generation)
        state, changes, hook = self.state, self.changes, self.hook
        reply = self.sink.reply
        sessions = self.sessions
        unpack = _UNPACK_REQUEST
        known_id = 0
        session: Session | None = None
        result: bytes | Err
        for _ in range(batch.count):
            session_id, connection, xid, op, flags, who, tenths, length = unpack(record, at)
            at += _REQUEST_BYTES
            if flags & TRACED:
                at += TRACE_CONTEXT_BYTES
            end = at + length
            if end > batch_end:
                raise MalformedBatchError("a request is cut off")
            zxid += 1
            if session is None or session_id != known_id:
                session = sessions.get(session_id)
                known_id = session_id
            try:
                if (
                    session is not None
                    and session.connection == connection
                    and session.source == source
                ):
                    if hook is not None:
                        hook(op, _path_of(record, at, end, op), self.feature_level)
                    # What there is most of is called by name: in compiled code that costs a tenth of a table's call.
                    if op == _SET_DATA:
                        result = set_data(self, record, at, end, session, identities[who], zxid)
                    elif op == _CREATE:
                        result = create(self, record, at, end, session, identities[who], zxid)
                    elif op == _DELETE:
                        result = delete(self, record, at, end, session, identities[who], zxid)
                    elif op == _MULTI:
                        result = multi(self, record, at, end, session, identities[who], zxid)
                    else:
                        result = HANDLERS.get(op, _unimplemented)(
                            self, record, at, end, session, identities[who], zxid)
                        session = None  # it may have ended: to be looked up again
                elif flags & LOCAL and session is None:
                    local = Session(
                        session_id=session_id, timeout_ms=tenths * 100, source=source, connection=connection,
                        locality=LOCAL_TO_UPGRADE if flags & MAY_UPGRADE else LOCAL_FOR_GOOD)
                    result = self._execute_local(record, at, end, local, op, identities[who], zxid)
                else:
                    result = self._attach_or_refuse(
                        record, at, end, session, op, source, connection, batch.member, zxid)
                    session = None
            except (struct.error, JuteError):
                result = Err.MARSHALLING_ERROR  # raised by decoding, before anything has changed
            except MemoryError:
                raise  # this process's trouble, not the request's
            except Exception as error:  # noqa: BLE001 - no request may kill every replica
                trace = record[at - TRACE_CONTEXT_BYTES:at][:16] if flags & TRACED else b""
                result = self._failed(error, session_id, op, zxid, trace)
                session = None
            at = end
            if wanted:
                state.zxid = zxid
                if changes:
                    self._tell_watchers(zxid)
                if self.moved or self.ended:
                    self._tell_of_sessions()
                if isinstance(result, bytes):
                    reply(connection, session_id, xid, op, zxid, 0, result)
                else:
                    reply(connection, session_id, xid, op, zxid, result, b"")
            elif changes or self.moved or self.ended:
                state.zxid = zxid
                self._tell_watchers(zxid)
                self._tell_of_sessions()
        if at != batch_end:
            raise MalformedBatchError("it holds more than its requests")

    # --- what is not hot -------------------------------------------------------------------------------------

    def _attach_or_refuse(
        self, record: bytes, at: int, end: int, session: Session | None, op: int, source: int, connection: int,
        member: int, zxid: int,
    ) -> bytes | Err:
        """A request whose session does not hold this token: an attach, a duty of the leader's, or a leftover."""
        if op == OpCode.CREATE_SESSION:
            return create_session(
                self, record, at, source=source, connection=connection, member=member, zxid=zxid)
        if op == OpCode.REATTACH:
            return reattach(self, record, at, session, source=source, connection=connection)
        if op == OpCode.EXPIRE:
            return expire(self, record, at, session, zxid)
        if op == OpCode.DELETE_CONTAINER and session is None:
            return delete_container(self, record, at, end, zxid)
        if op == OpCode.ALARM and session is None:
            self.alarms_changed = True
            return set_alarm(self, record, at, end, zxid)
        return Err.SESSION_EXPIRED if session is None else Err.SESSION_MOVED

    def _execute_local(
        self, record: bytes, at: int, end: int, session: Session, op: int, identities: bytes, zxid: int
    ) -> bytes | Err:
        if op == OpCode.CLOSE_SESSION:
            return close_local_session(self, session)
        if self.hook is not None:
            self.hook(op, _path_of(record, at, end, op), self.feature_level)
        return HANDLERS.get(op, _unimplemented)(self, record, at, end, session, identities, zxid)

    def _failed(self, error: Exception, session_id: int, op: int, zxid: int, trace: bytes) -> Err:
        if self.undo is not None:
            roll_back(self.undo, self.tree, self.sessions)
            self.undo = None
        self.changes.clear()
        self.moved.clear()
        self.ended.clear()
        self.sink.alarm(
            "execution_failed", zxid=zxid, op=op, session=session_id, error=repr(error), trace=trace.hex())
        return Err.SYSTEM_ERROR

    def _tell_watchers(self, zxid: int) -> None:
        """Who may not read the node is not told, but its watch is used up (CVE-2024-23944)."""
        watches, event = self.watches, self.sink.event
        if self.history is not None:
            self.history.add(zxid, self.changes)
        for kind, path, acl in self.changes:
            if kind is EventType.NODE_CHILDREN_CHANGED:
                told = watches.told_of_children(path)
            else:
                told = watches.told_of_data(path, kind)
                if kind is EventType.NODE_DELETED:
                    told += watches.told_of_children(path, already=told)
            if acl is not OPEN:
                told = [each for each in told if is_permitted(acl, READ, watches.identities[each])]
            if told:
                event(told, kind, path, zxid)
        self.changes.clear()

    def _tell_of_quotas(self) -> None:
        for path, (kind, wanted, limit) in self.over_quota.items():
            self.sink.alarm(
                "quota_exceeded", path=path.decode(errors="replace"), kind=kind.decode(), wanted=wanted, limit=limit)
        self.over_quota.clear()

    def _tell_of_sessions(self) -> None:
        for moved in self.moved:
            self.sink.session_moved(*moved)
        for ended in self.ended:
            self.sink.session_ended(*ended)
        self.moved.clear()
        self.ended.clear()


def _unimplemented(
    replica: Replica, record: bytes, at: int, end: int, session: Session, identities: bytes, zxid: int
) -> Err:
    return Err.UNIMPLEMENTED


def _reattach_again(
    replica: Replica, record: bytes, at: int, end: int, session: Session, identities: bytes, zxid: int
) -> bytes | Err:
    return reattach(
        replica, record, at, session, source=session.source, connection=session.connection)


def _expire(
    replica: Replica, record: bytes, at: int, end: int, session: Session, identities: bytes, zxid: int
) -> bytes | Err:
    return expire(replica, record, at, session, zxid)


def _linearizable_read(
    replica: Replica, record: bytes, at: int, end: int, session: Session, identities: bytes, zxid: int
) -> bytes | Err:
    """Opcode of a read, its request -> its answer, as of this place in the log; nothing changes."""
    if not replica.has_extensions:
        return Err.UNIMPLEMENTED
    if end - at < 4:
        return Err.MARSHALLING_ERROR
    if not replica.wanted:
        return b""
    return replica.sink.linearizable(
        int.from_bytes(record[at:at + 4], "big", signed=True), record[at + 4:end], identities, session.connection)


def _path_of(record: bytes, at: int, end: int, op: int) -> bytes:
    """The path that a request starts with; a multi's are shown to the hook one by one."""
    if op == OpCode.MULTI or end - at < 4:
        return b""
    length = int.from_bytes(record[at:at + 4], "big")
    return record[at + 4:min(at + 4 + length, end)]


HANDLERS: dict[int, Handler] = {
    int(op): handler for op, handler in {
        OpCode.SET_DATA: set_data,
        OpCode.CREATE: create,
        OpCode.CREATE2: create2,
        OpCode.DELETE: delete,
        OpCode.SET_ACL: set_acl,
        OpCode.MULTI: multi,
        OpCode.RECONFIG: disabled,
        OpCode.PREPARE_RECONFIG: prepare,
        OpCode.SYNC: sync,
        OpCode.CREATE_CONTAINER: create_container,
        OpCode.CREATE_TTL: create_ttl,
        OpCode.CLOSE_SESSION: close_session,
        OpCode.REATTACH: _reattach_again,
        OpCode.EXPIRE: _expire,
        OpCode.LINEARIZABLE_READ: _linearizable_read,
    }.items()
} | KEEPER_HANDLERS

