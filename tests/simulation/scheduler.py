"""Virtual time: a heap of what happens next. Nothing in a run asks any other clock."""

import heapq
from collections.abc import Callable
from typing import Any

MS = 1_000  # the unit of virtual time is the microsecond
SECOND = 1_000_000

Action = Callable[..., None]


class Scheduler:
    """Two actions at one time run in the order in which they were asked for: one seed gives one run."""

    def __init__(self) -> None:
        self.now_us = 0
        self.steps = 0
        self.heap: list[tuple[int, int, Action, tuple[Any, ...]]] = []
        self.asked = 0

    def at(self, at_us: int, action: Action, *arguments: Any) -> None:
        assert at_us >= self.now_us, "the past is over"
        self.asked += 1
        heapq.heappush(self.heap, (at_us, self.asked, action, arguments))

    def after(self, delay_us: int, action: Action, *arguments: Any) -> None:
        self.at(self.now_us + delay_us, action, *arguments)

    def run(self, *, until_us: int, done: Callable[[], bool] | None = None) -> bool:
        """Run what is due up to *until_us*; earlier if *done* says so (looked at once per 64 steps). Returns done()."""
        heap, pop = self.heap, heapq.heappop
        while heap and heap[0][0] <= until_us:
            self.now_us, _, action, arguments = pop(heap)
            self.steps += 1
            action(*arguments)
            if done is not None and not self.steps & 63 and done():
                return True
        self.now_us = max(self.now_us, until_us) if done is None else self.now_us
        return done is not None and done()
