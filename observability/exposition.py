"""The figures of a member's processes as Prometheus sees them: the rows of observability/metrics.py, and no others."""

import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from observability.exemplars import REQUEST, Exemplars
from observability.histogram import bounds
from observability.metric import Metric
from observability.metrics import METRICS
from observability.samples import Figures, Samples
from observability.zookeeper_exposition import ZooKeeperNames

Labels = dict[str, str]


class Exposition(Collector):
    def __init__(self, samples: Samples, exemplars: Exemplars | None = None) -> None:
        self._samples = samples
        self._exemplars = exemplars or Exemplars()
        self._zookeeper = ZooKeeperNames()
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Family]:
        with self._lock:  # scrapes of several servers
            return iter(list(self._families()))

    def _families(self) -> Iterator[Family]:
        found = self._samples.figures()
        for metric in METRICS:
            family = Family(metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name,
                            metric.help, metric.kind)
            for process, figures in found.items():
                for labels, value in series_of(metric, figures):
                    self._add(family, metric, {"process": process, **labels}, value)
            if family.samples:
                yield family
        yield from self._zookeeper.families(found)

    def _add(self, family: Family, metric: Metric, labels: Labels, value: Any) -> None:
        if metric.kind == "histogram":
            self._add_histogram(family, metric, labels, value)
        else:
            family.add_sample(metric.name, labels, value if metric.scale == 1 else value * metric.scale)

    def _add_histogram(self, family: Family, metric: Metric, labels: Labels, value: Mapping[str, Any]) -> None:
        counts = value["buckets"]
        limits, texts = _bounds(value["first"], len(counts), metric.scale)
        exemplars = self._exemplars.of_buckets(_stage(metric, labels), limits)
        for at, (text, count) in enumerate(zip(texts, accumulate(counts), strict=True)):
            exemplar = exemplars.get(at) if counts[at] else None
            family.add_sample(metric.name + "_bucket", {**labels, "le": text}, count, exemplar=exemplar)
        family.add_sample(metric.name + "_count", labels, sum(counts))
        family.add_sample(metric.name + "_sum", labels, value["sum"] * metric.scale)


def series_of(metric: Metric, figures: Figures) -> Iterator[tuple[Labels, Any]]:
    """(labels, value) of each series of *metric* that one process has."""
    if metric.figure.endswith("*"):
        start = metric.figure[:-1]
        for figure, value in figures.items():
            if figure.startswith(start):
                yield {metric.labels[0]: figure.removeprefix(start)}, value
    elif metric.figure in figures:
        yield from _flat(metric.labels, figures[metric.figure])


def _flat(labels: tuple[str, ...], value: Any) -> Iterator[tuple[Labels, Any]]:
    if not labels:
        yield {}, value
        return
    for key, inner in value.items():
        for rest, number in _flat(labels[1:], inner):
            yield {labels[0]: str(key), **rest}, number


@lru_cache
def _bounds(first: int, counts: int, scale: float) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The upper bounds of the buckets, and their texts with the last one's."""
    limits = tuple(float(f"{bound * scale:.12g}") for bound in bounds(first, counts))
    return limits, (*map(floatToGoString, limits), "+Inf")


def _stage(metric: Metric, labels: Labels) -> str:
    if metric.name == "corral_request_seconds":
        return REQUEST if labels["kind"] == "write" else ""
    if metric.name == "corral_fsync_seconds":
        return "fsync"
    return labels["stage"] if metric.name == "corral_stage_seconds" else ""


def registry_of(samples: Samples, exemplars: Exemplars | None = None) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exposition(samples, exemplars))
    return registry
