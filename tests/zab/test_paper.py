"""Zab's promises, one test each, over random walks: whatever is elected, crashes, is cut off or forgets.

Junqueira, Reed, Serafini: Zab: High-performance broadcast for primary-backup systems, DSN 2011. Section III, Problem
Statement, defines in its part A, Core Properties, what is tested here: integrity, total order and agreement, local and
global primary order, and primary integrity. Each test names its property and says its sentence in our words, in the
paper's letters: <v, z> is a record with its zxid; the primary of an epoch is its leader; to deliver (abdeliver) is to
show a record to this member's replicas, by a watermark; to broadcast (abcast) is to log it as the leader.

That these tests can fail is shown by tests/zab/test_paper_broken.py.
"""

import os
from itertools import combinations

import pytest

from tests.zab.walk import Life, Walk, Watched
from transport.entry import Kind, read_record_header
from transport.zxid import Zxid, epoch_of

SEEDS = 400 if os.environ.get("CORRAL_TEST_ALL") else 28
COUNTS = (3, 3, 5, 3, 4, 2, 1)


@pytest.fixture(scope="module")
def walks() -> list[Watched]:
    """Histories of ensembles that agree in the end. A failing walk names its seed."""
    found = []
    for seed in range(SEEDS):
        walk = Walk(seed, COUNTS[seed % len(COUNTS)])
        try:
            walk.run(400)
            walk.converge()
        except AssertionError as error:
            error.add_note(f"Walk({seed}, {walk.count})")
            raise
        found.append(walk.ensemble)
    return found


def delivered(walk: Watched) -> dict[Zxid, bytes]:
    return {zxid: record for life in walk.all_lives for zxid, record in life.records}


def test_integrity_what_is_delivered_was_broadcast(walks: list[Watched]) -> None:
    """Section III-A, Integrity: what some process delivers, some process has broadcast.

    That is: it stands in the log that the leader of its epoch has written.
    """
    for walk in walks:
        broadcast = {pair for primary in walk.primaries.values() for pair in primary.broadcast}
        assert set(delivered(walk).items()) <= broadcast


def test_total_order(walks: list[Watched]) -> None:
    """Section III-A, Total order: where some process delivers <v, z> before <v', z'>, whoever delivers <v', z'> has
    delivered <v, z> before it."""
    for walk in walks:
        for one, other in combinations(walk.all_lives, 2):
            assert common_part(one, other) == common_part(other, one)


def common_part(life: Life, other: Life) -> list[tuple[Zxid, bytes]]:
    """What it delivered of what both can have: a snapshot brings its part as a whole."""
    after, upto = max(life.base, other.base), min(life.end, other.end)
    return [(zxid, record) for zxid, record in life.records if after < zxid <= upto]


def test_agreement(walks: list[Watched]) -> None:
    """Section III-A, Agreement: of two processes, of which one delivers <v, z> and the other <v', z'>, one delivers
    the other's, too."""
    for walk in walks:
        for one, other in combinations(walk.all_lives, 2):
            behind, ahead = sorted((one, other), key=lambda life: life.end)
            has = {zxid for zxid, _ in ahead.records}
            assert all(zxid in has or zxid <= ahead.base for zxid, _ in behind.records)


def test_local_primary_order(walks: list[Watched]) -> None:
    """Section III-A, Local primary order: what one primary broadcasts first, whoever delivers the second delivers
    before it."""
    for walk in walks:
        for life in walk.all_lives:
            for epoch in {epoch_of(zxid) for zxid, _ in life.records}:
                here = [pair for pair in life.records if epoch_of(pair[0]) == epoch]
                sent = [pair for pair in walk.primaries[epoch].broadcast if pair[0] > life.base]
                assert here == sent[:len(here)]


def test_global_primary_order(walks: list[Watched]) -> None:
    """Section III-A, Global primary order: who delivers both <v, z> of an earlier primary and <v', z'> of a later one
    delivers <v, z> first."""
    for walk in walks:
        for life in walk.all_lives:
            epochs = [epoch_of(zxid) for zxid, _ in life.records]
            assert epochs == sorted(epochs)


def test_primary_integrity(walks: list[Watched]) -> None:
    """Section III-A, Primary integrity: what anybody delivers of earlier primaries, a primary delivers before it
    broadcasts anything.

    Here: it has <v', z'> in its log, which it commits before, or with, its own first record.
    """
    for walk in walks:
        committed = delivered(walk)
        for primary in walk.primaries.values():
            earlier = [zxid for zxid in committed if epoch_of(zxid) < primary.epoch]
            has = set(primary.log)
            assert all(zxid in has or zxid <= primary.log_after for zxid in earlier)


def test_every_epoch_begins_with_its_own_record(walks: list[Watched]) -> None:
    """Section III: a zxid is a pair of the primary's instance (our epoch) and a counter; later ones are greater."""
    for walk in walks:
        for primary in walk.primaries.values():
            first = read_record_header(primary.broadcast[0][1])
            assert (first.kind, first.first_zxid) == (Kind.EPOCH, primary.epoch << 40)


def test_nothing_committed_is_lost(walks: list[Watched]) -> None:
    """What the properties amount to for who relies on them: a sentence of ours."""
    for walk in walks:
        committed = delivered(walk)
        for host in walk.hosts.values():
            has = {read_record_header(record).first_zxid: record for record in host.disk.records}
            assert all(
                has[zxid] == record for zxid, record in committed.items() if zxid > host.disk.log_after)


def test_the_walks_have_seen_something(walks: list[Watched]) -> None:
    """Not a property of Zab: of this test."""
    modes = {
        report.fields["mode"] for walk in walks for host in walk.hosts.values() for report in host.reports
        if report.event == "synchronising"}
    events = {report.event for walk in walks for host in walk.hosts.values() for report in host.reports}

    assert modes == {"DIFF", "TRUNC", "SNAP"}
    assert {"truncated", "snapshot_received", "readmitted", "established", "learner_lost"} <= events
    assert sum(len(delivered(walk)) for walk in walks) > 20 * SEEDS
