"""The last minutes of this member, second by second: rates and latencies, out of the samples of its processes."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from observability.histogram import bounds
from transport.messages import Sample

POINTS = 120
WINDOW = 10  # points that "now" covers
LATENCIES = {"write": "request_write", "read": "request_read", "fsync": "fsync"}  # name -> figure, in ns
RATES = {"writes": "writes", "reads": "reads"}


@dataclass(slots=True)
class _Gain:
    """What was added since the point before."""

    seconds: float = 0.0
    counts: dict[str, list[int]] = field(default_factory=dict)  # by the names of LATENCIES
    rates: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, counts: Sequence[int]) -> None:
        have = self.counts.get(name)
        self.counts[name] = list(counts) if have is None else [a + b for a, b in zip(have, counts, strict=True)]


class History:
    """Fed by telemetry's loop; `series` and `now` are called in other threads, and see whole points only."""

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}  # the newest of each process
        self._base: dict[str, Sample] = {}  # at the last point
        self._at_s = 0.0
        self._first = 0  # exponent of the lowest bound, the same in all of them
        self._gains: deque[_Gain] = deque(maxlen=WINDOW)
        self._series: deque[dict[str, float | None]] = deque(maxlen=POINTS)

    def take(self, sample: Sample, now_s: float) -> None:
        """A point is made with each sample of broadcast, which every member has once a second."""
        self._samples[sample.process] = sample
        if sample.process == "broadcast":
            self._make_point(now_s)

    def series(self) -> dict[str, list[float | None]]:
        """Name -> values, oldest first; None where nothing happened in that second."""
        points = list(self._series)
        return {name: [point.get(name) for point in points] for name in _SERIES}

    def now(self) -> dict[str, Any]:
        """Rates, and latencies in seconds, over the last WINDOW seconds."""
        gains = list(self._gains)
        seconds = sum(gain.seconds for gain in gains) or 1.0
        found: dict[str, Any] = {
            name: sum(gain.rates.get(name, 0.0) for gain in gains) / seconds for name in RATES}
        for name in LATENCIES:
            counts = _summed(gain.counts[name] for gain in gains if name in gain.counts)
            found[name] = {"p50_s": self._quantile(counts, 0.5), "p99_s": self._quantile(counts, 0.99)}
        return found

    def _make_point(self, now_s: float) -> None:
        gain = _Gain(now_s - self._at_s if self._at_s else 0.0)
        for process, sample in self._samples.items():
            base = self._base.get(process)
            before = base.values if base is not None and base.pid == sample.pid else {}
            self._gather(gain, sample.values, before)
        is_first = not self._at_s
        self._base, self._at_s = dict(self._samples), now_s
        if is_first:
            return  # what was counted before telemetry was there is nobody's second
        self._gains.append(gain)
        point: dict[str, float | None] = {
            name: gain.rates.get(name, 0.0) / gain.seconds if gain.seconds > 0 else None for name in RATES}
        for name in LATENCIES:
            point[f"{name}_p50_s"] = self._quantile(gain.counts.get(name, []), 0.5)
            point[f"{name}_p99_s"] = self._quantile(gain.counts.get(name, []), 0.99)
        self._series.append(point)

    def _gather(self, gain: _Gain, values: dict[str, Any], before: dict[str, Any]) -> None:
        for name, figure in RATES.items():
            if figure in values:
                gain.rates[name] = gain.rates.get(name, 0.0) + max(values[figure] - before.get(figure, 0), 0)
        for name, figure in LATENCIES.items():
            if figure in values:
                self._first = values[figure]["first"]
                counts = values[figure]["buckets"]
                then = before[figure]["buckets"] if figure in before else [0] * len(counts)
                gain.add(name, [max(a - b, 0) for a, b in zip(counts, then, strict=True)])

    def _quantile(self, counts: Sequence[int], part: float) -> float | None:
        return quantile(self._first, counts, part)


_SERIES = (*RATES, *(f"{name}_{which}_s" for name in LATENCIES for which in ("p50", "p99")))


def quantile(first: int, counts: Sequence[int], part: float) -> float | None:
    """Of a histogram of ns, in seconds; within a bucket as if its values were spread evenly. None: it is empty."""
    total = sum(counts)
    if not total:
        return None
    limits = bounds(first, len(counts))
    wanted, below = total * part, 0
    for at, count in enumerate(counts):
        if count and below + count >= wanted:
            low = limits[at - 1] if at else 0.0
            high = limits[at] if at < len(limits) else limits[-1] * 2
            return (low + (high - low) * (wanted - below) / count) / 1e9
        below += count
    return limits[-1] * 2 / 1e9


def _summed(histograms: Iterable[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*histograms, strict=True)]
