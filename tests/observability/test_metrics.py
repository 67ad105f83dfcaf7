"""The table of metrics is sound, and what is made from it is up to date."""

import re
from collections import Counter
from pathlib import Path

import pytest

from node.processes import broadcast_figures, processor_figures
from node.processes.broadcast_figures import CAUSES, cause_of
from node.requests.statistics import OUTCOMES
from observability.metrics import METRICS, metric
from observability.metrics_page import PAGE, page
from observability.zookeeper import ROWS

NODE = Path(__file__).parent.parent.parent / "node"
BASE_UNITS = ("_seconds", "_bytes")


def test_every_name_and_every_figure_stands_once() -> None:
    names = Counter([each.name for each in METRICS] + [row.name for row in ROWS])
    figures = Counter(each.figure for each in METRICS)

    assert [name for name, count in names.items() if count > 1] == []
    assert [figure for figure, count in figures.items() if count > 1] == []


@pytest.mark.parametrize("each", METRICS, ids=lambda each: each.name)
def test_a_row_says_what_it_is_as_prometheus_wants_it(each: object) -> None:
    row = metric(str(getattr(each, "name", "")))

    assert re.fullmatch(r"corral(_[a-z]+)+", row.name)
    assert row.name.endswith("_total") == (row.kind == "counter")
    assert row.help.endswith(".")
    assert row.matters.endswith(".")
    assert not {"process", "ensemble", "member", "job", "instance", "le", "quantile"} & set(row.labels)
    assert (row.scale != 1) <= (row.unit == "seconds")


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "python -m observability.metrics_page --rewrite"


def test_every_reason_to_look_for_a_leader_has_a_cause() -> None:
    reasons = re.findall(r"raise RoleEnded\(\s*f?\"([^\"]+)\"", "".join(f.read_text() for f in NODE.glob("zab/*.py")))

    assert len(reasons) > 10
    assert [reason for reason in reasons if cause_of(reason.replace("{", "")) == "protocol_error"] == []
    assert cause_of("ProposalGapError(…)") == "protocol_error"


def test_the_table_tells_every_cause_and_outcome() -> None:
    told_causes = metric("corral_elections_total").matters
    told_outcomes = metric("corral_client_connections_closed_total").matters

    assert {cause for _, cause in CAUSES if cause not in told_causes} == set()
    assert {outcome for outcome in OUTCOMES if outcome not in told_outcomes} == set()


def test_every_outcome_and_alarm_that_the_code_knows_is_shown_from_the_start() -> None:
    source = "".join(file.read_text() for file in NODE.rglob("*.py"))
    outcomes = set(re.findall(r"(?:\.close\((?:conn|older),|outcome =(?: conn\.outcome or)?) \"(\w+)\"", source))
    reported = set(re.findall(r"report\(\s*\"(\w+)\", alarm=", source))
    raised = set(re.findall(r"(?:sink|self|core)\.alarm\(\s*\"(\w+)\"(?: if stops else \"writes_go_on\")?", source))
    raised.add("writes_go_on")  # beside writes_stopped

    assert {"session_moved", "slow_reader", "lease_lost", "bad_frame", "not_serving"} <= outcomes <= set(OUTCOMES)
    assert reported == set(broadcast_figures.ALARMS)
    assert raised == set(processor_figures.ALARMS)
