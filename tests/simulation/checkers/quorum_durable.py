"""What any replica shows is on the disks of a quorum: a committed record is one that no minority can lose."""

from collections.abc import Callable

from tests.simulation.checkers.checker import Checker
from transport.entry import RecordHeader
from transport.zxid import show


class QuorumDurable(Checker):
    """*ends*: per member, the durable end of its log; of one that lost its disk afterwards, what it had."""

    name = "quorum durable"

    def __init__(self, ends: Callable[[], list[int]]) -> None:
        self.ends = ends

    def ordered(self, header: RecordHeader, record: bytes) -> None:
        ends = self.ends()
        holding = sum(end >= header.last_zxid for end in ends)
        if holding <= len(ends) // 2:
            self.violated(f"{show(header.last_zxid)} is executed, and durable on {holding} of {len(ends)} members")
