"""multi: all of its operations, or none."""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from node.sessions.table import Session
from node.tree.check import check_version
from node.tree.create import FLAG_CONTAINER, FLAG_TTL, make_node, read_create
from node.tree.delete import delete_node
from node.tree.keeper import DECODERS as KEEPER_DECODERS
from node.tree.keeper import execute as execute_keeper
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
_PATH = _HEADER.size + 4  # offset of an operation's path
_END = _HEADER.pack(-1, True, -1)
_CHECK_RESULT = _HEADER.pack(OpCode.CHECK, False, 0)
_DELETE_RESULT = _HEADER.pack(OpCode.DELETE, False, 0)
_SET_DATA_RESULT = _HEADER.pack(OpCode.SET_DATA, False, 0)
_CREATE_RESULT = _HEADER.pack(OpCode.CREATE, False, 0)
_CREATE2_RESULT = _HEADER.pack(OpCode.CREATE2, False, 0)

# As plain numbers: looking a member up in its class costs as much as a function call.
_SET_DATA = int(OpCode.SET_DATA)
_DELETE = int(OpCode.DELETE)
_CHECK = int(OpCode.CHECK)
_CREATE = int(OpCode.CREATE)
_CREATE2 = int(OpCode.CREATE2)
_CREATE_CONTAINER = int(OpCode.CREATE_CONTAINER)
_CREATE_TTL = int(OpCode.CREATE_TTL)

# What came in the multi, decoded, in the order of the wire: type, done, err, length of the path, path, and then
# of a setData size, data, version; of a check or delete the version; of a create its arguments.
SubOp = tuple[Any, ...]
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
    replica.undo = Undo()
    hook, wanted = replica.hook, replica.wanted
    parts: list[bytes] = []
    result: bytes | Znode | Err
    for index, sub_op in enumerate(sub_ops):
        kind = sub_op[0]
        if hook is not None:
            hook(kind, sub_op[4], replica.feature_level)
        if kind == _SET_DATA:
            result = write_data(replica, sub_op[4], sub_op[6], sub_op[7], identities, zxid)
            if result.__class__ is Znode:
                if wanted:
                    parts += (_SET_DATA_RESULT, pack_stat(result))
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
    replica.undo.roll_back(replica.tree, replica.sessions)
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
        start = at
        kind, done, _err = _HEADER.unpack_from(record, at)
        at += _HEADER.size
        if at > end:
            raise LengthError(at - end)
        if done:
            return sub_ops
        sub_op, at = decoders.get(kind, _decode_unknown)(record, at, end)
        if at > end:
            raise LengthError(at - end)
        sub_ops.append(sub_op)
        if kind == _SET_DATA:
            at = _decode_alike(record, start, at, end, sub_ops)


def _decode_alike(record: bytes, start: int, at: int, end: int, sub_ops: list[SubOp]) -> int:
    """The setDatas at *at* whose lengths are those of the last one, at *start*: as a multi's often are, each is
    unpacked in one go. Returns the offset after them."""
    _, _, _, path_length, _, size, _, _ = sub_ops[-1]
    to_size = _PATH + path_length
    if (
        record[start:start + _PATH] != record[at:at + _PATH]
        or record[start + to_size:start + to_size + 4] != record[at + to_size:at + to_size + 4]
        or size < 0
    ):
        return at  # before a layout is made for nothing
    unpack = _layout(path_length, size)
    length = at - start
    while at + length <= end:
        sub_op = unpack(record, at)
        if sub_op[0] != _SET_DATA or sub_op[1] or sub_op[3] != path_length or sub_op[5] != size:
            break
        sub_ops.append(sub_op)
        at += length
    return at


@lru_cache(maxsize=1024)
def _layout(path_length: int, size: int) -> Callable[[bytes, int], SubOp]:
    """Of a setData with its header."""
    return struct.Struct(f">i?ii{path_length}si{size}si").unpack_from


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
        return (_SET_DATA, False, 0, length, path, size, *STRING_INT[size](record, at)), at + size + 4
    data, at = read_string(record, at - 4, end)
    return (_SET_DATA, False, 0, length, path, size, data, INT(record, at)[0]), at + 4


def _decode_versioned(kind: int) -> Callable[[bytes, int, int], tuple[SubOp, int]]:
    def decode(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
        (length,) = INT(record, at)
        if 0 <= length < SHORT:
            path, version = STRING_INT[length](record, at + 4)
        else:
            path, version = long_string_int(record, at + 4, length)
        return (kind, False, 0, length, path, version), at + length + 8

    return decode


def _decode_create_as(plain: int) -> Decoder:
    """*plain*: what it is where the flags do not say that it is a container."""

    def decode(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
        arguments, at = read_create(record, at, end, with_ttl=False)
        path, _data, acl, flags, _ttl = arguments
        has_no_acl = acl is not None and not acl and INT(record, at - 8)[0] < 0
        if path is None or has_no_acl or not 0 <= flags <= FLAG_CONTAINER:
            raise LengthError(0)
        return (_CREATE_CONTAINER if flags == FLAG_CONTAINER else plain, False, 0, len(path), path, arguments), at

    return decode


def _decode_create_of_3_8(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    """The flags say what it is, not the type: ZooKeeper's Op.create made a plain create of a create2."""
    arguments, at = read_create(record, at, end, with_ttl=False)
    path, flags = arguments[0], arguments[3]
    if path is None:
        raise LengthError(0)
    if flags in _TTL_FLAGS:
        # It takes the flags' word, and misses the ttl when its turn comes.
        return (_STUMBLE, False, 0, len(path), path, None), at
    kind = _CREATE_CONTAINER if flags == FLAG_CONTAINER else _CREATE
    return (kind, False, 0, len(path), path, arguments), at


def _decode_create_ttl(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
    arguments, at = read_create(record, at, end, with_ttl=True)
    path, data, acl, flags, _ttl = arguments
    if path is None:
        raise LengthError(0)
    if flags in _TTL_FLAGS:
        return (_CREATE_TTL, False, 0, len(path), path, arguments), at
    kind = _CREATE_CONTAINER if flags == FLAG_CONTAINER else _CREATE
    return (kind, False, 0, len(path), path, (path, data, acl, flags, -1)), at


_TTL_FLAGS = (FLAG_TTL, FLAG_TTL + 1)
_STUMBLE = 0  # an operation in which ZooKeeper's own code fails
_DECODERS_OF_3_8: dict[int, Decoder] = {
    int(op): decoder for op, decoder in {
        OpCode.SET_DATA: _decode_set_data,
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
    kind, _, _, _, path, rest = sub_op
    if kind == _CHECK:
        node = check_version(replica, path, rest, identities)
        return _CHECK_RESULT if isinstance(node, Znode) else node
    if kind == _DELETE:
        node = delete_node(replica, path, rest, identities, zxid)
        return _DELETE_RESULT if isinstance(node, Znode) else node
    if kind == _STUMBLE:
        return Err.MARSHALLING_ERROR
    if kind in KEEPER_DECODERS:
        if not replica.has_extensions:
            return Err.MARSHALLING_ERROR  # as of any operation that a multi does not know
        done = execute_keeper(replica, kind, path, rest, session, identities, zxid)
        return done if isinstance(done, Err) else _HEADER.pack(kind, False, 0) + done
    node = make_node(replica, kind, rest, session, identities, zxid)
    if not isinstance(node, Znode):
        return node
    made = PACK_INT(len(node.path)) + node.path
    if kind == _CREATE:
        return _CREATE_RESULT + made
    return _CREATE2_RESULT + made + pack_stat(node)
