"""Clients that take a lock in turn, by the recipe that every client knows: the lowest sequential ephemeral.

Every few seconds it is another lock: what a dead session has left holds up one of them only, until it expires.
"""

import random
import time
from typing import Final

from tests.histories.locks import KIND
from tests.histories.operation import Operation, Outcome
from tests.machines.session import Session, answer
from tests.machines.workloads.worker import Shift, connect

ROOT: Final = "/lock"
KEY_S: Final = 5.0  # for which one lock is used
WAIT_S: Final = 5.0
POLL_S: Final = 0.05


class NotAcquiredError(OSError):
    """The lock was not ours in time."""


class Locks:
    def __init__(self, session: Session, shift: Shift, rng: random.Random) -> None:
        self.session, self.shift, self.random = session, shift, rng
        self.key = ""
        self.is_sound = False  # it has no znode left over that blocks the others

    def turn(self) -> bool:
        if not self.is_sound:
            self.session.end()
            self.session.kazoo = self.session.new_client()
            connect(self.session, self.shift.stopping)
        key = f"{int(self.shift.history.clock_s() / KEY_S):05}"
        if key != self.key:
            self.key = key
            self.is_sound = self.make().outcome is not Outcome.UNKNOWN
        self.is_sound = self.is_sound and self.hold_for_a_while()
        return self.is_sound

    @property
    def root(self) -> str:
        return f"{ROOT}/{self.key}"

    def make(self) -> Operation:
        """The lock's own znode; another client may have been faster."""
        def request() -> None:
            answer(self.session.kazoo.create_async(self.root))

        return self.session.do(request, f"{KIND}-root", self.key, "create")

    def hold_for_a_while(self) -> bool:
        """Whether every request was answered."""
        path = ""

        def request() -> int:
            nonlocal path
            path = answer(self.session.kazoo.create_async(f"{self.root}/n-", b"", ephemeral=True, sequence=True))
            self.await_lowest(path)
            stat = answer(self.session.kazoo.exists_async(path))
            if stat is None:
                raise NotAcquiredError(path)
            czxid: int = stat.czxid
            return czxid

        acquired = self.session.do(request, KIND, self.key, "acquire")
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
        while min(names := answer(self.session.kazoo.get_children_async(self.root)), default="") != name:
            if name not in names or time.monotonic() > until_s or self.shift.stopping.is_set():
                raise NotAcquiredError(path)
            self.shift.pause(POLL_S)

    def touch(self, acquired: Operation, path: str) -> Operation:
        def request() -> int:
            czxid: int = answer(self.session.kazoo.set_async(path, b"")).czxid
            return czxid

        return self.session.do(request, KIND, self.key, "touch", acquired.result)

    def release(self, acquired: Operation, path: str) -> Operation:
        def request() -> None:
            answer(self.session.kazoo.delete_async(path))

        return self.session.do(request, KIND, self.key, "release", acquired.result)

    def end(self) -> None:
        self.session.end()
