"""A member comes back with everything that it has acked or shown: a promise outlives every end of a process.

Less is right only where its leader has cut the log, which must spare what was shown, or where its disk was replaced.
"""

from collections.abc import Callable

from tests.simulation.checkers.checker import Checker
from transport.zxid import show


class Promises(Checker):
    name = "promises"

    def __init__(self) -> None:
        self.acks: dict[int, int] = {}
        self.shown_upto: dict[int, int] = {}

    def acked(self, member: int, zxid: int, durable: Callable[[], int]) -> None:
        self.acks[member] = max(self.acks.get(member, 0), zxid)

    def released(self, member: int, zxid: int, durable: Callable[[], int]) -> None:
        self.shown_upto[member] = max(self.shown_upto.get(member, 0), zxid)
        self.acked(member, zxid, durable)

    def cut(self, member: int, zxid: int) -> None:
        shown = self.shown_upto.get(member, 0)
        if zxid < shown:
            self.violated(f"member {member} has shown {show(shown)}, and is cut back to {show(zxid)}")
        self.acks[member] = min(self.acks.get(member, 0), zxid)

    def disk_lost(self, member: int) -> None:
        self.acks[member] = self.shown_upto[member] = 0

    def recovered(self, member: int, last_zxid: int) -> None:
        acked = self.acks.get(member, 0)
        if last_zxid < acked:
            self.violated(f"member {member} has acked {show(acked)}, and comes back with {show(last_zxid)}")
