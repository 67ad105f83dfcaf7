"""Who asked for what, in a record of the log."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from node.processes.write_log import OP_NAMES
from node.tree.acl import identities_of
from node.tree.session_ops import session_id_of
from transport.batch import BATCH, REQUEST, TRACE_CONTEXT_BYTES, TRACED, identity_table, read_header
from transport.entry import RECORD, Kind, read_record_header
from transport.opcodes import OpCode

_LENGTH = struct.Struct(">i")
_SESSION_OPS = (OpCode.CREATE_SESSION, OpCode.CLOSE_SESSION, OpCode.REATTACH, OpCode.EXPIRE)


@dataclass(frozen=True, slots=True)
class Request:
    """*member*: whose client it was, or that expired a session. *address*: the client's, empty: not known.

    *users*: who the client has proved to be, scheme:id. *path*: that it begins with; empty for sessions and multis.
    """

    zxid: int
    time_ms: int
    session: int
    member: int
    op: int
    op_name: str
    path: bytes
    address: str
    users: list[str]

    @property
    def is_of_session(self) -> bool:
        return self.op in _SESSION_OPS


def requests_of(record: bytes) -> Iterator[Request]:
    """None of a control record; of a batch that does not add up, those that do."""
    header = read_record_header(record)
    if header.kind != Kind.BATCHES:
        return
    zxid, at = int(header.first_zxid), RECORD.size
    while at + BATCH.size <= len(record):
        batch = read_header(record, at)
        identities = identity_table(record, at, batch)
        request_at = at + BATCH.size + batch.identities
        try:
            for index in range(batch.count):
                request, request_at = _request(
                    record, request_at, identities, zxid=zxid + index, time_ms=header.time_ms, member=batch.member)
                yield request
        except (struct.error, IndexError):
            pass
        zxid += batch.count
        at += max(batch.length, BATCH.size)


def _request(
    record: bytes, at: int, identities: list[bytes], *, zxid: int, time_ms: int, member: int
) -> tuple[Request, int]:
    session, _, _, op, flags, who, _, length = REQUEST.unpack_from(record, at)
    at += REQUEST.size + (TRACE_CONTEXT_BYTES if flags & TRACED else 0)
    if op == OpCode.CREATE_SESSION:
        session = session_id_of(member=member, zxid=zxid)
    known = [] if op in _SESSION_OPS else [
        (scheme.decode(errors="replace"), ident.decode(errors="replace"))
        for scheme, ident in identities_of(identities[who])]
    request = Request(
        zxid=zxid, time_ms=time_ms, session=session, member=member, op=op, op_name=OP_NAMES.get(op, str(op)),
        path=b"" if op in _SESSION_OPS or op == OpCode.MULTI else _path(record, at, length),
        address=next((ident for scheme, ident in known if scheme == "ip"), ""),
        users=[f"{scheme}:{ident.partition(':')[0]}" for scheme, ident in known if scheme != "ip"])
    return request, at + length


def _path(record: bytes, at: int, length: int) -> bytes:
    if length < _LENGTH.size:
        return b""
    (size,) = _LENGTH.unpack_from(record, at)
    at += _LENGTH.size
    return record[at:at + size] if 0 <= size <= length - _LENGTH.size else b""
