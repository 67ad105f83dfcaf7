"""One row of the table of metrics (observability/metrics.py)."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Unit = Literal["", "seconds", "bytes"]

NANOSECONDS = 1e-9  # the scale of a figure in ns


@dataclass(frozen=True, slots=True)
class Metric:
    """*figure*: its key in the figures of each process of *sources* (roles, "supervisor", or "telemetry" for what
    telemetry finds out itself). The figure is a number, or, for a histogram, its counts (observability/histogram.py);
    with *labels*, a table of them: label's value -> number, one level per label. A figure "stage_*" stands for all that
    begin so, and the rest of the name is the label's value. *scale*: the metric is the figure times that.

    Every metric carries the label `process` besides; `ensemble` and `member` come from the scrape configuration.
    *matters*: why an operator looks at it and what to do; for docs/metrics.md.
    """

    name: str
    kind: Kind
    help: str
    figure: str
    sources: tuple[str, ...]
    matters: str
    labels: tuple[str, ...] = ()
    scale: float = 1.0

    @property
    def unit(self) -> Unit:
        base = self.name.removesuffix("_total")
        if base.endswith("_seconds"):
            return "seconds"
        return "bytes" if base.endswith("_bytes") else ""
