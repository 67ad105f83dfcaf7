"""The newest sample of each process, as Prometheus sees it."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from observability.metrics import METRICS
from transport.messages import Sample

Family = CounterMetricFamily | GaugeMetricFamily


class Samples(Collector):
    """Written by the receiving loop, read by scrapes: each entry is replaced whole."""

    def __init__(self) -> None:
        self.newest: dict[str, Sample] = {}

    def take(self, sample: Sample) -> None:
        self.newest[sample.process] = sample

    def collect(self) -> Iterator[Family]:
        samples = list(self.newest.values())
        for metric in METRICS:
            make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family: Family = make(metric.name, metric.help, labels=["process"])
            for sample in samples:
                value = sample.values.get(metric.figure)
                if value is not None:
                    family.add_metric([sample.process], float(value))
            yield family
        yield self._processes(samples)
        yield self._dropped(samples)

    @staticmethod
    def _processes(samples: list[Sample]) -> Family:
        family = GaugeMetricFamily(
            "corral_process_pid", "Processes of this member that report, and their pid.", labels=["process"])
        for sample in samples:
            family.add_metric([sample.process], sample.pid)
        return family

    @staticmethod
    def _dropped(samples: list[Sample]) -> Family:
        family = CounterMetricFamily(
            "corral_telemetry_dropped_total", "Samples lost on the way to telemetry.", labels=["process"])
        for sample in samples:
            family.add_metric([sample.process], sample.dropped)
        return family


def registry_of(samples: Samples) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(samples)
    return registry
