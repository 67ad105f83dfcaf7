"""One replica with clients that speak the protocol's records: requests go through real records and batches."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.tree.acl import encode_identities
from node.tree.compatibility import COMPATIBILITY
from node.tree.execute import Hook, Replica
from node.tree.reads import READS
from node.tree.state import State
from node.tree.watches import Watches
from transport.batch import ATTACH_BODY, EXPIRE_BODY, REQUEST, BatchHeader, pack_batch, source_of
from transport.entry import ControlEntry, Kind, RecordHeader, pack_control, pack_record
from transport.errors import Err
from transport.jute import Record, decode, encode
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    CheckVersionRequest,
    Create2Response,
    CreateRequest,
    CreateResponse,
    DeleteRequest,
    ExistsRequest,
    GetChildrenRequest,
    GetChildrenResponse,
    GetDataRequest,
    GetDataResponse,
    Id,
    MultiHeader,
    SetACLRequest,
    SetDataRequest,
    SetDataResponse,
    Stat,
    SyncRequest,
)
from transport.zxid import make_zxid

OPEN = [ACL(31, Id(b"world", b"anyone"))]
IP = (b"ip", b"127.0.0.1")
IDENTITIES = encode_identities((IP,))
GENERATION = 7
NO_PASSWORD = bytes(16)

Reply = bytes | Err


@dataclass
class RecordingSink:
    """Owns every batch of *member*; keeps all that it hears."""

    member: int = 1
    replies: list[tuple[int, int, int, int, int, bytes]] = field(default_factory=list)
    events: list[tuple[list[int], int, bytes, int]] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)  # replies and events, in order
    ended: list[tuple[int, int, int]] = field(default_factory=list)
    moved: list[tuple[int, int, int]] = field(default_factory=list)
    controls: list[RecordHeader] = field(default_factory=list)
    digests: list[tuple[int, int]] = field(default_factory=list)
    alarms: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def owns(self, header: BatchHeader, first_zxid: int) -> bool:
        return header.member == self.member

    def reply(
        self, connection: int, session_id: int, xid: int, op: int, zxid: int, err: int, body: bytes
    ) -> None:
        self.replies.append((connection, xid, op, zxid, err, body))
        self.heard.append(("reply", connection, xid))

    def event(self, watchers: list[int], event_type: int, path: bytes, zxid: int) -> None:
        self.events.append((watchers, event_type, path, zxid))
        self.heard.append(("event", tuple(watchers), path))

    def session_ended(
        self, session_id: int, source: int, connection: int, ephemerals: Collection[bytes]
    ) -> None:
        self.ended.append((session_id, source, connection))

    def session_moved(self, session_id: int, old_source: int, old_connection: int) -> None:
        self.moved.append((session_id, old_source, old_connection))

    def control(self, header: RecordHeader, body: bytes) -> None:
        self.controls.append(header)

    def digest(self, zxid: int, value: int) -> None:
        self.digests.append((zxid, value))

    def alarm(self, event: str, **values: Any) -> None:
        self.alarms.append((event, values))

    def take_events(self) -> list[tuple[list[int], int, bytes]]:
        """What watchers were told since the last call, without zxids."""
        told = [(watchers, int(kind), path) for watchers, kind, path, _ in self.events]
        self.events.clear()
        return told


@dataclass(frozen=True)
class Request:
    op: int
    body: bytes = b""
    session: int = 0
    connection: int = 1
    identities: bytes = IDENTITIES


class Ensemble:
    """Keeps the log, so that other replicas can execute it."""

    def __init__(
        self, hook: Hook | None = None, settings: dict[str, str] | None = None, compatibility: str = "3.9"
    ) -> None:
        self.sink = RecordingSink()
        self.hook = hook
        self.replica = Replica(State(), Watches(), self.sink, hook, COMPATIBILITY[compatibility])
        self.time_ms = 1_000
        self.log: list[bytes] = []
        self.apply(pack_control(
            zxid=make_zxid(epoch=1, counter=0), kind=Kind.EPOCH, time_ms=1_000, entry=ControlEntry(
                leader=1, feature_level=1, settings=settings or {}, incarnations={}, voters=[1])))

    def apply(self, record: bytes) -> None:
        self.log.append(record)
        self.replica.apply_record(record)

    def submit(self, requests: Sequence[Request], *, member: int = 1, flags: int = 0) -> list[Reply]:
        """One record of one batch; the replies to its requests (none if *member* is not the sink's)."""
        table = list(dict.fromkeys(request.identities for request in requests))
        packed = b"".join(
            REQUEST.pack(r.session, r.connection, xid, r.op, 0, table.index(r.identities), 0, len(r.body)) + r.body
            for xid, r in enumerate(requests))
        batch = pack_batch(
            member=member, processor=0, generation=GENERATION, sequence=1, epoch=1, count=len(requests),
            identities=table, requests=packed)
        self.time_ms += 10
        self.apply(pack_record(
            first_zxid=self.replica.zxid + 1, count=len(requests), time_ms=self.time_ms, body=batch,
            flags=flags))
        if member != self.sink.member:
            return []
        return [
            Err(err) if err else body
            for _, _, _, _, err, body in self.sink.replies[-len(requests):]]

    def client(self, connection: int = 1, *, identities: bytes = IDENTITIES, member: int = 1) -> "Client":
        before = set(self.replica.sessions)
        self.submit([Request(
            OpCode.CREATE_SESSION, ATTACH_BODY.pack(10_000, NO_PASSWORD), connection=connection)], member=member)
        (session_id,) = set(self.replica.sessions) - before
        return Client(self, session_id, connection, identities, member)

    def expire(self, session_id: int, *, source: int, connection: int) -> Reply:
        return self.submit([Request(
            OpCode.EXPIRE, EXPIRE_BODY.pack(source, connection), session=session_id, connection=0)])[0]

    def follow(self) -> Replica:
        """Another replica, which has executed the same log."""
        other = Replica(State(), Watches(), RecordingSink(member=9), self.hook)
        for record in self.log:
            other.apply_record(record)
        return other


def own_source(member: int = 1) -> int:
    return source_of(member=member, processor=0, generation=GENERATION)


@dataclass
class Client:
    ensemble: Ensemble
    session: int
    connection: int
    identities: bytes
    member: int = 1

    def request(self, op: int, record: Record | None = None) -> Request:
        body = b"" if record is None else encode(record)
        return Request(op, body, self.session, self.connection, self.identities)

    def write(self, op: int, record: Record | None = None) -> Reply:
        return self.ensemble.submit([self.request(op, record)], member=self.member)[0]

    def read(self, op: int, record: Record) -> Reply:
        return self.read_raw(op, encode(record))

    def read_raw(self, op: int, body: bytes) -> Reply:
        return READS[op](self.ensemble.replica, body, self.identities, self.connection)

    # --- by name: the decoded answer, or the Err -------------------------------------------------------------

    def create(
        self, path: bytes, data: bytes | None = b"", flags: int = 0, acl: list[ACL] | None = OPEN,
    ) -> bytes | Err | None:
        reply = self.write(OpCode.CREATE, CreateRequest(path, data, acl, flags))
        return reply if isinstance(reply, Err) else decode(CreateResponse, reply).path

    def create2(self, path: bytes, data: bytes | None = b"", flags: int = 0) -> Create2Response | Err:
        reply = self.write(OpCode.CREATE2, CreateRequest(path, data, OPEN, flags))
        return reply if isinstance(reply, Err) else decode(Create2Response, reply)

    def set(self, path: bytes | None, data: bytes | None, version: int = -1) -> Stat | Err:
        reply = self.write(OpCode.SET_DATA, SetDataRequest(path, data, version))
        return reply if isinstance(reply, Err) else decode(SetDataResponse, reply).stat

    def set_acl(self, path: bytes, acl: list[ACL] | None, version: int = -1) -> Stat | Err:
        reply = self.write(OpCode.SET_ACL, SetACLRequest(path, acl, version))
        return reply if isinstance(reply, Err) else decode(SetDataResponse, reply).stat

    def delete(self, path: bytes, version: int = -1) -> Reply:
        return self.write(OpCode.DELETE, DeleteRequest(path, version))

    def sync(self, path: bytes = b"/") -> Reply:
        return self.write(OpCode.SYNC, SyncRequest(path))

    def close(self) -> Reply:
        return self.write(OpCode.CLOSE_SESSION)

    def get(self, path: bytes, *, watch: bool = False) -> GetDataResponse | Err:
        reply = self.read(OpCode.GET_DATA, GetDataRequest(path, watch))
        return reply if isinstance(reply, Err) else decode(GetDataResponse, reply)

    def exists(self, path: bytes, *, watch: bool = False) -> Stat | Err:
        reply = self.read(OpCode.EXISTS, ExistsRequest(path, watch))
        return reply if isinstance(reply, Err) else decode(SetDataResponse, reply).stat

    def children(self, path: bytes, *, watch: bool = False) -> list[bytes | None] | Err | None:
        reply = self.read(OpCode.GET_CHILDREN, GetChildrenRequest(path, watch))
        return reply if isinstance(reply, Err) else decode(GetChildrenResponse, reply).children

    def multi(self, *sub_ops: tuple[int, Record]) -> Reply:
        return self.ensemble.submit([Request(
            OpCode.MULTI, multi_body(sub_ops), self.session, self.connection, self.identities)])[0]


def multi_body(sub_ops: Sequence[tuple[int, Record]]) -> bytes:
    parts = [encode(MultiHeader(op, False, -1)) + encode(record) for op, record in sub_ops]
    return b"".join(parts) + encode(MultiHeader(-1, True, -1))


def multi_errors(reply: Reply) -> list[int]:
    """Of a failed multi: the error of each operation."""
    assert isinstance(reply, bytes)
    return [
        int.from_bytes(reply[at + 9:at + 13], "big", signed=True) for at in range(0, len(reply) - 9, 13)]


def creating(path: bytes, data: bytes = b"", flags: int = 0) -> tuple[int, Record]:
    return OpCode.CREATE, CreateRequest(path, data, OPEN, flags)


def setting(path: bytes, data: bytes, version: int = -1) -> tuple[int, Record]:
    return OpCode.SET_DATA, SetDataRequest(path, data, version)


def deleting(path: bytes, version: int = -1) -> tuple[int, Record]:
    return OpCode.DELETE, DeleteRequest(path, version)


def checking(path: bytes, version: int) -> tuple[int, Record]:
    return OpCode.CHECK, CheckVersionRequest(path, version)
