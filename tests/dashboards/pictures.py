"""Pictures of the dashboards for the README: `make pictures`.

A live ensemble, some minutes long: load, a failover, and then one follower's disk that takes 50 ms more for each sync.
What Prometheus answers to each panel goes to dashboards/pictures/, where Grafana's own components draw it in a browser.

    python -m tests.dashboards.pictures FOLDER        writes FOLDER/<dashboard>.json, to be drawn
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from node.cli.observe import start_prometheus, stop_prometheus
from tests.corral import corral_ensemble
from tests.dashboards.promql import substituted
from tests.dashboards.queries import PrometheusServer, Series, dashboards, panels
from tests.dashboards.story import Story, fail_over
from tests.dashboards.workload import clients
from tests.faults.injection import others, slow_disk, slow_sync

SETTINGS = {"tickTime": "1000", "initLimit": "20", "syncLimit": "4", "corral.snapshotBytes": "1048576"}
CLIENTS = 6
QUIET_S, AFTER_S, SLOW_S = 75.0, 60.0, 60.0
WINDOWS = {"$__rate_interval": "8s", "[1h:1m]": "[60s:1s]"}
SINCE_S = {"write-latency": 110.0}  # others: all of it


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["LD_PRELOAD"] = str(slow_sync(Path(scratch)))
        with corral_ensemble(Path(scratch) / "pictures", settings=SETTINGS, name="pictures") as ensemble:
            del os.environ["LD_PRELOAD"]
            prometheus = start_prometheus(ensemble.local, dies_with_us=True)
            assert prometheus is not None
            story = Story(ensemble, PrometheusServer(prometheus.url))
            try:
                with clients(ensemble.addresses, CLIENTS):
                    live_through(story)
                    save(story, folder)
            finally:
                stop_prometheus(ensemble.data)


def live_through(story: Story) -> None:
    story.pass_time(10)
    with story.chapter("story"):
        story.pass_time(QUIET_S)
        fail_over(story)
        story.pass_time(AFTER_S)
        with slow_disk(story.ensemble, others(story.ensemble.leader())[-1]):
            story.pass_time(SLOW_S)


def save(story: Story, folder: Path) -> None:
    for name, dashboard in dashboards().items():
        start_s, end_s = story.chapters["story"]
        start_s = max(start_s, end_s - SINCE_S.get(name, end_s))
        (folder / f"{name}.json").write_text(json.dumps({
            "dashboard": dashboard, "results": results(story, dashboard, start_s, end_s),
            "from": start_s, "to": end_s, "ensemble": "prod",
        }))


def results(story: Story, dashboard: dict[str, Any], start_s: float, end_s: float) -> dict[str, list[Series]]:
    found = {}
    for panel in panels(dashboard):
        for target in panel["targets"]:
            expr = substituted(target["expr"], windows=WINDOWS, ensemble=story.name, member=".*")
            since_s = end_s if target.get("instant") else start_s
            found[f"{panel['id']} {target['refId']}"] = story.prometheus.query_range(expr, since_s, end_s)
    return found


if __name__ == "__main__":
    began_s = time.monotonic()
    main(Path(sys.argv[1]))
    sys.stdout.write(f"told within {time.monotonic() - began_s:.0f} s\n")
