"""Watchers of a znode that changes often, each a plain client that sees each thing as it arrives."""

import random
from collections.abc import Sequence
from typing import Final

from tests.histories.operation import Outcome
from tests.histories.watches import KIND
from tests.machines.session import Session, answer
from tests.machines.workloads.worker import Shift, connect
from tests.wire import Event, GetData, Handshake, ProtocolViolationError, Reply, SetWatches
from tests.wire_connection import Address, Connection

PATH: Final = "/watched"
SESSION_MS: Final = 8000
QUIET_S: Final = 4.0  # without a word from the member: a client of this timeout would look for another


class Changes:
    """The one who changes it. What comes of it is in what the watchers see."""

    def __init__(self, session: Session, shift: Shift) -> None:
        self.session, self.shift = session, shift
        self.is_connected = False

    def turn(self) -> bool:
        if not self.is_connected:
            connect(self.session, self.shift.stopping)
            self.is_connected = True

        def request() -> int:
            version: int = answer(self.session.kazoo.set_async(PATH, b"")).version
            return version

        return self.session.do(request, f"{KIND}-change", PATH, "set").outcome is not Outcome.UNKNOWN

    def end(self) -> None:
        self.session.end()


class Watcher:
    """Sets a watch and reads without one, again and again. A lost connection is made anew, with SetWatches."""

    def __init__(self, name: str, addresses: Sequence[Address], shift: Shift, rng: random.Random) -> None:
        self.name, self.addresses, self.shift, self.random = name, addresses, shift, rng
        self.sessions = 0
        self.connection: Connection | None = None
        self.before: Connection | None = None  # lost, but its session may live
        self.is_armed = False

    def turn(self) -> bool:
        try:
            connection = self.connection or self.connected()
            self.read(connection)
        except (OSError, ProtocolViolationError):
            self.drop()
            return False
        return True

    def read(self, connection: Connection) -> None:
        """Two reads, of which the first sets a watch; and all that arrives until both are answered.  Raises OSError."""
        arming = self.random.random() < 0.6
        connection.send(GetData(PATH, watch=arming), GetData(PATH))
        self.receive(connection, ["arm" if arming else "show", "show"])

    def receive(self, connection: Connection, names: list[str]) -> None:
        """*names*: of the replies to come.  Raises OSError."""
        left = list(names)
        while left:
            arrived = connection.receive()
            if arrived is None:
                raise ConnectionError("the member closed the connection")
            if isinstance(arrived, Event):
                self.write("event", None, connection)
                self.is_armed = False
                continue
            name = left.pop(0)
            if name:
                assert isinstance(arrived, Reply)
                if arrived.err:
                    raise ConnectionError(f"error {arrived.err}")
                self.write(name, arrived.body[1].version, connection)
                self.is_armed = self.is_armed or name == "arm"

    def write(self, name: str, version: int | None, connection: Connection) -> None:
        client = f"{self.name}/{self.sessions}"
        self.shift.history.begin(KIND, client, PATH, name).ok(version, session=connection.session_id)

    # Its connection ------------------------------------------------------------------------------

    def connected(self) -> Connection:
        """To any member, with the session that there was, or a new one.  Raises OSError."""
        connection = Connection.to(self.random.choice(self.addresses))
        connection.sock.settimeout(QUIET_S)
        before = self.before
        try:
            if before is None:
                connection.send_handshake(timeout_ms=SESSION_MS)
            else:
                connection.send_handshake(timeout_ms=SESSION_MS, session_id=before.session_id,
                                          password=before.password, zxid_seen=before.zxid_seen)
            self.take(connection, connection.receive_handshake(), before)
        except BaseException:
            connection.close()
            raise
        return connection

    def take(self, connection: Connection, handshake: Handshake | None, before: Connection | None) -> None:
        """Go on with it.  Raises OSError."""
        if handshake is None:
            raise ConnectionError("closed in the handshake")
        if not handshake.timeout_ms:
            self.before = None
            raise ConnectionError("the session has expired")
        self.connection = connection
        if before is None:
            self.sessions += 1
            self.is_armed = False
            return
        connection.zxid_seen = before.zxid_seen
        if self.is_armed:
            connection.send(SetWatches(before.zxid_seen, data=(PATH,)))
            self.receive(connection, [""])

    def drop(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.before, self.connection = self.connection, None

    def end(self) -> None:
        if self.connection is not None:
            self.connection.close()
