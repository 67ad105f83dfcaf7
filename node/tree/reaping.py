"""Which containers and TTL nodes have had their time: the work of the leader's processor 0 (PURE).

It names candidates only. Their deletion is ordered through the log, and execution looks again: see delete_container.
"""

from collections.abc import Iterator
from itertools import islice

from node.tree.tree import Tree
from node.tree.znode import CONTAINER_OWNER, TTL_OWNER_MIN, Znode

MINUTE_MS = 60_000
LOOKED_AT_MAX = 20_000  # of one call: some 5 ms
BURST_MS = 2_000  # what was not used of the rate for so long is lost


def is_over(node: Znode, *, wall_ms: int, never_used_ms: int = 0) -> bool:
    """*never_used_ms*: for how long a container that never had a child stays; 0: for ever."""
    if node.children:
        return False
    if node.owner != CONTAINER_OWNER:
        return wall_ms - node.mtime > node.owner - TTL_OWNER_MIN
    return node.cversion != 0 or 0 < never_used_ms < wall_ms - node.mtime


class Reaper:
    """*per_minute*: deletions at most, so that they never crowd out the clients' writes."""

    def __init__(self, tree: Tree, *, interval_ms: int, per_minute: int, never_used_ms: int, now_ms: int) -> None:
        self._tree = tree
        self._interval_ms = interval_ms
        self._per_minute = per_minute
        self._never_used_ms = never_used_ms
        self._last_ms = self._round_ms = now_ms
        self._credit_ms = 0
        self._round: Iterator[bytes] = iter(())

    def due(self, *, now_ms: int, wall_ms: int) -> list[Znode]:
        """What to delete now; call about once a tick. *wall_ms*: of the clock that stamps the records."""
        if now_ms - self._round_ms >= self._interval_ms:
            self._round_ms = now_ms
            self._round = iter(list(self._tree.reapable))
        cost_ms = MINUTE_MS / self._per_minute
        self._credit_ms = min(self._credit_ms + now_ms - self._last_ms, int(max(BURST_MS, cost_ms)) + 1)
        self._last_ms = now_ms
        room = int(self._credit_ms / cost_ms)
        found = list(islice(self._candidates(wall_ms), room))
        self._credit_ms -= int(len(found) * cost_ms)
        return found

    def _candidates(self, wall_ms: int) -> Iterator[Znode]:
        nodes = self._tree.nodes
        for path in islice(self._round, LOOKED_AT_MAX):
            node = nodes.get(path)
            if (
                node is not None and path in self._tree.reapable
                and is_over(node, wall_ms=wall_ms, never_used_ms=self._never_used_ms)
            ):
                yield node
