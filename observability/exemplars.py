"""The last traced write of each bucket of a histogram: from a spike in a graph to its trace in one click."""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from prometheus_client.samples import Exemplar

REQUEST = "request"  # as a stage: the whole write


class Exemplars:
    """Put in by telemetry's loop, read by scrapes in other threads."""

    def __init__(self, clock_s: Callable[[], float] = time.time) -> None:
        self._clock_s = clock_s
        self._newest: dict[str, list[Exemplar]] = {}

    def put(self, stage: str, seconds: float, trace_id: str, *, zxid: int = 0) -> None:
        """*stage*: of corral_stage_seconds, or "fsync" of this member, or "request" for the whole write."""
        labels = {"trace_id": trace_id}
        if zxid:
            labels["zxid"] = f"0x{zxid:x}"
        newest = Exemplar(labels, seconds, self._clock_s())
        # A value per half octave is as fine as any histogram of ours.
        kept = [each for each in self._newest.get(stage, ()) if not _is_near(each.value, seconds)]
        self._newest[stage] = [*kept, newest]

    def of_buckets(self, stage: str, bounds_s: Sequence[float]) -> Mapping[int, Exemplar]:
        """Index of the bucket -> the newest of those that belong there. *bounds_s*: ascending."""
        found: dict[int, Exemplar] = {}
        for each in sorted(self._newest.get(stage, ()), key=_when):
            found[bisect_left(bounds_s, each.value)] = each
        return found


def _is_near(one: float, other: float) -> bool:
    return one <= other * 1.2 and other <= one * 1.2


def _when(exemplar: Exemplar) -> float:
    return float(exemplar.timestamp or 0.0)
