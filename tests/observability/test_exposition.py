"""What a scrape gets: valid in both formats, exemplars, and nothing of a process that is gone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from observability.exemplars import Exemplars
from observability.exposition import registry_of
from observability.histogram import Histogram, count_histogram
from observability.metrics import METRICS
from observability.procfs import ProcessReader, own_figures
from observability.samples import STALE_S, Samples
from transport.messages import Sample, Timings

MS = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that waits for the end of its input."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def histogram(*values_ms: float) -> dict[str, object]:
    made = Histogram()
    for value in values_ms:
        made.observe(round(value * MS))
    return made.figure()


def everything() -> dict[str, object]:
    """A figure of every kind that a process sends."""
    counts = count_histogram()
    counts.observe(3)
    return {
        "is_leader": 1, "voters": 3, "elections": {"started": 1}, "stage_queue": histogram(1, 2), "fsync": histogram(5),
        "ack": {"2": histogram(40)}, "batch_requests": counts.figure(), "quorum_slack": 1,
        "link_queue_bytes": {"peer": {"2": 10}}, "proposal_bytes": [1, 1, 1], "election_ns": histogram(200),
        "synchronisations": {"diff": 2}, "learner_phases": {"serving": 2}, "stall_ns": 60 * MS,
    }


def sample(process: str, pid: int, values: dict[str, object], dropped: int = 0) -> Sample:
    return Sample(process, pid, values, dropped)


def values(samples: Samples, name: str) -> dict[str, float]:
    """Of one metric, by process."""
    return {
        each.labels["process"]: each.value
        for family in registry_of(samples).collect() for each in family.samples if each.name == name}


@pytest.fixture
def busy() -> Samples:
    samples = Samples(["broadcast", "processor-0", "telemetry"])
    samples.take(sample("broadcast", os.getpid(), everything()), size=700)
    samples.take(sample("processor-0", os.getpid(), {"request_write": histogram(3), "connections": 2}))
    return samples


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_the_classic_text_is_valid_and_our_own_names_are_as_prometheus_likes_them(busy: Samples) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(registry_of(busy)), capture_output=True, check=False)

    assert done.returncode in (0, 3)  # 3: it dislikes names, and ZooKeeper's are what they are
    assert [line for line in done.stderr.decode().splitlines() if line.startswith("corral_")] == []


def test_openmetrics_has_the_trace_of_the_last_write_in_its_bucket(busy: Samples) -> None:
    exemplars = Exemplars(clock_s=lambda: 1_700_000_000.0)
    exemplars.put("queue", 0.0019, "ab" * 16, zxid=0x10000000007)
    exemplars.put("queue", 0.002, "cd" * 16)
    exemplars.put("queue", 9.0, "ef" * 16)  # this process has observed none so slow

    families = list(text_string_to_metric_families(
        generate_openmetrics(registry_of(busy, exemplars)).decode()))
    found = [each for family in families for each in family.samples if each.exemplar]

    assert [(each.name, each.labels["stage"], each.exemplar.labels) for each in found if each.exemplar] == [
        ("corral_stage_seconds_bucket", "queue", {"trace_id": "cd" * 16})]
    assert float(found[0].labels["le"]) >= 0.002


def test_an_exemplar_is_given_away_for_a_newer_one_of_about_the_same_time_only() -> None:
    exemplars = Exemplars(clock_s=iter(range(100)).__next__)
    for seconds in (0.001, 0.0011, 0.5):
        exemplars.put("commit", seconds, f"{seconds}")

    found = exemplars.of_buckets("commit", [0.0015, 1.0])

    assert {at: each.labels["trace_id"] for at, each in found.items()} == {0: "0.0011", 1: "0.5"}


def test_both_formats_tell_the_same(busy: Samples) -> None:
    names = {each.name for each in METRICS}
    classic = {line.split("{")[0] for line in generate_latest(registry_of(busy)).decode().splitlines()}
    modern = {line.split("{")[0] for line in generate_openmetrics(registry_of(busy)).decode().splitlines()}

    assert names & classic == names & modern
    assert {"corral_elections_total", "corral_is_leader"} <= names & classic


def test_nanoseconds_are_seconds_and_buckets_are_cumulative(busy: Samples) -> None:
    assert values(busy, "corral_event_loop_stalled_seconds_total") == {"broadcast": pytest.approx(0.06)}
    assert values(busy, "corral_fsync_seconds_sum") == {"broadcast": pytest.approx(0.005)}
    text = generate_latest(registry_of(busy)).decode()
    buckets = [line for line in text.splitlines() if line.startswith("corral_fsync_seconds_bucket")]
    counts = [float(line.rsplit(" ", 1)[1]) for line in buckets]
    assert counts == sorted(counts)
    assert buckets[-1] == 'corral_fsync_seconds_bucket{le="+Inf",process="broadcast"} 1.0'


def test_a_dead_process_leaves_nothing_but_that_it_is_down(child: "subprocess.Popen[bytes]") -> None:
    samples = Samples(["broadcast"])
    samples.take(sample("broadcast", child.pid, {"is_leader": 1}, dropped=2))
    assert values(samples, "corral_is_leader") == {"broadcast": 1}
    assert values(samples, "corral_process_up")["broadcast"] == 1

    end(child)

    assert values(samples, "corral_is_leader") == {}
    assert values(samples, "corral_process_resident_bytes") == {}
    assert values(samples, "corral_process_up")["broadcast"] == 0
    assert values(samples, "corral_telemetry_dropped_total") == {"broadcast": 2}
    assert not any(family.name == "quorum_size" for family in registry_of(samples).collect())


def test_a_silent_process_is_down_though_it_lives() -> None:
    clock = Clock()
    samples = Samples(["broadcast"], clock_s=clock)
    samples.take(sample("broadcast", os.getpid(), {"is_leader": 1}))
    clock.now_s += STALE_S / 2
    assert values(samples, "corral_process_sample_age_seconds")["broadcast"] == STALE_S / 2
    assert values(samples, "corral_is_leader") == {"broadcast": 1}

    clock.now_s += STALE_S

    assert values(samples, "corral_is_leader") == {}
    assert values(samples, "corral_process_up")["broadcast"] == 0
    assert values(samples, "corral_process_resident_bytes")["broadcast"] > 0


def test_lives_of_a_process_are_counted_and_its_losses_add_up(child: "subprocess.Popen[bytes]") -> None:
    samples = Samples(["broadcast"])
    samples.take(sample("broadcast", child.pid, {"is_leader": 1}, dropped=2))
    samples.take(Timings("broadcast", os.getpid(), 0, 0, b"", 1), size=10)  # the next life's notes come first

    assert values(samples, "corral_is_leader") == {}
    samples.take(sample("broadcast", os.getpid(), {"is_leader": 0}, dropped=1), size=20)

    assert values(samples, "corral_is_leader") == {"broadcast": 0}
    assert values(samples, "corral_process_restarts_total")["broadcast"] == 1
    assert values(samples, "corral_telemetry_dropped_total") == {"broadcast": 3}
    assert values(samples, "corral_telemetry_received_bytes_total") == {"broadcast": 30}


def test_restarts_that_the_supervisor_counted_outlive_telemetry() -> None:
    samples = Samples(["broadcast", "election"], pids=lambda: ({"supervisor": os.getpid()}, {"broadcast": 3}))

    assert values(samples, "corral_process_restarts_total") == {"broadcast": 3, "election": 0}
    assert values(samples, "corral_process_threads")["supervisor"] >= 1


def test_a_living_process_that_proc_does_not_show_counts_as_what_it_says_of_itself(
    child: "subprocess.Popen[bytes]",
) -> None:
    end(child)  # nothing of that pid is to be seen
    living = {"broadcast": child.pid}
    samples = Samples(["broadcast"], living=lambda: living)
    samples.take(sample("broadcast", child.pid, {"pid": child.pid, "resident_bytes": 7}))
    assert values(samples, "corral_process_up")["broadcast"] == 1
    assert values(samples, "corral_process_resident_bytes")["broadcast"] == 7

    living.clear()

    assert values(samples, "corral_process_up")["broadcast"] == 0


def test_a_process_says_of_itself_what_others_see_of_it() -> None:
    own, seen = own_figures(), ProcessReader().read(os.getpid())

    assert seen is not None
    assert own.keys() == seen.keys()
    for figure in ("pid", "threads", "start_time_s", "max_fds"):
        assert own[figure] == pytest.approx(seen[figure], abs=0.1)
    assert 0 < own["proportional_bytes"] <= own["resident_bytes"]
