"""What clients and operators send: frames, handshakes, records, HTTP."""

import functools
import socket
import struct

from node.requests.audit import AuditedProcessor
from node.requests.connection import Connection, Phase
from node.requests.handshake import HandshakeError, parse_connect_request
from node.tree.state import State
from observability.endpoint import AdminHandler, AdminServer, Request, Response
from tests.requests.solo import Solo, frame
from transport import records
from transport.jute import JuteError, Record, decode, decode_exact, encode
from transport.opcodes import OpCode

PING = struct.pack(">iii", 8, -2, int(OpCode.PING))
OUTPUT_BYTES_MAX = 8 << 20  # of one input: it is 64 KiB at most
ROUNDS_MAX = 2000
WORLD = [records.ACL(31, records.Id(b"world", b"anyone"))]
RECORDS: list[type[Record]] = [
    each for each in vars(records).values()
    if isinstance(each, type) and issubclass(each, Record) and each is not Record]

REQUESTS: dict[OpCode, Record] = {
    OpCode.CREATE: records.CreateRequest(b"/a", b"data", WORLD, 0),
    OpCode.CREATE2: records.CreateRequest(b"/b-", b"data", WORLD, 3),
    OpCode.CREATE_CONTAINER: records.CreateRequest(b"/c", b"", WORLD, 4),
    OpCode.CREATE_TTL: records.CreateTTLRequest(b"/d", None, WORLD, 5, 1000),
    OpCode.DELETE: records.DeleteRequest(b"/a", -1),
    OpCode.SET_DATA: records.SetDataRequest(b"/a", b"new", 0),
    OpCode.SET_ACL: records.SetACLRequest(b"/a", WORLD, -1),
    OpCode.SYNC: records.SyncRequest(b"/a"),
    OpCode.RECONFIG: records.ReconfigRequest(b"server.4=h:1:2", b"1", None, -1),
    OpCode.EXISTS: records.ExistsRequest(b"/a", True),
    OpCode.GET_DATA: records.GetDataRequest(b"/a", True),
    OpCode.GET_ACL: records.GetACLRequest(b"/a"),
    OpCode.GET_CHILDREN: records.GetChildrenRequest(b"/", True),
    OpCode.GET_CHILDREN2: records.GetChildrenRequest(b"/zookeeper", False),
    OpCode.GET_EPHEMERALS: records.GetEphemeralsRequest(b"/"),
    OpCode.GET_ALL_CHILDREN_NUMBER: records.GetAllChildrenNumberRequest(b"/"),
    OpCode.SET_WATCHES: records.SetWatches(1, [b"/a"], [b"/x"], [b"/"]),
    OpCode.SET_WATCHES2: records.SetWatches2(1, [b"/a"], [b"/x"], [b"/"], [b"/a"], [b"/"]),
    OpCode.ADD_WATCH: records.AddWatchRequest(b"/", 1),
    OpCode.CHECK_WATCHES: records.CheckWatchesRequest(b"/", 1),
    OpCode.REMOVE_WATCHES: records.CheckWatchesRequest(b"/", 3),
    OpCode.AUTH: records.AuthPacket(0, b"digest", b"user:secret"),
    OpCode.CHECK: records.CheckVersionRequest(b"/a", 0),
}
EMPTY = (OpCode.WHO_AM_I, OpCode.PING, OpCode.CLOSE_SESSION, OpCode.SASL)
IN_MULTI = (OpCode.CREATE, OpCode.CREATE2, OpCode.SET_DATA, OpCode.CHECK, OpCode.DELETE)


class Audited(Solo):
    """Whose audit log is on: it reads every request once more."""

    def __init__(self) -> None:
        super().__init__()
        self.core = AuditedProcessor(self.core.config, State(), lambda event, **_: self.alarms.append(event))
        self.core.submissions.generation = 1
        self.core.serving = True
        self.start_epoch(1)


def request(op: int, body: bytes) -> bytes:
    return frame(struct.pack(">ii", 7, op) + body)


