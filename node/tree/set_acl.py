"""setACL."""

from typing import TYPE_CHECKING

from node.sessions.table import Session
from node.tree.acl import ADMIN, OPEN, fixed_up, is_permitted, read_acl
from node.tree.paths import is_valid
from node.tree.set_data import next_version
from node.tree.wire import INT, read_string
from node.tree.znode import pack_stat
from transport.errors import Err

if TYPE_CHECKING:
    from node.tree.execute import Replica


def set_acl(
    replica: "Replica", record: bytes, at: int, end: int, session: Session, identities: bytes,
    zxid: int,
) -> bytes | Err:
    """SetACLRequest -> Stat. Checks in ZooKeeper's order: path, ACL, node, ADMIN, aversion.

    Only aversion changes in the Stat, and nobody who watches is told. Raises struct.error, LengthError.
    """
    path, at = read_string(record, at, end)
    wire_acl, at = read_acl(record, at, end)
    (version,) = INT(record, at)
    if at + 4 > end:
        return Err.MARSHALLING_ERROR
    if path is None or not is_valid(path):
        return Err.BAD_ARGUMENTS
    acl = fixed_up(wire_acl, identities, replica.feature_level)
    if isinstance(acl, Err):
        return acl
    node = replica.nodes.get(path)
    if node is None:
        return Err.NO_NODE
    if node.acl is not OPEN and not is_permitted(node.acl, ADMIN, identities):
        return Err.NO_AUTH
    if version not in (-1, node.aversion):
        return Err.BAD_VERSION
    node.aversion = next_version(node.aversion)
    node.acl = acl
    replica.tree.digest.touched(node)
    return pack_stat(node)
