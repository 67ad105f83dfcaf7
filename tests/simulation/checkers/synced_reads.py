"""sync, then read on one session: nothing that anybody had acknowledged before the sync is missed."""

from tests.simulation import jute_frames as jute
from tests.simulation.checkers.checker import Checker
from tests.simulation.client import Client, Operation
from transport.errors import Err
from transport.opcodes import OpCode
from transport.zxid import show


class SyncedReads(Checker):
    name = "synced reads"

    def __init__(self) -> None:
        self.written: dict[bytes, int] = {}  # path -> zxid of the latest acknowledged write
        self.synced: dict[tuple[int, int, bytes], int] = {}  # client, connection, path -> written at its last sync
        self.floor: dict[int, int] = {}

    def invoked(self, client: Client, operation: Operation) -> None:
        key = (client.number, operation.connection_index, operation.path)
        if operation.op == OpCode.SYNC:
            self.synced[key] = self.written.get(operation.path, 0)
        elif operation.op == OpCode.GET_DATA and key in self.synced:
            self.floor[operation.number] = self.synced[key]

    def replied(self, client: Client, operation: Operation, body: bytes) -> None:
        if operation.err != Err.OK:
            return
        if operation.op == OpCode.SET_DATA:
            self.written[operation.path] = max(self.written.get(operation.path, 0), operation.zxid)
        floor = self.floor.pop(operation.number, 0)
        if floor:
            _, stat = jute.read_data_reply(body)
            if stat.mzxid < floor:
                self.violated(
                    f"{client.name} reads {operation.path.decode()} as of {show(stat.mzxid)}, before its sync "
                    f"{show(floor)} was acknowledged")
