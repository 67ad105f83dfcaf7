"""Something is made slow on one member: the first table of *Write latency* names that member and stage, no other."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from kazoo.exceptions import KazooException

from node.cli.observe import start_prometheus, stop_prometheus
from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.dashboards.queries import PrometheusServer, dashboards, finite, panel, panels
from tests.faults.delay import DelayedLink
from tests.faults.figures import leader_of
from tests.faults.injection import LINK_S, NEAR, STOP_S, SYNC_S, others, slow_disk, slow_link, slowable, stopped
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(
    (shutil.which("prometheus") is None or shutil.which("gcc") is None) and os.environ.get("CI") != "true",
    reason="no prometheus or gcc: .ci/packages")

TABLE = next(each for each in panels(dashboards()["write-latency"]) if each["type"] == "table")
SUM = "whole write"  # of the stages, and therefore a consequence of anything
HEADINGS = TABLE["transformations"][1]["options"]["renameByName"]
COLUMNS = {target["refId"]: HEADINGS[f"Value #{target['refId']}"] for target in TABLE["targets"]}
COLOURED_S = 0.020  # the first threshold of the table's cells
SEEN_S = 40.0  # a table for an operator's eyes: it must say so soon, and on a busy machine it may say more now and then
STOPS_MAX = 4
Cell = tuple[int, str]


@dataclass(frozen=True)
class Watched:
    ensemble: Ensemble
    prometheus: PrometheusServer
    links: dict[tuple[int, int], DelayedLink]

    def cells(self) -> dict[Cell, float]:
        """What the table shows now: member and heading, seconds."""
        found = {}
        for ref, heading in COLUMNS.items():
            answer = panel("write-latency", TABLE["title"], ref).ask(self.prometheus, ensemble=self.ensemble.data.name)
            for series in finite(answer):
                found[int(series["metric"]["member"]), heading] = float(series["value"][1])
        return found


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """Three members whose disks and links can be made slow, and a Prometheus that sees it."""
    with slowable() as (ensemble, links):
        prometheus = start_prometheus(ensemble.local, dies_with_us=True)
        assert prometheus is not None
        try:
            yield Watched(ensemble, PrometheusServer(prometheus.url), links)
        finally:
            stop_prometheus(ensemble.data)


class Writing:
    """A client of the leader that writes now and then: on a disk at rest each sync is its own."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        address = self.ensemble.addresses[leader_of(self.ensemble) - 1]
        with kazoo_client([address], chroot=fresh_root(self.ensemble)) as client:
            client.create("/a")
            while not self.ended.wait(2 * SYNC_S):
                with contextlib.suppress(KazooException):  # of one write: a busy machine may elect another leader
                    client.set("/a", b"x")

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join(30)


def coloured(watched: Watched) -> dict[Cell, float]:
    return {cell: seconds for cell, seconds in watched.cells().items() if seconds >= COLOURED_S and cell[1] != SUM}


def unlike(
    watched: Watched, cell: Cell, seconds: float, *, before: dict[Cell, float], follows: set[str],
    soon_s: float = SEEN_S,
) -> list[dict[Cell, float]]:
    """Empty once the cell has what was injected, and all else that has a colour is a part or a consequence of it, on
    the same member.  Else all the cells with a colour that were seen meanwhile."""
    allowed = {(cell[0], heading) for heading in {cell[1], *follows}}
    seen: list[dict[Cell, float]] = [{}]

    def is_named() -> bool:
        found = coloured(watched)
        if found != seen[-1]:
            seen.append(found)
        added = found.get(cell, 0.0) - before.get(cell, 0.0)
        return found.keys() <= allowed and abs(added - seconds) <= NEAR * seconds

    with contextlib.suppress(AssertionError):
        wait_until(is_named, seconds=soon_s)
        return []
    return seen


def calm(watched: Watched) -> dict[Cell, float]:
    """The table, once nothing in it has a colour."""

    def cells() -> dict[Cell, float]:
        return {} if coloured(watched) else watched.cells()

    try:
        return wait_until(cells, seconds=SEEN_S, what="a table without colour")
    except AssertionError as error:
        raise AssertionError(f"{error}: {coloured(watched)}") from None


def test_a_followers_slow_disk(watched: Watched) -> None:
    slow = others(leader_of(watched.ensemble))[0]
    with Writing(watched.ensemble):
        before = calm(watched)
        with slow_disk(watched.ensemble, slow):
            assert unlike(watched, (slow, "fsync"), SYNC_S, before=before, follows={"append", "stalled"}) == []


def test_a_slow_link_to_a_follower(watched: Watched) -> None:
    leader = leader_of(watched.ensemble)
    near, far = others(leader)
    with Writing(watched.ensemble):
        before = calm(watched)
        with slow_link(watched.links[far, leader]), slow_link(watched.links[far, near]):  # whoever leads
            assert unlike(watched, (far, "link to leader"), LINK_S, before=before, follows=set()) == []


def test_a_stopped_processor(watched: Watched) -> None:
    slow = others(leader_of(watched.ensemble))[0]
    with Writing(watched.ensemble):
        # It passes: a moment in which something else was slow too cannot be waited out.
        assert not all(stop_once(watched, slow) for _ in range(STOPS_MAX))


def stop_once(watched: Watched, member: int) -> list[dict[Cell, float]]:
    before = calm(watched)
    began_s = time.monotonic()
    with stopped(watched.ensemble, member, "processor-0"):
        threading.Event().wait(STOP_S)
    stopped_s = time.monotonic() - began_s
    return unlike(watched, (member, "stalled"), stopped_s, before=before, follows={"apply wait"}, soon_s=7)
