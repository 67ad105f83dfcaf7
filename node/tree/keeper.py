"""ClickHouse Keeper's operations that check or change (corral.extensions): 501 to 505, alone and in a multi.

As ClickHouse's KeeperStorage does them. A delete among them checks the ACLs that ClickHouse checks: the parent's, and
in a recursive one each node's own.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from node.sessions.table import Session
from node.tree.acl import DELETE, OPEN, READ, is_permitted
from node.tree.create import make_node, read_create
from node.tree.delete import delete_node, remove_node
from node.tree.paths import KEEPER, UNDELETABLE
from node.tree.sub_op import SubOp
from node.tree.wire import INT, PACK_INT, read_string
from node.tree.znode import STAT, Znode, pack_stat
from transport.errors import Err
from transport.jute import LengthError
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.tree.execute import Replica

_CREATE = int(OpCode.CREATE)
_CHECK_NOT_EXISTS = int(OpCode.CHECK_NOT_EXISTS)
_CREATE_IF_NOT_EXISTS = int(OpCode.CREATE_IF_NOT_EXISTS)
_REMOVE_RECURSIVE = int(OpCode.REMOVE_RECURSIVE)
_CHECK_STAT = int(OpCode.CHECK_STAT)
_TRY_REMOVE = int(OpCode.TRY_REMOVE)
_KINDS = (_CHECK_NOT_EXISTS, _CREATE_IF_NOT_EXISTS, _REMOVE_RECURSIVE, _CHECK_STAT, _TRY_REMOVE)
_ANY = -1  # in a CheckStat: whatever the node has

Arguments = Any  # of an operation, behind its path


# --- decoding ---------------------------------------------------------------------------------------------------


def read_arguments(kind: int, record: bytes, at: int, end: int) -> tuple[bytes, Arguments, int]:
    """Path, arguments, and the offset after them. Raises struct.error, LengthError."""
    if kind == _CREATE_IF_NOT_EXISTS:
        arguments, at = read_create(record, at, end, with_ttl=False)
        if arguments[0] is None:
            raise LengthError(0)
        return arguments[0], arguments, at
    path, at = read_string(record, at, end)
    if path is None:
        raise LengthError(0)
    number = INT(record, at)[0]
    at += 4
    wanted: tuple[int, ...] | None = None
    if kind == _CHECK_STAT:
        wanted = STAT.unpack_from(record, at)
        at += STAT.size
    if at > end:
        raise LengthError(at - end)
    return path, (number, wanted), at


# --- executing --------------------------------------------------------------------------------------------------


def execute(
    replica: "Replica", kind: int, path: bytes, arguments: Arguments, session: Session, identities: bytes, zxid: int,
) -> bytes | Err:
    """The body of the answer."""
    if kind == _CREATE_IF_NOT_EXISTS:
        return _create_if_not_exists(replica, path, arguments, session, identities, zxid)
    number, wanted = arguments
    if kind == _REMOVE_RECURSIVE:
        err = remove_recursive(replica, path, number & 0xFFFFFFFF, identities, zxid)
    elif kind == _TRY_REMOVE:
        err = _try_remove(replica, path, number, identities, zxid)
    else:
        err = check(replica, kind, path, number, wanted, identities)
    return b"" if err is Err.OK else err


def check(
    replica: "Replica", kind: int, path: bytes, version: int, wanted: tuple[int, ...] | None, identities: bytes
) -> Err:
    """CheckNotExists or CheckStat: READ, then what they want."""
    node = replica.nodes.get(path)
    if node is not None and node.acl is not OPEN and not is_permitted(node.acl, READ, identities):
        return Err.NO_AUTH
    if kind == _CHECK_NOT_EXISTS:
        return Err.OK if node is None or version not in (-1, node.version) else Err.NODE_EXISTS
    if node is None:
        return Err.NO_NODE
    if version not in (-1, node.version):
        return Err.BAD_VERSION
    assert wanted is not None
    found = STAT.unpack(pack_stat(node))
    is_alike = all(each in (_ANY, has) for each, has in zip(wanted, found, strict=True))
    return Err.OK if is_alike else Err.BAD_VERSION


def _create_if_not_exists(
    replica: "Replica", path: bytes, arguments: Arguments, session: Session, identities: bytes, zxid: int
) -> bytes | Err:
    made = make_node(replica, _CREATE, arguments, session, identities, zxid)
    if made is Err.NODE_EXISTS:
        return PACK_INT(len(path)) + path
    if isinstance(made, Znode):
        return PACK_INT(len(made.path)) + made.path
    return made


def _try_remove(replica: "Replica", path: bytes, version: int, identities: bytes, zxid: int) -> Err:
    """A node that is not there, has another version, or children, is as good as removed."""
    removed = delete_node(replica, path, version, identities, zxid)
    if isinstance(removed, Znode) or removed in (Err.NO_NODE, Err.BAD_VERSION, Err.NOT_EMPTY):
        return Err.OK
    return removed


def remove_recursive(replica: "Replica", path: bytes, limit: int, identities: bytes, zxid: int) -> Err:
    """The node and all below it, children before parents; or nothing, if they are more than *limit*."""
    slash = path.rfind(b"/")
    if slash < 0 or b"\0" in path or path in UNDELETABLE or path == KEEPER:
        return Err.BAD_ARGUMENTS
    nodes = replica.nodes
    parent = nodes.get(path[:slash])
    if parent is None:
        return Err.OK
    if parent.acl is not OPEN and not is_permitted(parent.acl, DELETE, identities):
        return Err.NO_AUTH
    top = nodes.get(path)
    if top is None:
        return Err.OK
    found = [top]
    for node in found:  # it grows on the way
        if len(found) > limit:
            return Err.NOT_EMPTY
        if node.acl is not OPEN and not is_permitted(node.acl, DELETE, identities):
            return Err.NO_AUTH
        found += [nodes[node.path + b"/" + name] for name in node.children or ()]
    for node in reversed(found):
        slash = node.path.rfind(b"/")
        remove_node(replica, node, nodes[node.path[:slash]], node.path[slash + 1:], zxid)
        owner = replica.sessions.get(node.owner) if node.owner and node.is_ephemeral else None
        if owner is not None:
            owner.ephemerals.pop(node.path, None)
    return Err.OK


def keeper_handler(kind: int) -> Callable[["Replica", bytes, int, int, Session, bytes, int], bytes | Err]:
    """Of the operation alone."""

    def handle(
        replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes, zxid: int
    ) -> bytes | Err:
        if not replica.has_extensions:
            return Err.UNIMPLEMENTED
        path, arguments, _ = read_arguments(kind, record, at, end)
        return execute(replica, kind, path, arguments, session, identities, zxid)

    return handle


# --- in a multi -------------------------------------------------------------------------------------------------


def sub_op_decoder(kind: int) -> Callable[[bytes, int, int], tuple[SubOp, int]]:
    """As those of multi.py."""

    def decode(record: bytes, at: int, end: int) -> tuple[SubOp, int]:
        path, arguments, at = read_arguments(kind, record, at, end)
        return SubOp(kind, path, arguments=arguments), at

    return decode


DECODERS = {kind: sub_op_decoder(kind) for kind in _KINDS}
HANDLERS = {kind: keeper_handler(kind) for kind in (_CREATE_IF_NOT_EXISTS, _REMOVE_RECURSIVE, _TRY_REMOVE)}
