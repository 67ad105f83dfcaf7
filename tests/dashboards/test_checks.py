"""Each dashboard passes every check, and each check sees what it is there for."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboards.generator.all import DASHBOARDS, FOLDER, text_of
from tests.dashboards import checks
from tests.dashboards.checks import CHECKS, Check, Dashboard
from tests.dashboards.queries import dashboards, panels

ROOT = Path(__file__).parents[2]
FOUND = dashboards()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", FOUND)
def test_every_dashboard_passes(name: str, check: Check) -> None:
    assert check(FOUND[name]) == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_files_are_what_the_generator_writes(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == text_of(DASHBOARDS[name]), "python -m dashboards.generator"


def test_no_two_dashboards_have_one_uid() -> None:
    assert len({dashboard["uid"] for dashboard in FOUND.values()}) == len(FOUND) == len(DASHBOARDS)


def test_mypy_finds_nothing_in_the_generator() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--explicit-package-bases", "dashboards", "tests/dashboards"],
        cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def first(dashboard: Dashboard) -> dict[str, Any]:
    return next(iter(panels(dashboard)))


def set_expr(expr: str) -> Callable[[Dashboard], None]:
    def change(dashboard: Dashboard) -> None:
        first(dashboard)["targets"][0]["expr"] = expr

    return change


def set_in_panel(key: str, value: Any) -> Callable[[Dashboard], None]:
    def change(dashboard: Dashboard) -> None:
        first(dashboard)[key] = value

    return change


def misspell_a_key(dashboard: Dashboard) -> None:
    first(dashboard)["fieldConfig"]["defaults"]["treshold"] = {"mode": "absolute"}


def fix_the_variables_source(dashboard: Dashboard) -> None:
    dashboard["templating"]["list"][1]["datasource"]["uid"] = "prometheus"


def fix_a_targets_source(dashboard: Dashboard) -> None:
    first(dashboard)["targets"][0]["datasource"]["uid"] = "prometheus"


def take_the_unit(dashboard: Dashboard) -> None:
    del first(dashboard)["fieldConfig"]["defaults"]["unit"]


def take_a_variable(dashboard: Dashboard) -> None:
    dashboard["templating"]["list"].pop()


def repeat_a_title(dashboard: Dashboard) -> None:
    one, other, *_ = panels(dashboard)
    one["title"] = other["title"]


def take_the_links(dashboard: Dashboard) -> None:
    dashboard["links"] = []


def lay_one_on_the_other(dashboard: Dashboard) -> None:
    one, other, *_ = panels(dashboard)
    one["gridPos"] = other["gridPos"]


BROKEN: list[tuple[Check, Callable[[Dashboard], None]]] = [
    (checks.grafana_reads_it_back_as_it_is, misspell_a_key),
    (checks.its_data_source_is_a_variable, fix_the_variables_source),
    (checks.its_data_source_is_a_variable, fix_a_targets_source),
    (checks.its_data_source_is_a_variable, set_in_panel("datasource", {"type": "prometheus", "uid": "main"})),
    (checks.it_has_the_variables_of_all_dashboards, take_a_variable),
    (checks.every_selector_is_of_the_chosen_ensemble, set_expr("corral_is_leader")),
    (checks.every_selector_is_of_the_chosen_ensemble, set_expr('corral_is_leader{ensemble="local"}')),
    (checks.every_selector_is_of_the_chosen_ensemble, set_expr('corral_is_leader{ensemble="$ensemble",member="1"}')),
    (checks.counters_are_read_as_rates_over_the_right_window, set_expr('corral_writes_total{ensemble="$ensemble"}')),
    (checks.counters_are_read_as_rates_over_the_right_window,
     set_expr('rate(corral_writes_total{ensemble="$ensemble"}[5m])')),
    (checks.every_metric_stands_in_the_table, set_expr('corral_is_laeder{ensemble="$ensemble"}')),
    (checks.every_panel_has_a_unit, take_the_unit),
    (checks.every_panel_has_a_title_of_its_own, set_in_panel("title", " ")),
    (checks.every_panel_has_a_title_of_its_own, repeat_a_title),
    (checks.every_panel_says_what_to_do, set_in_panel("description", "The member that leads and serves.")),
    (checks.every_dashboard_leads_to_the_others, take_the_links),
    (checks.no_two_panels_overlap, lay_one_on_the_other),
]


IDS = [f"{n} {check.__name__}" for n, (check, _) in enumerate(BROKEN)]


@pytest.mark.parametrize(("check", "break_it"), BROKEN, ids=IDS)
def test_a_broken_dashboard_fails_its_check(check: Check, break_it: Callable[[Dashboard], None]) -> None:
    dashboard = copy.deepcopy(FOUND["overview"])

    break_it(dashboard)

    assert len(check(dashboard)) > 0


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, _ in BROKEN} == set(CHECKS)
