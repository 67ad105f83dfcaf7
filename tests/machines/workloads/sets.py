"""Sequential znodes, each with a value that nobody else writes."""

from typing import Final

from tests.histories.operation import Outcome
from tests.histories.sets import KIND
from tests.machines.session import Session, answer
from tests.machines.workloads.worker import Shift, connect

ROOT: Final = "/set"


class Adds:
    def __init__(self, session: Session, shift: Shift) -> None:
        self.session, self.shift = session, shift
        self.count = 0

    def turn(self) -> bool:
        if not self.count:
            connect(self.session, self.shift.stopping)
        self.count += 1
        value = f"{self.session.name}.{self.count}"

        def request() -> str:
            path: str = answer(self.session.kazoo.create_async(f"{ROOT}/n-", value.encode(), sequence=True))
            return path

        return self.session.do(request, KIND, ROOT, "add", value).outcome is not Outcome.UNKNOWN

    def end(self) -> None:
        self.session.end()
