"""The event of a change comes before any reply that shows it, and none is lost while the connection lives."""

from typing import TYPE_CHECKING

from tests.simulation import jute_frames as jute
from tests.simulation.checkers.checker import Checker
from tests.simulation.client import Client, Operation
from transport.errors import Err
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble


class WatchOrder(Checker):
    name = "watches"

    def __init__(self) -> None:
        self.set_at: dict[tuple[int, bytes], int] = {}  # client and path -> mzxid that its watch was set at

    def connection_lost(self, client: Client) -> None:
        for key in [key for key in self.set_at if key[0] == client.number]:
            del self.set_at[key]

    def event(self, client: Client, path: bytes) -> None:
        if self.set_at.pop((client.number, path), None) is None:
            self.violated(f"{client.name} gets an event of {path.decode()}, which it does not watch")

    def replied(self, client: Client, operation: Operation, body: bytes) -> None:
        if operation.err != Err.OK:
            return
        key = (client.number, operation.path)
        shows = 0
        if operation.op == OpCode.GET_DATA:
            shows = jute.read_data_reply(body)[1].mzxid
        elif operation.op in (OpCode.SET_DATA, OpCode.DELETE):
            shows = operation.zxid
        if shows > self.set_at.get(key, shows):
            self.violated(f"{client.name} is shown a change of {operation.path.decode()} before its event")
        if operation.watch:
            self.set_at.setdefault(key, shows)

    def finish(self, ensemble: "Ensemble") -> None:
        """Everything is quiet, and who still has a watch still has the connection that it was set on."""
        tree = ensemble.tree()
        for (number, path), set_at in self.set_at.items():
            mzxid = tree[path][4] if path in tree else None
            if mzxid != set_at:
                self.violated(f"client-{number} never gets the event of {path.decode()}, which has changed")
