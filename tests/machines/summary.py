"""What is said while a run goes on, and the figures of its end."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.histories.operation import History, Operation, Outcome
from tests.machines.nemesis import Nemesis, Strike

PROGRESS_S: Final = 5.0
WRITES: Final = frozenset(["create", "write", "cas", "add", "increment", "touch", "set"])
TIMED: Final = frozenset(["create", "write", "cas", "add", "increment", "set", "get", "read", "look"])


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def progress(history: History, nemesis: Nemesis) -> Iterator[None]:
    """A line every few seconds, and one for each fault."""
    ended = threading.Event()

    def tell() -> None:
        count = told = 0
        while not ended.wait(PROGRESS_S):
            strikes = list(nemesis.strikes)
            for strike in strikes[told:]:
                say(f"{strike}")
            told = len(strikes)
            latest = history.since(count)
            count += len(latest)
            say(f"{history.clock_s():6.1f} s    {line(latest)}{now(nemesis.under_way)}")

    thread = threading.Thread(target=tell, name="summary", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def line(latest: Sequence[Operation]) -> str:
    outcomes = Counter(each.outcome for each in latest)
    times = sorted((each.ended_s - each.invoked_s) * 1000 for each in latest if each.is_ok and each.name in TIMED)
    shown = f"p50 {times[len(times) // 2]:.1f} ms, p99 {times[len(times) * 99 // 100]:.0f} ms" if times else ""
    return (f"{outcomes[Outcome.OK] / PROGRESS_S:6.0f}/s ok {outcomes[Outcome.FAIL]:5d} refused "
            f"{outcomes[Outcome.UNKNOWN]:4d} unknown   {shown}")


def now(strikes: Sequence[Strike]) -> str:
    return "".join(f"   [{each.kind}: {each.what}]" for each in strikes)


@dataclass(frozen=True)
class Figures:
    """Of a whole run.  gaps: (length in s, from when) without an acknowledged write, the longest first."""

    seconds: float
    operations: int
    writes: int
    refused: int
    unknown: int
    sessions: int
    p50_ms: float
    p99_ms: float
    gaps: list[tuple[float, float]]
    available: float

    @classmethod
    def of(cls, operations: Sequence[Operation], until_s: float) -> "Figures":
        """*until_s*: when the clients ended."""
        told = [each for each in operations if each.ended_s <= until_s]
        ok = [each for each in told if each.is_ok]
        times = sorted((each.ended_s - each.invoked_s) * 1000 for each in ok if each.name in TIMED) or [0.0]
        written = sorted(each.ended_s for each in ok if each.name in WRITES)
        gaps = sorted(((b - a, a) for a, b in zip([0.0, *written], [*written, until_s], strict=True)), reverse=True)
        seconds = {int(each) for each in written}
        return cls(
            seconds=until_s, operations=len(ok), writes=len(written),
            refused=sum(each.outcome is Outcome.FAIL for each in told),
            unknown=sum(each.outcome is Outcome.UNKNOWN for each in told),
            sessions=len({each.session for each in ok if each.session}),
            p50_ms=times[len(times) // 2], p99_ms=times[len(times) * 99 // 100], gaps=gaps[:5],
            available=len(seconds) / max(int(until_s) + 1, 1))

    def __str__(self) -> str:
        return (f"{self.operations:,} operations in {self.seconds:.0f} s, {self.writes:,} of them acknowledged writes; "
                f"{self.refused:,} refused, {self.unknown:,} unknown; {self.sessions:,} sessions\n"
                f"latency p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.0f} ms; writes went through in "
                f"{self.available:.1%} of the seconds, the longest time without one was {self.gaps[0][0]:.1f} s "
                f"(from {self.gaps[0][1]:.0f} s on)")
