"""multi: all of its operations, or none."""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from node.sessions.table import Session
from node.tree.check import check_version
from node.tree.create import FLAG_CONTAINER, FLAG_TTL, make_node, read_create
from node.tree.delete import delete_node
from node.tree.keeper import DECODERS as KEEPER_DECODERS
from node.tree.keeper import execute as execute_keeper
from node.tree.set_data import read_set_data, write_data
from node.tree.sub_op import SubOp
from node.tree.undo import Undo, roll_back
from node.tree.wire import INT, PACK_INT, int_at, pack_string, read_string
from node.tree.znode import Znode, pack_stat
from transport.errors import Err
from transport.jute import LengthError
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.tree.execute import Replica

_HEADER = struct.Struct(">i?i")  # type, done, err
_HEADER_BYTES: Final = _HEADER.size
_END: Final = _HEADER.pack(-1, True, -1)
_CHECK_RESULT: Final = _HEADER.pack(OpCode.CHECK, False, 0)
_DELETE_RESULT: Final = _HEADER.pack(OpCode.DELETE, False, 0)
_SET_DATA_RESULT: Final = _HEADER.pack(OpCode.SET_DATA, False, 0)
_CREATE_RESULT: Final = _HEADER.pack(OpCode.CREATE, False, 0)
_CREATE2_RESULT: Final = _HEADER.pack(OpCode.CREATE2, False, 0)

# As plain numbers: looking a member up in its class costs as much as a function call.
_SET_DATA: Final = int(OpCode.SET_DATA)
_DELETE: Final = int(OpCode.DELETE)
_CHECK: Final = int(OpCode.CHECK)
_CREATE: Final = int(OpCode.CREATE)
_CREATE2: Final = int(OpCode.CREATE2)
_CREATE_CONTAINER: Final = int(OpCode.CREATE_CONTAINER)
_CREATE_TTL: Final = int(OpCode.CREATE_TTL)
_CREATES: Final = frozenset((_CREATE, _CREATE2, _CREATE_CONTAINER, _CREATE_TTL))

Decoder = Callable[[bytes, int, int], tuple[SubOp, int]]


