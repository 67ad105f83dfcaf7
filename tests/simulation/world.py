"""What every part of a run shares: time, chance, transcript, network, and the count of what occurred."""

from collections import Counter
from typing import TYPE_CHECKING

from tests.simulation.randomness import Randomness
from tests.simulation.scheduler import Scheduler
from tests.simulation.trace import Trace

if TYPE_CHECKING:
    from tests.simulation.network import Network


class InvariantViolation(Exception):  # noqa: N818  (it is what a run looks for, not an error of the run)
    """A checker's finding. *checker* names the file that found it."""

    def __init__(self, checker: str, finding: str) -> None:
        super().__init__(f"{checker}: {finding}")
        self.checker = checker
        self.finding = finding


class World:
    network: "Network"  # set by its constructor, once

    def __init__(self, seed: int, *, keep_trace: bool = False, echo: bool = False) -> None:
        self.seed = seed
        self.scheduler = Scheduler()
        self.randomness = Randomness(seed)
        self.trace = Trace(self.scheduler, keep_all=keep_trace, echo=echo)
        self.occurred: Counter[str] = Counter()
        self.process_ending: tuple[type[Exception], ...] = ()  # errors that end a process and nothing else
