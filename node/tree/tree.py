"""The tree: nodes by path."""

from node.tree.acl import OPEN, READ_ONLY
from node.tree.digest import TreeDigest
from node.tree.paths import CONFIG, LIMITS, QUOTA, ROOT, ZOOKEEPER, guarded_path
from node.tree.znode import Znode, is_session


class Tree:
    """The root stands under two names, as in ZooKeeper: b"/" and b"" (what is left of "/a" before its last slash).

    Hot operations change `nodes`, the nodes and `digest` in line; the methods here are for the others.
    """

    __slots__ = ("digest", "nodes", "quotas", "reapable")

    def __init__(self) -> None:
        self.nodes: dict[bytes, Znode] = {}
        self.digest = TreeDigest(self.nodes)
        self.reapable: dict[bytes, None] = {}  # paths of containers and TTL nodes
        self.quotas: dict[bytes, None] = {}  # paths that have limits

    @classmethod
    def initial(cls) -> "Tree":
        """As ZooKeeper's tree is before its first transaction."""
        tree = cls()
        tree.add(Znode(ROOT, b"", OPEN, 0, 0, 0))
        tree.add(Znode(ZOOKEEPER, b"", OPEN, 0, 0, 0))
        tree.add(Znode(QUOTA, b"", OPEN, 0, 0, 0))
        config = Znode(CONFIG, b"", READ_ONLY, 0, 0, 0)
        config.aversion = -1  # ZooKeeper sets this ACL by a setACL with version -1
        tree.add(config)
        return tree

    def add(self, node: Znode) -> None:
        """Put a node below its parent, which must be there. The parent's Stat is not changed."""
        path = node.path
        self.nodes[path] = node
        if path == ROOT:
            self.nodes[b""] = node
        else:
            slash = path.rfind(b"/")
            parent = self.nodes[path[:slash]]
            if parent.children is None:
                parent.children = {}
            parent.children[path[slash + 1:]] = None
        if node.owner < 0 and not is_session(node.owner):
            self.reapable[path] = None
        if path.endswith(LIMITS) and (guarded := guarded_path(path)):
            self.quotas[guarded] = None
        self.digest.dirty.append(node)
        node.is_dirty = True

    def detach(self, node: Znode) -> None:
        """Take a node without children out. The parent's Stat is not changed."""
        path = node.path
        slash = path.rfind(b"/")
        del self.nodes[path]
        parent = self.nodes[path[:slash]]
        assert parent.children is not None
        del parent.children[path[slash + 1:]]
        if not parent.children:
            parent.children = None
        self.reapable.pop(path, None)
        if path.endswith(LIMITS):
            self.quotas.pop(guarded_path(path), None)
        self.digest.removed(node)

    def add_back(self, node: Znode) -> None:
        """Undo of detach."""
        was_dirty = node.is_dirty
        self.add(node)
        if was_dirty:
            self.digest.dirty.pop()  # it stood there already
        self.digest.added_back(node)

    @property
    def count(self) -> int:
        """ZooKeeper's "Node count": it counts the root's alias, too."""
        return len(self.nodes)

    def descendants(self, path: bytes) -> int:
        """As ZooKeeper's getAllChildrenNumber: for "/" everything but the root's two names."""
        if path == ROOT:
            return len(self.nodes) - 2
        prefix = path + b"/"
        return sum(1 for each in self.nodes if each.startswith(prefix))

    def flip_byte(self, path: bytes) -> None:
        """Test hook: what a bad memory cell does. Raises KeyError, and ValueError where there are no bytes."""
        node = self.nodes[path]
        if not node.data:
            raise ValueError(f"{path!r} has no data to flip a byte of")
        node.data = bytes((node.data[0] ^ 1,)) + node.data[1:]


