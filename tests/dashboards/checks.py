"""What every dashboard must hold to.  Each check returns complaints; one list of them all is CHECKS."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard as Model

from observability.metrics import METRICS
from observability.zookeeper import ROWS
from tests.dashboards.promql import family_of, selectors
from tests.dashboards.queries import panels

Dashboard = dict[str, Any]
Check = Callable[[Dashboard], list[str]]
SOURCE = "${datasource}"
OVER_TIME = {"rate", "irate", "increase"}
OF_COUNTERS = re.compile(r"_(total|bucket|sum|count)$")
PROMETHEUS_OWN = {"up", "ALERTS"}  # it makes these itself, with the labels of the target or the rule
KINDS: dict[str, str] = {m.name: m.kind for m in METRICS} | {row.name: row.kind for row in ROWS}
METRIC_NAMES = frozenset(KINDS) | PROMETHEUS_OWN

register_default_plugins()


def grafana_reads_it_back_as_it_is(dashboard: Dashboard) -> list[str]:
    """Decoding drops what Grafana's schema does not know: a misspelt key is a difference."""
    again = json.loads(JSONEncoder().encode(Model.from_json(dashboard)))
    return [f"{at} is {here!r} in the file, {there!r} after decoding"
            for at, here, there in _differences("", dashboard, again)]


def its_data_source_is_a_variable(dashboard: Dashboard) -> list[str]:
    wrong = [f"variable {v['name']}" for v in _variables(dashboard).values()
             if v["type"] == "query" and v.get("datasource", {}).get("uid") != SOURCE]
    for panel in panels(dashboard):
        sources = [panel.get("datasource"), *(target.get("datasource") for target in panel["targets"])]
        if any((source or {}).get("uid") != SOURCE for source in sources):
            wrong.append(panel["title"])
    return wrong


def it_has_the_variables_of_all_dashboards(dashboard: Dashboard) -> list[str]:
    kinds = {name: variable["type"] for name, variable in _variables(dashboard).items()}
    wanted = {"datasource": "datasource", "ensemble": "query", "member": "query"}
    return [f"no variable {name} of kind {kind}" for name, kind in wanted.items() if kinds.get(name) != kind]


def every_selector_is_of_the_chosen_ensemble(dashboard: Dashboard) -> list[str]:
    wrong = []
    for panel, expr in _exprs(dashboard):
        for selector in selectors(expr):
            if selector.matchers.get("ensemble") != '="$ensemble"':
                wrong.append(f"{panel}: {selector.metric} of every ensemble")
            if selector.matchers.get("member", '=~"$member"') != '=~"$member"':
                wrong.append(f"{panel}: {selector.metric} of a member that nobody chose")
    return wrong


def counters_are_read_as_rates_over_the_right_window(dashboard: Dashboard) -> list[str]:
    wrong = []
    for panel, expr in _exprs(dashboard):
        for selector in selectors(expr):
            is_difference = " offset $__rate_interval" in expr
            if _only_rises(selector.metric) and not OVER_TIME & {*selector.functions} and not is_difference:
                wrong.append(f"{panel}: {selector.metric} is a counter, and no rate is taken")
        windows = re.findall(r"\[([^\]:]+)", expr)
        wrong += [f"{panel}: window {window}" for window in windows
                  if window not in ("$__rate_interval", "$__range") and not _is_a_forecast(expr)]
    return wrong


def every_metric_stands_in_the_table(dashboard: Dashboard) -> list[str]:
    return [f"{panel}: {selector.metric}" for panel, expr in _exprs(dashboard) for selector in selectors(expr)
            if family_of(selector.metric, METRIC_NAMES) is None]


def every_panel_has_a_unit(dashboard: Dashboard) -> list[str]:
    return [panel["title"] for panel in panels(dashboard) if not panel["fieldConfig"]["defaults"].get("unit")]


def every_panel_has_a_title_of_its_own(dashboard: Dashboard) -> list[str]:
    titles = [panel.get("title", "") for panel in panels(dashboard)]
    return [title or f"panel {n}" for n, title in enumerate(titles) if not title.strip() or titles.count(title) > 1]


def every_panel_says_what_to_do(dashboard: Dashboard) -> list[str]:
    def says(text: str) -> bool:
        tell, separator, do = text.partition("**What to do:**")
        return bool(separator) and len(tell.split()) > 3 and len(do.split()) > 3

    return [panel["title"] for panel in panels(dashboard) if not says(panel.get("description") or "")]


def every_dashboard_leads_to_the_others(dashboard: Dashboard) -> list[str]:
    links = dashboard.get("links") or ()
    leads = any(link["type"] == "dashboards" and link["includeVars"] and link["keepTime"]
                and link["tags"] == dashboard["tags"] for link in links)
    return [] if leads else ["no link that takes variables and time along"]


def no_two_panels_overlap(dashboard: Dashboard) -> list[str]:
    taken: dict[tuple[int, int], str] = {}
    wrong = []
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        wrong += [f"{panel['title']} and {taken[cell]}" for cell in sorted(cells & taken.keys())[:1]]
        taken |= dict.fromkeys(cells, panel["title"])
        if at["x"] + at["w"] > 24:
            wrong.append(f"{panel['title']} is wider than the page")
    return wrong


CHECKS: tuple[Check, ...] = (
    grafana_reads_it_back_as_it_is,
    its_data_source_is_a_variable,
    it_has_the_variables_of_all_dashboards,
    every_selector_is_of_the_chosen_ensemble,
    counters_are_read_as_rates_over_the_right_window,
    every_metric_stands_in_the_table,
    every_panel_has_a_unit,
    every_panel_has_a_title_of_its_own,
    every_panel_says_what_to_do,
    every_dashboard_leads_to_the_others,
    no_two_panels_overlap,
)


def _variables(dashboard: Dashboard) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in dashboard["templating"]["list"]}


def _exprs(dashboard: Dashboard) -> Iterator[tuple[str, str]]:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def _only_rises(metric: str) -> bool:
    """Counters, and the parts of histograms and summaries."""
    return KINDS.get(metric, "counter" if family_of(metric, METRIC_NAMES) != metric else "gauge") == "counter"


def _is_a_forecast(expr: str) -> bool:
    """Over hours, whatever the graph shows."""
    return "predict_linear" in expr or "deriv(" in expr


def _differences(at: str, here: Any, there: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted(here.keys() | there.keys()):
            yield from _differences(f"{at}.{key}", here.get(key, "nothing"), there.get(key, "nothing"))
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for n, (left, right) in enumerate(zip(here, there, strict=True)):
            yield from _differences(f"{at}[{n}]", left, right)
    elif here != there:
        yield at, here, there
