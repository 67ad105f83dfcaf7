"""Work for a process's loop from its other threads: telemetry's HTTP threads wait for what only the loop may touch."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
WAIT_S = 3.0


class NoAnswerError(Exception):
    """The loop did not come to it in time."""


class Calls:
    """*ask* is for the other threads, *run* for the loop, which polls *fileno*."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Callable[[Future[Any]], None], Future[Any]]] = SimpleQueue()
        self._eventfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        return self._eventfd

    def ask(self, work: Callable[["Future[T]"], None]) -> T:
        """Have the loop call *work*, which sets the result, now or later. Raises NoAnswerError."""
        future: Future[T] = Future()
        self._queue.put((work, future))
        os.eventfd_write(self._eventfd, 1)
        try:
            return future.result(WAIT_S)
        except FutureTimeoutError:
            raise NoAnswerError from None

    def run(self) -> None:
        """All that waits."""
        try:
            os.eventfd_read(self._eventfd)
        except BlockingIOError:
            return
        while True:
            try:
                work, future = self._queue.get_nowait()
            except Empty:
                return
            work(future)
