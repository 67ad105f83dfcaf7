"""What a member acks, or shows its replicas, would be there after a power cut at this instant (rules 1 and 2)."""

from collections.abc import Callable

from tests.simulation.checkers.checker import Checker
from transport.zxid import show


class DurableAcks(Checker):
    name = "durable acks"

    def acked(self, member: int, zxid: int, durable: Callable[[], int]) -> None:
        """*durable*: the end of the log on the disk's platter, read apart from the code under test."""
        on_disk = durable()
        if on_disk < zxid:
            self.violated(f"member {member} acks {show(zxid)}, its disk holds {show(on_disk)}")

    def released(self, member: int, zxid: int, durable: Callable[[], int]) -> None:
        on_disk = durable()
        if on_disk < zxid:
            self.violated(f"member {member} shows its replicas {show(zxid)}, its disk holds {show(on_disk)}")