def client_seeds() -> list[bytes]:
    """The first byte: what has gone before, and how large the pieces are in which the rest comes."""
    plain = [request(op, encode(record)) for op, record in REQUESTS.items()] + [request(op, b"") for op in EMPTY]
    multi = b"".join(encode(records.MultiHeader(op, False, -1)) + encode(REQUESTS[op]) for op in IN_MULTI)
    reads = b"".join(
        encode(records.MultiHeader(op, False, -1)) + encode(REQUESTS[op])
        for op in (OpCode.GET_DATA, OpCode.GET_CHILDREN))
    last = encode(records.MultiHeader(-1, True, -1))
    handshake = frame(struct.pack(">iqiqi", 0, 0, 10_000, 0, 16) + bytes(17))
    sessions = [*plain, request(OpCode.MULTI, multi + last), request(OpCode.MULTI_READ, reads + last), b"".join(plain)]
    early = [handshake, handshake + plain[0], b"ruok", b"mntr"]
    return [how + each for each in sessions for how in (b"\1", b"\t")] + [b"\0" + each for each in early]


def client(data: bytes) -> None:
    """A connection that sends it; another client is served all the same, and no request fails in execution."""
    how = data[0] if data else 0
    solo = Audited() if how & 8 else Solo()
    bystander = solo.connect()
    conn = solo.connect() if how & 1 else solo.core.opened("127.0.0.1", 0, None)
    size = (1 << 20, 1, 7, 100)[how >> 1 & 3]
    for at in range(1, len(data), size):
        _feed(solo, conn, data[at:at + size])
    solo.core.lost(conn)
    assert "execution_failed" not in solo.alarms, solo.alarms

    solo.send(bystander, PING)
    assert bystander.phase is Phase.READY
    assert bystander.out
    solo.core.replica.digest()


def _feed(solo: Solo, conn: Connection, piece: bytes) -> None:
    """As the shell: what is held back is fed once the output has been taken."""
    solo.core.feed(conn, piece, 0)
    put_out = 0
    for _ in range(ROUNDS_MAX):
        solo.execute()
        put_out += sum(map(len, conn.out))
        conn.out.clear()
        assert put_out < OUTPUT_BYTES_MAX
        if not conn.holds or conn.phase is not Phase.READY:
            return
        solo.core.feed(conn, b"", 0)
    raise AssertionError("it never comes to an end")


def handshake(data: bytes) -> None:
    try:
        parse_connect_request(data)
    except HandshakeError:
        return


def jute_seeds() -> list[bytes]:
    of_class = {each: index for index, each in enumerate(RECORDS)}
    return [bytes((of_class[type(record)],)) + encode(record) for record in REQUESTS.values()]


def jute(data: bytes) -> None:
    """The first byte says as what the rest is read; what can be read is written alike."""
    if not data:
        return
    kind = RECORDS[data[0] % len(RECORDS)]
    try:
        record = decode(kind, data[1:])
    except JuteError:
        return
    assert decode_exact(kind, encode(record)) == record


def http_seeds() -> list[bytes]:
    return [
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text;q=0.5\r\n\r\n",
        b"HEAD /explain?zxid=4:17&path=%2Fa&session=0x1#x HTTP/1.0\r\nHost: [::1]:7000\r\n\r\n",
        b"GET http://127.0.0.1/commands/mntr HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"]


@functools.cache
def _admin() -> tuple[AdminServer, list[str]]:
    """Bound, but not served: requests are handed in one by one."""
    complaints: list[str] = []

    def route(asked: Request) -> Response:
        return Response(repr((sorted(asked.query.items()), asked.accept)).encode())

    server = AdminServer(
        "127.0.0.1", 0, {"/metrics": route, "/explain": route}, complain=lambda reason, _: complaints.append(reason))
    return server, complaints


def http(data: bytes) -> None:
    server, complaints = _admin()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        AdminHandler(theirs, ("127.0.0.1", 1), server)
        theirs.shutdown(socket.SHUT_RDWR)
        ours.recv(1 << 20)
    assert complaints == []
