"""A thread for what must not hold up the loop: one job at a time, whose end wakes the loop by an eventfd."""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

from transport.clock import clock_ns

Job = Callable[[], None]


class Worker:
    """Started when it is first wanted. *wake*: an eventfd, which several may share."""

    def __init__(self, name: str, wake: int) -> None:
        self._name, self._wake = name, wake
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[int, int] | Exception] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def is_done(self) -> bool:
        """The job that was begun has ended, and `end` was not called yet."""
        return not self._done.empty()

    def begin(self, job: Job) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def end(self) -> tuple[int, int]:
        """When the job began and ended (by transport/clock.py); waits for it. Raises what it raised."""
        outcome = self._done.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def stop(self) -> None:
        """Once nothing is under way."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            began_ns = clock_ns()
            try:
                job()
                self._done.put((began_ns, clock_ns()))
            except Exception as error:  # noqa: BLE001 - raised by `end`, in the loop's thread
                self._done.put(error)
            os.eventfd_write(self._wake, 1)
