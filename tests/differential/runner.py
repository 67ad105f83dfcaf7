"""Runs a sequence against one server or ensemble and records all that came back.

What makes two runs comparable is the barrier: every step ends with a `sync` on every connection,
so that each client has received whatever the step caused before the next step begins. Within a
step only one client acts. Events and replies of one connection are recorded in their order of
arrival.
"""

import itertools
from dataclasses import dataclass, field
from typing import assert_never

from tests.differential.steps import (
    LIMITS,
    QUOTA,
    STATS,
    Burst,
    Disconnect,
    Fatal,
    Password,
    Quota,
    Reattach,
    Rewatch,
    Sequence,
    Since,
    Step,
    Unknown,
    ZxidSeen,
    relocate,
)
from tests.later_requests import SetWatches2
from tests.wire import (
    CLOSE_SESSION,
    CloseSession,
    Create,
    Event,
    GetAcl,
    GetChildren2,
    GetData,
    Handshake,
    Reply,
    Request,
    SetWatches,
    Sync,
)
from tests.wire_connection import Address, Connection

BARRIER = Sync("/")
FUTURE_ZXID = 2**62
OBSERVED = ("", "/a", "/b", "/a/b", "/a/c", "/b/b", "/a/b/c")  # read at the end of each sequence


@dataclass(frozen=True)
class Closed:
    """The server closed the connection."""


@dataclass(frozen=True)
class Silent:
    """The server neither sent what was due within the deadline nor closed; the client does."""


Item = Reply | Event | Handshake | Closed | Silent


@dataclass(frozen=True)
class Entry:
    step: int
    slot: int
    item: Item


@dataclass
class Trace:
    """All that the servers sent, barriers left out."""

    root: str
    entries: list[Entry] = field(default_factory=list)
    sessions: dict[int, int] = field(default_factory=dict)  # id -> how many were before it


@dataclass
class Client:
    slot: int
    member: int
    connection: Connection | None = None
    session_id: int = 0
    password: bytes = b""
    zxid_seen: int = 0
    has_ended: bool = False  # the session was closed by its client


