"""What a session is shown never goes back: zxids of its replies and of each znode that it reads, on any member."""

from tests.simulation import jute_frames as jute
from tests.simulation.checkers.checker import Checker
from tests.simulation.client import Client, Operation
from transport.errors import Err
from transport.opcodes import OpCode
from transport.zxid import show


class SessionZxids(Checker):
    name = "session zxids"

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.read: dict[tuple[int, bytes], int] = {}

    def shown(self, client: Client, zxid: int) -> None:
        if zxid < self.seen.get(client.session, 0):
            self.violated(
                f"session {client.session:x} saw {show(self.seen[client.session])} and is now shown {show(zxid)}")
        self.seen[client.session] = zxid

    def replied(self, client: Client, operation: Operation, body: bytes) -> None:
        if operation.op != OpCode.GET_DATA or operation.err != Err.OK:
            return
        _, stat = jute.read_data_reply(body)
        key = (client.session, operation.path)
        if stat.mzxid < self.read.get(key, 0):
            self.violated(f"session {client.session:x} reads an older {operation.path.decode()} than before")
        self.read[key] = stat.mzxid
