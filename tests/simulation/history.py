"""Every operation of every client and what became of it, told to the checkers as it happens."""

from tests.simulation import jute_frames as jute
from tests.simulation.checkers.checker import Hub
from tests.simulation.client import Client, Operation
from transport.errors import Err
from transport.opcodes import OpCode


class History:
    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.invoked = 0
        self.writes_acknowledged = 0
        self.writes_unknown = 0
        self.reads_answered = 0
        self.sessions_expired = 0

    def invoke(
        self, client: Client, op: int, *, path: bytes, has_value: bool, flags: int, watch: bool,
        version: int,
    ) -> Operation:
        self.invoked += 1
        operation = Operation(
            number=self.invoked, client=client.number, session_index=client.session_index,
            connection_index=client.connection_index, xid=client.xid, op=op, path=path,
            value=b"%d" % self.invoked if has_value else b"", flags=flags,
            invoked_us=client.world.scheduler.now_us, watch=watch, version=version)
        self.hub.invoked(client, operation)
        return operation

    def reply_came(self, client: Client, xid: int, expected: int | None) -> None:
        self.hub.came(client, xid, expected)

    def reply(self, client: Client, operation: Operation, body: bytes) -> None:
        if operation.op == OpCode.CREATE and operation.path == client.home:
            client.has_home = operation.err in (Err.OK, Err.NODE_EXISTS)
        if operation.is_write and operation.err == Err.OK:
            self.writes_acknowledged += 1
        elif operation.op == OpCode.GET_DATA:
            self.reads_answered += 1
        self.hub.replied(client, operation, body)
        if operation.err == Err.OK:
            self.remember(client, operation, body)

    def remember(self, client: Client, operation: Operation, body: bytes) -> None:
        """What later requests of the client may be about."""
        if operation.op == OpCode.CREATE and operation.path.startswith(b"/node"):
            client.created.append(jute.read_text(body, 0)[0])
        elif operation.op == OpCode.CREATE_CONTAINER:
            client.containers.append(operation.path)
        elif operation.op == OpCode.GET_DATA and operation.path.startswith(b"/register"):
            client.versions[operation.path] = jute.read_data_reply(body)[1].version
        elif operation.op == OpCode.MULTI:
            client.world.occurred["multi that failed" if jute.multi_errors(body) else "multi"] += 1

    def event(self, client: Client, path: bytes) -> None:
        client.world.occurred["watch event"] += 1
        self.hub.event(client, path)

    def zxid_shown(self, client: Client, zxid: int) -> None:
        self.hub.shown(client, zxid)

    def connection_lost(self, client: Client, unanswered: list[Operation]) -> None:
        self.writes_unknown += sum(operation.is_write for operation in unanswered)
        self.hub.connection_lost(client)

    def session_made(self, client: Client, session: int) -> None:
        self.hub.session_made(client, session)

    def session_over(self, client: Client) -> None:
        self.sessions_expired += 1
        self.hub.session_over(client)
