"""ZooKeeper's own names for Prometheus, without a prefix: observability/zookeeper.py says what stands behind them."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.metrics_core import Metric as Family

from observability.samples import Figures
from observability.zookeeper import ROWS, MemberFigures, Row, Summary
from transport.clock import clock_ns

WINDOW_S = 600.0  # quantiles are of the last ten minutes, as those of ZooKeeper's provider
STEP_S = 30.0
QUANTILES = (0.5, 0.9, 0.99)
_HISTOGRAMS = frozenset(figure for row in ROWS if row.kind == "summary" for figure in row.figures)


class ZooKeeperNames:
    """Keeps earlier figures for the quantiles; one scrape at a time."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._earlier: deque[tuple[float, dict[str, Figures]]] = deque()

    def families(self, found: Mapping[str, Figures]) -> Iterator[Family]:
        if not any(figures.get("up") for name, figures in found.items() if name != "telemetry"):
            return
        member, recent = _member(found), _member(self._recent(found))
        for row in ROWS:
            family = Family(row.name, row.help, "summary" if row.kind == "summary" else _kind(row))
            _add(family, row, {}, row.value(member), row.value(recent))
            if family.samples:
                yield family

    def _recent(self, found: Mapping[str, Figures]) -> dict[str, Figures]:
        """The figures, with histograms less what was in them a window ago."""
        now_s, earlier = self._clock_s(), self._earlier
        if not earlier or now_s - earlier[-1][0] >= STEP_S:
            earlier.append((now_s, {
                name: {figure: figures[figure] for figure in _HISTOGRAMS & figures.keys()}
                for name, figures in found.items()}))
        while now_s - earlier[0][0] > WINDOW_S:
            earlier.popleft()
        base = earlier[0][1] if len(earlier) > 1 else {}
        return {
            name: {figure: _since(value, base.get(name, {}).get(figure)) if figure in _HISTOGRAMS else value
                   for figure, value in figures.items()}
            for name, figures in found.items()}


def _kind(row: Row) -> str:
    """ZooKeeper's counters have no _total, which OpenMetrics wants of a counter."""
    return "gauge" if row.kind == "gauge" else "unknown"


def _member(found: Mapping[str, Figures]) -> MemberFigures:
    processors = [figures for name, figures in found.items() if name.startswith("processor")]
    return MemberFigures(
        processors=processors, broadcast=found.get("broadcast", {}), snapshotter=found.get("snapshotter", {}),
        now_ms=clock_ns() // 1_000_000)


def _add(family: Family, row: Row, labels: dict[str, str], value: Any, recent: Any) -> None:
    if isinstance(value, Mapping):
        for key, each in value.items():
            _add(family, row, {"key": key}, each, (recent or {}).get(key))
    elif isinstance(value, Summary):
        for quantile in QUANTILES:
            at = recent.quantile(quantile) if isinstance(recent, Summary) else float("nan")
            family.add_sample(row.name, {**labels, "quantile": str(quantile)}, at)
        family.add_sample(row.name + "_count", labels, value.count)
        family.add_sample(row.name + "_sum", labels, value.sum)
    elif value is not None:
        family.add_sample(row.name, labels, value)


def _since(now: Any, before: Any) -> Any:
    """A histogram less an earlier one of itself; a table of them likewise."""
    if before is None:
        return now
    if "buckets" not in now:
        return {key: _since(each, before.get(key)) for key, each in now.items()}
    counts = [new - old for new, old in zip(now["buckets"], before["buckets"], strict=True)]
    if min(counts) < 0:
        return now  # another life of the process
    return {**now, "buckets": counts, "sum": now["sum"] - before["sum"]}
