"""No figure without a metric, no metric without a figure: whole members, with the test in telemetry's place."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.exceptions import NoNodeError

from observability.metrics import METRICS, is_declared
from tests.corral import kazoo_client
from tests.processes.test_processor_timings import ROLES, Served

OF_PROCESSOR_SAMPLES = set(ROLES)
# Known to telemetry alone, by other ways than a sample.
NOT_IN_SAMPLES = {
    "up", "sample_age_s", "pid", "start_time_s", "restarts", "cpu_s", "resident_bytes", "proportional_bytes",
    "threads", "open_fds", "max_fds", "context_switches", "telemetry_dropped", "telemetry_messages",
    "telemetry_bytes"}


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """Role → figures that any process of it sent, while clients wrote, read, failed and watched."""
    directory: Path = tmp_path_factory.mktemp("figures")
    ensemble = Served(directory, 3)
    try:
        for member in ensemble.configs:
            with kazoo_client([ensemble.address(member)]) as client:
                client.create("/a", b"1")
                client.get("/a", watch=lambda event: None)
                for _ in range(30):
                    client.set("/a", b"x" * 50_000)  # snapshots: corral.snapshotBytes is 1 MiB
                with pytest.raises(NoNodeError):
                    client.delete("/none")
                client.delete("/a")

        def figures() -> dict[str, set[str]]:
            found: dict[str, set[str]] = {}
            for taker in ensemble.takers.values():
                taker.take_in()
                for process, sample in taker.samples.items():
                    found.setdefault(process.partition("-")[0], set()).update(sample.values)
            return found

        ensemble.wait(lambda: "snapshot_s" in figures().get("snapshotter", ()), "no snapshot")
        ensemble.wait(lambda: "quorum_slack" in figures().get("broadcast", ()), "no leader")
        yield figures()
    finally:
        ensemble.close()


def test_every_figure_that_a_process_sends_is_declared(sent: dict[str, set[str]]) -> None:
    assert sent.keys() == OF_PROCESSOR_SAMPLES
    assert {(role, figure) for role, figures in sent.items() for figure in figures if not is_declared(figure, role)} \
        == set()


def test_every_declared_figure_is_sent_by_the_processes_that_the_table_names(sent: dict[str, set[str]]) -> None:
    missing = set()
    for metric in METRICS:
        if metric.figure in NOT_IN_SAMPLES:
            continue
        sources = [role for role in metric.sources if role in sent]
        for role in sources:
            start = metric.figure.removesuffix("*")
            is_family = start != metric.figure
            if not any(each == start or (is_family and each.startswith(start)) for each in sent[role]):
                missing.add((role, metric.figure))

    assert missing == set()
