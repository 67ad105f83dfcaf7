"""setData."""

from typing import TYPE_CHECKING, Final

from node.sessions.table import Session
from node.tree.acl import OPEN, WRITE, is_permitted
from node.tree.paths import is_valid
from node.tree.quotas import count, exceeds, size_of
from node.tree.undo import RESTORE_DATA
from node.tree.watches import EventType
from node.tree.wire import int_at, read_buffer
from node.tree.znode import INT_MAX, Znode, pack_stat
from transport.errors import Err

if TYPE_CHECKING:
    from node.tree.execute import Replica

_DATA_CHANGED: Final = EventType.NODE_DATA_CHANGED
_MARSHALLING_ERROR: Final = Err.MARSHALLING_ERROR
_BAD_VERSION: Final = Err.BAD_VERSION


def set_data(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """SetDataRequest -> Stat; null is no path. Raises LengthError."""
    path, data, version, at = read_set_data(record, at)
    if at > end:
        return _MARSHALLING_ERROR
    node = write_data(replica, path or b"", data, version, identities, zxid)
    if isinstance(node, Znode):
        return pack_stat(node) if replica.wanted else b""
    return node


def read_set_data(record: bytes, at: int) -> tuple[bytes | None, bytes | None, int, int]:
    """Path, data, version, and the offset after them, which may lie beyond the request. Raises LengthError."""
    path, at = read_buffer(record, at)
    data, at = read_buffer(record, at)
    return path, data, int_at(record, at), at + 4


def write_data(
    replica: "Replica", path: bytes, data: bytes | None, version: int, identities: bytes, zxid: int,
    is_counted: bool = False,
) -> Znode | Err:
    """Checks in ZooKeeper's order: path, node, WRITE, quota, version."""
    if replica.quotas and not is_counted:
        return _write_counted(replica, path, data, version, identities, zxid)
    node = replica.nodes.get(path)
    if node is None or not path:
        return Err.NO_NODE if is_valid(path) else Err.BAD_ARGUMENTS
    if node.acl is not OPEN and not is_permitted(node.acl, WRITE, identities):
        return Err.NO_AUTH
    new_version = node.version
    if version != new_version and version != -1:
        return _BAD_VERSION
    new_version += 1
    if not 0 < new_version <= INT_MAX:
        new_version = next_version(node.version)
    undo = replica.undo
    if undo is not None:
        undo.append((RESTORE_DATA, node, node.data, node.mzxid, node.mtime, node.version))
    node.data = data
    node.mzxid = zxid
    node.mtime = replica.now_ms
    node.version = new_version
    if not node.is_dirty:
        node.is_dirty = True
        replica.dirty.append(node)
    if path in replica.data_watches or replica.recursive_watches:
        replica.changes.append((_DATA_CHANGED, path, node.acl))
    return node


def _write_counted(
    replica: "Replica", path: bytes, data: bytes | None, version: int, identities: bytes, zxid: int
) -> Znode | Err:
    """Where there are quotas: the quota is of no account where the node or the permission is wanting."""
    node = replica.nodes.get(path)
    growth = 0
    if node is not None and path and is_permitted(node.acl, WRITE, identities):
        growth = size_of(data) - size_of(node.data)
        if exceeds(replica, path, nodes=0, size=growth):
            return Err.QUOTA_EXCEEDED
    written = write_data(replica, path, data, version, identities, zxid, is_counted=True)
    if isinstance(written, Znode):
        count(replica, path, nodes=0, size=growth)
    return written


def next_version(version: int) -> int:
    """An int32 that wraps and leaves out -1, which in a request means any version (ZOOKEEPER-4743)."""
    if version == INT_MAX:
        return -INT_MAX - 1
    return 0 if version == -2 else version + 1
