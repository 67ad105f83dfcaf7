"""No acknowledged write is lost; and the order of zxids is one that the clients' clocks could not refute."""

from tests.simulation.checkers.at_most_once import AtMostOnce
from tests.simulation.checkers.checker import Checker
from tests.simulation.client import WRITES, Client, Operation
from transport.opcodes import OpCode
from transport.zxid import show

LOGGED = WRITES | {OpCode.SYNC, OpCode.CLOSE_SESSION}


class Acknowledged(Checker):
    """A reply exists, so the record was executed somewhere: where it stands in the one order is known by then."""

    name = "acknowledged"

    def __init__(self, order: AtMostOnce) -> None:
        self.order = order
        self.latest = 0  # highest acknowledged zxid of all clients
        self.floor: dict[int, int] = {}  # operation number -> latest when it was invoked

    def invoked(self, client: Client, operation: Operation) -> None:
        if operation.op in LOGGED:
            self.floor[operation.number] = self.latest

    def replied(self, client: Client, operation: Operation, body: bytes) -> None:
        if operation.op not in LOGGED:
            return
        zxid = self.order.zxid_of.get((client.session, operation.xid))
        if zxid != operation.zxid:
            self.violated(
                f"{client.name} was told that request {operation.xid} is at {show(operation.zxid)}; "
                f"it is {'nowhere' if zxid is None else 'at ' + show(zxid)}")
        if operation.zxid <= self.floor.pop(operation.number):
            self.violated(f"{client.name}: {show(operation.zxid)} stands before what was acknowledged before it began")
        self.latest = max(self.latest, operation.zxid)
