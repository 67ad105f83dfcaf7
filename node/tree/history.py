"""The newest changes of a replica, bounded: what those missed who had persistent watches and were away.

A replica without one pays nothing; with one it notes each create, delete and change of data, who watches or not.
"""

from collections import deque

from node.tree.acl import OPEN, READ, Acl, is_permitted
from node.tree.watches import EventType
from node.tree.znode import Znode

ROOT = b"/"
# Stands in for the table of recursive watches: operations tell of a change where that is not empty.
EVERYTHING: dict[bytes, dict[int, int]] = {ROOT: {}}


class History:
    """*since*: of what was changed later, nothing is missing here. *fallen_short*: how often it did not reach back."""

    def __init__(self, limit: int, zxid: int) -> None:
        self._limit = limit
        self._changes: deque[tuple[int, EventType, bytes, Acl]] = deque()
        self.since = zxid
        self.fallen_short = 0

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, zxid: int, changes: list[tuple[EventType, bytes, Acl]]) -> None:
        noted = self._changes
        for kind, path, acl in changes:
            if kind is not EventType.NODE_CHILDREN_CHANGED:  # follows from the child's own
                noted.append((zxid, kind, path, acl))
        while len(noted) > self._limit:
            self.since = noted.popleft()[0]

    def missed(
        self, nodes: dict[bytes, Znode], identities: bytes, *, after: int, persistent: set[bytes], recursive: set[bytes]
    ) -> list[tuple[EventType, bytes]]:
        """Events that such watches would have had, in their order; what the client may not read is left out. None
        where the history does not reach back: as in ZooKeeper, they are lost."""
        if after < self.since:
            self.fallen_short += 1
            return []
        events: list[tuple[EventType, bytes]] = []
        for zxid, kind, path, acl in self._changes:
            if zxid <= after:
                continue
            parent = path[:path.rfind(b"/")] or ROOT
            if (path in persistent or _is_below(path, recursive)) and _may_read(acl, identities):
                events.append((kind, path))
            if kind is not EventType.NODE_DATA_CHANGED and parent in persistent and path != ROOT:
                node = nodes.get(parent)
                if node is not None and _may_read(node.acl, identities):
                    events.append((EventType.NODE_CHILDREN_CHANGED, parent))
        return events


def _may_read(acl: Acl, identities: bytes) -> bool:
    return acl is OPEN or is_permitted(acl, READ, identities)


def _is_below(path: bytes, tops: set[bytes]) -> bool:
    if not tops:
        return False
    while path not in tops:
        if path == ROOT:
            return False
        path = path[:path.rfind(b"/")] or ROOT
    return True
