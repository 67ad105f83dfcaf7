"""delete, and taking nodes away in general."""

from typing import TYPE_CHECKING, Final

from node.sessions.table import Session
from node.tree.acl import DELETE, OPEN, is_permitted
from node.tree.paths import UNDELETABLE
from node.tree.quotas import removed
from node.tree.reaping import is_over
from node.tree.undo import PUT_BACK, RESTORE_PARENT
from node.tree.watches import EventType
from node.tree.wire import int_at
from node.tree.znode import CONTAINER_OWNER, Znode
from transport.errors import Err
from transport.jute import LengthError, decode_from
from transport.records import DeleteContainerRequest

if TYPE_CHECKING:
    from node.tree.execute import Replica

_UNDELETABLE: Final = UNDELETABLE
_DELETED: Final = EventType.NODE_DELETED
_CHILDREN_CHANGED: Final = EventType.NODE_CHILDREN_CHANGED


def delete(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """DeleteRequest -> nothing. Raises struct.error, LengthError."""
    length = int_at(record, at)
    if length < 0:
        raise LengthError(length)  # null: ZooKeeper stumbles, too
    at += 4
    path = record[at:at + length]
    version = int_at(record, at + length)
    if at + length + 4 > end:
        return Err.MARSHALLING_ERROR
    node = delete_node(replica, path, version, identities, zxid)
    return b"" if isinstance(node, Znode) else node


def delete_node(
    replica: "Replica", path: bytes, version: int, identities: bytes, zxid: int
) -> Znode | Err:
    """Checks in ZooKeeper's order: path, parent, DELETE on it, node, version, children."""
    slash = path.rfind(b"/")
    if slash < 0 or 0 in path or path in _UNDELETABLE:
        return Err.BAD_ARGUMENTS
    nodes = replica.nodes
    parent = nodes.get(path[:slash])
    if parent is None:
        return Err.NO_NODE
    if parent.acl is not OPEN and not is_permitted(parent.acl, DELETE, identities):
        return Err.NO_AUTH
    node = nodes.get(path)
    if node is None:
        return Err.NO_NODE
    if version not in (-1, node.version):
        return Err.BAD_VERSION
    if node.children:
        return Err.NOT_EMPTY
    remove_node(replica, node, parent, path[slash + 1:], zxid)
    if node.owner and node.is_ephemeral:
        owner = replica.sessions.get(node.owner)
        if owner is not None:
            owner.ephemerals.pop(path, None)
    return node


def delete_container(replica: "Replica", record: bytes, at: int, end: int, zxid: int) -> bytes | Err:
    """Of the leader's processor 0: DeleteContainerRequest -> nothing, if the node's time is over still.

    Java looks again for children alone; here a TTL node that was set meanwhile stays, too.
    """
    request, _ = decode_from(DeleteContainerRequest, record, at, end)
    path = request.path or b""
    node = replica.nodes.get(path)
    if node is None:
        return Err.NO_NODE
    if node.czxid != request.czxid or path not in replica.tree.reapable:
        return Err.BAD_VERSION
    if node.children:
        return Err.NOT_EMPTY
    if node.owner != CONTAINER_OWNER and not is_over(node, wall_ms=replica.now_ms):
        return Err.BAD_VERSION
    slash = path.rfind(b"/")
    remove_node(replica, node, replica.nodes[path[:slash]], path[slash + 1:], zxid)
    return b""


def remove_node(
    replica: "Replica", node: Znode, parent: Znode, name: bytes, zxid: int
) -> None:
    """All of a deletion but the owner's list of ephemerals."""
    undo = replica.undo
    if undo is not None:
        undo.append((RESTORE_PARENT, parent, parent.cversion, parent.pzxid))
        undo.append((PUT_BACK, node))
    path = node.path
    del replica.nodes[path]
    assert parent.children is not None
    del parent.children[name]
    parent.pzxid = zxid
    if not parent.is_dirty:
        parent.is_dirty = True
        replica.dirty.append(parent)
    replica.tree.digest.removed(node)
    if node.owner:
        replica.tree.reapable.pop(path, None)
    if replica.quotas:
        removed(replica, node)
    if path in replica.data_watches or path in replica.child_watches or replica.recursive_watches:
        replica.changes.append((_DELETED, path, node.acl))
    if parent.path in replica.child_watches:
        replica.changes.append((_CHILDREN_CHANGED, parent.path, parent.acl))
