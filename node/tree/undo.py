"""The journal of a multi: what to take back, newest first, when one of its operations fails."""

from typing import Any

from node.sessions.table import SessionTable
from node.tree.tree import Tree
from node.tree.znode import Znode

_FIELDS = ("data", "acl", "mzxid", "pzxid", "mtime", "version", "cversion", "aversion")


class Undo:
    """Operations write to it before they change anything, and only while a multi runs."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[tuple[Znode, tuple[Any, ...] | bool]] = []

    def changes(self, node: Znode) -> None:
        """Call before a node's fields are set."""
        self._entries.append((node, (
            node.data, node.acl, node.mzxid, node.pzxid, node.mtime, node.version, node.cversion,
            node.aversion)))

    def created(self, node: Znode) -> None:
        self._entries.append((node, True))

    def deleted(self, node: Znode) -> None:
        self._entries.append((node, False))

    def roll_back(self, tree: Tree, sessions: SessionTable) -> None:
        """Children and ephemerals that come back stand last among their siblings, on every replica alike."""
        for node, entry in reversed(self._entries):
            if isinstance(entry, tuple):
                for field, value in zip(_FIELDS, entry, strict=True):
                    setattr(node, field, value)
                tree.digest.touched(node)
                continue
            owner = sessions.get(node.owner) if node.is_ephemeral else None
            if entry:
                tree.detach(node)
                if owner is not None:
                    del owner.ephemerals[node.path]
            else:
                tree.add_back(node)
                if owner is not None:
                    owner.ephemerals[node.path] = None
        self._entries.clear()
