"""What the playbooks bring to the host that watches: a Prometheus that uses it sees every member."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.site import ENSEMBLE, Site
from tests.waiting import wait_until

PORT = 19090


@pytest.fixture
def prometheus(ensemble: Site, tmp_path: Path) -> Iterator[str]:
    """Debian's, on the operator's machine, with the configuration as it lies on the host that watches."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus: apt-get install prometheus")
    root = ensemble.fabric.hosts[0].root
    text = (root / "etc/prometheus/prometheus.yml").read_text()
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(text.replace("/etc/prometheus/", f"{root}/etc/prometheus/"))
    url = f"http://[{ensemble.fabric.operator_v6}]:{PORT}"
    with subprocess.Popen(
            [program, f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path}/data",
             f"--web.listen-address=[{ensemble.fabric.operator_v6}]:{PORT}", "--log.level=warn"]) as process:
        try:
            yield url
        finally:
            process.kill()


def ask(url: str, path: str, **parameters: str) -> Any:
    try:
        with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(parameters)}", timeout=5) as answer:
            return json.load(answer)["data"]
    except OSError:
        return {}


def test_prometheus_sees_every_member_under_the_labels_of_the_dashboards(ensemble: Site, prometheus: str) -> None:
    def members() -> set[tuple[str, str, str]]:
        found = ask(prometheus, "/api/v1/query", query='corral_is_serving{job="corral"} == 1').get("result", [])
        return {(each["metric"]["job"], each["metric"]["ensemble"], each["metric"]["member"]) for each in found}

    expected = {("corral", ENSEMBLE, str(number)) for number in ensemble.members}
    wait_until(lambda: members() == expected, seconds=30, what=f"Prometheus sees {expected}")
    groups = {group["name"] for group in ask(prometheus, "/api/v1/rules")["groups"]}
    assert {"corral-quorum", "corral-latency"} <= groups


def test_grafana_is_told_of_every_dashboard_and_of_prometheus(ensemble: Site) -> None:
    root = ensemble.fabric.hosts[0].root

    provider, = yaml.safe_load((root / "etc/grafana/provisioning/dashboards/corral.yml").read_text())["providers"]
    sources = yaml.safe_load((root / "etc/grafana/provisioning/datasources/corral.yml").read_text())["datasources"]

    brought = {file.name for file in (root / provider["options"]["path"].lstrip("/")).iterdir()}
    assert {"overview.json", "write-latency.json", "member.json"} <= brought
    assert "http://127.0.0.1:9090" in {source["url"] for source in sources}


@pytest.mark.long
def test_members_may_stand_in_the_scrape_configuration_itself(ensemble: Site) -> None:
    ensemble.play("deploy", "--tags", "corral_preflight,corral_monitoring", corral_monitoring_discovery="static")

    file = ensemble.fabric.hosts[0].root / "etc/prometheus/prometheus.yml"
    scrape, = yaml.safe_load(file.read_text())["scrape_configs"]
    assert [each["labels"] for each in scrape["static_configs"]] == [
        {"ensemble": ENSEMBLE, "member": str(number)} for number in ensemble.members]
    ensemble.play("deploy")
