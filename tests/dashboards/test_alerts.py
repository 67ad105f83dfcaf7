"""Every alert rule fires when it should, is quiet when it should be, and leads to a runbook that says what to do."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboards.alerts import CASES, ROOT, RULES, Case, Series, alerts, rules
from tests.dashboards.checks import METRIC_NAMES
from tests.dashboards.promql import family_of, selectors

RUNBOOKS = ROOT / "docs" / "runbooks"
RECORDED = frozenset(rule["record"] for rule in rules() if "record" in rule)
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None and os.environ.get("CI") != "true", reason="no promtool: .ci/packages prometheus")


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def unit_test(case: Case, series: Series, *, fires: bool) -> dict[str, Any]:
    # Quiet means of whatever member.
    labels = {key: value for key, value in case.labels.items() if fires or key == "burn"}
    selector = ",".join(f'{key}="{value}"' for key, value in {"alertname": case.alert, **labels}.items())
    return {
        "name": f"{case.name} {'fires' if fires else 'is quiet'}",
        "interval": case.step,
        "input_series": [{"series": name, "values": values} for name, values in {**case.also, **series}.items()],
        "promql_expr_test": [{
            "expr": f'count(ALERTS{{{selector},alertstate="firing"}})',
            "eval_time": case.at,
            "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
        }],
    }


@needs_promtool
@pytest.mark.parametrize("fires", [True, False], ids=["fires", "is quiet"])
@pytest.mark.parametrize("case", CASES, ids=[f"{n} {case.name}" for n, case in enumerate(CASES)])
def test_the_alert(case: Case, fires: bool, tmp_path: Path) -> None:
    test = unit_test(case, case.firing if fires else case.quiet, fires=fires)
    # The others would be evaluated too, at each of the thousands of steps of a long window.
    its_rules = [str(rule) for rule in RULES if f"alert: {case.alert}\n" in rule.read_text()]
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": its_rules, "evaluation_interval": case.step, "tests": [test]}))

    promtool("test", "rules", str(file))


def test_every_alert_is_seen_firing() -> None:
    wanted = {" ".join([rule["alert"], rule["labels"].get("burn", "")]).strip() for rule in alerts()}

    assert {case.name for case in CASES} == wanted


@needs_promtool
def test_prometheus_takes_the_rules_and_the_example_of_a_configuration() -> None:
    promtool("check", "rules", *map(str, RULES))
    promtool("check", "config", str(ROOT / "dashboards" / "prometheus" / "prometheus.yml"))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("record"))
def test_every_rule_reads_metrics_of_the_table(rule: dict[str, Any]) -> None:
    unknown = [each.metric for each in selectors(rule["expr"])
               if each.metric not in RECORDED and family_of(each.metric, METRIC_NAMES) is None]

    assert unknown == []


def test_every_alert_has_a_severity_a_summary_and_a_runbook_of_three_parts() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert {"summary", "description", "runbook_url"} == rule["annotations"].keys(), rule["alert"]
        text = (ROOT / rule["annotations"]["runbook_url"]).read_text()
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["What it means", "Look at", "Do"], rule["alert"]


def test_every_runbook_is_led_to_and_names_only_runbooks_that_there_are() -> None:
    led_to = {Path(rule["annotations"]["runbook_url"]).name for rule in alerts()}
    there = {file.name for file in RUNBOOKS.glob("*.md")}
    names = {rule["alert"] for rule in alerts()}

    assert there == led_to
    for file in RUNBOOKS.glob("*.md"):
        assert set(re.findall(r"Corral[A-Z]\w+", file.read_text())) <= names, file.name


def test_every_panel_that_names_a_runbook_names_one_that_there_is() -> None:
    texts = "".join(file.read_text() for file in (ROOT / "dashboards").glob("*.json"))

    assert set(re.findall(r"runbook (Corral[A-Z]\w+)", texts)) <= {rule["alert"] for rule in alerts()}
