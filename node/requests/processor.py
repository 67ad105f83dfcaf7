"""A processor's core: bytes of clients in, batches and replies out, in the order that ZooKeeper promises.

Order, per connection: replies come in the order of the requests; a read behind an unfinished write is parked and
runs right after that write's execution, between the requests of a record; a watch event is put out before any reply
that shows its change.

`feed` and `reply` are the hot path: loops over buffers, nothing made per request that is not kept or sent.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from node.requests.alarms import WriteAlarms
from node.requests.auth import NO_RULES, AuthPacketError, AuthRules, first_identities
from node.requests.connection import Connection, Phase
from node.requests.entrance import LATE, Entrance
from node.requests.frames import (
    ANSWERS_BYTES_MAX,
    DATA_REPLY,
    DATA_REPLY_BYTES,
    EVENT,
    HEAD,
    REPLY,
    REPLY_HEADER_BYTES,
    SYNC_CONNECTED,
)
from node.requests.local_sessions import LocalSessions
from node.requests.overload import TURN_REQUESTS_LEAST, WINDOW_BITS, OverloadRules, Shares
from node.requests.proofs import Proofs
from node.requests.read_only import ReadOnlyClients
from node.requests.reconfigs import Reconfigs
from node.requests.statistics import Statistics
from node.requests.submissions import BATCH_BYTES_MAX, IDENTITIES_MAX, NO_CREDIT, Submissions
from node.requests.traceparent import context_of, is_traceparent
from node.requests.witness import NoWitness, Witness
from node.tree.compatibility import NEWEST, Compatibility
from node.tree.execute import Hook, Replica
from node.tree.reads import PLAIN_READS, READS, SESSION_READS, plainly_readable
from node.tree.state import State
from node.tree.watches import Watches
from node.tree.znode import Znode, pack_stat
from transport.batch import EXPIRE_BODY, REQUEST, BatchHeader
from transport.entry import Kind, RecordHeader
from transport.errors import Err
from transport.jute import encode
from transport.opcodes import XID_NOTIFICATION, OpCode
from transport.records import DeleteContainerRequest
from transport.zxid import epoch_of

# Plain names: looking a member up in its class costs as much as a function call.
AUTH: Final = int(OpCode.AUTH)
RECONFIG: Final = int(OpCode.RECONFIG)
PING: Final = int(OpCode.PING)
SASL: Final = int(OpCode.SASL)
GET_DATA: Final = int(OpCode.GET_DATA)
NEVER_PARKED: Final = frozenset((AUTH, RECONFIG))
EXPIRE: Final = int(OpCode.EXPIRE)
PREPARE_RECONFIG: Final = int(OpCode.PREPARE_RECONFIG)
CLOSE_SESSION: Final = int(OpCode.CLOSE_SESSION)
SESSION_MOVED: Final = int(Err.SESSION_MOVED)
BULKY_BYTES: Final = 4096
PARKED_MAX: Final = 128  # each may come to jute.maxbuffer, and all are due with the write before them
# Of a write in a batch, beside its frame, whose xid and opcode stand in REQUEST.
REQUEST_WEIGHT: Final = REQUEST.size - 8
READY: Final[Phase] = Phase.READY  # annotated: feed's calls change a phase that a type checker would hold for settled
CLOSED: Final = Phase.CLOSED

WRITES: Final = frozenset(int(op) for op in (
    OpCode.CREATE, OpCode.CREATE2, OpCode.DELETE, OpCode.SET_DATA, OpCode.SET_ACL, OpCode.MULTI, OpCode.SYNC,
    OpCode.CREATE_CONTAINER, OpCode.CREATE_TTL, OpCode.RECONFIG, OpCode.CLOSE_SESSION,
    OpCode.CREATE_IF_NOT_EXISTS, OpCode.REMOVE_RECURSIVE, OpCode.TRY_REMOVE, OpCode.LINEARIZABLE_READ))
MAY_OWN: Final = frozenset(int(op) for op in (  # an ephemeral node, afterwards
    OpCode.CREATE, OpCode.CREATE2, OpCode.MULTI, OpCode.CREATE_IF_NOT_EXISTS))


@dataclass(frozen=True)
class RequestConfig:
    member: int
    processor: int
    secret: bytes
    session_timeout_min_ms: int
    session_timeout_max_ms: int
    frame_bytes_max: int  # jute.maxbuffer
    auth: AuthRules = NO_RULES
    large_bytes: int = 0  # a longer frame counts as large; 0: none does
    large_bytes_max: int = 0  # of all that is on its way, when a large one comes
    reply_bytes_max: int = 0  # of an answer to a read that may grow; 0: no limit
    compatibility: Compatibility = NEWEST
    watch_history: int = 0  # changes kept for persistent watches; 0: none
    local_sessions: bool = False
    local_sessions_upgrade: bool = False
    reconfig_enabled: bool = False
    overload: OverloadRules = field(default_factory=OverloadRules)


class Processor:
    """The Sink of its Replica. The shell calls the methods, then takes `dirty` (connections with output or an end)."""

    def __init__(self, config: RequestConfig, state: State, alarm: Callable[..., None],
                 hook: Hook | None = None, chance: Callable[[], float] = lambda: 1.0) -> None:
        self.config = config
        self.alarm = alarm
        self.watches = Watches()
        self.replica = Replica(state, self.watches, self, hook, config.compatibility)
        if config.watch_history:
            self.replica.remember(config.watch_history)
        self.submissions = Submissions(
            member=config.member, processor=config.processor, outstanding_max=config.overload.outstanding_max)
        self.submissions.epoch = epoch_of(state.zxid)
        self.connections: dict[int, Connection] = {}
        self.by_session: dict[int, Connection] = {}
        self.local = LocalSessions(member=config.member)
        self.read_only = ReadOnlyClients(self)
        self.proofs = Proofs(self)
        self.entrance = Entrance(self, chance)
        self.dirty: dict[Connection, None] = {}
        self.statistics = Statistics()
        self.witness: Witness = NoWitness()
        self.words: list[Connection] = []  # four-letter words to answer
        self.now_ns = 0  # set by the shell before it feeds
        self.serving = False  # set by the shell: lease held and caught up once
        self.is_draining = False  # set by the shell: clients are to go elsewhere
        self.digests: list[tuple[int, int]] = []  # (zxid, digest), for the shell to report
        self.reconfigs = Reconfigs(self)
        self.writes = WRITES - {RECONFIG} if config.reconfig_enabled else WRITES  # less while alarms stop some
        self.alarms = WriteAlarms(self)
        self._next_number = 1
        self._frame_limit = config.large_bytes or config.frame_bytes_max
        self._shares = Shares(config.overload)
        self._requests_max = config.overload.requests_max
        self._tells_zxid = config.compatibility.notification_zxid

    # --- clients ---------------------------------------------------------------------------------------------

    def opened(self, address: str, now_ms: int, shell: object) -> Connection:
        conn = Connection(
            number=self._next_number, address=address, identity=first_identities(address, self.config.auth),
            now_ms=now_ms, shell=shell)
        self._next_number += 1
        self.connections[conn.number] = conn
        self.statistics.opened += 1
        return conn

    def lost(self, conn: Connection) -> None:
        """The socket is gone: its watches with it; its session lives on until it expires or comes back."""
        conn.phase = Phase.CLOSED
        if self.connections.pop(conn.number, None) is None:
            return
        self.statistics.ended(conn.outcome or "client_gone")
        self.entrance.lost(conn)
        self.watches.drop(conn.number)
        if self.by_session.get(conn.session_id) is conn:
            del self.by_session[conn.session_id]
            if local := self.local.get(conn.session_id):
                local.heard_ms = conn.heard_ms
        conn.parked.clear()
        self.dirty.pop(conn, None)

    def feed(self, conn: Connection, data: bytes, now_ms: int) -> None:
        """Bytes from a client. Broken framing ends the connection without an answer, as ZooKeeper does.

        Where conn.holds afterwards, the shell reads nothing more, and feeds b"" once the output has been taken.
        """
        conn.heard_ms = now_ms
        conn.holds = False
        self.statistics.received_bytes += len(data)
        if conn.input:
            if conn.missing > len(data):
                conn.add_piece(data)
                return
            data = b"".join((conn.input, data))
            conn.input, conn.missing = b"", 0
        if conn.phase is not READY:
            self.entrance.feed(conn, data)
            return
        submissions, shares = self.submissions, self._shares
        if now_ms >> WINDOW_BITS != conn.window:
            conn.window = now_ms >> WINDOW_BITS
            if conn.window != shares.window:
                shares.begin(conn.window)
            shares.count()
        may_come, in_work = submissions.room, conn.submitted - conn.done
        must_wait = in_work and (may_come <= 0 or in_work >= shares.writes)
        if must_wait or may_come == NO_CREDIT or conn.awaited > conn.done:
            conn.holds = True
            conn.input = data
            return
        if self._requests_max:
            if submissions.outstanding >= self._requests_max:
                self.entrance.stall(conn, data, now_ms)
                return
            if conn.stalled_ms:
                data = self.entrance.refuse_late(conn, data, now_ms)
        if may_come > shares.writes - in_work:
            may_come = shares.writes - in_work
        frames_max = shares.turn
        if may_come < frames_max:
            frames_max = max(may_come, TURN_REQUESTS_LEAST)
        requests = submissions.requests
        room = BATCH_BYTES_MAX - submissions.bytes
        pack_request, weight = conn.pack_request, REQUEST_WEIGHT + conn.trace_bytes
        pack_data_reply = DATA_REPLY.pack
        head, write_ops = HEAD.unpack_from, self.writes
        limit = self._frame_limit
        nodes, zxid, out = self.replica.nodes, self.replica.zxid, conn.out
        session_id = conn.session_id
        number, upgrades = conn.number, conn.upgrades
        identity = -1  # its place in the batch's table, once a write needs it
        at = 0
        end = len(data)
        writes = written = frames = got = answered = 0
        while end - at >= 12:
            length, xid, op = head(data, at)
            if length < 8 or (length > limit and self._refuses(length)):
                self.close(conn, "bad_frame", f"a frame of {length} bytes")
                break
            stop = at + 4 + length
            if stop > end:
                break
            frames += 1
            if op in write_ops:
                if identity < 0:
                    identity = submissions.identity_of(conn.identity)
                requests.append(pack_request(session_id, number, xid, op, 0, identity, 0, length - 8))
                requests.append(data[at + 12:stop])
                writes += 1
                written += length
                conn.submitted += 1
                if written + weight * writes >= room or identity >= IDENTITIES_MAX:
                    submissions.took(writes, written + weight * writes, is_traced=conn.trace_bytes > 0)
                    submissions.close_batch(now_ms)
                    requests = submissions.requests
                    writes = written = 0
                    identity = -1
                    room = BATCH_BYTES_MAX
                    conn.holds = submissions.is_full
                if upgrades and op in MAY_OWN:
                    # What comes behind it is a request of the global session, should it be one then: marked as of a
                    # local one, it could make the session anew after its end.
                    conn.awaited = conn.submitted
                    conn.holds = True
            elif (conn.submitted != conn.done or conn.parked) and op not in NEVER_PARKED:
                conn.parked.append((conn.submitted, xid, op, data[at + 12:stop], self.now_ns))
                conn.holds = len(conn.parked) >= PARKED_MAX
            elif op == AUTH:
                if writes:
                    submissions.took(writes, written + weight * writes, is_traced=conn.trace_bytes > 0)
                    writes = written = 0
                self.on_auth(conn, xid, data[at + 12:stop])
                identity = -1
                room = BATCH_BYTES_MAX - submissions.bytes
                pack_request, weight = conn.pack_request, REQUEST_WEIGHT + conn.trace_bytes
            elif op == GET_DATA and (node := plainly_readable(nodes, data, at + 12, stop)) is not None:
                value = node.data or b""
                if len(value) > BULKY_BYTES:
                    conn.bulky = True
                out += (pack_data_reply(DATA_REPLY_BYTES + len(value), xid, zxid, 0, len(value)), value,
                        pack_stat(node))
                conn.last_xid, conn.last_op, conn.last_zxid = xid, op, zxid
                got += 1
            elif op == RECONFIG and self.config.reconfig_enabled:
                if writes:
                    submissions.took(writes, written + weight * writes, is_traced=conn.trace_bytes > 0)
                    writes = written = 0
                self.reconfigs.submit(conn, xid, data[at + 12:stop], data[stop:])
                at = end
                break
            else:
                answered += self.read(conn, xid, op, data[at + 12:stop])
                conn.holds = answered > ANSWERS_BYTES_MAX
                identity = -1  # it may have been SASL
            at = stop
            if frames >= frames_max or conn.phase is not READY or conn.holds:
                break
        if writes:
            submissions.took(writes, written + weight * writes, is_traced=conn.trace_bytes > 0)
        conn.frames_in += frames
        conn.frames_out += got
        self.statistics.received += frames
        self.statistics.sent += got
        self.statistics.reads += got
        if at == end:
            conn.holds = False
        elif conn.phase is READY:
            length = int.from_bytes(data[at:at + 4], "big", signed=True) if end - at >= 4 else 8
            if length < 8 or (length > limit and self._refuses(length)):
                self.close(conn, "bad_frame", "a frame of a length that none has")
            else:
                if frames >= frames_max:  # it is the others' turn: a flood is taken in pieces
                    conn.holds = True
                    self.dirty[conn] = None
                conn.input = data[at:] if at else data
                conn.missing = 0 if conn.holds else at + 4 + length - end
        if frames and conn.out:
            self.dirty[conn] = None

    def _refuses(self, length: int) -> bool:
        """A frame of more bytes than most have."""
        config, submissions = self.config, self.submissions
        if length > config.frame_bytes_max:
            return True
        if submissions.flight_bytes + submissions.bytes + length <= config.large_bytes_max:
            return False
        self.statistics.large_refused += 1
        return True

    def close(self, conn: Connection, outcome: str, fault: str = "") -> None:
        """After what is in its output has been sent. The first *outcome* counts."""
        conn.phase = Phase.CLOSED
        conn.outcome = conn.outcome or outcome
        conn.fault = fault
        conn.holds = False
        conn.input = b""
        self.dirty[conn] = None

    # --- sessions --------------------------------------------------------------------------------------------

    def expire_local(self, now_ms: int) -> None:
        """Call about once a tick. A connection that is not read is not silent."""
        for session in list(self.local.values()):
            conn = self.by_session.get(session.id)
            heard_ms = session.heard_ms if conn is None else conn.heard_ms
            if now_ms - heard_ms > session.timeout_ms and not (conn and (conn.paused or conn.holds)):
                del self.local[session.id]
                self.session_ended(session.id, 0, 0, ())
                self.statistics.sessions_expired += 1

    def expire(self, session_id: int, source: int, connection: int) -> None:
        """The leader's processor 0: order the end of a session, if it still has the token that was seen."""
        self.submissions.add(
            session_id=session_id, connection=0, xid=0, op=OpCode.EXPIRE, identity=b"\0\0\0\0",
            body=EXPIRE_BODY.pack(source, connection))

    def reap(self, node: Znode) -> None:
        """The leader's processor 0: order the deletion of a container or TTL node whose time is over."""
        self.submissions.add(
            session_id=0, connection=0, xid=0, op=OpCode.DELETE_CONTAINER, identity=b"\0\0\0\0",
            body=encode(DeleteContainerRequest(node.path, node.czxid)))

    # --- reads and what is answered at once ------------------------------------------------------------------

    def read(self, conn: Connection, xid: int, op: int, body: bytes) -> int:
        """Returns the bytes of the answer without its header."""
        size = 0
        out = conn.out
        zxid = self.replica.zxid
        if op == PING:
            out.append(REPLY.pack(REPLY_HEADER_BYTES, xid, zxid, 0))
            self.statistics.pings += 1
        elif op == GET_DATA and (node := plainly_readable(self.replica.nodes, body, 0, len(body))) is not None:
            value = node.data or b""  # by reference: a thousand such answers are one value
            size = len(value)
            if size > BULKY_BYTES:
                conn.bulky = True
            out += (DATA_REPLY.pack(DATA_REPLY_BYTES + size, xid, zxid, 0, size), value, pack_stat(node))
        elif op == AUTH:
            out.append(REPLY.pack(REPLY_HEADER_BYTES, xid, 0, 0))
        elif op == SASL:
            self.proofs.on_sasl(conn, xid, body)
            return 0
        else:
            reader = READS.get(op)
            if reader is not None:
                result = reader(self.replica, body, conn.identity, conn.number)
            elif (session_reader := SESSION_READS.get(op)) is not None:
                result = session_reader(self.replica, body, conn.session_id)
            else:
                result = self._refusal(op)
            if isinstance(result, bytes) and 0 < self.config.reply_bytes_max < len(result):
                result = self._too_long()
            if isinstance(result, bytes):
                size = len(result)
                if size > BULKY_BYTES:
                    conn.bulky = True
                out += (REPLY.pack(REPLY_HEADER_BYTES + len(result), xid, zxid, 0), result)
            else:
                out.append(REPLY.pack(REPLY_HEADER_BYTES, xid, zxid, result))
                self.statistics.failed(result)
        conn.last_xid, conn.last_op, conn.last_zxid = xid, op, zxid
        conn.frames_out += 1
        self.statistics.sent += 1
        self.statistics.reads += op not in (PING, AUTH)
        return size

    def _refusal(self, op: int) -> Err:
        if op == LATE:
            return Err.THROTTLED_OP
        return Err.QUOTA_EXCEEDED if self.alarms.stops_writes and op in WRITES else Err.UNIMPLEMENTED

    def _too_long(self) -> Err:
        """Of an answer: clients that cannot take it would come back and ask again."""
        self.statistics.replies_refused += 1
        return Err.MARSHALLING_ERROR

    def on_auth(self, conn: Connection, xid: int, body: bytes) -> None:
        """Answered at once, whatever is on its way; identities count for later requests."""
        try:
            is_context = is_traceparent(body)
        except AuthPacketError as error:
            self.close(conn, "bad_frame", str(error))
            return
        if is_context:
            self._on_traceparent(conn, xid, body)
        else:
            self.proofs.on_packet(conn, xid, body)

    def _on_traceparent(self, conn: Connection, xid: int, body: bytes) -> None:
        """A malformed one changes nothing and is answered like any: tracing never costs a client its connection.

        It is answered in its turn, unlike other auth packets: kazoo takes an auth packet's answer for that to the
        oldest request that it waits for, and contexts change while writes are on their way.
        """
        context = context_of(body)
        if context is None:
            self.statistics.traceparents_malformed += 1
        else:
            conn.trace(context)
        if conn.submitted != conn.done or conn.parked:
            conn.parked.append((conn.submitted, xid, AUTH, b"", self.now_ns))
            conn.holds = len(conn.parked) >= PARKED_MAX
        else:
            self.read(conn, xid, AUTH, b"")

    # --- the Sink of execution -------------------------------------------------------------------------------

    def owns(self, header: BatchHeader, first_zxid: int) -> bool:
        if not self.submissions.owns(header):
            return False
        flight = self.submissions.executed(header)
        self.statistics.executed(header.count, flight.sealed_ms)
        self.witness.on_executed(flight, first_zxid, header.count)
        return True

    def reply(
        self, connection: int, session_id: int, xid: int, op: int, zxid: int, err: int, body: bytes
    ) -> None:
        """An own request has been executed: answer it, then run the reads that waited for it alone."""
        if err:
            self.witness.on_failed(zxid, err)
        conn = self.connections.get(connection)
        if conn is None:
            if op == EXPIRE and not err:
                self.statistics.sessions_expired += 1
            return
        conn.done += 1
        if op == PREPARE_RECONFIG and conn.phase is Phase.RECONFIGURING:
            self.reconfigs.on_executed(conn, xid, zxid, err, body)
            return
        if conn.phase is not READY and conn.phase is not Phase.RECONFIGURING:
            if conn.phase is Phase.ATTACHING:
                self.dirty[conn] = None
                self.entrance.on_attached(conn, zxid, err, body)
            elif op == CLOSE_SESSION and conn.session_id == session_id:
                conn.outcome = "session_closed"
                self.statistics.sessions_closed += 1
                conn.out.append(REPLY.pack(REPLY_HEADER_BYTES, xid, zxid, err))
            return
        if err == SESSION_MOVED:
            # As ZooKeeper: the client finds its session elsewhere, and no wrong answer reaches it.
            self.close(conn, "session_moved")
            return
        conn.out.append(REPLY.pack(REPLY_HEADER_BYTES + len(body), xid, zxid, err))
        if err:
            self.statistics.failed(err)
        if body:
            conn.out.append(body)
        conn.frames_out += 1
        self.statistics.sent += 1
        self.dirty[conn] = None
        if conn.parked and conn.parked[0][0] <= conn.done:
            self.read_parked(conn)

    def read_parked(self, conn: Connection) -> None:
        parked = conn.parked
        count, oldest_ns = len(parked), parked[0][4]
        while parked and parked[0][0] <= conn.done:
            _, xid, op, body, _ = parked.popleft()
            self.read(conn, xid, op, body)
        self.witness.on_unparked(count - len(parked), oldest_ns)

    def linearizable(self, op: int, body: bytes, identities: bytes, connection: int) -> bytes | Err:
        if op not in PLAIN_READS:
            return Err.BAD_ARGUMENTS
        result = READS[op](self.replica, body, identities, connection)
        return self._too_long() if isinstance(result, bytes) and 0 < self.config.reply_bytes_max < len(
            result) else result

    def event(self, watchers: list[int], event_type: int, path: bytes, zxid: int) -> None:
        """Encoded once for all its watchers."""
        frame = EVENT.pack(
            EVENT.size - 4 + len(path), XID_NOTIFICATION, zxid if self._tells_zxid else -1, 0,
            event_type, SYNC_CONNECTED, len(path)) + path
        connections = self.connections
        dirty = self.dirty
        for number in watchers:
            conn = connections.get(number)
            if conn is not None and conn.phase is not CLOSED:
                conn.out.append(frame)
                conn.frames_out += 1
                dirty[conn] = None
        self.statistics.notifications += len(watchers)
        if zxid > 0:  # else no request does this: a client is told what it missed while it was away
            self.witness.on_notified(zxid, len(watchers))
        self.statistics.fanout.observe(len(watchers))

    def session_ended(
        self, session_id: int, source: int, connection: int, ephemerals: Collection[bytes]
    ) -> None:
        conn = self.by_session.pop(session_id, None)
        self.local.pop(session_id, None)
        if conn is not None:
            self.close(conn, "session_expired")  # unless its own close says otherwise in a moment

    def session_moved(self, session_id: int, old_source: int, old_connection: int) -> None:
        """Its new connection is elsewhere, or a newer one here: the older one closes. From nowhere: it was local."""
        self.local.pop(session_id, None)
        if old_source == 0:
            here = self.by_session.get(session_id)
            if here is not None:
                here.became_global()
        if old_source != self.source:
            return
        conn = self.connections.get(old_connection)
        if conn is not None:
            if self.by_session.get(session_id) is conn:
                del self.by_session[session_id]
            self.close(conn, "session_moved")

    def control(self, header: RecordHeader, body: bytes) -> None:
        if header.kind == Kind.EPOCH:
            self.submissions.epoch_started(epoch_of(header.first_zxid))
        if self.reconfigs.waiting:
            self.reconfigs.on_control(header)

    def digest(self, zxid: int, value: int) -> None:
        self.digests.append((zxid, value))

    @property
    def source(self) -> int:
        submissions = self.submissions
        return submissions.generation << 16 | submissions.member << 8 | submissions.processor
