"""create, create2, createContainer, createTTL."""

from typing import TYPE_CHECKING, Final

from node.sessions.table import Session
from node.tree.acl import CREATE, OPEN, OPEN_WIRE, WireAcl, fixed_up, is_permitted, read_acl
from node.tree.paths import PLAIN_NAME, QUOTA_NODES, is_valid
from node.tree.quotas import created, exceeds, size_of
from node.tree.session_ops import becomes_global
from node.tree.undo import RESTORE_PARENT, TAKE_OUT
from node.tree.watches import EventType
from node.tree.wire import LONG, int_at, pack_string, read_buffer
from node.tree.znode import (
    CONTAINER_OWNER,
    INT_MAX,
    TTL_MS_MAX,
    TTL_OWNER_MIN,
    Znode,
    pack_stat,
    wrapped,
)
from transport.errors import Err
from transport.jute import LengthError
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.tree.execute import Replica

_CREATED: Final = EventType.NODE_CREATED
_CHILDREN_CHANGED: Final = EventType.NODE_CHILDREN_CHANGED
# As plain numbers: looking a member up in its class costs as much as a function call.
_CREATE: Final = int(OpCode.CREATE)
_CREATE_CONTAINER: Final = int(OpCode.CREATE_CONTAINER)

# As constants of this module, which compiled code need not look up by name each time.
_PLAIN_NAME: Final = PLAIN_NAME
_QUOTA_NODES: Final = QUOTA_NODES

# Flags; 1: ephemeral, 2: sequential, 3: both.
FLAG_CONTAINER: Final = 4
FLAG_TTL: Final = 5
FLAG_SEQUENTIAL_TTL: Final = 6

_OPEN_BYTES: Final = len(OPEN_WIRE)

CreateArguments = tuple[bytes | None, bytes | None, WireAcl | None, int, int]


def read_create(record: bytes, at: int, end: int, *, with_ttl: bool) -> tuple[CreateArguments, int]:
    """CreateRequest or CreateTTLRequest as (path, data, acl, flags, ttl), and the offset after it.

    acl None stands for OPEN; ttl is -1 without one. Raises struct.error, LengthError.
    """
    path, at = read_buffer(record, at)
    data, at = read_buffer(record, at)
    acl: WireAcl | None = None
    if record[at:at + _OPEN_BYTES] == OPEN_WIRE:
        at += _OPEN_BYTES
    else:
        acl, at = read_acl(record, at, end)
    flags = int_at(record, at)
    at += 4
    ttl = -1
    if with_ttl:
        (ttl,) = LONG(record, at)
        at += 8
    if at > end:
        raise LengthError(at - end)
    return (path, data, acl, flags, ttl), at


