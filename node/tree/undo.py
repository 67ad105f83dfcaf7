"""The journal of a multi: what to take back, newest first, when one of its operations fails."""

from collections.abc import Callable
from typing import Any, Final

from node.sessions.table import Session, SessionTable
from node.tree.tree import Tree
from node.tree.znode import Znode

# How to take one change back (a Restore), the node, and what restoring it takes. Operations append theirs in line,
# before they change anything, and only while a multi runs.
Entry = tuple[Any, ...]
Undo = list[Entry]
Restore = Callable[..., None]


def roll_back(undo: Undo, tree: Tree, sessions: SessionTable) -> None:
    """Children and ephemerals that come back stand last among their siblings, on every replica alike."""
    for entry in reversed(undo):
        restore: Restore = entry[0]
        restore(tree, sessions, *entry[1:])
    undo.clear()


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


# For who appends them: compiled code looks up a function by its name each time, and a constant once.
RESTORE_DATA: Final[Restore] = restore_data
RESTORE_USAGE: Final[Restore] = restore_usage
RESTORE_PARENT: Final[Restore] = restore_parent
TAKE_OUT: Final[Restore] = take_out
PUT_BACK: Final[Restore] = put_back
