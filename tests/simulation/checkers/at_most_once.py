"""A request is ordered at most once, and those of one connection in the order in which they came.

The batches are taken apart here by hand: neither the processor nor the tree is asked.
"""

from tests.simulation.checkers.checker import Checker
from transport.batch import BATCH, REQUEST, TRACE_CONTEXT_BYTES, TRACED, read_header
from transport.entry import RECORD, Kind, RecordHeader
from transport.opcodes import OpCode
from transport.zxid import epoch_of, show

INSIDE = (OpCode.CREATE_SESSION, OpCode.REATTACH, OpCode.EXPIRE)


class AtMostOnce(Checker):
    name = "at most once"

    def __init__(self) -> None:
        self.zxid_of: dict[tuple[int, int], int] = {}  # (session, client's xid, unique in its life) -> zxid
        self.last_xid: dict[tuple[int, int, int, int], int] = {}
        self.last_sequence: dict[tuple[int, int, int, int], int] = {}

    def ordered(self, header: RecordHeader, record: bytes) -> None:
        if header.kind != Kind.BATCHES:
            return
        at, zxid = RECORD.size, int(header.first_zxid)
        while at < len(record):
            at, zxid = self.batch(record, at, zxid)
        if zxid != header.first_zxid + header.count:
            self.violated(f"the record at {show(header.first_zxid)} takes {header.count} zxids, it has other requests")

    def batch(self, record: bytes, at: int, zxid: int) -> tuple[int, int]:
        batch = read_header(record, at)
        source = (batch.member, batch.processor, batch.generation)
        if batch.epoch != epoch_of(zxid):
            self.violated(f"a batch of epoch {batch.epoch} stands at {show(zxid)}")
        last = self.last_sequence.get((*source, batch.epoch), 0)
        if batch.sequence != last + 1:
            self.violated(f"batch {batch.sequence} of {source} comes after {last} in epoch {batch.epoch}")
        self.last_sequence[*source, batch.epoch] = batch.sequence
        end, at = at + batch.length, at + BATCH.size + batch.identities
        while at < end:
            session, connection, xid, op, flags, _, _, length = REQUEST.unpack_from(record, at)
            at += REQUEST.size + length + (TRACE_CONTEXT_BYTES if flags & TRACED else 0)
            if op not in INSIDE:
                self.request((*source, connection), session, xid, zxid)
            zxid += 1
        return end, zxid

    def request(self, connection: tuple[int, int, int, int], session: int, xid: int, zxid: int) -> None:
        last = self.last_xid.get(connection, 0)
        if xid <= last:
            self.violated(f"request {xid} of session {session:x} comes after {last} of the same connection")
        self.last_xid[connection] = xid
        earlier = self.zxid_of.setdefault((session, xid), zxid)
        if earlier != zxid:
            self.violated(f"request {xid} of session {session:x} is at {show(earlier)} and at {show(zxid)}")
