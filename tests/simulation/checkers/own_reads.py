"""A session reads its own writes: none older than those answered or read before, none put out after the read."""

from tests.simulation import jute_frames as jute
from tests.simulation.checkers.checker import Checker
from tests.simulation.client import Client, Operation
from transport.errors import Err
from transport.opcodes import OpCode


class OwnReads(Checker):
    """Each session has a znode that it alone writes; a value is the number of the operation that wrote it."""

    name = "own reads"

    def __init__(self) -> None:
        self.put_out: dict[bytes, int] = {}  # path -> number of the last write
        self.settled: dict[bytes, int] = {}  # path -> number of the last write known to be there
        self.ceiling: dict[int, int] = {}  # read -> put_out when it was invoked

    def invoked(self, client: Client, operation: Operation) -> None:
        if operation.path != client.home:
            return
        if operation.is_write:
            self.put_out[operation.path] = operation.number
        else:
            self.ceiling[operation.number] = self.put_out.get(operation.path, 0)

    def replied(self, client: Client, operation: Operation, body: bytes) -> None:
        path = operation.path
        if path != client.home:
            return
        settled = self.settled.get(path, 0)
        if operation.is_write:
            if operation.err == Err.OK:
                self.settled[path] = max(settled, operation.number)
        elif operation.op == OpCode.GET_DATA:
            ceiling = self.ceiling.pop(operation.number)
            if operation.err != Err.OK:
                if settled:
                    self.violated(f"{client.name} wrote {path.decode()} and reads error {operation.err}")
                return
            value, _ = jute.read_data_reply(body)
            number = int(value)
            if not settled <= number <= ceiling:
                self.violated(
                    f"{client.name} reads write {number} of {path.decode()}: {settled} was there before, "
                    f"and {ceiling} was the last put out before the read")
            self.settled[path] = number
