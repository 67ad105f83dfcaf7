"""Sessions with an ephemeral znode that end in every way: closed, left without a word, moved to another member.

A plain client (tests/wire_connection.py): what becomes of a session must not depend on what a library makes of it.
"""

import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.histories.ephemerals import KIND
from tests.histories.operation import Operation
from tests.machines.session import Session, answer
from tests.machines.workloads.worker import Shift, connect
from tests.wire import OPEN_ACL, CloseSession, Create2, ProtocolViolationError, Reply, Request, SetData
from tests.wire_connection import Address, Connection

ROOT: Final = "/ephemerals"
SESSION_MS: Final = 4000
EPHEMERAL: Final = 1
NO_NODE: Final = -101
STAT_AT: Final = {Create2: 1, SetData: 0}


class LostError(Exception):
    """The connection ended, or there was no answer in time."""


class Owners:
    """Each turn is the life of one session."""

    def __init__(self, name: str, addresses: Sequence[Address], shift: Shift, rng: random.Random) -> None:
        self.name, self.addresses, self.shift, self.random = name, addresses, shift, rng
        self.paths: list[str] = []

    def turn(self) -> bool:
        path = f"{ROOT}/{self.name}.{len(self.paths) + 1}"
        try:
            connection = self.attach(None)
        except (OSError, ProtocolViolationError, LostError):
            return False
        try:
            self.live(connection, path)
        except LostError:
            return False
        finally:
            connection.close()
        return True

    def live(self, connection: Connection, path: str) -> None:
        """Raises LostError."""
        self.paths.append(path)
        self.ask(connection, path, "create", Create2(path, acl=OPEN_ACL, flags=EPHEMERAL))
        for _ in range(self.random.randint(1, 6)):
            self.shift.pause(self.random.uniform(0, 2 * self.shift.pace_s))
            self.ask(connection, path, "touch", SetData(path))
        match self.random.choice(["close", "leave", "move"]):
            case "close":
                self.ask(connection, path, "close", CloseSession())
            case "move":
                self.move(connection, path)

    def move(self, connection: Connection, path: str) -> None:
        """The session goes on at any member; raises LostError."""
        connection.close()
        with contextlib.suppress(OSError, ProtocolViolationError):  # then the session expires
            moved = self.attach(connection)
            try:
                self.ask(moved, path, "touch", SetData(path))
                self.ask(moved, path, "close", CloseSession())
            finally:
                moved.close()

    def attach(self, before: Connection | None) -> Connection:
        """Raises OSError, LostError: the member does not answer, or the session has expired."""
        connection = Connection.to(self.random.choice(self.addresses))
        try:
            if before is None:
                connection.send_handshake(timeout_ms=SESSION_MS)
            else:
                connection.send_handshake(timeout_ms=SESSION_MS, session_id=before.session_id,
                                          password=before.password, zxid_seen=before.zxid_seen)
            handshake = connection.receive_handshake()
        except BaseException:
            connection.close()
            raise
        if handshake is None or not handshake.timeout_ms:
            connection.close()
            raise LostError
        return connection

    def ask(self, connection: Connection, path: str, name: str, request: Request) -> Operation:
        """Raises LostError: nobody knows what came of it, or the session is over."""
        pending = self.shift.history.begin(KIND, self.name, path, name)
        try:
            reply = connection.call(request)
        except (OSError, ProtocolViolationError) as error:
            pending.unknown(type(error).__name__)
            raise LostError from error
        session = connection.session_id
        if reply.err == NO_NODE:
            pending.fail("NoNode", session=session)
            raise LostError
        if reply.err:
            pending.unknown(f"error {reply.err}")
            raise LostError
        return pending.ok(czxid_of(request, reply), session=session)

    def end(self) -> None:
        """All its sessions have ended, or will."""


def czxid_of(request: Request, reply: Reply) -> int | None:
    at = STAT_AT.get(type(request))
    if at is None:
        return None
    czxid: int = reply.body[at].czxid
    return czxid


class Observer:
    """Looks, after a sync, for what the owners have made.  paths: those to choose from now."""

    def __init__(self, session: Session, shift: Shift, rng: random.Random, paths: Callable[[], list[str]]) -> None:
        self.session, self.shift, self.random, self.paths = session, shift, rng, paths
        self.is_connected = False

    def turn(self) -> bool:
        if not self.is_connected:
            connect(self.session, self.shift.stopping)
            self.is_connected = True
        paths = self.paths()
        return not paths or self.look(self.random.choice(paths)).is_ok

    def look(self, path: str) -> Operation:
        def request() -> int | None:
            asked: list[Any] = [self.session.kazoo.sync_async(path), self.session.kazoo.exists_async(path)]
            answer(asked[0])
            stat = answer(asked[1])
            return None if stat is None else int(stat.czxid)

        return self.session.do(request, KIND, path, "look")

    def end(self) -> None:
        self.session.end()
