"""What a process tells systemd that started it, as of sd_notify(3): ready, how it does, that its loop still turns.

Where nobody listens (no NOTIFY_SOCKET) every call does nothing. The watchdog is fed by the loop of the process itself,
at its own turns, never by a thread or a signal: a loop that is stopped or goes round in circles feeds nobody.
"""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from transport.clock import clock_ns

FEEDS_PER_TIMEOUT: Final = 4
EXTENSION_S: Final = 30  # how long a start that makes progress may take from now on
PROGRESS_MS: Final = 5000  # between two such messages
NEVER_MS: Final = 1 << 62
_SEND_S: Final = 1.0  # PID 1 takes messages at once, unless it hangs: then we go on without it


class Notify:
    """*feed_due_ms*: from then on `feed` has something to say, so that a hot loop need only compare."""

    def __init__(self, address: str = "", *, watchdog_us: int = 0) -> None:
        """address: a path, or @ and the name of an abstract socket; empty: nobody listens.  watchdog_us: 0: not fed."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        self._period_ms = watchdog_us // 1000 // FEEDS_PER_TIMEOUT
        self._is_ready = False
        self._progress_due_ms = NEVER_MS
        self.feed_due_ms = NEVER_MS
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(_SEND_S)
            self._progress_due_ms = 0

    @property
    def is_heard(self) -> bool:
        return self._socket is not None

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(text))

    def ready(self, status: str) -> None:
        """The start is done, and the watchdog runs from now on. Again: only the status."""
        if self._is_ready:
            self.status(status)
            return
        self._is_ready = True
        self._progress_due_ms = NEVER_MS
        self._send(f"READY=1\n{_status(status)}")
        if self._socket is not None and self._period_ms:
            self.feed_due_ms = 0

    def progress(self) -> None:
        """To be called at each step of a long start: one that goes on is given time, one that hangs is not."""
        if self._progress_due_ms == NEVER_MS:
            return
        now_ms = clock_ns() // 1_000_000
        if now_ms >= self._progress_due_ms:
            self._progress_due_ms = now_ms + PROGRESS_MS
            self.extend(EXTENSION_S)

    def at_work(self) -> None:
        """At each step of what may take long within a turn, be it of the start or later."""
        self.progress()
        if self.feed_due_ms != NEVER_MS:
            self.feed(clock_ns() // 1_000_000)

    def timeout_ms(self, timeout_ms: int, now_ms: int) -> int:
        """For a poll (-1: no limit) before which nothing else is sure to be due."""
        if self.feed_due_ms == NEVER_MS:
            return timeout_ms
        left_ms = max(self.feed_due_ms - now_ms, 0)
        return left_ms if timeout_ms < 0 else min(timeout_ms, left_ms)

    def extend(self, seconds: float) -> None:
        """A start or a stop needs up to so long from now on, whatever TimeoutStartSec= and TimeoutStopSec= say."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def feed(self, now_ms: int) -> None:
        """At each turn of the loop, or once *feed_due_ms* has come. It never waits."""
        if now_ms >= self.feed_due_ms and self._send("WATCHDOG=1", socket.MSG_DONTWAIT):
            self.feed_due_ms = now_ms + self._period_ms

    def stopping(self, status: str = "stopping") -> None:
        self._send(f"STOPPING=1\n{_status(status)}")

    def close(self) -> None:
        """Nothing is said from then on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.feed_due_ms = self._progress_due_ms = NEVER_MS

    def _send(self, text: str, flags: int = 0) -> bool:
        """Whether it was taken, or nobody listens."""
        if self._socket is None:
            return True
        try:
            self._socket.sendto(text.encode(errors="replace"), flags, self._address)
        except OSError:
            return False
        return True


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())


def from_environment(environ: MutableMapping[str, str] = os.environ) -> Notify:
    """The variables are taken out: a child of this process would speak in its name."""
    address = environ.pop("NOTIFY_SOCKET", "")
    watchdog_us = environ.pop("WATCHDOG_USEC", "0")
    is_ours = environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return Notify(address, watchdog_us=int(watchdog_us) if is_ours and watchdog_us.isdecimal() else 0)


SILENT: Final = Notify()
