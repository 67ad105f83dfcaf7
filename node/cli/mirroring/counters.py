"""Sequence counters: a number that a client got once must not be given out again.

The next number below a node is how many children it has ever had. A copy has had fewer, so children are made and
deleted there until it has had as many.
"""

import re
from typing import Final

from node.cli.mirroring.contents import Tree
from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.paths import join

PAIRS_AT_ONCE: Final = 250
RAISE_MAX: Final = 1_000_000  # children of one node: minutes of work
_NAME: Final = "corral-mirror-counter"
_NUMBERED = re.compile(r"\d{10}\Z")


def behind(source: Tree, target: Tree, *, everywhere: bool) -> dict[str, int]:
    """Path -> by how many the target's counter is behind, where children have numbers, or *everywhere*."""
    numbered = {path.rpartition("/")[0] or "/" for path in source.nodes if _NUMBERED.search(path)}
    return {
        path: source.creates[path] - target.creates.get(path, 0) for path in source.nodes
        if (everywhere or path in numbered) and source.creates[path] > target.creates.get(path, 0)}


def raise_counter(client: Client, path: str, by: int) -> None:
    """Raises RefusedError."""
    name = client.whole(join(path, _NAME))
    while by > 0:
        pairs = min(by, PAIRS_AT_ONCE)
        client.multi([each for _ in range(pairs) for each in (requests.create(name, b""), requests.delete(name))])
        by -= pairs
