"""The slowest of the recent writes that this member's processors answered, batch by batch."""

from collections import deque
from heapq import heappush, heappushpop
from typing import NamedTuple

from observability.sampling import Batch, Batches
from transport.messages import Timings

SPAN_S = 10.0
SPANS = 90  # a quarter of an hour
KEPT_OF_A_SPAN = 32


class Slow(NamedTuple):
    """*at_s*: when its answer was noted, by the clock of the caller. Sorted by latency first."""

    latency_ns: int
    at_s: float
    process: str
    batch: Batch


class _Span:
    def __init__(self, begin_s: float) -> None:
        self.begin_s = begin_s
        self.slowest: list[Slow] = []

    def add(self, process: str, at_s: float, batches: list[Batch]) -> None:
        slowest = self.slowest
        for batch in batches:
            if len(slowest) < KEPT_OF_A_SPAN:
                heappush(slowest, Slow(batch.latency_ns, at_s, process, batch))
            elif batch.latency_ns > slowest[0].latency_ns:
                heappushpop(slowest, Slow(batch.latency_ns, at_s, process, batch))


class Slowest:
    """Fed by telemetry's loop."""

    def __init__(self) -> None:
        self._batches: dict[str, tuple[int, Batches]] = {}
        self._spans: deque[_Span] = deque(maxlen=SPANS)

    def intake(self, timings: Timings, now_s: float) -> list[Batch]:
        """The batches that it finishes, in order."""
        if not timings.process.startswith("processor"):
            return []
        pid, batches = self._batches.get(timings.process, (0, Batches()))
        if pid != timings.pid:
            batches = Batches()
            self._batches[timings.process] = (timings.pid, batches)
        finished = batches.take(timings.notes)
        if finished:
            self._span(now_s).add(timings.process, now_s, finished)
        return finished

    def slowest(self, count: int, now_s: float) -> list[Slow]:
        """Of the last quarter of an hour, the slowest first."""
        recent = [
            slow for span in self._spans if now_s - span.begin_s < SPAN_S * SPANS for slow in span.slowest]
        return sorted(recent, reverse=True)[:count]

    def _span(self, now_s: float) -> _Span:
        if not self._spans or now_s - self._spans[-1].begin_s >= SPAN_S:
            self._spans.append(_Span(now_s))
        return self._spans[-1]
