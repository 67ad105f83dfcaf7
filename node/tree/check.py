"""check: an operation of multi only."""

from typing import TYPE_CHECKING

from node.tree.acl import OPEN, READ, is_permitted
from node.tree.paths import is_valid
from node.tree.znode import Znode
from transport.errors import Err

if TYPE_CHECKING:
    from node.tree.execute import Replica


def check_version(
    replica: "Replica", path: bytes, version: int, identities: bytes
) -> Znode | Err:
    """Checks in ZooKeeper's order: path, node, READ, version."""
    node = replica.nodes.get(path)
    if node is None or not path:
        return Err.NO_NODE if is_valid(path) else Err.BAD_ARGUMENTS
    if node.acl is not OPEN and not is_permitted(node.acl, READ, identities):
        return Err.NO_AUTH
    return node if version in (-1, node.version) else Err.BAD_VERSION
