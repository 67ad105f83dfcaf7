"""A request is ordered at most once, and those of one connection in the order in which they came."""

from tests.simulation.checkers.checker import Checker
from tests.simulation.ordered import Batch, Request
from transport.entry import Kind, RecordHeader
from transport.opcodes import OpCode
from transport.zxid import epoch_of, show

INSIDE = (OpCode.CREATE_SESSION, OpCode.REATTACH, OpCode.EXPIRE, OpCode.DELETE_CONTAINER)


class AtMostOnce(Checker):
    name = "at most once"

    def __init__(self) -> None:
        self.zxid_of: dict[tuple[int, int], int] = {}  # (session, client's xid, unique in its life) -> zxid
        self.last_xid: dict[tuple[int, int, int, int], int] = {}
        self.last_sequence: dict[tuple[int, int, int, int], int] = {}

    def ordered(self, header: RecordHeader, record: bytes, batches: list[Batch]) -> None:
        count = sum(len(batch.requests) for batch in batches)
        if header.kind == Kind.BATCHES and count != header.count:
            self.violated(f"the record at {show(header.first_zxid)} takes {header.count} zxids for {count} requests")
        for batch in batches:
            self.batch(batch, header)

    def batch(self, batch: Batch, header: RecordHeader) -> None:
        if batch.epoch != epoch_of(header.first_zxid):
            self.violated(f"a batch of epoch {batch.epoch} stands at {show(header.first_zxid)}")
        last = self.last_sequence.get((*batch.source, batch.epoch), 0)
        if batch.sequence != last + 1:
            self.violated(f"batch {batch.sequence} of {batch.source} comes after {last} in epoch {batch.epoch}")
        self.last_sequence[*batch.source, batch.epoch] = batch.sequence
        for request in batch.requests:
            if request.op not in INSIDE:
                self.request((*batch.source, request.connection), request)

    def request(self, connection: tuple[int, int, int, int], request: Request) -> None:
        last = self.last_xid.get(connection, 0)
        if request.xid <= last:
            self.violated(
                f"request {request.xid} of session {request.session:x} comes after {last} of the same connection")
        self.last_xid[connection] = request.xid
        earlier = self.zxid_of.setdefault((request.session, request.xid), request.zxid)
        if earlier != request.zxid:
            self.violated(
                f"request {request.xid} of session {request.session:x} is at {show(earlier)} and at "
                f"{show(request.zxid)}")
