"""Whoever enters an epoch has the history that it begins with on its disk (rule 1): else it could win an election."""

from collections.abc import Callable

from tests.simulation.checkers.checker import Checker
from transport.zxid import show


class CurrentEpochs(Checker):
    name = "current epochs"

    def __init__(self) -> None:
        self.history_end: dict[int, int] = {}  # epoch -> the least that a learner was told to be complete

    def history_complete(self, epoch: int, zxid: int) -> None:
        self.history_end[epoch] = min(self.history_end.get(epoch, zxid), zxid)

    def entered(self, member: int, epoch: int, durable: Callable[[], int]) -> None:
        end, on_disk = self.history_end.get(epoch, 0), durable()
        if on_disk < end:
            self.violated(
                f"member {member} enters epoch {epoch}, whose history ends at {show(end)}; its disk holds "
                f"{show(on_disk)}")
