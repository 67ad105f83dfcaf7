"""Zxids counted anew from 1: for a ZooKeeper whose epochs are nearly used up.

The order stays, and what was equal stays equal. Nobody who has seen an old zxid may come back: sessions end.
"""

from collections.abc import Iterable

from node.tree.znode import Znode


def renumber(nodes: Iterable[Znode]) -> int:
    """Change every zxid of the nodes; returns the last one given."""
    nodes = list(nodes)
    used = sorted({zxid for node in nodes for zxid in (node.czxid, node.mzxid, node.pzxid)} - {0})
    new = {0: 0} | {zxid: number for number, zxid in enumerate(used, 1)}
    for node in nodes:
        node.czxid, node.mzxid, node.pzxid = new[node.czxid], new[node.mzxid], new[node.pzxid]
    return max(len(used), 1)
