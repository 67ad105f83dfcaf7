"""multi: all of its operations, or none."""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from node.sessions.table import Session
from node.tree.check import check_version
from node.tree.create import FLAG_CONTAINER, FLAG_TTL, make_node, read_create
from node.tree.delete import delete_node
from node.tree.set_data import write_data
from node.tree.undo import Undo
from node.tree.wire import INT, PACK_INT, SHORT, STRING_INT, long_string_int, read_string
from node.tree.znode import Znode, pack_stat
from transport.errors import Err
from transport.jute import LengthError
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.tree.execute import Replica

_HEADER = struct.Struct(">i?i")  # type, done, err
_END = _HEADER.pack(-1, True, -1)
_CHECK_RESULT = _HEADER.pack(OpCode.CHECK, False, 0)
_DELETE_RESULT = _HEADER.pack(OpCode.DELETE, False, 0)
_SET_DATA_RESULT = _HEADER.pack(OpCode.SET_DATA, False, 0)
_CREATE_RESULT = _HEADER.pack(OpCode.CREATE, False, 0)
_CREATE2_RESULT = _HEADER.pack(OpCode.CREATE2, False, 0)

# What came in the multi, decoded: (type, path, the rest). Nothing is executed before all of it has been decoded.
SubOp = tuple[int, bytes, Any]


def multi(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """MultiOperationRecord -> MultiResponse: OK in the reply's header even when an operation failed.

    Raises struct.error, LengthError.
    """
    sub_ops = _decode(record, at, end)
    undo = replica.undo = Undo()
    results: list[bytes] = []
    hook = replica.hook
    for sub_op in sub_ops:
        if hook is not None:
            hook(sub_op[0], sub_op[1], replica.feature_level)
        result = _execute(replica, sub_op, session, identities, zxid)
        if isinstance(result, Err):
            undo.roll_back(replica.tree, replica.sessions)
            replica.undo = None
            replica.changes.clear()
            if result is Err.MARSHALLING_ERROR:
                return Err.MARSHALLING_ERROR
            return _failure(len(sub_ops), len(results), int(result))
        results.append(result)
    replica.undo = None
    if not replica.wanted:
        return b""
    results.append(_END)
    return b"".join(results)


def _failure(count: int, failed: int, err: int) -> bytes:
    """0 for the operations before the one that failed, -2 for those after it."""
    errors = [0] * failed + [err] + [int(Err.RUNTIME_INCONSISTENCY)] * (count - failed - 1)
    return b"".join(
        [_HEADER.pack(OpCode.ERROR, False, each) + PACK_INT(each) for each in errors]) + _END


# --- decoding ---------------------------------------------------------------------------------------------------


def _decode(record: bytes, at: int, end: int) -> list[SubOp]:
    sub_ops: list[SubOp] = []
    while True:
        kind, done, _err = _HEADER.unpack_from(record, at)
        at += _HEADER.size
        if at > end:
            raise LengthError(at - end)
        if done:
            return sub_ops
        sub_op, at = _DECODERS.get(kind, _decode_unknown)(record, at, end)
        if at > end:
            raise LengthError(at - end)
        sub_ops.append(sub_op)


def _decode_unknown(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    """Reads, too: a multi of reads is a multiRead, and mixed ones are refused."""
    raise LengthError(0)


def _decode_set_data(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    (length,) = INT(record, at)
    if 0 <= length < SHORT:
        path, size = STRING_INT[length](record, at + 4)
    else:
        path, size = long_string_int(record, at + 4, length)
    at += length + 8
    if 0 <= size < SHORT:
        return (OpCode.SET_DATA, path, STRING_INT[size](record, at)), at + size + 4
    data, at = read_string(record, at - 4, end)
    return (OpCode.SET_DATA, path, (data, INT(record, at)[0])), at + 4


def _decode_versioned(kind: int) -> Callable[[bytes, int, int], tuple[SubOp, int]]:
    def decode(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
        (length,) = INT(record, at)
        if 0 <= length < SHORT:
            path, version = STRING_INT[length](record, at + 4)
        else:
            path, version = long_string_int(record, at + 4, length)
        return (kind, path, version), at + length + 8

    return decode


def _decode_create(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    """The flags say what it is, not the type: ZooKeeper's Op.create makes a plain create of a create2."""
    arguments, at = read_create(record, at, end, with_ttl=False)
    path, flags = arguments[0], arguments[3]
    if path is None:
        raise LengthError(0)
    if flags in _TTL_FLAGS:
        return (_STUMBLE, path, None), at  # takes the flags' word, and misses the ttl when its turn comes
    kind = OpCode.CREATE_CONTAINER if flags == FLAG_CONTAINER else OpCode.CREATE
    return (kind, path, arguments), at


def _decode_create_ttl(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    arguments, at = read_create(record, at, end, with_ttl=True)
    path, data, acl, flags, _ttl = arguments
    if path is None:
        raise LengthError(0)
    if flags in _TTL_FLAGS:
        return (OpCode.CREATE_TTL, path, arguments), at
    kind = OpCode.CREATE_CONTAINER if flags == FLAG_CONTAINER else OpCode.CREATE
    return (kind, path, (path, data, acl, flags, -1)), at


_TTL_FLAGS = (FLAG_TTL, FLAG_TTL + 1)
_STUMBLE = 0  # an operation in which ZooKeeper's own code fails
_DECODERS: dict[int, Callable[[bytes, int, int], tuple[SubOp, int]]] = {
    OpCode.SET_DATA: _decode_set_data,
    OpCode.DELETE: _decode_versioned(OpCode.DELETE),
    OpCode.CHECK: _decode_versioned(OpCode.CHECK),
    OpCode.CREATE: _decode_create,
    OpCode.CREATE2: _decode_create,
    OpCode.CREATE_CONTAINER: _decode_create,
    OpCode.CREATE_TTL: _decode_create_ttl,
}


# --- executing --------------------------------------------------------------------------------------------------


def _execute(
    replica: "Replica", sub_op: SubOp, session: Session, identities: bytes, zxid: int
) -> bytes | Err:
    """One operation's part of the response."""
    kind, path, rest = sub_op
    if kind == OpCode.SET_DATA:
        node = write_data(replica, path, rest[0], rest[1], identities, zxid)
        if node.__class__ is Znode:
            return _SET_DATA_RESULT + pack_stat(node) if replica.wanted else b""
        return node  # type: ignore[return-value]
    if kind == OpCode.DELETE:
        node = delete_node(replica, path, rest, identities, zxid)
        return _DELETE_RESULT if isinstance(node, Znode) else node
    if kind == OpCode.CHECK:
        node = check_version(replica, path, rest, identities)
        return _CHECK_RESULT if isinstance(node, Znode) else node
    if kind == _STUMBLE:
        return Err.MARSHALLING_ERROR
    node = make_node(replica, kind, rest, session, identities, zxid)
    if not isinstance(node, Znode):
        return node
    made = PACK_INT(len(node.path)) + node.path
    if kind == OpCode.CREATE:
        return _CREATE_RESULT + made
    return _CREATE2_RESULT + made + pack_stat(node)
