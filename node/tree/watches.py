"""Who is to be told of which change: the watches of one processor's connections, by connection number.

Standard watches fire once. Persistent ones stand in both tables and stay; recursive ones stand in a table of their
own, stay, and hear of everything below their path but of no NodeChildrenChanged. Dicts, not sets: the order in which
watchers are told is the order in which they came.
"""

from collections.abc import Iterable
from enum import IntEnum

STANDARD = 1
PERSISTENT = 2

Table = dict[bytes, dict[int, int]]  # path -> connection -> STANDARD | PERSISTENT
Places = tuple[tuple[int, int], ...]  # number of a table, modes in it


class EventType(IntEnum):
    NODE_CREATED = 1
    NODE_DELETED = 2
    NODE_DATA_CHANGED = 3
    NODE_CHILDREN_CHANGED = 4


class WatcherType(IntEnum):
    CHILDREN = 1
    DATA = 2
    ANY = 3
    PERSISTENT = 4
    PERSISTENT_RECURSIVE = 5


class Watches:
    """*data* serves getData and exists alike; *child* getChildren; the hot path looks up paths in them itself.

    *identities*: who a connection with watches is, encoded: who may not read a node is not told of it. Whoever sets
    a watch says so; whoever lets a connection authenticate itself later on updates it.
    """

    def __init__(self) -> None:
        self.identities: dict[int, bytes] = {}
        self.total = 0  # watches: connections times paths
        self.data: Table = {}
        self.child: Table = {}
        self.recursive: dict[bytes, dict[int, int]] = {}
        self._tables = (self.data, self.child, self.recursive)
        self._paths: dict[int, tuple[dict[bytes, None], dict[bytes, None], dict[bytes, None]]] = {}

    def watch_data(self, path: bytes, connection: int, identities: bytes) -> None:
        self._add(0, path, connection, STANDARD, identities)

    def watch_children(self, path: bytes, connection: int, identities: bytes) -> None:
        self._add(1, path, connection, STANDARD, identities)

    def watch_persistently(self, path: bytes, connection: int, identities: bytes) -> None:
        self._add(0, path, connection, PERSISTENT, identities)
        self._add(1, path, connection, PERSISTENT, identities)

    def watch_recursively(self, path: bytes, connection: int, identities: bytes) -> None:
        self._add(2, path, connection, PERSISTENT, identities)

    def _add(self, which: int, path: bytes, connection: int, mode: int, identities: bytes) -> None:
        self.identities[connection] = identities
        watchers = self._tables[which].setdefault(path, {})
        self.total += connection not in watchers
        watchers[connection] = watchers.get(connection, 0) | mode
        paths = self._paths.get(connection)
        if paths is None:
            paths = self._paths[connection] = ({}, {}, {})
        paths[which][path] = None

    def drop(self, connection: int) -> None:
        """The connection is gone, and all its watches with it."""
        self.identities.pop(connection, None)
        for which, paths in enumerate(self._paths.pop(connection, ())):
            for path in paths:
                self._forget(self._tables[which], path, connection)

    def _forget(self, table: Table, path: bytes, connection: int) -> None:
        watchers = table[path]
        del watchers[connection]
        self.total -= 1
        if not watchers:
            del table[path]

    def _remove(self, which: int, path: bytes, connection: int, modes: int) -> bool:
        """Take the *modes* out of one watch. False if it had none of them."""
        table = self._tables[which]
        watchers = table.get(path, {})
        mode = watchers.get(connection, 0)
        if not mode & modes:
            return False
        if mode & ~modes:
            watchers[connection] = mode & ~modes
        else:
            self._forget(table, path, connection)
            del self._paths[connection][which][path]
        return True

    # --- firing ----------------------------------------------------------------------------------------------

    def told_of_data(self, path: bytes, event: EventType) -> list[int]:
        """Connections to tell of NodeCreated, NodeDeleted or NodeDataChanged; their standard watches are used up."""
        told = self._fire(0, path)
        if self.recursive and event is not EventType.NODE_CHILDREN_CHANGED:
            self._tell_recursive(path, told)
        return list(told)

    def told_of_children(self, path: bytes, already: Iterable[int] = ()) -> list[int]:
        """Connections to tell of NodeChildrenChanged, or of NodeDeleted unless they are told *already*."""
        told = self._fire(1, path)
        for connection in already:
            told.pop(connection, None)
        return list(told)

    def _fire(self, which: int, path: bytes) -> dict[int, int]:
        watchers = self._tables[which].get(path)
        if watchers is None:
            return {}
        told = dict(watchers)
        for connection in told:
            self._remove(which, path, connection, STANDARD)
        return told

    def _tell_recursive(self, path: bytes, told: dict[int, int]) -> None:
        recursive = self.recursive
        while True:
            told.update(recursive.get(path, {}))
            if path == b"/":
                return
            path = path[:path.rfind(b"/")] or b"/"

    # --- asking and removing ---------------------------------------------------------------------------------

    def has(self, path: bytes, places: Places, connection: int) -> bool:
        return any(self._tables[which].get(path, {}).get(connection, 0) & modes for which, modes in places)

    def remove(self, path: bytes, places: Places, connection: int) -> bool:
        """False if there was none."""
        removed = [self._remove(which, path, connection, modes) for which, modes in places]
        return any(removed)

    # --- figures ---------------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        return sum(1 for paths in self._paths.values() if any(paths))

    @property
    def paths(self) -> int:
        return len(self.data.keys() | self.child.keys() | self.recursive.keys())

    def by_connection(self) -> dict[int, list[bytes]]:
        return {
            connection: list({**data, **child, **recursive})
            for connection, (data, child, recursive) in self._paths.items()
            if data or child or recursive}


_BOTH = STANDARD | PERSISTENT
PLACES: dict[int, Places] = {
    WatcherType.CHILDREN: ((1, STANDARD),),
    WatcherType.DATA: ((0, STANDARD),),
    WatcherType.ANY: ((0, _BOTH), (1, _BOTH), (2, _BOTH)),
    WatcherType.PERSISTENT: ((0, PERSISTENT), (1, PERSISTENT)),
    WatcherType.PERSISTENT_RECURSIVE: ((2, PERSISTENT),),
}
# Before ZooKeeper 3.9: a persistent watch is a data watch and a child watch, a recursive one too.
PLACES_OF_ANY_MODE: dict[int, Places] = {
    WatcherType.CHILDREN: ((1, _BOTH), (2, _BOTH)),
    WatcherType.DATA: ((0, _BOTH), (2, _BOTH)),
    WatcherType.ANY: PLACES[WatcherType.ANY],
}
