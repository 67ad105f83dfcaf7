"""ZooKeeper's names: what stands behind them, and over which time their quantiles are."""

import math
import os
from typing import Any

import pytest

from observability.histogram import Histogram
from observability.zookeeper import ROWS, MemberFigures, Summary, summary_of
from observability.zookeeper_exposition import WINDOW_S, ZooKeeperNames

MS = 1_000_000


def histogram(values_ms: list[float]) -> dict[str, Any]:
    made = Histogram()
    for value in values_ms:
        made.observe(round(value * MS))
    return {**made.figure(), "buckets": list(made.counts)}


def member(*, leads: bool = True, voters: int = 3, processors: int = 1) -> MemberFigures:
    processor = {
        "connections": 4, "since_srst_received": 10, "latency_sum_ms": 25, "latency_max_ms": 9, "znodes": 7,
        "executed_epoch": 1, "executed_counter": 5, "connections_closed": {"limit_per_address": 2, "client_gone": 8},
        "started_ms": 1000, "request_write": histogram([2.0])}
    broadcast = {
        "is_leader": int(leads), "voters": voters, "learner_phases": {"serving": 3, "synchronisation": 1},
        "observers": [4], "followers_without_vote": 0,
        "proposal_bytes": [30, 10, 90], "elections": {"started": 1, "leader_lost": 2}, "leading_since_ms": 4000,
        "ack": {"2": histogram([1.0])}}
    ahead = {**processor, "executed_counter": 6, "znodes": 8}
    return MemberFigures(
        processors=[processor, ahead][:processors], broadcast=broadcast, snapshotter={}, now_ms=5000)


def values(figures: MemberFigures) -> dict[str, Any]:
    return {row.name: value for row in ROWS if (value := row.value(figures)) is not None}


def test_processors_add_up_and_the_replica_that_is_farthest_counts() -> None:
    one, two = values(member()), values(member(processors=2))

    assert (one["num_alive_connections"], two["num_alive_connections"]) == (4, 8)
    assert (one["avg_latency"], two["avg_latency"], two["max_latency"]) == (2.5, 2.5, 9)
    assert (one["znode_count"], two["znode_count"]) == (7, 8)
    assert (one["connection_rejected"], one["uptime"], one["looking_count"]) == (2, 4000, 3)
    assert two["updatelatency"].count == 2


def test_a_leader_tells_of_its_learners_and_nobody_else_does() -> None:
    of_leader = {
        "learners": 4, "synced_followers": 2, "pending_syncs": 1, "synced_observers": 1, "leader_uptime": 1000,
        "synced_non_voting_followers": 0,
        "last_proposal_size": 30, "min_proposal_size": 10, "max_proposal_size": 90}

    assert of_leader.items() <= values(member()).items()
    assert values(member())["ack_latency"].keys() == {"2"}
    of_a_follower = of_leader.keys() - {"synced_observers"}  # which may have some of its own
    assert not of_a_follower & values(member(leads=False)).keys()
    assert not (of_leader.keys() | {"quorum_size"}) & values(member(voters=1)).keys()  # as where ZooKeeper runs alone
    assert values(member(leads=False))["quorum_size"] == 3


def test_a_member_without_figures_has_no_lines() -> None:
    nothing = MemberFigures(processors=[], broadcast={}, snapshotter={}, now_ms=0)

    assert values(nothing) == {}


def test_quantiles_are_bounds_of_buckets_in_ms() -> None:
    summary = summary_of([histogram([1.0] * 98), histogram([50.0] * 2)], MS)

    assert summary is not None
    assert (summary.count, summary.sum) == (100, pytest.approx(198))
    assert 1.0 <= summary.quantile(0.5) <= 1.5
    assert 50.0 <= summary.quantile(0.99) <= 75.0
    assert math.isnan(Summary(0, 0, lambda _: math.nan).quantile(0.5))


def test_quantiles_are_of_the_last_ten_minutes_and_counts_of_all_time() -> None:
    clock = iter([0.0, 100.0, WINDOW_S + 50.0])
    names = ZooKeeperNames(clock_s=clock.__next__)

    def scrape(values_ms: list[float]) -> dict[str, float]:
        figures = {"broadcast": {"up": 1, "fsync": histogram(values_ms)}}
        samples = next(f for f in names.families(figures) if f.name == "fsynctime").samples
        return {each.labels.get("quantile", each.name): each.value for each in samples}

    slow = [80.0] * 50
    assert scrape(slow)["0.5"] >= 80
    scrape(slow)
    last = scrape([*slow, 1.0, 1.0])

    assert last["0.5"] < 2
    assert last["fsynctime_count"] == 52


def test_a_process_that_started_again_is_not_less_than_nothing() -> None:
    clock = iter([0.0, 100.0])
    names = ZooKeeperNames(clock_s=clock.__next__)
    for values_ms in ([5.0] * 9, [5.0]):
        found = list(names.families({"broadcast": {"up": 1, "pid": os.getpid(), "fsync": histogram(values_ms)}}))

    assert [each.value for f in found if f.name == "fsynctime" for each in f.samples][-2:] == [1, pytest.approx(5)]


def test_zookeepers_own_sample_alerts_find_what_they_ask_for() -> None:
    """zookeeperMonitor.md; those about the JVM have nothing to ask here."""
    asked = {
        "znode_count", "num_alive_connections", "approximate_data_size", "watch_count", "election_time",
        "open_file_descriptor_count", "fsynctime", "snapshottime", "avg_latency"}
    kinds = {row.name: row.kind for row in ROWS}

    assert asked <= kinds.keys()
    assert {name for name in asked if kinds[name] == "summary"} == {"election_time", "fsynctime", "snapshottime"}
