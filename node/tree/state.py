"""All that a snapshot holds."""

from dataclasses import dataclass, field
from zlib import crc32

from node.sessions.table import SessionTable
from node.tree.digest import MASK, mixed
from node.tree.tree import Tree


@dataclass(slots=True)
class State:
    """*control*: the last control entry, encoded, empty before the first; *zxid*: the last one executed."""

    tree: Tree = field(default_factory=Tree.initial)
    sessions: SessionTable = field(default_factory=SessionTable)
    control: bytes = b""
    zxid: int = 0

    def digest(self) -> int:
        """Of tree, sessions and settings: equal on every replica at the same zxid."""
        control = mixed(crc32(self.control) << 32 | len(self.control))
        return self.tree.digest.settle() + self.sessions.digest + control & MASK
