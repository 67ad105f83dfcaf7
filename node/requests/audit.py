"""A processor that also says who changed what: the facts of the audit log, in the order of execution.

It is another class than Processor, so that nothing is paid where no audit log is wanted. What was asked for stands in
the batch, which is kept until it has been executed; what came of it comes with the reply.
"""

from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from node.requests.processor import Processor, RequestConfig
from node.tree.execute import Hook
from node.tree.state import State
from observability.audit import AuditEvent, Result
from transport.batch import BATCH, REQUEST, TRACE_CONTEXT_BYTES, TRACED, BatchHeader, identity_table, read_header
from transport.errors import Err
from transport.jute import JuteError, Record, decode_from
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    CheckStatRequest,
    CheckVersionRequest,
    CreateRequest,
    CreateResponse,
    CreateTTLRequest,
    DeleteRequest,
    ErrorResponse,
    Identities,
    MultiHeader,
    SetACLRequest,
    SetDataRequest,
    Stat,
)

SESSION_END: Final = "ephemeralZNodeDeletionOnSessionCloseOrExpire"
CREATES: Final = frozenset({
    OpCode.CREATE, OpCode.CREATE2, OpCode.CREATE_CONTAINER, OpCode.CREATE_TTL, OpCode.CREATE_IF_NOT_EXISTS})
# In an answer.
WITH_STAT: Final = frozenset({OpCode.CREATE2, OpCode.CREATE_CONTAINER, OpCode.CREATE_TTL, OpCode.SET_DATA})
OPERATIONS: dict[int, tuple[str, type[Record]]] = {
    OpCode.CREATE: ("create", CreateRequest),
    OpCode.CREATE2: ("create", CreateRequest),
    OpCode.CREATE_CONTAINER: ("create", CreateRequest),
    OpCode.CREATE_TTL: ("create", CreateTTLRequest),
    OpCode.DELETE: ("delete", DeleteRequest),
    OpCode.SET_DATA: ("setData", SetDataRequest),
    OpCode.SET_ACL: ("setAcl", SetACLRequest),
    OpCode.CREATE_IF_NOT_EXISTS: ("create", CreateRequest),
    OpCode.REMOVE_RECURSIVE: ("deleteRecursive", DeleteRequest),  # its number is a limit
    OpCode.TRY_REMOVE: ("delete", DeleteRequest),
}
# The path is all that the log wants of them.
PLAIN: Final = {int(OpCode.SET_DATA): "setData", int(OpCode.DELETE): "delete"}
AUDITED: Final = frozenset(map(int, (*OPERATIONS, OpCode.MULTI, OpCode.RECONFIG, OpCode.PREPARE_RECONFIG)))
# By the flags of a create.
NODE_TYPES: Final = (
    "persistent", "ephemeral", "persistent_sequential", "ephemeral_sequential", "container", "persistent_with_ttl",
    "persistent_sequential_with_ttl")
PERMISSIONS: Final = ((4, "c"), (8, "d"), (1, "r"), (2, "w"), (16, "a"))  # as ZKUtil.getPermString orders them


class Request(NamedTuple):
    session: int
    op: int
    identities: bytes
    body: bytes
    trace: str


class AuditedProcessor(Processor):
    """*audit*: what happened since `take_audit`. Ephemerals that go with a session are told of by processor 0 alone, on
    every member, as ZooKeeper does."""

    def __init__(self, config: RequestConfig, state: State, alarm: Callable[..., None],
                 hook: Hook | None = None, chance: Callable[[], float] = lambda: 1.0) -> None:
        super().__init__(config, state, alarm, hook, chance)
        self.audit: list[AuditEvent] = []
        self._requests: Iterator[Request] = iter(())
        self._reconfigs: dict[int, Request] = {}  # by zxid: executed, and with the leader
        self.reconfigs.on_end = self._reconfig_ended

    def take_audit(self) -> list[AuditEvent]:
        events, self.audit = self.audit, []
        return events

    def owns(self, header: BatchHeader, first_zxid: int) -> bool:
        if not self.submissions.owns(header):
            return False
        self._requests = requests_of(self.submissions.flights[0].batch)
        return super().owns(header, first_zxid)

    def reply(
        self, connection: int, session_id: int, xid: int, op: int, zxid: int, err: int, body: bytes
    ) -> None:
        request = next(self._requests)
        if op == OpCode.PREPARE_RECONFIG and not err:
            self._reconfigs[zxid] = request
        elif op in AUDITED:
            self.audit += events_of(request, zxid, err, body)
        super().reply(connection, session_id, xid, op, zxid, err, body)
        if zxid in self._reconfigs and zxid not in self.reconfigs.waiting:
            self._reconfig_ended(zxid, Err.CONNECTION_LOSS)  # its client had gone, so nobody asks the leader

    def _reconfig_ended(self, intent: int, err: int) -> None:
        request = self._reconfigs.pop(intent, None)
        if request is not None:
            self.audit.append(_event(request, "reconfig", intent, err))

    def session_ended(
        self, session_id: int, source: int, connection: int, ephemerals: Collection[bytes]
    ) -> None:
        if self.config.processor == 0:
            self.audit += [
                AuditEvent(SESSION_END, "success", session=session_id, znode=_text(path), zxid=self.replica.zxid)
                for path in ephemerals]
        super().session_ended(session_id, source, connection, ephemerals)


def requests_of(batch: bytes) -> Iterator[Request]:
    header = read_header(batch)
    identities = identity_table(batch, 0, header)
    at = BATCH.size + header.identities
    for _ in range(header.count):
        session, _connection, _xid, op, flags, who, _pad, length = REQUEST.unpack_from(batch, at)
        at += REQUEST.size
        trace = ""
        if flags & TRACED:
            trace = batch[at:at + 16].hex()
            at += TRACE_CONTEXT_BYTES
        yield Request(session, op, identities[who], batch[at:at + length], trace)
        at += length


