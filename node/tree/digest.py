"""The running digest of a tree: a sum (mod SUM_MOD) over its nodes, settled lazily.

A write only puts its node into `dirty`; what the node contributes is worked out at digest points. A removed node is
subtracted at once. Every digest point also scrubs a slice of the clean nodes, working out anew what they should
contribute, so that a byte that flipped in memory shows although nobody writes there.
"""

from typing import TYPE_CHECKING, Final
from zlib import crc32

from node.tree.acl import OPEN, encode_acl
from node.tree.znode import Znode

if TYPE_CHECKING:
    from mypy_extensions import i64

MASK: Final = 0xFFFFFFFFFFFFFFFF
# Primes, so small that nothing below leaves 63 bits: compiled, all of it is plain arithmetic of the machine.
SUM_MOD: Final = (1 << 61) - 1
_FIELD_MOD: Final = (1 << 30) - 35
_FACTOR: Final = 0x2545F491  # of the polynomial over a node's fields; below _FIELD_MOD
SCRUB_NODES = 500  # at each digest point: a small tree completely
SCRUB_NODES_MAX = 5000  # a millisecond of work
SCRUB_POINTS = 600  # within which a whole tree has its turn, up to 3,000,000 nodes: ten minutes
DIRTY_MAX = 1 << 15  # then settle before the next digest point: bounds its work, and rarely does any twice

_NOT_ZERO: Final = 0x1B873593
_crc32: Final = crc32
_OPEN_CRC: Final = crc32(encode_acl(OPEN))
_NULL_DATA: Final = 0x6E756C6C  # null is not empty


def scrub_count(nodes: int) -> int:
    """How many of so many are looked at in one digest point."""
    return min(max(SCRUB_NODES, -(-nodes // SCRUB_POINTS)), SCRUB_NODES_MAX)


def mixed(number: int) -> int:
    """64 bits spread over 64 bits, for what is not counted often. Sums of bare CRCs let changes cancel out."""
    number ^= number >> 33
    number = number * 0xFF51AFD7ED558CCD & MASK
    number ^= number >> 29
    number = number * 0xC4CEB9FE1A85EC53 & MASK
    return number ^ number >> 32


def contribution(node: Znode) -> "i64":
    """Of everything that the node is, its children's names excepted: those contribute themselves. Below 2^62.

    The product of two positive numbers, one for the data and one for the rest: a change of either changes it,
    and data that two nodes have exchanged do not cancel out. Nor does anything else that they have: in the rest, a
    node's numbers weigh as its path says.
    """
    data = node.data
    acl = node.acl
    content: i64 = _NULL_DATA if data is None else _crc32(data)
    place: i64 = _crc32(node.path, _OPEN_CRC if acl is OPEN else _crc32(encode_acl(acl)))
    rest: i64 = node.czxid % _FIELD_MOD
    rest = (rest * _FACTOR + node.mzxid % _FIELD_MOD) % _FIELD_MOD
    rest = (rest * _FACTOR + node.pzxid % _FIELD_MOD) % _FIELD_MOD
    rest = (rest * _FACTOR + node.ctime % _FIELD_MOD) % _FIELD_MOD
    rest = (rest * _FACTOR + node.mtime % _FIELD_MOD) % _FIELD_MOD
    rest = (rest * _FACTOR + node.owner % _FIELD_MOD) % _FIELD_MOD
    rest = (rest * _FACTOR + node.version) % _FIELD_MOD
    rest = (rest * _FACTOR + node.cversion) % _FIELD_MOD
    rest = (rest * _FACTOR + node.aversion) % _FIELD_MOD
    if rest == 0:  # times that no path would count
        rest = _NOT_ZERO
    return (content + 1) * (rest * (place % (_FIELD_MOD - 1) + 1) % _FIELD_MOD + 1)


class TreeDigest:
    """*data_bytes*: paths and data of all settled nodes, for metrics: as exact as the last digest point."""

    __slots__ = ("_nodes", "_scrub", "data_bytes", "dirty", "total")

    def __init__(self, nodes: dict[bytes, Znode]) -> None:
        self._nodes = nodes
        self.total = 0
        self.data_bytes = 0
        self.dirty: list[Znode] = []
        self._scrub: list[bytes] = []

    def touched(self, node: Znode) -> None:
        """The cold form of what hot operations do in line."""
        if not node.is_dirty:
            node.is_dirty = True
            self.dirty.append(node)

    def settle(self) -> int:
        """Bring the total up to date and return it."""
        get = self._nodes.get
        total: i64 = self.total
        data_bytes: i64 = self.data_bytes
        for node in self.dirty:
            node.is_dirty = False
            path = node.path
            if get(path) is not node:
                continue  # removed, and subtracted then
            data = node.data
            size: i64 = len(path)
            if data is not None:
                size += len(data)
            data_bytes += size - node.size
            node.size = size
            new = contribution(node)
            total = (total + new - node.contribution) % SUM_MOD
            node.contribution = new
        self.dirty.clear()
        self.data_bytes = data_bytes
        self.total = total
        return self.total

    def added_back(self, node: Znode) -> None:
        self.total = (self.total + node.contribution) % SUM_MOD
        self.data_bytes += node.size

    def removed(self, node: Znode) -> None:
        self.total = (self.total - node.contribution) % SUM_MOD
        self.data_bytes -= node.size

    def scrub(self, count: int = 0) -> list[Znode]:
        """Recount the next *count* settled nodes, round robin; 0: as many as the tree's size asks for.

        Returns those whose memory changed by itself; they count as they now are once they are settled.
        """
        nodes = self._nodes
        changed = []
        for _ in range(min(count or scrub_count(len(nodes)), len(nodes))):
            if not self._scrub:
                self._scrub = list(nodes)
            node = nodes.get(self._scrub.pop())
            if node is not None and not node.is_dirty and contribution(node) != node.contribution:
                self.touched(node)
                changed.append(node)
        return changed
