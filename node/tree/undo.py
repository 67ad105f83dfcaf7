"""The journal of a multi: what to take back, newest first, when one of its operations fails."""

from collections.abc import Callable
from typing import Any

from node.sessions.table import Session, SessionTable
from node.tree.tree import Tree
from node.tree.znode import Znode

# How to take one change back, the node, and what restoring it takes. Hot operations append theirs in line.
Entry = tuple[Callable[..., None], Znode, *tuple[Any, ...]]


class Undo(list[Entry]):
    """Operations write to it before they change anything, and only while a multi runs."""

    __slots__ = ()

    def roll_back(self, tree: Tree, sessions: SessionTable) -> None:
        """Children and ephemerals that come back stand last among their siblings, on every replica alike."""
        for take_back, node, *saved in reversed(self):
            take_back(tree, sessions, node, *saved)
        self.clear()


def restore_data(
    tree: Tree, sessions: SessionTable, node: Znode, data: bytes | None, mzxid: int, mtime: int, version: int
) -> None:
    """As write_data found it."""
    node.data, node.mzxid, node.mtime, node.version = data, mzxid, mtime, version
    tree.digest.touched(node)


def restore_usage(tree: Tree, sessions: SessionTable, node: Znode, data: bytes | None) -> None:
    """What a quota's node said before."""
    node.data = data
    tree.digest.touched(node)


def restore_parent(tree: Tree, sessions: SessionTable, node: Znode, cversion: int, pzxid: int) -> None:
    """As it was before a child came or went."""
    node.cversion, node.pzxid = cversion, pzxid
    tree.digest.touched(node)


def take_out(tree: Tree, sessions: SessionTable, node: Znode) -> None:
    """A node that was created."""
    tree.detach(node)
    owner = _owner_of(node, sessions)
    if owner is not None:
        del owner.ephemerals[node.path]


def put_back(tree: Tree, sessions: SessionTable, node: Znode) -> None:
    """A node that was deleted."""
    tree.add_back(node)
    owner = _owner_of(node, sessions)
    if owner is not None:
        owner.ephemerals[node.path] = None


def _owner_of(node: Znode, sessions: SessionTable) -> Session | None:
    return sessions.get(node.owner) if node.is_ephemeral else None