def multi(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """MultiOperationRecord -> MultiResponse: OK in the reply's header even when an operation failed.

    Raises struct.error, LengthError.
    """
    decoders = _DECODERS if replica.compatibility.create2_in_multi else _DECODERS_OF_3_8
    sub_ops = _decode(record, at, end, decoders)  # all of them before the first is executed
    undo: Undo = []
    replica.undo = undo
    hook, wanted = replica.hook, replica.wanted
    parts: list[bytes] = []
    result: bytes | Znode | Err
    for index, sub_op in enumerate(sub_ops):
        if hook is not None:
            hook(sub_op.kind, sub_op.path, replica.feature_level)
        if sub_op.kind == _SET_DATA:
            result = write_data(replica, sub_op.path, sub_op.data, sub_op.version, identities, zxid)
            if isinstance(result, Znode):
                if wanted:
                    parts.append(_SET_DATA_RESULT)
                    parts.append(pack_stat(result))
                continue
        else:
            result = _execute(replica, sub_op, session, identities, zxid)
            if isinstance(result, bytes):
                parts.append(result)
                continue
        assert isinstance(result, Err)
        return _fail(replica, len(sub_ops), index, result)
    replica.undo = None
    if not wanted:
        return b""
    parts.append(_END)
    return b"".join(parts)


def _fail(replica: "Replica", count: int, failed: int, err: Err) -> bytes | Err:
    """0 for the operations before the one that failed, -2 for those after it."""
    assert replica.undo is not None
    roll_back(replica.undo, replica.tree, replica.sessions)
    replica.undo = None
    replica.changes.clear()
    if err is Err.MARSHALLING_ERROR:
        return err
    errors = [0] * failed + [int(err)] + [int(Err.RUNTIME_INCONSISTENCY)] * (count - failed - 1)
    return b"".join(
        [_HEADER.pack(OpCode.ERROR, False, each) + PACK_INT(each) for each in errors]) + _END


# --- decoding ---------------------------------------------------------------------------------------------------


def _decode(record: bytes, at: int, end: int, decoders: "dict[int, Decoder]") -> list[SubOp]:
    sub_ops: list[SubOp] = []
    while True:
        if at + _HEADER_BYTES > end:
            raise LengthError(at - end)
        kind = int_at(record, at)
        is_end = record[at + 4] != 0
        at += _HEADER_BYTES
        if is_end:
            return sub_ops
        if kind == _SET_DATA:
            path, data, version, at = read_set_data(record, at)
            if path is None:
                raise LengthError(-1)
            sub_op = SubOp(_SET_DATA, path, version, data)
        else:
            sub_op, at = decoders.get(kind, _decode_unknown)(record, at, end)
        if at > end:
            raise LengthError(at - end)
        sub_ops.append(sub_op)


def _decode_unknown(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    """Reads, too: a multi of reads is a multiRead, and mixed ones are refused."""
    raise LengthError(0)


def _decode_versioned(kind: int) -> Decoder:
    def decode(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
        path, at = read_string(record, at, end)
        if path is None:
            raise LengthError(-1)
        return SubOp(kind, path, int_at(record, at)), at + 4

    return decode


def _decode_create_as(plain: int) -> Decoder:
    """*plain*: what it is where the flags do not say that it is a container."""

    def decode(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
        arguments, at = read_create(record, at, end, with_ttl=False)
        path, _data, acl, flags, _ttl = arguments
        has_no_acl = acl is not None and not acl and INT(record, at - 8)[0] < 0
        if path is None or has_no_acl or not 0 <= flags <= FLAG_CONTAINER:
            raise LengthError(0)
        return SubOp(_CREATE_CONTAINER if flags == FLAG_CONTAINER else plain, path, arguments=arguments), at

    return decode


def _decode_create_of_3_8(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    """The flags say what it is, not the type: ZooKeeper's Op.create made a plain create of a create2."""
    arguments, at = read_create(record, at, end, with_ttl=False)
    path, flags = arguments[0], arguments[3]
    if path is None:
        raise LengthError(0)
    if flags in _TTL_FLAGS:
        # It takes the flags' word, and misses the ttl when its turn comes.
        return SubOp(_STUMBLE, path), at
    kind = _CREATE_CONTAINER if flags == FLAG_CONTAINER else _CREATE
    return SubOp(kind, path, arguments=arguments), at


def _decode_create_ttl(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    arguments, at = read_create(record, at, end, with_ttl=True)
    path, data, acl, flags, _ttl = arguments
    if path is None:
        raise LengthError(0)
    if flags in _TTL_FLAGS:
        return SubOp(_CREATE_TTL, path, arguments=arguments), at
    kind = _CREATE_CONTAINER if flags == FLAG_CONTAINER else _CREATE
    return SubOp(kind, path, arguments=(path, data, acl, flags, -1)), at


_TTL_FLAGS = (FLAG_TTL, FLAG_TTL + 1)
_STUMBLE = 0  # an operation in which ZooKeeper's own code fails
_DECODERS_OF_3_8: dict[int, Decoder] = {
    int(op): decoder for op, decoder in {
        OpCode.DELETE: _decode_versioned(_DELETE),
        OpCode.CHECK: _decode_versioned(_CHECK),
        OpCode.CREATE: _decode_create_of_3_8,
        OpCode.CREATE2: _decode_create_of_3_8,
        OpCode.CREATE_CONTAINER: _decode_create_of_3_8,
        OpCode.CREATE_TTL: _decode_create_ttl,
    }.items()
} | KEEPER_DECODERS
_DECODERS = _DECODERS_OF_3_8 | {
    _CREATE: _decode_create_as(_CREATE),
    _CREATE2: _decode_create_as(_CREATE2),
    _CREATE_CONTAINER: _decode_create_as(_CREATE2),
}


# --- executing --------------------------------------------------------------------------------------------------


def _execute(
    replica: "Replica", sub_op: SubOp, session: Session, identities: bytes, zxid: int
) -> bytes | Err:
    """The part of the response of any operation but a setData."""
    kind, path, arguments = sub_op.kind, sub_op.path, sub_op.arguments
    if kind == _CHECK:
        node = check_version(replica, path, sub_op.version, identities)
        return _CHECK_RESULT if isinstance(node, Znode) else node
    if kind == _DELETE:
        node = delete_node(replica, path, sub_op.version, identities, zxid)
        return _DELETE_RESULT if isinstance(node, Znode) else node
    if kind == _STUMBLE:
        return Err.MARSHALLING_ERROR
    if kind not in _CREATES:
        if not replica.has_extensions:
            return Err.MARSHALLING_ERROR  # as of any operation that a multi does not know
        done = execute_keeper(replica, kind, path, arguments, session, identities, zxid)
        return done if isinstance(done, Err) else _HEADER.pack(kind, False, 0) + done
    node = make_node(replica, kind, arguments, session, identities, zxid)
    if not isinstance(node, Znode):
        return node
    if not replica.wanted:
        return b""
    made = pack_string(node.path)
    if kind == _CREATE:
        return _CREATE_RESULT + made
    return _CREATE2_RESULT + made + pack_stat(node)
