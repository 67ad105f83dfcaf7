"""The first requests of a record: what a state in the middle of it is made by."""

from transport.batch import BATCH, REQUEST, TRACE_CONTEXT_BYTES, TRACED, read_header
from transport.entry import RECORD, Kind, pack_record, read_record_header


def record_up_to(record: bytes, zxid: int) -> bytes:
    """*record* without the requests behind *zxid*, which is in it.  For a replica alone: no log holds such a record."""
    header = read_record_header(record)
    if header.kind != Kind.BATCHES or zxid >= header.last_zxid:
        return record
    left = wanted = zxid - header.first_zxid + 1
    at, batches = RECORD.size, []
    while left:
        batch = read_header(record, at)
        if batch.count > left:
            end = _end_of(record, at + BATCH.size + batch.identities, left)
            kept = batch._replace(length=end - at, count=left)
            batches.append(BATCH.pack(*kept) + record[at + BATCH.size:end])
            break
        batches.append(record[at:at + batch.length])
        left -= batch.count
        at += batch.length
    return pack_record(
        first_zxid=header.first_zxid, count=wanted, time_ms=header.time_ms, body=b"".join(batches), kind=header.kind,
        version=header.version)


def _end_of(record: bytes, at: int, count: int) -> int:
    for _ in range(count):
        _, _, _, _, flags, _, _, length = REQUEST.unpack_from(record, at)
        at += REQUEST.size + length + (TRACE_CONTEXT_BYTES if flags & TRACED else 0)
    return at
