"""systemd's end of NOTIFY_SOCKET, as the test plays it."""

import select
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from tests.waiting import wait_until

DEADLINE_S = 30.0


class Listener:
    """What one process has said, a line each, in order.  path: None: an abstract socket."""

    def __init__(self, path: Path | None) -> None:
        name = f"corral-test-{uuid4().hex}"
        self.address = f"@{name}" if path is None else str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{name}" if path is None else str(path))
        self.socket.setblocking(False)
        self._lines: list[str] = []

    def close(self) -> None:
        self.socket.close()

    @property
    def lines(self) -> list[str]:
        """With what has come since."""
        while select.select([self.socket], [], [], 0)[0]:
            self._lines += self.socket.recv(1 << 16).decode().splitlines()
        return list(self._lines)

    @property
    def is_ready(self) -> bool:
        return "READY=1" in self.lines

    @property
    def feeds(self) -> int:
        return self.lines.count("WATCHDOG=1")

    @property
    def statuses(self) -> list[str]:
        return [line.removeprefix("STATUS=") for line in self.lines if line.startswith("STATUS=")]

    def wait_ready(self) -> None:
        wait_until(lambda: self.is_ready, seconds=DEADLINE_S, what=f"READY=1 after {self.lines}")

    def wait_fed(self, times: int) -> None:
        """So many times more."""
        wanted = self.feeds + times
        wait_until(lambda: self.feeds >= wanted, seconds=DEADLINE_S, what=f"fed {times} times")


def wait_starved(listeners: Sequence[Listener], watchdog_s: float) -> None:
    """Until systemd would give all of them up: nothing has fed their watchdogs for so long."""
    last = {listener: (listener.feeds, time.monotonic()) for listener in listeners}

    def are_starved() -> bool:
        for listener, (fed, _) in last.items():
            if listener.feeds != fed:
                last[listener] = (listener.feeds, time.monotonic())
        return all(time.monotonic() - since_s > watchdog_s for _, since_s in last.values())

    wait_until(are_starved, seconds=DEADLINE_S, what="the watchdog is still fed")
