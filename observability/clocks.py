"""What another member's clock shows when ours shows this: estimated from questions and answers, as NTP does.

Both clocks are CLOCK_MONOTONIC, which nobody sets; where they stand against wall clocks is told with each answer. The
truth lies within half of what a round trip took on the way; so the shortest one of late counts, and the older it is,
the less, since two quartzes drift apart.
"""

from collections import deque
from typing import NamedTuple

DRIFT = 50e-6  # of two clocks against each other, at most
SAMPLES = 16


class Offset(NamedTuple):
    """*offset_ns*: what to add to that clock to get ours; true within ± *uncertainty_ns*."""

    offset_ns: int
    uncertainty_ns: int


class ClockEstimate:
    """Of one member's clock. *wall_ns*: what to add to its CLOCK_MONOTONIC to get its wall clock."""

    def __init__(self) -> None:
        self.wall_ns = 0
        self._samples: deque[tuple[int, Offset]] = deque(maxlen=SAMPLES)  # and when

    def observe(self, *, asked_ns: int, received_ns: int, answered_ns: int, now_ns: int, wall_ns: int) -> None:
        """*asked_ns*, *now_ns*: by our clock, when the question left and the answer came. The others: by that one."""
        on_the_way_ns = (now_ns - asked_ns) - (answered_ns - received_ns)
        offset_ns = ((asked_ns - received_ns) + (now_ns - answered_ns)) // 2
        self.wall_ns = wall_ns
        self._samples.append((now_ns, Offset(offset_ns, max(on_the_way_ns, 0) // 2 + 1)))

    def offset(self, now_ns: int) -> Offset | None:
        """None: nothing is known yet."""
        aged = [
            Offset(each.offset_ns, each.uncertainty_ns + int(DRIFT * (now_ns - at_ns)))
            for at_ns, each in list(self._samples)]  # in other threads too
        return min(aged, key=lambda each: each.uncertainty_ns, default=None)


def narrowed(offset: Offset, low_ns: int | None, high_ns: int | None) -> Offset:
    """The same, knowing that it lies between the two: a message is not received before it is sent."""
    low = offset.offset_ns - offset.uncertainty_ns
    high = offset.offset_ns + offset.uncertainty_ns
    low = low if low_ns is None else max(low, low_ns)
    high = high if high_ns is None else min(high, high_ns)
    if low > high:  # the estimate is worth nothing: a clock was suspended, or is another by now
        if low_ns is None or high_ns is None or low_ns > high_ns:
            return offset
        low, high = low_ns, high_ns
    best = min(max(offset.offset_ns, low), high)
    return Offset(best, max(high - best, best - low))
