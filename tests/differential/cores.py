"""Corral's pure cores behind real sockets: processors over one log in memory, in one thread.

Nothing of ZeroMQ, disks or broadcast is here, so what differs from genuine ZooKeeper differs in
`node/requests` or `node/tree`, and is found at a hundred sequences a second. All members execute a
record at once; what is written in one turn of the loop is one record, as the leader joins it.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from node.requests.connection import Connection, Phase
from node.requests.processor import Processor, RequestConfig
from node.tree.compatibility import COMPATIBILITY
from node.tree.state import State
from tests.genuine import HOST, RELEASE, TICK_MS
from tests.wire_connection import Address
from transport.batch import read_header
from transport.entry import ControlEntry, Kind, pack_control, pack_record
from transport.zxid import make_zxid

EPOCH = 3
SECRET = bytes(range(32))
FRAME_BYTES_MAX = 0xFFFFF


@dataclass
class Member:
    core: Processor
    listener: socket.socket


@dataclass
class Cores:
    """`run` serves until `stop` is closed by the other side."""

    members: list[Member]
    stop: socket.socket
    alarms: list[Any] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)  # replicated
    selector: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)
    zxid: int = make_zxid(epoch=EPOCH, counter=0)

    def run(self) -> None:
        self.start_epoch()
        self.selector.register(self.stop, selectors.EVENT_READ)
        for member in self.members:
            self.selector.register(member.listener, selectors.EVENT_READ, member)
        with contextlib.suppress(StopIteration):
            while True:
                self.turn()
        for key in list(self.selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self.selector.close()

    def turn(self) -> None:
        """Take in what came from clients, order and execute it, send what came of it."""
        for key, _ in self.selector.select():
            if key.fileobj is self.stop:
                raise StopIteration
            if isinstance(key.data, Member):
                self.accept(key.data)
            else:
                self.receive(*key.data)
        while record := self.next_record():
            for member in self.members:
                member.core.replica.apply_record(record)
        for member in self.members:
            self.send(member.core)

    def start_epoch(self) -> None:
        entry = ControlEntry(leader=1, feature_level=1, settings=self.settings, incarnations={}, voters=[1])
        record = pack_control(zxid=self.zxid, kind=Kind.EPOCH, time_ms=0, entry=entry)
        for number, member in enumerate(self.members, 1):
            member.core.submissions.generation = number
            member.core.serving = True
            member.core.replica.apply_record(record)
            member.core.submissions.accepting(epoch=EPOCH, sequence=0)

    def next_record(self) -> bytes:
        """What the members want ordered, as one record; empty when they want nothing."""
        now_ms = time.monotonic_ns() // 1_000_000
        batches = [batch for m in self.members for batch in m.core.submissions.seal(now_ms)]
        if not batches:
            return b""
        count = sum(read_header(batch).count for batch in batches)
        first, self.zxid = self.zxid + 1, self.zxid + count
        time_ms = time.time_ns() // 1_000_000
        return pack_record(first_zxid=first, count=count, time_ms=time_ms, body=b"".join(batches))

    # --- sockets ----------------------------------------------------------------------------------

    def accept(self, member: Member) -> None:
        sock, (host, _) = member.listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = member.core.opened(host, 0, sock)
        self.selector.register(sock, selectors.EVENT_READ, (member.core, connection))

    def receive(self, core: Processor, connection: Connection) -> None:
        if connection.phase is Phase.CLOSED:  # in this same turn
            return
        sock = connection.shell
        assert isinstance(sock, socket.socket)
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = sock.recv(65536)
        if data:
            core.feed(connection, data, 0)
        else:
            self.end(core, connection)

    def send(self, core: Processor) -> None:
        dirty, core.dirty = core.dirty, {}
        for connection in dirty:
            sock = connection.shell
            assert isinstance(sock, socket.socket)
            out, connection.out = b"".join(connection.out), []
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(out)
            if connection.phase is Phase.CLOSED:
                self.end(core, connection)

    def end(self, core: Processor, connection: Connection) -> None:
        sock = connection.shell
        assert isinstance(sock, socket.socket)
        core.lost(connection)
        self.selector.unregister(sock)
        sock.close()


@contextlib.contextmanager
def cores(members: int, settings: dict[str, str] | None = None) -> Iterator[tuple[list[Address], list[Any]]]:
    """The addresses, one for each member, and the list of alarms, which should stay empty."""
    stop, stopper = socket.socketpair()
    alarms: list[Any] = []

    def alarm(event: str, **values: Any) -> None:
        # As ZxidSeen.FUTURE pretends, and as clients do who write beyond a quota.
        if event not in ("client_from_another_history", "quota_exceeded"):
            alarms.append((event, values))

    listening = []
    for number in range(1, members + 1):
        config = RequestConfig(
            member=number,
            processor=0,
            secret=SECRET,
            session_timeout_min_ms=2 * TICK_MS,
            session_timeout_max_ms=20 * TICK_MS,
            frame_bytes_max=FRAME_BYTES_MAX,
            compatibility=COMPATIBILITY[RELEASE],
        )
        core = Processor(config, State(), alarm)
        listening.append(Member(core, socket.create_server((HOST, 0))))
    served = Cores(listening, stop, alarms, settings or {})
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        yield [member.listener.getsockname() for member in listening], alarms
    finally:
        stopper.close()
        thread.join()
