"""An ephemeral znode lives exactly as long as its session."""

from typing import TYPE_CHECKING

from tests.simulation import jute_frames as jute
from tests.simulation.checkers.checker import Checker
from tests.simulation.client import Client, Operation
from transport.errors import Err
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble


class Ephemerals(Checker):
    name = "ephemerals"

    def __init__(self) -> None:
        self.owner: dict[bytes, int] = {}  # path -> session, as acknowledged
        self.over: set[int] = set()

    def invoked(self, client: Client, operation: Operation) -> None:
        if operation.op == OpCode.DELETE:
            self.owner.pop(operation.path, None)  # from now on it may be gone

    def replied(self, client: Client, operation: Operation, body: bytes) -> None:
        if operation.err != Err.OK:
            return
        if operation.op == OpCode.CREATE and operation.flags & jute.EPHEMERAL:
            self.owner[jute.read_text(body, 0)[0]] = client.session
        elif operation.op == OpCode.CLOSE_SESSION:
            self.over.add(client.session)

    def session_over(self, client: Client) -> None:
        self.over.add(client.session)

    def finish(self, ensemble: "Ensemble") -> None:
        sessions, ephemerals = ensemble.sessions(), ensemble.ephemerals()
        for path, owner in ephemerals.items():
            if owner not in sessions:
                self.violated(f"{path.decode()} outlives its session {owner:x}")
        # A local session that a last request has made a global one may be over for its client before it expires.
        for session in set() if ensemble.scale.local_sessions else self.over & sessions:
            self.violated(f"session {session:x} is over for its client and lives on")
        for path, owner in self.owner.items():
            if owner in sessions and path not in ephemerals:
                self.violated(f"{path.decode()} is gone before its session {owner:x}")
