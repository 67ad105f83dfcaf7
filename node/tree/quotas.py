"""Quotas: how many nodes and bytes a subtree may have, and how many it has (zookeeper-surface A1.8, 36).

A client sets one on /a by creating /zookeeper/quota/a/zookeeper_limits, then …/zookeeper_stats, whose data the server
keeps. Here that is part of execution, so it is the same on every replica and part of the digest; its Stat does not
change and nobody who watches it is told, as in ZooKeeper. Of quotas above one another the deepest counts alone.
"""

import re
from typing import TYPE_CHECKING

from node.tree.paths import LIMITS, QUOTA, STATS, guarded_path
from node.tree.undo import RESTORE_USAGE
from node.tree.znode import Znode

if TYPE_CHECKING:
    from node.tree.execute import Replica

COUNT, BYTES = b"count", b"bytes"
HARD = {COUNT: b"countHardLimit", BYTES: b"byteHardLimit"}
_SEPARATORS = re.compile(rb"[,;]+")
_LONG = re.compile(rb"[+-]?[0-9]{1,19}\Z")


def quota_of(quotas: dict[bytes, None], path: bytes) -> bytes:
    """The path that the quota for *path* is set on, the deepest; empty: none."""
    while path and path not in quotas:
        path = path[:path.rfind(b"/")]
    return path


def size_of(data: bytes | None) -> int:
    return len(data) if data else 0


# --- what the nodes hold ----------------------------------------------------------------------------------------


def parse_track(data: bytes | None) -> dict[bytes, int]:
    """ZooKeeper's StatsTrack, `count=5,bytes=-1=;countHardLimit=10`. What is not one says nothing: it is empty."""
    track: dict[bytes, int] = {}
    pairs = _SEPARATORS.split(data or b"")
    while pairs and not pairs[-1]:
        pairs.pop()
    for pair in pairs:
        parts = pair.rstrip(b"=").split(b"=")
        if len(parts) < 2 or (parts[1] and not _LONG.match(parts[1])):
            return {}
        track[parts[0]] = int(parts[1] or b"-1")
    return track


def pack_track(track: dict[bytes, int]) -> bytes:
    """Two fields first, for parsers of 3.4; the `=` before the others is what they need to pass these over."""
    first = b"count=%d,bytes=%d" % (track.get(COUNT, -1), track.get(BYTES, -1))
    others = [b";%b=%d" % (key, track[key]) for key in sorted(track) if key not in (COUNT, BYTES)]
    return b"=".join((first, b"".join(others))) if others else first


# --- in execution -----------------------------------------------------------------------------------------------


def exceeds(replica: "Replica", path: bytes, *, nodes: int, size: int) -> bool:
    """Whether so many nodes and bytes more at *path* are over a hard limit that is enforced.

    What is over any other limit is noted in `replica.over_quota`.
    """
    owner = quota_of(replica.quotas, path)
    limits_node = replica.nodes.get(QUOTA + owner + b"/" + LIMITS)
    stats_node = replica.nodes.get(QUOTA + owner + b"/" + STATS)
    if not owner or limits_node is None or stats_node is None:
        return False
    limits, usage = parse_track(limits_node.data), parse_track(stats_node.data)
    for kind, more in ((COUNT, nodes), (BYTES, size)):
        hard = limits.get(HARD[kind], -1)
        limit = hard if hard > -1 else limits.get(kind, -1)
        wanted = usage.get(kind, -1) + more
        if more == 0 or limit < 0 or wanted <= limit:
            continue
        if hard > -1 and replica.enforces_quotas:
            return True
        replica.over_quota[owner] = (kind, wanted, limit)
    return False


def count(replica: "Replica", path: bytes, *, nodes: int, size: int) -> None:
    """So many nodes and bytes came at *path*, or went."""
    owner = quota_of(replica.quotas, path)
    stats_node = replica.nodes.get(QUOTA + owner + b"/" + STATS)
    if not owner or stats_node is None or (nodes == 0 and size == 0):
        return
    usage = parse_track(stats_node.data)
    usage[COUNT] = usage.get(COUNT, -1) + nodes
    usage[BYTES] = usage.get(BYTES, -1) + size
    _keep(replica, stats_node, usage)


def created(replica: "Replica", node: Znode) -> None:
    """A node is there: it counts; and if it is a quota's, the quota begins, or its usage."""
    path = guarded_path(node.path)
    if path and node.path.endswith(LIMITS):
        replica.quotas[path] = None
    elif path:
        _keep(replica, node, _usage_of(replica.nodes, path))
    count(replica, node.path, nodes=1, size=size_of(node.data))


def removed(replica: "Replica", node: Znode) -> None:
    """A node is gone, and the quota with it if it held the limits."""
    if node.path.endswith(LIMITS):
        replica.quotas.pop(guarded_path(node.path), None)
    count(replica, node.path, nodes=-1, size=-size_of(node.data))


def _usage_of(nodes: dict[bytes, Znode], path: bytes) -> dict[bytes, int]:
    below = path + b"/"
    sizes = [size_of(node.data) for each, node in nodes.items() if each == path or each.startswith(below)]
    return {COUNT: len(sizes), BYTES: sum(sizes)}


def _keep(replica: "Replica", stats_node: Znode, usage: dict[bytes, int]) -> None:
    if replica.undo is not None:
        replica.undo.append((RESTORE_USAGE, stats_node, stats_node.data))
    stats_node.data = pack_track(usage)
    replica.tree.digest.touched(stats_node)