@dataclass
class Run:
    """One run of one sequence."""

    addresses: list[Address]
    trace: Trace
    clients: list[Client]
    step: int = 0
    start_zxid: int = 0

    def record(self, client: Client, item: Item) -> None:
        self.trace.entries.append(Entry(self.step, client.slot, item))
        if isinstance(item, Reply) and item.opcode == CLOSE_SESSION and item.err == 0:
            client.has_ended = True

    # --- connections ------------------------------------------------------------------------------

    def begin_handshake(
        self,
        client: Client,
        *,
        session_id: int = 0,
        password: bytes = bytes(16),
        zxid_seen: int = 0,
        timeout_ms: int = 10_000,
    ) -> Connection:
        connection = Connection.to(self.addresses[client.member % len(self.addresses)])
        connection.send_handshake(session_id=session_id, password=password, zxid_seen=zxid_seen, timeout_ms=timeout_ms)
        return connection

    def end_handshake(self, client: Client, connection: Connection) -> None:
        handshake = connection.receive_handshake()
        self.record(client, handshake or Closed())
        if handshake is None or handshake.timeout_ms <= 0:
            if handshake is not None and connection.receive_frame() is None:
                self.record(client, Closed())
            connection.close()
            return
        if handshake.session_id not in self.trace.sessions:
            self.trace.sessions[handshake.session_id] = len(self.trace.sessions)
        client.connection, client.has_ended = connection, False
        client.session_id, client.password = handshake.session_id, handshake.password

    def open(self, client: Client) -> None:
        self.end_handshake(client, self.begin_handshake(client))

    def reattach(self, client: Client, step: Reattach) -> None:
        """Reattach, then see the end of the old connection if it was open.

        ZooKeeper cuts the old connection even for one who gives a wrong password; nobody need
        copy that, so an attempt that is to be refused has no old connection.
        """
        old, client.connection = client.connection, None
        hopeless = step.password is not Password.RIGHT or step.zxid_seen is ZxidSeen.FUTURE
        if old is not None and (hopeless or client.has_ended):
            old.close()
            old = None
        client.member += step.hop
        seen = {ZxidSeen.TRUE: client.zxid_seen, ZxidSeen.ZERO: 0, ZxidSeen.FUTURE: FUTURE_ZXID}
        refused_anyway = step.password is not Password.RIGHT or client.has_ended
        which = ZxidSeen.TRUE if refused_anyway else step.zxid_seen  # one reason to refuse at most
        connection = self.begin_handshake(
            client,
            session_id=client.session_id,
            password=forge(client.password, step.password),
            zxid_seen=seen[which],
            timeout_ms=step.timeout_ms,
        )
        self.end_handshake(client, connection)
        if old is None:
            return
        while (item := self.receive(client, old)) is not None:
            self.record(client, item)
        self.record(client, Closed())
        old.close()

    def receive(self, client: Client, connection: Connection) -> Reply | Event | None:
        """The next answer or event; None at the end of the connection, whoever ends it."""
        try:
            return connection.receive()
        except TimeoutError:
            self.record(client, Silent())
            return None

    def revive(self, client: Client) -> Connection:
        """The client's connection; if it has none, its session's new one, or a new session's."""
        if client.connection is None and client.session_id:
            self.reattach(client, Reattach(client.slot))
        if client.connection is None:
            self.open(client)
        assert client.connection is not None, "a new session was refused"
        return client.connection

    # --- exchanges --------------------------------------------------------------------------------

    def exchange(self, client: Client, *requests: Request) -> None:
        connection = self.revive(client)
        connection.send(*(relocate(request, self.trace.root) for request in requests), BARRIER)
        self.drain(client, connection)

    def drain(self, client: Client, connection: Connection) -> None:
        """Record what comes up to the answer to the barrier, which was the last thing sent."""
        while (item := self.receive(client, connection)) is not None:
            is_barrier = isinstance(item, Reply) and item.xid == connection.xid
            if is_barrier and not client.has_ended:  # a session that has ended: up to the close
                client.zxid_seen = connection.zxid_seen
                return
            self.record(client, item)
        client.zxid_seen = connection.zxid_seen
        self.lose(client)

    def lose(self, client: Client) -> None:
        assert client.connection is not None
        self.record(client, Closed())
        client.connection.close()
        client.connection = None

    def settle(self, actor: Client | None) -> None:
        """A barrier on every connection but the actor's."""
        waiting = [c for c in self.clients if c is not actor and c.connection is not None]
        for client in waiting:
            assert client.connection is not None
            client.connection.send(BARRIER)
        for client in waiting:
            assert client.connection is not None
            self.drain(client, client.connection)

    def perform(self, step: Step) -> None:
        client = self.clients[step.slot]
        match step:
            case Burst():
                self.exchange(client, *step.requests)
            case Rewatch():
                self.revive(client)
                since = {
                    Since.SEEN: client.zxid_seen,
                    Since.START: self.start_zxid,
                    Since.ZERO: 0,
                }
                lists = (since[step.since], step.data, step.exist, step.child)
                has_persistent = bool(step.persistent or step.recursive)
                self.exchange(
                    client, SetWatches2(*lists, step.persistent, step.recursive) if has_persistent
                    else SetWatches(*lists))
            case Disconnect():
                if client.connection is not None:
                    client.connection.close()
                    client.connection = None
            case Reattach():
                if client.session_id:
                    self.reattach(client, step)
            case Fatal():
                connection = self.revive(client)
                if isinstance(step.what, bytes):
                    connection.send_bytes(step.what)
                else:
                    connection.send(step.what)
                while (item := self.receive(client, connection)) is not None:
                    self.record(client, item)
                self.lose(client)
            case Unknown():
                connection = self.revive(client)
                connection.send(step.request)
                if (item := self.receive(client, connection)) is not None:
                    self.record(client, item)
                client.connection = None
                connection.close()
            case _:
                raise AssertionError(f"no such step: {step}")

    # --- the whole --------------------------------------------------------------------------------

    def begin(self, planted: tuple[str, ...], quotas: tuple[Quota, ...]) -> None:
        """Open all sessions, at the members in turn, and make the root and what is below."""
        connections = [self.begin_handshake(client) for client in self.clients]
        for client, connection in zip(self.clients, connections, strict=True):
            self.end_handshake(client, connection)
        first = self.clients[0]
        made = self.revive(first).call(Create(self.trace.root.rpartition("/")[0]))
        assert made.err == 0, f"the root is not new: {made}"
        self.exchange(first, *map(Create, ("", *planted)))
        if quotas:
            self.revive(first).call(Create(f"/zookeeper/quota{self.trace.root.rpartition('/')[0]}"))
        for quota in quotas:
            self.exchange(first, *made_for(quota))
        self.start_zxid = first.zxid_seen
        self.settle(first)

    def end(self, quotas: tuple[Quota, ...]) -> None:
        """Close all sessions but the first, read the tree with that, and close it."""
        first, *others = self.clients
        for client in others:
            if client.connection is not None or not client.has_ended:
                self.exchange(client, CloseSession())
        self.settle(None)
        self.step += 1
        reads = [read(path) for path in OBSERVED for read in (GetData, GetAcl, GetChildren2)]
        reads += [GetData(f"{QUOTA}{quota.path}{name}") for quota in quotas for name in (LIMITS, STATS)]
        self.exchange(first, *reads)
        self.exchange(first, CloseSession())

    def all(self, sequence: Sequence) -> None:
        self.begin(sequence.planted, sequence.quotas)
        for step in sequence.steps:
            self.step += 1
            self.perform(step)
            has_had_its_own = isinstance(step, Burst | Rewatch)
            self.settle(self.clients[step.slot] if has_had_its_own else None)
        self.step += 1
        self.end(sequence.quotas)


def made_for(quota: Quota) -> list[Request]:
    parts = quota.path.split("/")
    parents = [Create(f"{QUOTA}{'/'.join(parts[:depth])}") for depth in range(1, len(parts) + 1)]
    node = f"{QUOTA}{quota.path}"
    return [*parents, Create(f"{node}{LIMITS}", quota.limits), Create(f"{node}{STATS}", b"count=0,bytes=0")]


def forge(password: bytes, how: Password) -> bytes:
    match how:
        case Password.RIGHT:
            return password
        case Password.WRONG:
            return bytes(byte ^ 0xFF for byte in password)
        case Password.EMPTY:
            return b""
        case _:
            assert_never(how)


# Two levels, so that a sequential name beside the root is counted by a parent of its own.
roots = (f"/d{number}/r" for number in itertools.count())


def run(sequence: Sequence, addresses: list[Address], root: str) -> Trace:
    """Run the sequence; client i begins at address i, round and round.  root: one never used."""
    clients = [Client(slot, member=slot) for slot in range(sequence.clients)]
    this = Run(addresses, Trace(root), clients)
    try:
        this.all(sequence)
    finally:
        for client in clients:
            if client.connection is not None:
                client.connection.close()
    return this.trace
