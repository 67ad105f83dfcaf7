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
from observability.zookeeper import ROWS

__all__ = ["METRICS", "SECTIONS", "Kind", "Metric", "Unit", "is_declared", "metric", "series_names"]

SECTIONS: tuple[tuple[str, tuple[Metric, ...]], ...] = (
    ("Ensemble", ENSEMBLE),
    ("Writes and reads", WRITES),
    ("Clients, sessions, watches", CLIENTS),
    ("Log, snapshots, disk", STORAGE),
    ("Processes", MACHINE),
    ("Tracing and telemetry itself", TRACING),
)

_ZOOKEEPERS = frozenset(figure for row in ROWS for figure in row.figures)

METRICS: tuple[Metric, ...] = tuple(each for _, rows in SECTIONS for each in rows)


# Sent, and shown in no metric of their own.
OTHER_FIGURES = {"client_port": "where clients connect; the port may be chosen freely"}


def is_declared(figure: str, role: str) -> bool:
    """Whether processes of *role* may send it: some metric, of ours or of ZooKeeper's names, shows it."""
    return figure in OTHER_FIGURES or figure in _ZOOKEEPERS or any(
        role in each.sources and _shows(each, figure) for each in METRICS)


def _shows(each: Metric, figure: str) -> bool:
    return figure.startswith(each.figure[:-1]) if each.figure.endswith("*") else figure == each.figure


def metric(name: str) -> Metric:
    """Raises StopIteration: no such metric."""
    return next(each for each in METRICS if each.name == name)


def series_names(each: Metric) -> tuple[str, ...]:
    """What a query may name."""
    if each.kind == "histogram":
        return tuple(each.name + suffix for suffix in ("_bucket", "_sum", "_count"))
    return (each.name,)
