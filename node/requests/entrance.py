"""How a connection comes to its session: the first bytes, the handshake, the attach, and who waits meanwhile.

A server that has more to do than globalOutstandingLimit answers the sessions it has before it takes new ones: a
handshake without a session waits for `admit`, which lets in one per turn even then, so that nobody waits for ever.
"""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from node.requests.connection import Connection, Phase
from node.requests.four_letter import OWN_WORD, WORDS
from node.requests.frames import HEAD
from node.requests.handshake import (
    ConnectRequest,
    HandshakeError,
    pack_connect_response,
    parse_connect_request,
    refusal,
)
from node.requests.local_sessions import local_pack
from node.requests.overload import ConnectionThrottle
from node.requests.passwords import NO_PASSWORD, is_password, session_password
from transport.batch import ATTACH_BODY
from transport.opcodes import OpCode
from transport.zxid import SessionId

if TYPE_CHECKING:
    from node.requests.processor import Processor

LATE: Final = 1 << 32  # no client's operation: one that waited too long, in its place among the answers
PING: Final = int(OpCode.PING)
NEVER_LATE: Final = frozenset(int(op) for op in (OpCode.AUTH, OpCode.SASL, OpCode.CLOSE_SESSION))
ATTACHED: Final = struct.Struct("<qi")  # what execution answers to an attach: session id, timeout in ms


