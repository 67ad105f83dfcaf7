"""What happened, for people: one line per message, effect and fault; formatted only when somebody looks."""

from collections import deque
from typing import Any

from tests.simulation.scheduler import Scheduler

TAIL_LINES = 60


class Trace:
    """*keep_all*: every line (replay, comparison of two runs); else only the last ones (a failing seed prints them)."""

    def __init__(self, scheduler: Scheduler, *, keep_all: bool = False, echo: bool = False) -> None:
        self.scheduler = scheduler
        self.keep_all = keep_all
        self.echo = echo
        self.entries: deque[tuple[int, str, str, tuple[Any, ...]]] = deque(
            maxlen=None if keep_all else TAIL_LINES)

    def __call__(self, who: str, text: str, *values: Any) -> None:
        """*text* is a %-format of *values*, which must be immutable: they are formatted later."""
        entry = (self.scheduler.now_us, who, text, values)
        self.entries.append(entry)
        if self.echo:
            print(line(entry))  # noqa: T201

    def lines(self) -> list[str]:
        return [line(entry) for entry in self.entries]


def line(entry: tuple[int, str, str, tuple[Any, ...]]) -> str:
    at_us, who, text, values = entry
    return f"{at_us / 1_000_000:11.6f} {who:<16} {text % values if values else text}"
