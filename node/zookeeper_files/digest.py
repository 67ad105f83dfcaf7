"""ZooKeeper's digest of a tree, version 2: the sum over its nodes, mod 2^64, of a CRC-32 each."""

import struct
from typing import Final
from zlib import crc32

from node.tree.paths import ROOT, ZOOKEEPER
from node.tree.znode import Znode

VERSION: Final = 2
MASK: Final = (1 << 64) - 1
_STAT_PACK = struct.Struct(">qqqqqiiiq").pack
_NOT_COUNTED: Final = ZOOKEEPER + b"/"


def contribution(node: Znode) -> int:
    """Quota and configuration nodes count nothing; the root goes by its empty name."""
    path = node.path
    if path.startswith(_NOT_COUNTED):
        return 0
    return crc32(
        _STAT_PACK(
            node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion,
            node.owner),
        crc32(node.data or b"", crc32(b"" if path == ROOT else path)))
