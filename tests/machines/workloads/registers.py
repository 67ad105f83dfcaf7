"""Clients read, write, and compare and set one znode; a new one every few seconds, so that histories stay short."""

import random
from typing import Final

from tests.histories.operation import Operation, Outcome
from tests.histories.register import KIND
from tests.machines.session import Session, answer
from tests.machines.workloads.worker import Shift, connect

ROOT: Final = "/registers"
KEY_S: Final = 3.0  # for which one znode is used


class Registers:
    def __init__(self, session: Session, shift: Shift, rng: random.Random) -> None:
        self.session, self.shift, self.random = session, shift, rng
        self.key = ""
        self.version, self.count = 0, 0
        self.is_connected = False

    def turn(self) -> bool:
        if not self.is_connected:
            connect(self.session, self.shift.stopping)
            self.is_connected = True
        key = f"{int(self.shift.history.clock_s() / KEY_S):05}"
        if key != self.key:
            self.key, self.version = key, 0
            done = self.create()
        else:
            done = self.random.choices([self.read, self.get, self.write, self.cas], [3, 3, 2, 4])[0]()
        self.remember(done)
        return done.outcome is not Outcome.UNKNOWN

    def remember(self, done: Operation) -> None:
        """The version that is most likely still there."""
        if done.name in ("read", "get") and done.is_ok:
            self.version = done.result[0]
        elif done.is_ok:
            self.version = done.result

    @property
    def path(self) -> str:
        return f"{ROOT}/{self.key}"

    def value(self) -> str:
        """That nobody else writes."""
        self.count += 1
        return f"{self.session.name}.{self.count}"

    def create(self) -> Operation:
        value = self.value()

        def request() -> int:
            answer(self.session.kazoo.create_async(self.path, value.encode()))
            return 0

        return self.session.do(request, KIND, self.key, "create", value)

    def write(self) -> Operation:
        value = self.value()
        return self.session.do(lambda: self.set(value, -1), KIND, self.key, "write", value)

    def cas(self) -> Operation:
        value, version = self.value(), self.version
        return self.session.do(lambda: self.set(value, version), KIND, self.key, "cas", [version, value])

    def set(self, value: str, version: int) -> int:
        done: int = answer(self.session.kazoo.set_async(self.path, value.encode(), version)).version
        return done

    def read(self) -> Operation:
        """After a sync: linearizable."""
        def request() -> list[object]:
            asked = self.session.kazoo.sync_async(self.path), self.session.kazoo.get_async(self.path)
            answer(asked[0])
            value, stat = answer(asked[1])
            return [stat.version, value.decode()]

        return self.session.do(request, KIND, self.key, "read")

    def get(self) -> Operation:
        """As the member has it that the client is connected to."""
        def request() -> list[object]:
            value, stat = answer(self.session.kazoo.get_async(self.path))
            return [stat.version, value.decode()]

        return self.session.do(request, KIND, self.key, "get")

    def end(self) -> None:
        self.session.end()
