"""The running digest of a tree: a sum (mod 2^64) over its nodes, settled lazily.

A write only puts its node into `dirty`; what the node contributes is worked out at digest points. A removed node is
subtracted at once. Every digest point also scrubs a slice of the clean nodes, working out anew what they should
contribute, so that a byte that flipped in memory shows although nobody writes there.
"""

import struct
from typing import Final
from zlib import crc32

from node.tree.acl import OPEN, encode_acl
from node.tree.znode import Znode

MASK: Final = 0xFFFFFFFFFFFFFFFF
SCRUB_NODES = 500  # at each digest point: a small tree completely
SCRUB_NODES_MAX = 5000  # 3 ms of work
SCRUB_POINTS = 600  # within which a whole tree has its turn, up to 3,000,000 nodes: ten minutes
DIRTY_MAX = 1 << 15  # then settle before the next digest point: bounds its work, and rarely does any twice

_STAT_PACK: Final = struct.Struct(">qqqqqiiiq").pack
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


def contribution(node: Znode) -> int:
    """Of everything that the node is, its children's names excepted: those contribute themselves.

    The product of two odd numbers, one for the data and one for the rest: a change of either always changes it, and
    unlike in a sum of CRCs, data that two nodes have exchanged do not cancel out.
    """
    data = node.data
    acl = node.acl
    content = _NULL_DATA if data is None else _crc32(data)
    rest = _crc32(_STAT_PACK(
        node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime, node.version, node.cversion,
        node.aversion, node.owner), _crc32(node.path, _OPEN_CRC if acl is OPEN else _crc32(encode_acl(acl))))
    return (content << 1 | 1) * (rest << 1 | 1) & MASK


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
        total, data_bytes = self.total, self.data_bytes
        for node in self.dirty:
            node.is_dirty = False
            path = node.path
            if get(path) is not node:
                continue  # removed, and subtracted then
            data = node.data
            size = len(path) + (len(data) if data else 0)
            data_bytes += size - node.size
            node.size = size
            new = contribution(node)
            total += new - node.contribution
            node.contribution = new
        self.dirty.clear()
        self.data_bytes = data_bytes
        self.total = total & MASK
        return self.total

    def added_back(self, node: Znode) -> None:
        self.total = self.total + node.contribution & MASK
        self.data_bytes += node.size

    def removed(self, node: Znode) -> None:
        self.total = self.total - node.contribution & MASK
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
