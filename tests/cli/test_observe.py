"""`corral up --observe`: from nothing to a live graph in one command, and nothing left behind."""

import json
import os
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from node.cli.observe import running_prometheus
from tests.corral import corral
from tests.waiting import wait_until

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None and os.environ.get("CI") != "true", reason="no prometheus: .ci/packages")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read())


def up(data: Path, environment: dict[str, str]) -> dict[str, Any]:
    done = corral("up", "--observe", "--detach", "--json", "--members=1", "--client-port=0", f"--data={data}",
                  environment=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@needs_prometheus
def test_up_observe_scrapes_every_member_loads_the_rules_and_ends_with_the_ensemble(tmp_path: Path) -> None:
    data, environment = tmp_path / "run", {**os.environ, "XDG_DATA_HOME": str(tmp_path / "home")}
    url = up(data, environment)["prometheus"]
    try:
        def scraped() -> bool:
            targets = get(f"{url}/api/v1/targets")["data"]["activeTargets"]
            return [(t["labels"]["member"], t["health"]) for t in targets] == [("1", "up")]

        wait_until(scraped, seconds=30, what="the member is scraped")
        groups = get(f"{url}/api/v1/rules")["data"]["groups"]
        assert any(rule["type"] == "alerting" for group in groups for rule in group["rules"])
    finally:
        corral("down", "--wipe", f"--data={data}", environment=environment)

    assert running_prometheus(data) is None
    assert not data.exists()


def test_up_observe_without_prometheus_starts_the_ensemble_and_says_how_to_get_it(tmp_path: Path) -> None:
    data = tmp_path / "run"
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "home"), "PATH": str(Path(sys.executable).parent)}
    done = corral("up", "--observe", "--detach", "--members=1", "--client-port=0", f"--data={data}",
                  environment=environment)
    corral("down", f"--data={data}", environment=environment)

    assert "apt-get install prometheus" in done.stdout
    assert "job_name: corral" in (data / "observe" / "prometheus.yml").read_text()
    assert json.loads((data / "observe" / "members.json").read_text())[0]["labels"]["member"] == "1"