def create(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """CreateRequest -> path."""
    arguments, _ = read_create(record, at, end, with_ttl=False)
    node = make_node(replica, _CREATE, arguments, session, identities, zxid)
    if isinstance(node, Znode):
        return pack_string(node.path) if replica.wanted else b""
    return node


def create2(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """CreateRequest -> path, Stat."""
    arguments, _ = read_create(record, at, end, with_ttl=False)
    return _with_stat(replica, make_node(replica, OpCode.CREATE2, arguments, session, identities, zxid))


def create_container(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """CreateRequest -> path, Stat. The operation makes the container, whatever its flags say."""
    arguments, _ = read_create(record, at, end, with_ttl=False)
    return _with_stat(
        replica, make_node(replica, OpCode.CREATE_CONTAINER, arguments, session, identities, zxid))


def create_ttl(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """CreateTTLRequest -> path, Stat."""
    arguments, _ = read_create(record, at, end, with_ttl=True)
    return _with_stat(replica, make_node(replica, OpCode.CREATE_TTL, arguments, session, identities, zxid))


def _with_stat(replica: "Replica", node: Znode | Err) -> bytes | Err:
    if isinstance(node, Znode):
        return pack_string(node.path) + pack_stat(node) if replica.wanted else b""
    return node


def make_node(
    replica: "Replica", op: int, arguments: CreateArguments, session: Session, identities: bytes,
    zxid: int,
) -> Znode | Err:
    """Checks in ZooKeeper's order: flags, path's slash, ACL, parent, CREATE, path, node, ephemeral parent, quota."""
    path, data, wire_acl, flags, ttl = arguments
    owner = 0
    if flags or op >= _CREATE_CONTAINER:
        owner, wrong = _owner_of(replica, op, flags, ttl, session)
        if wrong is not None:
            return wrong
    if path is None:
        return Err.MARSHALLING_ERROR
    parent_path, slash, name = path.rpartition(b"/")
    if not slash or 0 in path:  # a number: for b"\0" Python first makes an error and throws it away
        return Err.BAD_ARGUMENTS
    acl = OPEN
    if wire_acl is not None:
        fixed = fixed_up(wire_acl, identities, replica.feature_level)
        if isinstance(fixed, Err):
            return fixed
        acl = fixed
    parent = replica.nodes.get(parent_path)
    if parent is None:
        return Err.NO_NODE
    if parent.acl is not OPEN and not is_permitted(parent.acl, CREATE, identities):
        return Err.NO_AUTH
    if flags and flags in _SEQUENTIAL:
        number = b"%010d" % parent.cversion
        path += number
        name += number
    # The parent is there, so its path is good, unless it is the root by its name "/": then ours starts with "//".
    if (not (name.isalnum() or _PLAIN_NAME(name)) or parent_path == b"/") and not is_valid(path):
        return Err.BAD_ARGUMENTS
    if path in replica.nodes:
        return Err.NODE_EXISTS
    if parent.owner and parent.is_ephemeral:
        return Err.NO_CHILDREN_FOR_EPHEMERALS
    if replica.quotas and exceeds(replica, path, nodes=1, size=size_of(data)):
        return Err.QUOTA_EXCEEDED

    undo = replica.undo
    if undo is not None:
        undo.append((RESTORE_PARENT, parent, parent.cversion, parent.pzxid))
    node = Znode(path, data, acl, owner, zxid, replica.now_ms)
    replica.nodes[path] = node
    if parent.children is None:
        parent.children = {name: None}
    else:
        parent.children[name] = None
    cversion = parent.cversion + 1
    parent.cversion = cversion if cversion <= INT_MAX else wrapped(cversion)
    parent.pzxid = zxid
    dirty = replica.dirty
    dirty.append(node)
    if not parent.is_dirty:
        parent.is_dirty = True
        dirty.append(parent)
    if owner:
        if node.is_ephemeral:
            replica.sessions[owner].ephemerals[path] = None
        else:
            replica.tree.reapable[path] = None
    if undo is not None:
        undo.append((TAKE_OUT, node))
    if replica.quotas or name in _QUOTA_NODES:
        created(replica, node)
    if path in replica.data_watches or replica.recursive_watches:
        replica.changes.append((_CREATED, path, acl))
    if replica.child_watches and parent.path in replica.child_watches:
        replica.changes.append((_CHILDREN_CHANGED, parent.path, parent.acl))
    return node


_SEQUENTIAL: Final = frozenset((2, 3, FLAG_SEQUENTIAL_TTL))


def _owner_of(
    replica: "Replica", op: int, flags: int, ttl: int, session: Session
) -> tuple[int, Err | None]:
    """What owns the new node, or what is wrong.

    Create with the flag of a container makes a plain node, as in ZooKeeper 3.8. Not `int | Err`: an Err is an int, and
    compiled code keeps only that.
    """
    if not 0 <= flags <= FLAG_SEQUENTIAL_TTL:
        return 0, Err.BAD_ARGUMENTS
    if flags >= FLAG_TTL:
        if not replica.has_extended_types:
            return 0, Err.UNIMPLEMENTED
        if op != OpCode.CREATE_TTL or not 0 < ttl <= TTL_MS_MAX:
            return 0, Err.BAD_ARGUMENTS
        return TTL_OWNER_MIN + ttl, None
    if op == OpCode.CREATE_TTL:
        return 0, Err.BAD_ARGUMENTS
    if op == OpCode.CREATE_CONTAINER:
        return CONTAINER_OWNER, None
    if flags not in (1, 3):
        return 0, None
    if session.locality and not becomes_global(replica, session):
        return 0, Err.EPHEMERAL_ON_LOCAL_SESSION
    return session.id, None
