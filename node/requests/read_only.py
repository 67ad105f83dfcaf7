"""Reads without a quorum, for clients that said they take them (readonlymode.enabled; A1.8, 39).

They may be of the past: this member executes nothing meanwhile. Nothing of these connections goes to the log, and they
end when the quorum is back. A session that a client brings is taken on its password alone, for nobody here can know
whether it still lives; a new one is forgotten with its connection.
"""

from typing import TYPE_CHECKING, Final

from node.requests.connection import Connection, Phase
from node.requests.frames import ANSWERS_BYTES_MAX, HEAD, REPLY, REPLY_HEADER_BYTES
from node.requests.handshake import ConnectRequest, pack_connect_response
from node.requests.passwords import is_password, session_password
from transport.errors import Err
from transport.opcodes import OpCode
from transport.zxid import SessionId

if TYPE_CHECKING:
    from node.requests.processor import Processor

REFUSED: Final = frozenset(int(op) for op in (
    OpCode.CREATE, OpCode.CREATE2, OpCode.CREATE_CONTAINER, OpCode.CREATE_TTL, OpCode.DELETE, OpCode.SET_DATA,
    OpCode.SET_ACL, OpCode.MULTI, OpCode.CHECK, OpCode.SYNC, OpCode.RECONFIG,
    OpCode.CREATE_IF_NOT_EXISTS, OpCode.REMOVE_RECURSIVE, OpCode.TRY_REMOVE, OpCode.LINEARIZABLE_READ))


class ReadOnlyClients:
    """*is_on*: set by the shell, while the member has no quorum."""

    def __init__(self, core: "Processor") -> None:
        self._core = core
        self.is_on = False

    def attach(self, conn: Connection, request: ConnectRequest, timeout_ms: int) -> None:
        core = self._core
        secret, session_id = core.config.secret, request.session_id
        if not request.read_only or request.last_zxid_seen > core.replica.zxid:
            core.close(conn, "not_serving")
            return
        if not session_id:
            session_id = core.local.next_id(generation=core.submissions.generation, taken=core.replica.sessions)
        elif not is_password(secret, session_id, request.password):
            core.entrance.refuse(conn)
            return
        conn.session_id = SessionId(session_id)
        conn.timeout_ms = timeout_ms
        conn.phase = Phase.READ_ONLY
        conn.is_read_only = True
        conn.out.append(pack_connect_response(
            timeout_ms=timeout_ms, session_id=session_id, password=session_password(secret, session_id),
            with_read_only=True, is_read_only=True))
        core.dirty[conn] = None

    def feed(self, conn: Connection, data: bytes) -> None:
        at, end = 0, len(data)
        answered = 0
        while end - at >= HEAD.size and conn.phase is Phase.READ_ONLY and answered < ANSWERS_BYTES_MAX:
            length, xid, op = HEAD.unpack_from(data, at)
            stop = at + 4 + length
            if not 8 <= length <= self._core.config.frame_bytes_max:
                self._core.close(conn, "bad_frame", f"a frame of {length} bytes")
            elif stop > end:
                break
            else:
                answered += self._answer(conn, xid, op, data[at + HEAD.size:stop])
                at = stop
        if conn.phase is Phase.READ_ONLY:
            conn.input = data[at:]
            conn.holds = answered >= ANSWERS_BYTES_MAX
        self._core.dirty[conn] = None

    def _answer(self, conn: Connection, xid: int, op: int, body: bytes) -> int:
        """Returns the bytes of the answer without its header."""
        core = self._core
        conn.frames_in += 1
        core.statistics.received += 1
        if op == OpCode.AUTH:
            core.on_auth(conn, xid, body)
            return 0
        if op != OpCode.SASL and not core.proofs.is_proven(conn):
            core.proofs.refuse(conn, xid)
            return 0
        if op not in REFUSED and op != OpCode.CLOSE_SESSION:
            return core.read(conn, xid, op, body)
        err = Err.NOT_READ_ONLY if op in REFUSED else Err.OK
        conn.out.append(REPLY.pack(REPLY_HEADER_BYTES, xid, core.replica.zxid, err))
        conn.last_xid, conn.last_op = xid, op
        conn.frames_out += 1
        core.statistics.sent += 1
        if op == OpCode.CLOSE_SESSION:
            core.close(conn, "session_closed")
        return 0

    def end(self) -> None:
        """The quorum is back: clients come again, and are served in full."""
        self.is_on = False
        for conn in self._core.connections.values():
            if conn.phase is Phase.READ_ONLY:
                self._core.close(conn, "read_only_over")
