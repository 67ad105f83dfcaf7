"""A simulated client: one session after another, each over as many connections as the faults cost it."""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation import jute_frames as jute
from tests.simulation.network import Stream
from tests.simulation.process import Process
from tests.simulation.scheduler import MS
from tests.simulation.world import InvariantViolation, World
from transport.opcodes import XID_NOTIFICATION, XID_PING, OpCode

if TYPE_CHECKING:
    from tests.simulation.history import History


WRITES = frozenset((
    OpCode.CREATE, OpCode.SET_DATA, OpCode.DELETE, OpCode.CREATE_CONTAINER, OpCode.CREATE_TTL, OpCode.MULTI))
TTL_MS = (400, 3_000)


@dataclass(frozen=True)
class ClientOptions:
    session_timeout_ms: int = 6_000
    burst_max: int = 8  # requests put out at once
    gap_ms: int = 400  # mean time between bursts
    register_count: int = 3  # znodes that all clients write and read


@dataclass(slots=True)
class Operation:
    """One request and what became of it. *number*: unique in the run; it is in the value that a write writes."""

    number: int
    client: int
    session_index: int  # the client's sessions, counted
    connection_index: int
    xid: int
    op: int
    path: bytes
    value: bytes
    flags: int
    invoked_us: int
    watch: bool = False
    version: int = -1  # that a set, or the check of a multi, expects
    zxid: int = 0
    err: int | None = None  # None: no answer (yet)

    @property
    def is_write(self) -> bool:
        return self.op in WRITES


