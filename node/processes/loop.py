"""What every shell with a poll loop shares: signals as a descriptor, the clock in ms, exit codes."""

import gc
import os
import signal
import time
from types import FrameType
from typing import Any, Final

from observability.procfs import own_figures
from transport.clock import clock_ns

EXIT_REFUSED: Final = 78  # EX_CONFIG of sysexits.h: starting again does not help


def now_ms() -> int:
    """Comparable between processes of one machine; it goes on while the machine sleeps."""
    return clock_ns() // 1_000_000


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def process_figures() -> dict[str, Any]:
    """What a process says of itself, by the names of observability/tables/machine.py."""
    collections = {str(at): each["collections"] for at, each in enumerate(gc.get_stats())}
    return {"gc_enabled": int(gc.isenabled()), "gc_collections": collections, **own_figures()}


class StopSignals:
    """SIGTERM and SIGINT as a flag, and as a descriptor that wakes a poll."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def fileno(self) -> int:
        return self._read

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.is_stopping = True
