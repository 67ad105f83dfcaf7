"""Locks: a znode in sequence that goes with its session; the lowest holds the lock, and its czxid is the fencing token.

A holder holds for certain from when it is told that it is the lowest until it sends its last request that finds its own
znode still there. (What a client believes beyond that is its own affair: that is what fencing tokens are for.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tests.histories.operation import Operation, Outcome

KIND: Final = "lock"

# acquire(): czxid of its znode, once that is the lowest      touch(czxid), release(czxid): done to that very znode


@dataclass
class Hold:
    acquired: Operation
    until_s: float
    proof: Operation

    @property
    def czxid(self) -> int:
        czxid: int = self.acquired.result
        return czxid


def check(operations: Sequence[Operation]) -> list[str]:
    """Of one lock."""
    return [*_refused(operations), *_overlaps(operations)]


def holds(operations: Sequence[Operation]) -> list[Hold]:
    """In the order of their tokens."""
    found = [Hold(each, each.ended_s, each) for each in operations if each.name == "acquire" and each.is_ok]
    by_token = {hold.czxid: hold for hold in found}
    for each in operations:
        hold = by_token.get(each.argument) if each.name in ("touch", "release") and each.is_ok else None
        if hold is not None and each.invoked_s > hold.until_s:
            hold.until_s, hold.proof = each.invoked_s, each
    return sorted(found, key=lambda hold: hold.czxid)


def _overlaps(operations: Sequence[Operation]) -> Iterator[str]:
    for one, other in pairwise(holds(operations)):
        if one.czxid == other.czxid:
            yield f"two holders have the same token:\n    {one.acquired}\n    {other.acquired}"
        elif one.until_s > other.acquired.ended_s:
            yield f"two hold the lock:\n    {one.acquired}\n    {one.proof}\n    {other.acquired}"


def _refused(operations: Sequence[Operation]) -> Iterator[str]:
    """A request that its session executed finds the session's own znode."""
    acquired = {each.result: each for each in operations if each.name == "acquire" and each.is_ok}
    for each in operations:
        hold = acquired.get(each.argument) if each.name == "touch" else None
        if hold is not None and each.outcome is Outcome.FAIL and each.session == hold.session:
            yield f"the lock was taken from a living session:\n    {hold}\n    {each}"