class Client(Process):
    """Hosts of clients have negative numbers in the network, so that no partition of members touches them."""

    def __init__(
        self, world: World, *, number: int, addresses: list[tuple[int, str]], history: "History",
        options: ClientOptions,
    ) -> None:
        super().__init__(world, member=-number, name=f"client-{number}")
        self.number = number
        self.addresses = addresses
        self.history = history
        self.options = options
        self.rng = world.randomness.of(f"client-{number}")
        self.session = 0
        self.password = bytes(16)
        self.session_index = 0
        self.connection_index = 0
        self.zxid_seen = 0
        self.stream: Stream | None = None
        self.is_attached = False
        self.cutter = jute.FrameCutter()
        self.xid = 0
        self.waiting: deque[Operation] = deque()
        self.heard_us = 0
        self.sent_us = 0
        self.is_idle = False  # its work is done: it only keeps its session
        self.ends = False  # it has closed its session and does not come back
        self.has_home = False  # the own register of this session exists
        self.created: list[bytes] = []
        self.containers: list[bytes] = []
        self.versions: dict[bytes, int] = {}  # as last read, of what all clients write

    # --- connections ---

    def connect(self) -> None:
        if self.stream is not None or self.ends:
            return
        self.connection_index += 1
        self.is_attached = False
        self.cutter = jute.FrameCutter()
        self.heard_us = self.sent_us = self.world.scheduler.now_us
        address = self.rng.choice(self.addresses)
        life = self.connection_index
        self.stream = self.world.network.connect(
            self, address,
            on_message=lambda data: self.on_data(life, data), on_lost=lambda: self.on_lost(life))
        self.trace("connects to %d/%s, session %x", address[0], address[1], self.session)
        self.stream.send(jute.connect(
            session=self.session, password=self.password, timeout_ms=self.options.session_timeout_ms,
            zxid_seen=self.zxid_seen))
        self.after(self.options.session_timeout_ms * MS // 6, self.watch_over, life)

    def watch_over(self, life: int) -> None:
        """Pings, and gives a silent server up, as stock clients do: at a third and two thirds of the timeout."""
        if life != self.connection_index or self.stream is None:
            return
        now, third = self.world.scheduler.now_us, self.options.session_timeout_ms * MS // 3
        if now - self.heard_us > 2 * third:
            self.trace("hears nothing, closes")
            self.drop_connection()
            return
        if self.is_attached and now - self.sent_us > third:
            self.put(jute.request(XID_PING, OpCode.PING))
        self.after(third // 2, self.watch_over, life)

    def drop_connection(self) -> None:
        if self.stream is not None:
            self.stream.close()
            self.on_lost(self.connection_index)

    def on_lost(self, life: int) -> None:
        if life != self.connection_index or self.stream is None:
            return
        self.trace("lost its connection with %d unanswered", len(self.waiting))
        self.stream = None
        self.is_attached = False
        unanswered = list(self.waiting)
        self.waiting.clear()
        self.history.connection_lost(self, unanswered)
        self.after(20 * MS + self.rng.randrange(200 * MS), self.connect)

    def put(self, data: bytes) -> None:
        assert self.stream is not None
        self.sent_us = self.world.scheduler.now_us
        self.stream.send(data)

    def on_data(self, life: int, data: bytes) -> None:
        if not self.is_connected(life):
            return
        self.heard_us = self.world.scheduler.now_us
        for frame in self.cutter.frames(data):
            if self.is_attached:
                self.on_reply(frame)
            else:
                self.on_connected(frame)
            if not self.is_connected(life):
                return

    def is_connected(self, life: int) -> bool:
        return life == self.connection_index and self.stream is not None

    def on_connected(self, frame: bytes) -> None:
        _, timeout_ms, session, _, password = jute.CONNECTED.unpack_from(frame)
        if timeout_ms == 0:
            self.trace("session %x has expired", self.session)
            self.history.session_over(self)
            self.session, self.password, self.zxid_seen = 0, bytes(16), 0
            self.has_home = False
            self.drop_connection()
            return
        if self.session == 0:
            self.session_index += 1
            self.history.session_made(self, session)
        elif session != self.session:
            raise InvariantViolation("sessions", f"{self.name} asked for {self.session:x}, got {session:x}")
        self.session, self.password = session, password
        self.is_attached = True
        self.trace("attached, session %x", session)
        if not self.has_home:
            self.request(OpCode.CREATE, path=self.home, value=True)
            self.request(OpCode.CREATE, path=self.a_register(), value=True)

    @property
    def home(self) -> bytes:
        return b"/own-%d-%d" % (self.number, self.session_index)

    def a_register(self) -> bytes:
        return b"/register-%d" % self.rng.randrange(self.options.register_count)

    # --- work ---

    def start(self) -> None:
        self.connect()
        self.after(self.rng.randrange(self.options.gap_ms) * MS, self.burst)

    def burst(self) -> None:
        if self.is_idle:
            return
        if self.is_attached and len(self.waiting) < 4 * self.options.burst_max:
            for _ in range(self.rng.randint(1, self.options.burst_max)):
                self.one_of_many()
        self.after(int(self.rng.expovariate(1 / self.options.gap_ms) * MS), self.burst)

    def one_of_many(self) -> None:
        rng = self.rng
        dice = rng.random()
        shared = self.a_register()
        if dice < 0.26:
            self.request(OpCode.SET_DATA, path=self.home, value=True)
        elif dice < 0.34:
            self.request(OpCode.SET_DATA, path=shared, value=True)
        elif dice < 0.39:
            self.request(OpCode.SET_DATA, path=shared, value=True, version=self.versions.get(shared, 0))
        elif dice < 0.43:
            version = self.versions.get(shared, 0) if rng.random() < 0.5 else -1
            self.request(OpCode.MULTI, path=shared, value=True, version=version)
        elif dice < 0.48:
            self.short_lived()
        elif dice < 0.58:
            flags = rng.choice((jute.PERSISTENT, jute.EPHEMERAL, jute.SEQUENCE, jute.EPHEMERAL))
            self.request(OpCode.CREATE, path=b"/node-%d-%d-" % (self.number, self.xid), value=True, flags=flags)
        elif dice < 0.62 and self.created:
            self.request(OpCode.DELETE, path=self.created.pop(rng.randrange(len(self.created))))
        elif dice < 0.66 and self.created:
            self.request(OpCode.GET_DATA, path=rng.choice(self.created))
        elif dice < 0.78:
            self.request(OpCode.GET_DATA, path=self.home)
        elif dice < 0.90:
            self.request(OpCode.GET_DATA, path=shared, watch=rng.random() < 0.5)
        else:
            self.request(OpCode.SYNC, path=shared)
            self.request(OpCode.GET_DATA, path=shared)

    def short_lived(self) -> None:
        """What the leader's processor 0 takes away later: a TTL node, a container that gets and loses a child."""
        if self.rng.random() < 0.5:
            flags = self.rng.randint(*TTL_MS)
            self.request(OpCode.CREATE_TTL, path=b"/ttl-%d-%d" % (self.number, self.xid), value=True, flags=flags)
        elif not self.containers:
            path = b"/container-%d-%d" % (self.number, self.xid)
            self.request(OpCode.CREATE_CONTAINER, path=path, value=True, flags=jute.CONTAINER)
        else:
            child = self.containers.pop() + b"/child"
            self.request(OpCode.CREATE, path=child, value=True)
            if self.rng.random() < 0.8:
                self.request(OpCode.DELETE, path=child)

    def request(
        self, op: int, *, path: bytes, value: bool = False, flags: int = 0, watch: bool = False, version: int = -1,
    ) -> None:
        """*flags*: of a create; of a TTL node its ms."""
        self.xid += 1
        operation = self.history.invoke(
            self, op, path=path, has_value=value, flags=flags, watch=watch, version=version)
        self.waiting.append(operation)
        self.put(jute.request(self.xid, op, body_of(operation)))

    def on_reply(self, frame: bytes) -> None:
        xid, zxid, err = jute.REPLY.unpack_from(frame)
        body = frame[jute.REPLY.size:]
        if xid == XID_NOTIFICATION:
            path, _ = jute.read_text(body, 8)
            self.history.event(self, path)
            return
        self.history.zxid_shown(self, zxid)
        self.zxid_seen = max(self.zxid_seen, zxid)
        if xid == XID_PING:
            return
        self.history.reply_came(self, xid, self.waiting[0].xid if self.waiting else None)
        operation = self.waiting.popleft()
        operation.zxid, operation.err = zxid, err
        self.trace("reply %d: %s %s: zxid %d, %d", operation.xid, OpCode(operation.op).name,
                   operation.path.decode(), zxid, err)
        self.history.reply(self, operation, body)


def body_of(operation: Operation) -> bytes:
    path = operation.path
    match operation.op:
        case OpCode.CREATE | OpCode.CREATE_CONTAINER:
            return jute.create(path, operation.value, operation.flags)
        case OpCode.CREATE_TTL:
            return jute.create_ttl(path, operation.value, operation.flags)
        case OpCode.SET_DATA:
            return jute.set_data(path, operation.value, operation.version)
        case OpCode.MULTI:
            # What the first one makes must be gone without a trace where the second one fails.
            return jute.multi(
                (OpCode.CREATE, jute.create(b"/many-", operation.value, jute.SEQUENCE)),
                (OpCode.CHECK, jute.check(path, operation.version)),
                (OpCode.SET_DATA, jute.set_data(path, operation.value)))
        case OpCode.DELETE:
            return jute.delete(path)
        case OpCode.GET_DATA:
            return jute.get_data(path, watch=operation.watch)
        case OpCode.SYNC:
            return jute.text(path)
        case _:
            return b""
