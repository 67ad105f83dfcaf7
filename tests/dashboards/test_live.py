"""What operators would see: every panel of every dashboard, about a live ensemble with faults in it."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.dashboards.checks import METRIC_NAMES
from tests.dashboards.promql import Selector, family_of, selectors
from tests.dashboards.queries import PanelQuery, Series, panel_queries, values
from tests.dashboards.story import Story, told

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None and os.environ.get("CI") != "true", reason="no prometheus: .ci/packages")

QUERIES = {query.name: query for query in panel_queries()}

# What healthy ensembles have nothing to draw in, and the chapter of the story that fills it.
EMPTY_IN_HEALTH = {
    "overview: Elections by cause A": "failover",
    "overview: Election: how long it took A": "failover",
    "zookeeper: election_time, mean A": "failover",
    "member: Alarms in the logs A": "small faults",
}

CHANGED_BY_A_FAILOVER = [
    "overview: Leader A",
    "overview: Quorum slack A",
    "overview: Members that do not serve A",
    "overview: Who leads A",
    "overview: Members that serve A",
    "overview: Members A",
    "overview: Elections by cause A",
    "overview: Lag of each follower, in zxids A",
    "member: Learners by phase A",
    "member: Learners brought up to date A",
    "clients: Connections opened A",
    "clients: Sessions opened, closed and resumed C",
    "zookeeper: learners, synced_followers A",
    "zookeeper: looking_count A",
]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with told(tmp_path_factory.mktemp("dashboards")) as story:
        yield story


@pytest.mark.parametrize("name", QUERIES)
def test_the_panel_draws_something(story: Story, name: str) -> None:
    chapter = EMPTY_IN_HEALTH.get(name, "health")

    assert story.ask(QUERIES[name], chapter), f"{name} is empty in {chapter}: {QUERIES[name].promql(story.name)}"


@pytest.mark.parametrize("name", EMPTY_IN_HEALTH)
def test_what_is_said_to_be_empty_in_health_is_empty(story: Story, name: str) -> None:
    assert story.ask(QUERIES[name], "health") == []


@pytest.mark.parametrize("name", CHANGED_BY_A_FAILOVER)
def test_a_failover_can_be_seen_in_the_panel(story: Story, name: str) -> None:
    query = QUERIES[name]

    assert not drawn(story.ask(query, "failover")) <= drawn(story.ask(query, "health"))


def test_no_alert_fires_in_health(story: Story) -> None:
    start_s, end_s = story.chapters["health"]

    assert story.prometheus.query_range('ALERTS{alertstate="firing"}', start_s, end_s) == []


def test_an_alarm_fires_and_names_the_member(story: Story) -> None:
    start_s, end_s = story.chapters["small faults"]
    fired = story.prometheus.query_range('ALERTS{alertname="CorralAlarm",alertstate="firing"}', start_s, end_s)

    assert {each["metric"]["member"] for each in fired} == {"1", "2", "3"}


def test_latency_has_exemplars_that_name_traces(story: Story) -> None:
    query = QUERIES["write-latency: Writes: p50, p99, p99.9 A"]

    found = story.prometheus.exemplars(query.promql(story.name), *story.chapters["whole"])

    assert {len(each["labels"]["trace_id"]) for each in found} == {32}


def test_every_series_that_a_panel_names_is_there_and_renaming_any_metric_fails_this(story: Story) -> None:
    wanted = {text(selector, story): selector for query in QUERIES.values() for selector in selectors(query.expr)}
    there = {each for each in wanted if story.exists(each, "whole")}

    assert missing(wanted, there.__contains__) == []

    for metric in {each.metric for each in wanted.values()} - {"ALERTS"}:
        def renamed(each: str, metric: str = metric) -> bool:
            return wanted[each].metric != metric and each in there

        assert missing(wanted, renamed), f"nobody would notice that {metric} is gone"


def test_every_metric_that_panels_use_has_a_row_in_the_table() -> None:
    used = {selector.metric for query in QUERIES.values() for selector in selectors(query.expr)}

    assert [metric for metric in sorted(used) if family_of(metric, METRIC_NAMES) is None] == []


def missing(wanted: Iterable[str], is_there: Callable[[str], bool]) -> list[str]:
    return [each for each in wanted if not is_there(each)]


def text(selector: Selector, story: Story) -> str:
    """The selector alone, of this ensemble."""
    matchers = ",".join(f"{label}{matcher}" for label, matcher in selector.matchers.items())
    query = PanelQuery("", "", "", f"{selector.metric}{{{matchers}}}")
    return query.promql(story.name)


def drawn(series: list[Series]) -> set[tuple[str, float]]:
    """Each line's labels with each value it had, rounded: what the eye tells apart."""
    return {(str(sorted(each["metric"].items())), round(float(value), 1))
            for each in series for _, value in values(each)}
