"""What a record orders, taken apart by hand: neither the processor nor the tree is asked."""

from typing import NamedTuple

from transport.batch import BATCH, LOCAL, MAY_UPGRADE, REQUEST, TRACE_CONTEXT_BYTES, TRACED
from transport.entry import RECORD, Kind, RecordHeader


class Request(NamedTuple):
    zxid: int
    session: int
    connection: int
    xid: int
    op: int
    is_local: bool
    may_upgrade: bool
    body: bytes


class Batch(NamedTuple):
    """*source*: member, processor, generation."""

    source: tuple[int, int, int]
    epoch: int
    sequence: int
    requests: list[Request]

    @property
    def token(self) -> int:
        """The source as one number, as an EXPIRE names it."""
        member, processor, generation = self.source
        return generation << 16 | member << 8 | processor


def batches_of(header: RecordHeader, record: bytes) -> list[Batch]:
    """None in a control entry."""
    if header.kind != Kind.BATCHES:
        return []
    at, zxid = RECORD.size, int(header.first_zxid)
    batches = []
    while at < len(record):
        length, member, processor, _, generation, sequence, epoch, _, identities = BATCH.unpack_from(record, at)
        requests = requests_of(record, at + BATCH.size + identities, at + length, zxid)
        batches.append(Batch((member, processor, generation), epoch, sequence, requests))
        at, zxid = at + length, zxid + len(requests)
    return batches


def requests_of(record: bytes, at: int, end: int, zxid: int) -> list[Request]:
    requests = []
    while at < end:
        session, connection, xid, op, flags, _, _, length = REQUEST.unpack_from(record, at)
        at += REQUEST.size + (TRACE_CONTEXT_BYTES if flags & TRACED else 0)
        requests.append(Request(
            zxid, session, connection, xid, op, bool(flags & LOCAL), bool(flags & MAY_UPGRADE), record[at:at + length]))
        at, zxid = at + length, zxid + 1
    return requests
