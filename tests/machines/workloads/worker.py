"""One client at work in a thread, until it is told to end."""

import random
import threading
from dataclasses import dataclass
from typing import Final, Protocol

from tests.histories.operation import History
from tests.machines.session import Session
from tests.waiting import wait_until

END_S: Final = 60.0
PAUSE_S: Final = 0.1  # after a failure: a client that is not connected fails at once
RESTART_S: Final = 300.0


@dataclass(frozen=True)
class Shift:
    """What the clients of a run share.  pace_s: between two requests of one client, on average."""

    history: History
    stopping: threading.Event
    pace_s: float

    def pause(self, seconds: float) -> None:
        """At most so long: less when the run ends."""
        self.stopping.wait(seconds)


class Work(Protocol):
    """One kind of client."""

    def turn(self) -> bool:
        """A few requests; whether all went well."""
        ...

    def end(self) -> None:
        """Called once, in the same thread, after the last turn."""
        ...


class Worker:
    """Runs one client's turns; what it raises is for `join` to raise."""

    def __init__(self, name: str, shift: Shift, work: Work, seed: int) -> None:
        self.name, self.shift, self.work = name, shift, work
        self.turns = 0
        self._random = random.Random(f"{seed} {name}")
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(END_S)
        if self._error is not None:
            raise self._error
        if self._thread.is_alive():
            raise AssertionError(f"client {self.name} does not end")

    def _run(self) -> None:
        try:
            while not self.shift.stopping.is_set():
                if self.work.turn():
                    self.turns += 1
                    self.shift.pause(self.shift.pace_s * self._random.uniform(0.5, 1.5))
                else:
                    self.shift.pause(PAUSE_S)
            self.work.end()
        except BaseException as error:  # noqa: BLE001  # for who joins
            self._error = error


def connect(session: Session, stopping: threading.Event) -> None:
    """Returns when it is connected, or the run ends."""
    if session.start():
        return
    wait_until(lambda: stopping.is_set() or session.restart(), seconds=RESTART_S, what=f"{session.name} connects")
