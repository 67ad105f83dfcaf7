"""A batch: the write requests that one processor read in one turn of its loop, in order.

Layout, little-endian:

    BATCH       length u32 (whole batch) · member u8 · processor u8 · flags u16 · generation u64 · sequence u64
                · epoch u32 · count u32 (requests) · identities u32 (bytes of the identity table)
    identities  per distinct set of identities: length u32 · bytes (see node.tree.acl: identities as jute vector<Id>)
    REQUEST     session i64 · connection u32 · xid i32 · op i16 · flags u16 · identity u16 (index) · tenths u16 (of a
                LOCAL session: its timeout in tenths of a second) · length u32 (body bytes), then 25 bytes of trace
                context where flags say TRACED, then the body

The body of a client's operation is the jute request record as the client sent it: execution decodes it, so that
nobody decodes twice. Broadcast reads the BATCH header only.

`generation` is unique for every life of a processor (broadcast gives it out); `sequence` counts from 1 anew in
every epoch; so (member, processor, generation, epoch, sequence) names a batch once and for all.
"""

import struct
from typing import Final, NamedTuple

BATCH: Final = struct.Struct("<IBBHQQIII")
REQUEST: Final = struct.Struct("<qIihHHHI")
IDENTITY_LENGTH: Final = struct.Struct("<I")
TRACE_CONTEXT_BYTES: Final = 25  # trace id 16, span id 8, flags 1 (W3C traceparent without its text form)

TRACED: Final = 1
LOCAL: Final = 2  # of a session that only its processor knows
MAY_UPGRADE: Final = 4  # which becomes a global one with its first ephemeral node
TENTHS_MAX: Final = 0xFFFF

# CREATE_SESSION, REATTACH: negotiated timeout in ms, password (zeros if new).
ATTACH_BODY: Final = struct.Struct("<i16s")
EXPIRE_BODY: Final = struct.Struct("<QI")  # EXPIRE: the token that was seen: source (see source_of), connection


class BatchHeader(NamedTuple):
    length: int
    member: int
    processor: int
    flags: int
    generation: int
    sequence: int
    epoch: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls
    identities: int


def read_header(buffer: bytes | memoryview, offset: int = 0) -> BatchHeader:
    return BatchHeader(*BATCH.unpack_from(buffer, offset))


def members_of(buffer: bytes | memoryview, offset: int) -> set[int]:
    """Whose batches stand from *offset* to the end."""
    members: set[int] = set()
    end = len(buffer)
    while offset + BATCH.size <= end:
        length, member, *_ = BATCH.unpack_from(buffer, offset)
        members.add(member)
        offset += max(length, BATCH.size)  # a length that lies ends this loop too
    return members


def source_of(*, member: int, processor: int, generation: int) -> int:
    """The life of a processor as one number below 2^64; with a connection it is a session's token."""
    return generation << 16 | member << 8 | processor


def pack_batch(
    *, member: int, processor: int, generation: int, sequence: int, epoch: int,
    count: int, identities: list[bytes], requests: bytes,
) -> bytes:
    table = b"".join([IDENTITY_LENGTH.pack(len(i)) + i for i in identities])
    length = BATCH.size + len(table) + len(requests)
    header = BATCH.pack(
        length, member, processor, 0, generation, sequence, epoch, count, len(table))
    return b"".join((header, table, requests))


def renumbered(batch: bytes, *, epoch: int, sequence: int) -> bytes:
    """The same requests under a new epoch, when the old one ended without them."""
    old = read_header(batch)
    header = BATCH.pack(*old._replace(epoch=epoch, sequence=sequence))
    return header + batch[BATCH.size:]


def identity_table(buffer: bytes | memoryview, offset: int, header: BatchHeader) -> list[bytes]:
    """The distinct identity sets of the batch at offset."""
    at = offset + BATCH.size
    end = at + header.identities
    table = []
    while at < end:
        (length,) = IDENTITY_LENGTH.unpack_from(buffer, at)
        at += IDENTITY_LENGTH.size
        table.append(bytes(buffer[at:at + length]))
        at += length
    return table