class Entrance:
    """*waiting*: new sessions' handshakes that the server is too busy for, oldest first. *stalled*: connections with
    requests beyond request_throttle_max_requests."""

    def __init__(self, core: "Processor", chance: Callable[[], float]) -> None:
        self._core = core
        self.waiting: dict[Connection, ConnectRequest] = {}
        self.stalled: dict[Connection, None] = {}
        self.throttle = ConnectionThrottle(core.config.overload.connections, chance)

    # --- first bytes -----------------------------------------------------------------------------------------

    def feed(self, conn: Connection, data: bytes) -> None:
        """Of a connection that is not ready for requests."""
        core = self._core
        if conn.phase is Phase.CLOSED:
            return
        if conn.phase is Phase.ATTACHING or conn.phase is Phase.RECONFIGURING or conn in self.waiting:
            conn.input = data  # the shell has stopped reading; this is what was on its way
            return
        if conn.phase is Phase.READ_ONLY:
            core.read_only.feed(conn, data)
            return
        if conn.phase is Phase.UNPROVEN:
            core.proofs.feed(conn, data)
            return
        if len(data) < 4:
            conn.input = data
            return
        word = data[:4].decode("latin-1")
        if word == OWN_WORD or word in WORDS:
            conn.word = word
            conn.input = data[4:12]  # of stmk: the mask
            conn.phase = Phase.CLOSED
            conn.outcome = "four_letter_word"
            core.words.append(conn)
            return
        length = int.from_bytes(data[:4], "big", signed=True)
        if not 0 <= length <= core.config.frame_bytes_max:
            core.close(conn, "bad_frame", "its first bytes are no handshake")
        elif len(data) < 4 + length:
            conn.input = data
            conn.missing = 4 + length - len(data)
        else:
            conn.input = data[4 + length:]
            core.statistics.received += 1
            conn.frames_in += 1
            self._on_connect_request(conn, data[4:4 + length])

    # --- sessions --------------------------------------------------------------------------------------------

    def _on_connect_request(self, conn: Connection, frame: bytes) -> None:
        core = self._core
        if (not core.serving and not core.read_only.is_on) or core.is_draining:
            core.close(conn, "drained" if core.is_draining else "not_serving")  # the client tries another member
            return
        try:
            request = parse_connect_request(frame)
        except HandshakeError as error:
            core.close(conn, "bad_frame", str(error))
            return
        conn.read_only_known = request.knows_read_only
        conn.seen_zxid = request.last_zxid_seen
        if not core.serving:
            core.read_only.attach(conn, request, self._timeout_ms(request))
            return
        is_local = core.config.local_sessions and (not request.session_id or request.session_id in core.local)
        if not self.throttle.lets_in(
                core.statistics.now_ms, is_local=is_local, is_renewed=request.session_id != 0):
            core.statistics.connections_throttled += 1
            core.close(conn, "connection_throttled")
        elif core.submissions.room <= 0 and not request.session_id:
            core.statistics.handshakes_delayed += 1
            self.waiting[conn] = request
            conn.holds = True
        else:
            self._attach(conn, request)

    def _timeout_ms(self, request: ConnectRequest) -> int:
        config = self._core.config
        return min(max(request.timeout_ms, config.session_timeout_min_ms), config.session_timeout_max_ms)

    def _attach(self, conn: Connection, request: ConnectRequest) -> None:
        core = self._core
        timeout_ms = self._timeout_ms(request)
        op = OpCode.CREATE_SESSION
        password = NO_PASSWORD
        if request.session_id:
            op = OpCode.REATTACH
            password = request.password
            known = core.replica.state.sessions.get(SessionId(request.session_id))
            own_password = known.password if known else None
            if own_password is None and not is_password(core.config.secret, request.session_id, password):
                self.refuse(conn)
                return
        if core.config.local_sessions and (not request.session_id or request.session_id in core.local):
            self._attach_locally(conn, request.session_id, timeout_ms)
            return
        conn.phase = Phase.ATTACHING
        conn.session_id = SessionId(request.session_id)
        core.submissions.add(
            session_id=request.session_id, connection=conn.number, xid=0, op=op, identity=conn.identity,
            body=ATTACH_BODY.pack(timeout_ms, password))
        conn.submitted += 1

    def refuse(self, conn: Connection) -> None:
        conn.out.append(refusal(with_read_only=conn.read_only_known))
        self._core.close(conn, "session_refused")

    def on_attached(self, conn: Connection, zxid: int, err: int, body: bytes) -> None:
        core = self._core
        if err:
            self.refuse(conn)
            return
        session_id, timeout_ms = ATTACHED.unpack(body)
        if zxid < conn.seen_zxid:
            # All that this ensemble has committed is executed here, and the client has seen more: another history.
            core.alarm("client_from_another_history", address=conn.address, session=session_id,
                       seen=conn.seen_zxid, zxid=zxid)
            if not conn.session_id:
                core.expire(session_id, core.source, conn.number)  # made a moment ago, and nobody will ever use it
            core.close(conn, "another_history")
            return
        self._begin(conn, session_id, timeout_ms)

    def _attach_locally(self, conn: Connection, session_id: int, timeout_ms: int) -> None:
        """A local session, new or come back here, at once and without the log."""
        core = self._core
        if conn.seen_zxid > core.replica.zxid:
            core.close(conn, "not_serving")  # another member, or this one in a moment, has what it saw
            return
        conn.session_id = SessionId(session_id)
        if session_id:
            core.local[session_id].timeout_ms = timeout_ms
        else:
            session_id = core.local.open(
                generation=core.submissions.generation, timeout_ms=timeout_ms, now_ms=conn.heard_ms,
                taken=core.replica.sessions).id
        conn.upgrades = core.config.local_sessions_upgrade
        conn.pack_untraced = local_pack(timeout_ms=timeout_ms, may_upgrade=conn.upgrades)
        conn.trace(b"")
        self._begin(conn, session_id, timeout_ms)

    def _begin(self, conn: Connection, session_id: int, timeout_ms: int) -> None:
        """The connection has its session: say so, and take in what came meanwhile."""
        core = self._core
        older = core.by_session.get(session_id)
        if older is not None and older is not conn:
            core.close(older, "session_moved")
        if conn.session_id:
            core.statistics.sessions_resumed += 1
        else:
            core.statistics.sessions_opened += 1
        core.by_session[session_id] = conn
        conn.session_id = SessionId(session_id)
        conn.timeout_ms = timeout_ms
        conn.phase = Phase.READY if core.proofs.is_proven(conn) else Phase.UNPROVEN
        core.dirty[conn] = None
        session = core.replica.state.sessions.get(SessionId(session_id))
        conn.out.append(pack_connect_response(
            timeout_ms=timeout_ms, session_id=session_id,
            password=(session and session.password) or session_password(core.config.secret, session_id),
            with_read_only=conn.read_only_known))
        waiting, conn.input = conn.input, b""
        if waiting:
            core.feed(conn, bytes(waiting), conn.heard_ms)

    # --- overload --------------------------------------------------------------------------------------------

    def stall(self, conn: Connection, data: bytes, now_ms: int) -> None:
        """Its requests wait until fewer are in work."""
        conn.holds = True
        conn.input = data
        conn.stalled_ms = conn.stalled_ms or now_ms
        self.stalled[conn] = None

    def refuse_late(self, conn: Connection, data: bytes, now_ms: int) -> bytes:
        """Of requests that the throttle has let wait: too late, and they are answered with -127, or the connection
        closes. Returns what is left of them."""
        waited_ms, conn.stalled_ms = now_ms - conn.stalled_ms, 0
        core = self._core
        rules = core.config.overload
        if rules.closes_late and waited_ms > conn.timeout_ms:
            core.statistics.stale_dropped += 1
            core.close(conn, "stale_requests")
            return b""
        if not 0 < rules.op_wait_ms < waited_ms:
            return data
        at, end = 0, len(data)
        while end - at >= HEAD.size:
            length, xid, op = HEAD.unpack_from(data, at)
            if op in NEVER_LATE or not 8 <= length <= end - at - 4:
                break
            core.statistics.throttled_ops += 1
            conn.frames_in += 1
            conn.parked.append((conn.submitted, xid, PING if op == PING else LATE, b"", core.now_ns))
            at += 4 + length
        if conn.parked and conn.parked[0][0] <= conn.done:
            core.read_parked(conn)
        core.dirty[conn] = None
        return data[at:]

    def admit(self) -> None:
        """Call at the end of each turn while `waiting` or `stalled`: first those who have sessions, then new ones."""
        core = self._core
        if self.stalled and core.submissions.outstanding < core.config.overload.requests_max:
            stalled, self.stalled = self.stalled, {}
            core.dirty.update(stalled)  # the shell feeds them again
        while self.waiting:
            conn = next(iter(self.waiting))
            request = self.waiting.pop(conn)
            conn.holds = False
            core.dirty[conn] = None
            if not core.serving or core.is_draining:
                core.close(conn, "drained" if core.is_draining else "not_serving")
                continue
            self._attach(conn, request)
            if core.submissions.room <= 0:
                return

    def lost(self, conn: Connection) -> None:
        self.waiting.pop(conn, None)
        self.stalled.pop(conn, None)

    @property
    def is_crowded(self) -> bool:
        return bool(self.waiting or self.stalled)
