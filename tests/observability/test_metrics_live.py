"""A live ensemble shows every metric of the table, and `mntr` says what the metrics say."""

import contextlib
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from kazoo.exceptions import NoNodeError
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as text_string_to_classic_families

from observability.metrics import METRICS, series_names
from observability.zookeeper import ROWS
from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.fourletter.words import ask, rows
from tests.waiting import wait_until

MEMBERS = (1, 2, 3)
SETTINGS = {
    "corral.snapshotBytes": "1048576",
    "corral.otlpEndpoint": "http://127.0.0.1:1",  # nobody takes the traces
    "tickTime": "500",
}
PASSING = {"uptime", "leader_uptime"}  # other at each look
OWN = {"num_alive_connections", "open_file_descriptor_count"}  # the one who asks for mntr is in it


def page(ensemble: Ensemble, member: int, accept: str = "text/plain") -> str:
    request = urllib.request.Request(ensemble.admin(member, "/metrics"), headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(answer.read().decode())


class Scrape(NamedTuple):
    names: set[str]
    values: dict[tuple[str, str], float]


def scrape(ensemble: Ensemble, member: int, label: str = "quantile") -> Scrape:
    """Values by name and by *label*, or "" where there is none; summed over the other labels."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_classic_families(page(ensemble, member)):
        for sample in family.samples:
            key = sample.name, sample.labels.get(label, "")
            found[key] = found.get(key, 0.0) + sample.value
    return Scrape({name for name, _ in found}, found)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """Written to, read, watched, and rid of its leader once."""
    with corral_ensemble(tmp_path_factory.mktemp("live"), settings=SETTINGS) as ensemble:
        for address in ensemble.addresses:
            with kazoo_client([address]) as client:
                client.create("/a", b"1")
                client.get("/a", watch=lambda event: None)
                for _ in range(30):
                    client.set("/a", b"x" * 50_000)
                with pytest.raises(NoNodeError):
                    client.delete("/none")
                client.delete("/a")
        leader = ensemble.leader()
        ensemble.signal(leader, "broadcast", signal.SIGKILL)
        wait_until(lambda: all(ensemble.serves(each) for each in MEMBERS), seconds=60, what="all serve again")
        with kazoo_client(ensemble.addresses) as client:
            client.create("/b", b"1")
        yield ensemble


def test_every_metric_of_the_table_is_there(ensemble: Ensemble) -> None:
    names = {name for each in METRICS for name in series_names(each)}

    def missing() -> set[str]:
        return names.difference(*(scrape(ensemble, member).names for member in MEMBERS))

    wait_until(lambda: not missing(), what=f"all metrics; missing: {missing()}")


def test_nothing_is_there_that_no_table_names(ensemble: Ensemble) -> None:
    ours = {name for each in METRICS for name in series_names(each)}
    zookeepers = {row.name + part for row in ROWS for part in ("", "_sum", "_count")}

    for member in MEMBERS:
        assert scrape(ensemble, member).names <= ours | zookeepers


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_promtool_has_nothing_to_say_of_our_names(ensemble: Ensemble) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page(ensemble, 1), capture_output=True, text=True, check=False)

    assert done.returncode in (0, 3), done.stderr  # 3: it dislikes names, and ZooKeeper's are what they are
    assert [line for line in done.stderr.splitlines() if line.startswith("corral_")] == []


def test_who_takes_openmetrics_gets_it(ensemble: Ensemble) -> None:
    text = page(ensemble, 1, accept="application/openmetrics-text; version=1.0.0")

    assert text.endswith("# EOF\n")
    assert {family.name for family in text_string_to_metric_families(text)} >= {"corral_elections", "corral_epoch"}


def test_buckets_name_the_trace_of_a_write_that_is_in_them(ensemble: Ensemble) -> None:
    def traced() -> set[tuple[str, str]]:
        """(metric, stage) of buckets with an exemplar, over all members."""
        pages = [page(ensemble, member, accept="application/openmetrics-text; version=1.0.0") for member in MEMBERS]
        samples = [each for text in pages for family in text_string_to_metric_families(text) for each in family.samples]
        found = [each for each in samples if each.exemplar]
        for each in found:
            assert re.fullmatch("[0-9a-f]{32}", each.exemplar.labels["trace_id"])
            assert each.exemplar.value <= float(each.labels["le"])
        return {(each.name, each.labels.get("stage", "")) for each in found}

    for address in ensemble.addresses:  # a member has exemplars of its own clients' writes: the leader's among them
        with kazoo_client([address]) as client:
            client.set("/b", b"traced")
    stages = {("corral_stage_seconds_bucket", stage) for stage in ("queue", "commit", "append", "apply", "reply")}
    others = {("corral_request_seconds_bucket", ""), ("corral_fsync_seconds_bucket", "")}
    wait_until(lambda: traced() >= stages | others, what=f"exemplars of {stages | others}; now {traced()}")


def test_the_processes_and_their_restarts_are_seen(ensemble: Ensemble) -> None:
    def restarts() -> float:
        return sum(scrape(ensemble, each, "process").values["corral_process_restarts_total", "broadcast"]
                   for each in MEMBERS)

    assert restarts() == 1
    for member in MEMBERS:
        found = scrape(ensemble, member, "process").values
        for process in ensemble.pids(member):
            assert found["corral_process_resident_bytes", process] > 1 << 20
        assert found["corral_process_gc_enabled", "processor-0"] == 0


def test_mntr_says_what_the_metrics_say(ensemble: Ensemble) -> None:
    summaries = {row.name for row in ROWS if row.kind == "summary"}
    wanted = [row.name for row in ROWS if row.in_mntr and row.name not in PASSING]

    def differences(member: int, mntr: dict[str, str]) -> dict[str, tuple[str, float | None]]:
        metrics = scrape(ensemble, member).values
        found: dict[str, tuple[str, float | None]] = {}
        for name in wanted:
            line, value = (f"zk_cnt_{name}", metrics.get((f"{name}_count", ""))) if name in summaries else (
                f"zk_{name}", metrics.get((name, "")))
            if line in mntr and (value is None or float(mntr[line]) != value + (name in OWN)):
                found[line] = mntr[line], value
        return found

    def lasting(member: int) -> dict[str, tuple[str, float | None]]:
        """What the metrics, which follow a second later, do not come to say."""
        mntr = rows(ask(ensemble.addresses[member - 1], "mntr"), "\t")
        assert len(mntr) > 30
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not differences(member, mntr), seconds=3)
        return differences(member, mntr)

    for member in MEMBERS:
        found = [lasting(member)]
        while found[-1] and len(found) < 5:  # something, a snapshot say, came between the two
            found.append(lasting(member))
        assert found[-1] == {}


def test_what_only_a_leader_has_is_told_by_one_member(ensemble: Ensemble) -> None:
    def who(name: str) -> list[int]:
        return [each for each in MEMBERS if name in scrape(ensemble, each).names]

    leader = ensemble.leader()
    for name in ("corral_quorum_slack", "corral_follower_lag_seconds", "leader_uptime", "synced_followers"):
        wait_until(lambda name=name: who(name) == [leader], what=f"{name} of {leader} alone")  # type: ignore[misc]


def test_the_death_of_the_leader_is_the_cause_of_two_elections(ensemble: Ensemble) -> None:
    found = [scrape(ensemble, member, "cause").values for member in MEMBERS]
    causes = {cause: sum(each["corral_elections_total", cause] for each in found) for cause in (
        "started", "leader_lost", "protocol_error")}

    assert causes == {"started": 3, "leader_lost": 2, "protocol_error": 0}


def test_a_follower_that_stands_still_is_seen_to_lag_and_to_catch_up(ensemble: Ensemble) -> None:
    leader = ensemble.leader()
    follower = next(member for member in MEMBERS if member != leader)

    def lag(unit: str) -> float:
        return scrape(ensemble, leader, "follower").values.get((f"corral_follower_lag_{unit}", str(follower)), 0)

    with kazoo_client([ensemble.addresses[leader - 1]]) as client:
        ensemble.signal(follower, "broadcast", signal.SIGSTOP)
        try:
            for number in range(20):
                client.create(f"/lag{number}", b"")
            wait_until(lambda: lag("zxids") >= 20 and lag("seconds") > 0.1, what="it lags")
        finally:
            ensemble.signal(follower, "broadcast", signal.SIGCONT)
        wait_until(lambda: ensemble.serves(follower) and (lag("zxids"), lag("seconds")) == (0, 0), what="it is back")
