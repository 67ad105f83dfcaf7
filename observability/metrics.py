"""The table of metrics: code, dashboards and alerts use what stands here, and nothing else.

The rows stand in observability/tables/, by what they are about. docs/metrics.md is made from them. Epoch and counter of
a zxid are apart: beyond 2^53 Prometheus loses digits.
"""

from observability.metric import Kind, Metric, Unit
from observability.tables.clients import CLIENTS
from observability.tables.ensemble import ENSEMBLE
from observability.tables.machine import MACHINE
from observability.tables.storage import STORAGE
from observability.tables.tracing import TRACING
from observability.tables.writes import WRITES

__all__ = ["METRICS", "SECTIONS", "Kind", "Metric", "Unit", "metric", "series_names"]

SECTIONS: tuple[tuple[str, tuple[Metric, ...]], ...] = (
    ("Ensemble", ENSEMBLE),
    ("Writes and reads", WRITES),
    ("Clients, sessions, watches", CLIENTS),
    ("Log, snapshots, disk", STORAGE),
    ("Processes", MACHINE),
    ("Tracing and telemetry itself", TRACING),
)

METRICS: tuple[Metric, ...] = tuple(each for _, rows in SECTIONS for each in rows)


def metric(name: str) -> Metric:
    """Raises StopIteration: no such metric."""
    return next(each for each in METRICS if each.name == name)


def series_names(each: Metric) -> tuple[str, ...]:
    """What a query may name."""
    if each.kind == "histogram":
        return tuple(each.name + suffix for suffix in ("_bucket", "_sum", "_count"))
    return (each.name,)
