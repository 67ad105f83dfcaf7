"""Clients that take a lock in turn, by the recipe that every client knows: the lowest sequential ephemeral."""

import random
import time
from typing import Final

from tests.histories.locks import KIND
from tests.histories.operation import Operation, Outcome
from tests.machines.session import Session, answer
from tests.machines.workloads.worker import Shift, connect

ROOT: Final = "/lock"
WAIT_S: Final = 20.0
POLL_S: Final = 0.05


class NotAcquiredError(OSError):
    """The lock was not ours in time."""


class Locks:
    def __init__(self, session: Session, shift: Shift, rng: random.Random) -> None:
        self.session, self.shift, self.random = session, shift, rng
        self.is_sound = False  # it has no znode left over that blocks the others

    def turn(self) -> bool:
        if not self.is_sound:
            self.session.end()
            self.session.kazoo = self.session.new_client()
            connect(self.session, self.shift.stopping)
        self.is_sound = self.hold_for_a_while()
        return self.is_sound

    def hold_for_a_while(self) -> bool:
        """Whether every request was answered."""
        path = ""

        def request() -> int:
            nonlocal path
            path = answer(self.session.kazoo.create_async(f"{ROOT}/n-", b"", ephemeral=True, sequence=True))
            self.await_lowest(path)
            stat = answer(self.session.kazoo.exists_async(path))
            if stat is None:
                raise NotAcquiredError(path)
            czxid: int = stat.czxid
            return czxid

        acquired = self.session.do(request, KIND, ROOT, "acquire")
        if not acquired.is_ok:
            return False
        for _ in range(self.random.randint(1, 5)):
            self.shift.pause(self.random.uniform(0, 2 * self.shift.pace_s))
            if self.touch(acquired, path).outcome is not Outcome.OK:
                return False
        return self.release(acquired, path).is_ok

    def await_lowest(self, path: str) -> None:
        """Raises NotAcquiredError."""
        name, until_s = path.rpartition("/")[2], time.monotonic() + WAIT_S
        while min(names := answer(self.session.kazoo.get_children_async(ROOT)), default="") != name:
            if name not in names or time.monotonic() > until_s or self.shift.stopping.is_set():
                raise NotAcquiredError(path)
            self.shift.pause(POLL_S)

    def touch(self, acquired: Operation, path: str) -> Operation:
        def request() -> int:
            czxid: int = answer(self.session.kazoo.set_async(path, b"")).czxid
            return czxid

        return self.session.do(request, KIND, ROOT, "touch", acquired.result)

    def release(self, acquired: Operation, path: str) -> Operation:
        def request() -> None:
            answer(self.session.kazoo.delete_async(path))

        return self.session.do(request, KIND, ROOT, "release", acquired.result)

    def end(self) -> None:
        self.session.end()
