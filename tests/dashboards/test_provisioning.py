"""The files for Grafana and Prometheus agree with each other and with the dashboards."""

import json
from typing import Any

import yaml

from tests.dashboards.queries import FOLDER


def loaded(path: str) -> Any:
    return yaml.safe_load((FOLDER / path).read_text())


def test_the_data_source_knows_the_scrape_interval_and_where_exemplars_lead() -> None:
    sources = {each["uid"]: each for each in loaded("provisioning/datasources/corral.yml")["datasources"]}
    options = sources["corral-prometheus"]["jsonData"]

    assert options["timeInterval"] == loaded("prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert [(each["name"], each["datasourceUid"] in sources) for each in options["exemplarTraceIdDestinations"]] == [
        ("trace_id", True)]


def test_the_scrape_configuration_gives_the_labels_that_dashboards_and_alerts_go_by() -> None:
    scrape, = loaded("prometheus/prometheus.yml")["scrape_configs"]
    file, = scrape["file_sd_configs"][0]["files"]

    assert scrape["job_name"] == "corral"
    for target in json.loads((FOLDER / "prometheus" / file).read_text()):
        assert target["labels"].keys() == {"ensemble", "member"}


def test_grafana_is_told_where_the_dashboards_are_as_the_readme_says() -> None:
    provider, = loaded("provisioning/dashboards/corral.yml")["providers"]

    assert provider["options"]["path"] in (FOLDER / "README.md").read_text()
