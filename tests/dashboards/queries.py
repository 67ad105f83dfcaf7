"""The queries of the dashboards, to be asked of a real Prometheus: each panel's, by the names that operators see.

    panel("write-latency", "Disk: fsync of each member, p99").ask(prometheus, ensemble="local")
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.dashboards.promql import substituted

FOLDER = Path(__file__).parents[2] / "dashboards"
Series = dict[str, Any]  # {"metric": labels, "value": [time, text]} or "values"


@dataclass(frozen=True)
class PrometheusServer:
    url: str

    def query(self, expr: str, at_s: float | None = None) -> list[Series]:
        """Raises HTTPError: Prometheus does not take it."""
        return self._get("query", {"query": expr, **({} if at_s is None else {"time": at_s})})

    def query_range(self, expr: str, start_s: float, end_s: float, step_s: float = 1.0) -> list[Series]:
        return self._get("query_range", {"query": expr, "start": start_s, "end": end_s, "step": step_s})

    def exemplars(self, expr: str, start_s: float, end_s: float) -> list[dict[str, Any]]:
        """What graphs show as dots: labels, value and timestamp of each."""
        found = self._get("query_exemplars", {"query": expr, "start": start_s, "end": end_s})
        return [exemplar for each in found for exemplar in each["exemplars"]]

    def _get(self, what: str, fields: dict[str, Any]) -> list[Series]:
        with urlopen(f"{self.url}/api/v1/{what}?{urlencode(fields)}", timeout=20) as answer:
            data = json.loads(answer.read())["data"]
        found: list[Series] = data if isinstance(data, list) else data["result"]
        return found


@dataclass(frozen=True)
class PanelQuery:
    """One target of one panel."""

    dashboard: str
    panel: str
    ref: str
    expr: str

    @property
    def name(self) -> str:
        return f"{self.dashboard}: {self.panel} {self.ref}"

    def promql(self, ensemble: str, member: str = ".*") -> str:
        return substituted(self.expr, ensemble=ensemble, member=member)

    def ask(self, prometheus: PrometheusServer, *, ensemble: str, member: str = ".*") -> list[Series]:
        return prometheus.query(self.promql(ensemble, member))

    def ask_range(
        self, prometheus: PrometheusServer, *, ensemble: str, start_s: float, end_s: float, member: str = ".*"
    ) -> list[Series]:
        return prometheus.query_range(self.promql(ensemble, member), start_s, end_s)


def dashboards() -> dict[str, dict[str, Any]]:
    """Each file's name without its ending, and what is in it."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that draw something, also the ones in folded rows."""
    for each in dashboard["panels"]:
        if each["type"] == "row":
            yield from each.get("panels") or ()
        else:
            yield each


def panel_queries() -> list[PanelQuery]:
    return [
        PanelQuery(name, each["title"], target["refId"], target["expr"])
        for name, dashboard in dashboards().items()
        for each in panels(dashboard)
        for target in each["targets"]
    ]


def panel(dashboard: str, title: str, ref: str = "A") -> PanelQuery:
    return next(q for q in panel_queries() if (q.dashboard, q.panel, q.ref) == (dashboard, title, ref))


def finite(series: list[Series]) -> list[Series]:
    """Those with a number in them: what a graph can draw."""
    return [each for each in series if any(math.isfinite(float(text)) for _, text in values(each))]


def values(series: Series) -> list[tuple[float, str]]:
    return [tuple(pair) for pair in series["values"]] if "values" in series else [tuple(series["value"])]
