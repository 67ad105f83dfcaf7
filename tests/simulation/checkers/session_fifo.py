"""Session FIFO: the replies of a connection come in the order of its requests, and its writes stand in that order."""

from tests.simulation.checkers.checker import Checker
from tests.simulation.client import Client, Operation
from transport.zxid import show


class SessionFifo(Checker):
    name = "session fifo"

    def __init__(self) -> None:
        self.last_write: dict[tuple[int, int], tuple[int, int]] = {}  # client, connection -> xid, zxid

    def came(self, client: Client, xid: int, expected: int | None) -> None:
        if xid != expected:
            self.violated(f"{client.name} got a reply to {xid}, expected {expected}")

    def replied(self, client: Client, operation: Operation, body: bytes) -> None:
        if not operation.is_write:
            return
        key = (operation.client, operation.connection_index)
        xid, zxid = self.last_write.get(key, (0, 0))
        if operation.zxid <= zxid:
            self.violated(
                f"{client.name}: write {operation.xid} is at {show(operation.zxid)}, {xid} before it at {show(zxid)}")
        self.last_write[key] = (operation.xid, operation.zxid)
