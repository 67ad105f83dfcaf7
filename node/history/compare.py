"""Two states of a subtree: what came, what went, what is another."""

from dataclasses import dataclass

from node.tree.acl import Acl
from node.tree.paths import ROOT, ZOOKEEPER
from node.tree.state import State
from node.tree.znode import Znode

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be another later on. *czxid*: a node that went and came again under its name is another one."""

    data: bytes | None
    acl: Acl
    version: int
    mzxid: int
    czxid: int
    owner: int

    @classmethod
    def of(cls, node: Znode) -> "Facts":
        return cls(node.data, node.acl, node.version, node.mzxid, node.czxid, node.owner)


@dataclass(frozen=True, slots=True)
class Difference:
    """*before*, *after*: None where it was not there. *parts*: of one that CHANGED: data, acl, again (made anew)."""

    what: str
    path: bytes
    before: Facts | None
    after: Facts | None
    parts: tuple[str, ...] = ()


def facts_below(state: State, below: bytes) -> dict[bytes, Facts]:
    """Without /zookeeper's own nodes, unless they are asked for."""
    return {path: Facts.of(node) for path, node in state.tree.nodes.items() if path and is_below(path, below)}


def is_below(path: bytes, below: bytes) -> bool:
    """Or it itself."""
    if below == ROOT:
        return path != ZOOKEEPER and not path.startswith(ZOOKEEPER + b"/")
    return path == below or path.startswith(below + b"/")


def compare(before: dict[bytes, Facts], after: dict[bytes, Facts]) -> list[Difference]:
    """In the order of paths."""
    found = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None:
            found.append(Difference(ADDED, path, None, new))
        elif new is None:
            found.append(Difference(REMOVED, path, old, None))
        elif parts := _parts(old, new):
            found.append(Difference(CHANGED, path, old, new, parts))
    return found


def _parts(old: Facts, new: Facts) -> tuple[str, ...]:
    named = (("again", old.czxid != new.czxid), ("data", old.data != new.data), ("acl", old.acl != new.acl),
             ("version", old.mzxid != new.mzxid and old.data == new.data and old.czxid == new.czxid))
    return tuple(name for name, differs in named if differs)
