"""Every reply is what the ordered requests give when executed one after the other; and in the end so is the tree.

A write's reply must be the specification's at the write's own place; a read's, at the zxid that its reply names. With
`acknowledged` (the order does not contradict the clients' clocks) writes are linearizable; reads are of a moment that
the reply names and that `session zxids` lets never go back.
"""

from typing import TYPE_CHECKING

from node.tree.state import State
from tests.simulation import jute_frames as jute
from tests.simulation.checkers.checker import Checker
from tests.simulation.checkers.model import ROOT, Model, Outcome
from tests.simulation.client import Client, Operation
from tests.simulation.ordered import Batch
from transport.entry import RecordHeader
from transport.errors import Err
from transport.opcodes import OpCode
from transport.zxid import show

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble

CREATES = (OpCode.CREATE, OpCode.CREATE_CONTAINER, OpCode.CREATE_TTL)


class Linearizable(Checker):
    name = "linearizable"

    def __init__(self) -> None:
        self.model = Model()
        self.outcomes: dict[tuple[int, int], Outcome] = {}  # session and client's xid, while a reply may come

    def begin_with(self, state: State) -> None:
        """The history does not begin with nothing."""
        self.model.begin_with(state)

    def ordered(self, header: RecordHeader, record: bytes, batches: list[Batch]) -> None:
        model = self.model
        model.now_ms = header.time_ms
        for batch in batches:
            for request in batch.requests:
                outcome = model.execute(batch, request)
                if request.xid:
                    self.outcomes[request.session, request.xid] = outcome

    def replied(self, client: Client, operation: Operation, body: bytes) -> None:
        if operation.op == OpCode.GET_DATA:
            self.read(client, operation, body)
            return
        outcome = self.outcomes.pop((client.session, operation.xid), None)
        if outcome is None:
            return  # `acknowledged` says so
        self.must_be(client, operation, "error", operation.err, outcome.err)
        if operation.err != Err.OK:
            return
        if operation.op in CREATES:
            self.must_be(client, operation, "path", jute.read_text(body, 0)[0], outcome.path)
        elif operation.op == OpCode.SET_DATA and outcome.node is not None:
            stat = jute.Stat(*jute.STAT.unpack_from(body))
            self.must_be(client, operation, "version", stat.version, outcome.node.version)
            self.must_be(client, operation, "mzxid", stat.mzxid, outcome.node.mzxid)
        elif operation.op == OpCode.MULTI:
            self.must_be(client, operation, "errors", jute.multi_errors(body), outcome.failed)

    def read(self, client: Client, operation: Operation, body: bytes) -> None:
        node = self.model.at(operation.path, operation.zxid)
        self.must_be(client, operation, "error", operation.err, Err.NO_NODE if node is None else Err.OK)
        if node is not None:
            value, stat = jute.read_data_reply(body)
            self.must_be(client, operation, "value", value, node.value)
            self.must_be(client, operation, "version", stat.version, node.version)
            self.must_be(client, operation, "owner", stat.ephemeral_owner, node.owner)

    def must_be(self, client: Client, operation: Operation, what: str, told: object, right: object) -> None:
        if told != right:
            self.violated(
                f"{client.name}: {OpCode(operation.op).name} {operation.path.decode()} at {show(operation.zxid)} was "
                f"answered with {what} {told!r}; executed in order it is {right!r}")

    def finish(self, ensemble: "Ensemble") -> None:
        right = {
            path: (node.value, node.version, node.made, node.czxid, node.mzxid)
            for path, node in self.model.nodes.items() if path != ROOT}
        tree = ensemble.tree()
        for path in sorted(right.keys() | tree.keys()):
            if tree.get(path) != right.get(path):
                self.violated(f"{path.decode()} is {tree.get(path)} in the end; in order it is {right.get(path)}")
        if ensemble.sessions() != set(self.model.sessions):
            self.violated(f"sessions {ensemble.sessions()} live in the end; in order {set(self.model.sessions)}")
        ensemble.world.occurred["reaped"] += self.model.reaped
        ensemble.world.occurred["local session upgraded"] += self.model.upgraded
