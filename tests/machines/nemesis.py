"""One fault after the other, some two at a time; every kind before any comes again."""

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from tests.histories.operation import History
from tests.machines.ensemble import Ensemble
from tests.machines.faults import Row

REST_S: Final = (0.5, 3.0)
SECOND: Final = 0.3  # chance of another fault at the same time
RECOVERED: Final = 0.6  # chance that the next fault waits until all serve


@dataclass
class Strike:
    """One fault that was.  Times are the history's; ended_s: when it was mended, 0 before that."""

    kind: str
    what: str
    began_s: float
    ended_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.began_s:6.1f} s  {self.kind}: {self.what}"


class Nemesis:
    def __init__(self, ensemble: Ensemble, history: History, rows: Sequence[Row], seed: int) -> None:
        self.ensemble, self.history, self.rows = ensemble, history, rows
        self.random = random.Random(seed)
        self.strikes: list[Strike] = []
        self._never = threading.Event()
        self._left: list[Row] = []

    @property
    def under_way(self) -> list[Strike]:
        return [each for each in self.strikes if not each.ended_s]

    def has_done_all(self) -> bool:
        return {row.kind for row in self.rows} <= {strike.kind for strike in self.strikes}

    def turn(self) -> None:
        """One or two faults, mended again."""
        first = self._next()
        with ExitStack() as stack:
            stack.enter_context(self._struck(first))
            if self.random.random() < SECOND and (second := self._beside(first)) is not None:
                self._wait(self.random.uniform(0, 1))
                stack.enter_context(self._struck(second))
            self._wait(self.random.uniform(*first.hold_s))
        if self.random.random() < RECOVERED:
            self.recover()
        self._wait(self.random.uniform(*REST_S))

    def strike(self, row: Row) -> None:
        """That one, and until all serve again."""
        with self._struck(row):
            self._wait(row.hold_s[0])
        self.recover()

    def recover(self) -> None:
        """Raises AssertionError: not all members serve in time, though nothing is wrong any more."""
        self.ensemble.revive()
        self.ensemble.await_all_serving()

    @contextmanager
    def _struck(self, row: Row) -> Iterator[None]:
        began_s = self.history.clock_s()
        with row.fault(self.ensemble, self.random) as what:
            strike = Strike(row.kind, what, began_s)
            self.strikes.append(strike)
            yield
        strike.ended_s = self.history.clock_s()

    def _next(self) -> Row:
        if not self._left:
            self._left = self.random.sample(self.rows, len(self.rows))
        return self._left.pop()

    def _beside(self, first: Row) -> Row | None:
        """Of those that are due, one that goes with it."""
        for row in reversed(self._left):
            if row.group != first.group:
                self._left.remove(row)
                return row
        return None

    def _wait(self, seconds: float) -> None:
        self._never.wait(seconds)