def events_of(request: Request, zxid: int, err: int, body: bytes) -> list[AuditEvent]:
    """What the log says of an executed request: of a multi that went through, each operation that changes something."""
    if request.op in PLAIN and (path := _leading_path(request.body)) is not None:
        users, ip = who_is(request.identities)
        return [AuditEvent(
            PLAIN[request.op], _result(err), session=request.session, users=users, ip=ip, znode=_text(path), zxid=zxid,
            error=_error(err), trace=request.trace)]
    if request.op == OpCode.MULTI:
        return _of_multi(request, zxid, err, body)
    if request.op in (OpCode.RECONFIG, OpCode.PREPARE_RECONFIG):
        return [_event(request, "reconfig", zxid, err)]
    operation, record = OPERATIONS[request.op]
    try:
        asked, _ = decode_from(record, request.body, 0, len(request.body))
    except JuteError:
        return [_event(request, operation, zxid, err)]
    if request.op in CREATES and not err:
        made, _ = decode_from(CreateResponse, body, 0, len(body))
        return [_event(request, operation, zxid, err, asked, made.path)]
    return [_event(request, operation, zxid, err, asked)]


def _leading_path(body: bytes) -> bytes | None:
    """What most writes are needs no more than that. None: there is none, or it is cut off."""
    length = int.from_bytes(body[:4], "big")
    return body[4:4 + length] if 4 + length <= len(body) else None


def _event(
    request: Request, operation: str, zxid: int, err: int, asked: Any = None, path: bytes | None = None, *,
    in_multi: bool = False, znodes: tuple[str, ...] = (),
) -> AuditEvent:
    """*asked*: its decoded record; *path*: if it is another than that record's."""
    users, ip = who_is(request.identities)
    flags = getattr(asked, "flags", None)
    return AuditEvent(
        operation, _result(err), session=request.session, users=users, ip=ip,
        znode=_text(path if path is not None else getattr(asked, "path", None)),
        znode_type="" if flags is None else NODE_TYPES[flags] if 0 <= flags < len(NODE_TYPES) else f"flags {flags}",
        acl=tuple(map(acl_text, asked.acl or ())) if isinstance(asked, SetACLRequest) else (),
        zxid=zxid, error=_error(err), trace=request.trace, znodes=znodes,
        numbered_in_multi=in_multi and path not in (None, getattr(asked, "path", None)))


def _of_multi(request: Request, zxid: int, err: int, body: bytes) -> list[AuditEvent]:
    try:
        asked = list(_operations(request.body))
    except JuteError:
        return [_event(request, "multiOperation", zxid, err or Err.MARSHALLING_ERROR)]
    err = err or _failure_of(body)
    if err:
        return [_event(request, "multiOperation", zxid, err, znodes=tuple(_text(each.path) for _, each in asked))]
    made = _paths_made(body, len(asked))
    return [
        _event(request, OPERATIONS[op][0], zxid, 0, each, path, in_multi=True)
        for (op, each), path in zip(asked, made, strict=True) if op in OPERATIONS]


def _operations(body: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while True:
        header, at = decode_from(MultiHeader, body, at, len(body))
        if header.done:
            return
        _, record = OPERATIONS.get(header.type, ("check", CheckVersionRequest))
        if header.type == OpCode.CHECK_STAT:
            record = CheckStatRequest
        asked, at = decode_from(record, body, at, len(body))
        yield header.type, asked


def _failure_of(body: bytes) -> int:
    """Of the operation that failed, in the answer to a multi; 0: it went through."""
    at = 0
    while True:
        header, at = decode_from(MultiHeader, body, at, len(body))
        if header.done or header.type != OpCode.ERROR:
            return 0
        error, at = decode_from(ErrorResponse, body, at, len(body))
        if error.err:
            return int(error.err)


def _paths_made(body: bytes, count: int) -> Iterator[bytes | None]:
    """Of each operation of a multi that went through: the path of a create, with its number."""
    at = 0
    for _ in range(count):
        header, at = decode_from(MultiHeader, body, at, len(body))
        path = None
        if header.type in CREATES:
            made, at = decode_from(CreateResponse, body, at, len(body))
            path = made.path
        if header.type in WITH_STAT:
            _, at = decode_from(Stat, body, at, len(body))
        yield path


@lru_cache(maxsize=1024)
def who_is(identities: bytes) -> tuple[tuple[str, ...], str]:
    """The names as ZooKeeper's providers give them, of a digest the user, of an ip the address; and the address."""
    decoded, _ = decode_from(Identities, identities, 0, len(identities))
    names: list[str] = []
    ip = ""
    for each in decoded.ids or ():
        scheme, ident = _text(each.scheme), _text(each.id)
        if scheme == "ip":
            ip = ip or ident
        elif scheme == "digest":
            ident = ident.split(":", 1)[0]
        elif scheme not in ("sasl", "x509"):
            continue
        if ident not in names:
            names.append(ident)
    return tuple(names), ip


def acl_text(acl: ACL) -> str:
    permissions = "".join(letter for bit, letter in PERMISSIONS if acl.perms & bit)
    return f"{_text(acl.id.scheme)}:{_text(acl.id.id)}:{permissions}"


def _result(err: int) -> Result:
    return "failure" if err else "success"


def _error(err: int) -> str:
    if not err:
        return ""
    return Err(err).name if err in Err._value2member_map_ else str(err)


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
