"""What the playbooks bring to the host that watches: a Prometheus that uses it sees every member."""

from pathlib import Path

import pytest
import yaml

from tests.deploy.site import ENSEMBLE, Site
from tests.deploy.watching import watching


def test_prometheus_sees_every_member_under_the_labels_of_the_dashboards(ensemble: Site, tmp_path: Path) -> None:
    with watching(ensemble, tmp_path) as prometheus:
        prometheus.await_members()

        groups = {group["name"] for group in prometheus.ask("/api/v1/rules")["groups"]}
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
