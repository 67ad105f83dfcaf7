"""Counters of two znodes that a multi raises together, with a mark; and clients that look at both."""

import random
from typing import Any, Final

from tests.histories.counters import KIND
from tests.histories.operation import Outcome
from tests.machines.session import Session, answer
from tests.machines.workloads.worker import Shift, connect

ROOT: Final = "/counter"
FIRST: Final = f"{ROOT}/first"
SECOND: Final = f"{ROOT}/second"
MARKS: Final = f"{ROOT}/marks"


class Counters:
    def __init__(self, session: Session, shift: Shift, rng: random.Random) -> None:
        self.session, self.shift, self.random = session, shift, rng
        self.count, self.seen = 0, 0

    def turn(self) -> bool:
        if not self.count:
            connect(self.session, self.shift.stopping)
        self.count += 1
        return self.look() if self.random.random() < 0.4 else self.increment()

    def increment(self) -> bool:
        """From the number that was seen last; refused where another was faster."""
        token, seen = f"{self.session.name}.{self.count}", self.seen

        def request() -> int:
            multi = self.session.kazoo.transaction()
            multi.set_data(FIRST, b"", version=seen)
            multi.create(f"{MARKS}/{seen + 1}", token.encode())
            multi.set_data(SECOND, b"", version=seen)
            for result in answer(multi.commit_async()):
                if isinstance(result, Exception):
                    raise result
            return seen + 1

        done = self.session.do(request, KIND, ROOT, "increment", token)
        if done.is_ok:
            self.seen = seen + 1
            return True
        return done.outcome is Outcome.FAIL and self.look()

    def look(self) -> bool:
        def request() -> list[int]:
            kazoo = self.session.kazoo
            asked: list[Any] = [kazoo.sync_async(ROOT), kazoo.exists_async(SECOND), kazoo.exists_async(FIRST)]
            _, second, first = [answer(each) for each in asked]
            return [second.version, first.version]

        done = self.session.do(request, KIND, ROOT, "look")
        if done.is_ok:
            self.seen = done.result[1]
        return done.is_ok

    def end(self) -> None:
        self.session.end()
