"""Leadership is handed over to a member only that has the whole log, durable: an election could not choose better."""

from collections.abc import Callable

from tests.simulation.checkers.checker import Checker
from transport.zxid import show


class Handovers(Checker):
    name = "handovers"

    def handed_over(self, member: int, heir: int, last: int, holds: Callable[[], int]) -> None:
        on_disk = holds()
        if on_disk < last:
            self.violated(
                f"member {member} hands over to {heir}, whose disk holds {show(on_disk)}; its own goes to {show(last)}")
