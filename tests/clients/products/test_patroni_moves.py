"""The guide in docs/migration.md with a live product: a PostgreSQL cluster that Patroni leads moves from genuine
ZooKeeper to Corral by `corral mirror`, and back by `corral export`, while somebody writes to it all the time."""

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.genuine_ensemble import GenuineEnsemble, genuine_ensemble
from tests.clients.products.patroni import DEADLINE_S, Node, becomes, has_rows, postgres_nodes, require_patroni
from tests.corral import Ensemble, Servers, connect_string, corral_ensemble
from tests.migration.mirroring import mirroring, once
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
LOG = logging.getLogger(__name__)  # --log-cli-level=INFO shows what docs/migration.md cites
MEMBERS = 3
WRITE_EVERY_S = 0.2


class Writer:
    """A client of PostgreSQL. Each row is acknowledged before the next one is sent."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.rows = 0
        self.refused: list[str] = []
        self.gap_s = 0.0  # the longest time between two acknowledgements

    def _write(self) -> None:
        last_s = time.monotonic()
        while not self._ends.wait(WRITE_EVERY_S):
            said = self._node.query("insert into written default values")
            if said.startswith("error"):
                self.refused.append(said)
                continue
            self.rows += 1
            self.gap_s, last_s = max(self.gap_s, time.monotonic() - last_s), time.monotonic()

    @contextmanager
    def writing(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._ends.set()
            self._thread.join()


class Steps:
    """How long each step of a move has taken."""

    def __init__(self, move: str) -> None:
        self._move = move
        self._began_s = self._last_s = time.monotonic()

    def done(self, what: str) -> None:
        now_s = time.monotonic()
        LOG.info("%s: %s: %.1f s, at %.1f s", self._move, what, now_s - self._last_s, now_s - self._began_s)
        self._last_s = now_s


def pause(leader: Node, nodes: list[Node]) -> None:
    """Patroni watches, and no longer decides; its PostgreSQL goes on without it."""
    leader.control("pause", "--wait", "pg")
    for node in nodes:
        node.stop()


def go_on(leader: Node, nodes: list[Node], servers: Servers) -> None:
    for node in nodes:
        node.write_config(servers.addresses)
        node.start()
    becomes(leader, "master")
    for node in nodes:
        if node is not leader:
            becomes(node, "replica")
    wait_until(
        lambda: all(node.says().get("pause") for node in nodes), seconds=DEADLINE_S, what="all know of the pause")
    leader.control("resume", "--wait", "pg")


def move_by_mirror(zookeeper: GenuineEnsemble, corral: Ensemble, leader: Node, nodes: list[Node]) -> None:
    steps = Steps("to Corral")
    sides = (connect_string(zookeeper.addresses), connect_string(corral.addresses))
    with mirroring(corral, *sides) as said:
        wait_until(lambda: any(line["event"] == "copied" for line in said), seconds=DEADLINE_S, what="a first copy")
        steps.done("first copy, followed from then on")
        pause(leader, nodes)
        steps.done("paused, Patroni stopped on every host")
    assert once(corral, *sides)["same"]
    steps.done("corral mirror --once: both are the same")
    go_on(leader, nodes, corral)
    steps.done("Patroni started with Corral's addresses, and resumed")


def move_by_export(corral: Ensemble, zookeeper: GenuineEnsemble, leader: Node, nodes: list[Node]) -> None:
    steps = Steps("to ZooKeeper")
    for member in range(1, MEMBERS + 1):
        zookeeper.stop(member)
        shutil.rmtree(zookeeper.home(member) / "version-2")
    pause(leader, nodes)
    steps.done("paused, Patroni stopped on every host")
    homes = [f"--to={zookeeper.home(member)}" for member in range(1, MEMBERS + 1)]
    corral.corral("export", str(corral.home(1) / "zoo.cfg"), *homes, "--end-sessions")
    steps.done("corral export")
    for member in range(1, MEMBERS + 1):
        zookeeper.launch(member)
    for member in range(1, MEMBERS + 1):
        zookeeper.await_serving(member)
    steps.done("ZooKeeper started")
    go_on(leader, nodes, zookeeper)
    steps.done("Patroni started with ZooKeeper's addresses, and resumed")


def lives(leader: Node) -> tuple[int, str, int]:
    """Of which PostgreSQL: another one, or one that was started again or promoted, has others."""
    return leader.postmaster(), leader.query("select pg_postmaster_start_time()"), leader.says()["timeline"]


def test_a_postgres_cluster_moves_to_corral_and_back_while_it_is_written_to(tmp_path: Path) -> None:
    require_patroni()
    with (
        genuine_ensemble(tmp_path / "zookeeper", members=MEMBERS) as zookeeper,
        corral_ensemble(tmp_path / "corral", members=MEMBERS) as corral,
        postgres_nodes(zookeeper.addresses, "a", "b") as nodes,
    ):
        first, second = nodes
        first.start()
        becomes(first, "master")
        second.start()
        becomes(second, "replica")
        first.query("create table written (n serial); create table t (v text); insert into t values ('before')")
        has_rows(second, "before")

        before, there = lives(first), Writer(first)
        with there.writing():
            move_by_mirror(zookeeper, corral, first, nodes)
        assert (lives(first), there.refused) == (before, [])
        LOG.info("to Corral: %d rows, longest gap %.1f s", there.rows, there.gap_s)

        first.switch_over(second.name)  # Corral it is that leads them
        becomes(second, "master")
        becomes(first, "replica")

        before, back = lives(second), Writer(second)
        with back.writing():
            move_by_export(corral, zookeeper, second, nodes)
        assert (lives(second), back.refused) == (before, [])
        LOG.info("to ZooKeeper: %d rows, longest gap %.1f s", back.rows, back.gap_s)

        for member in range(1, MEMBERS + 1):
            corral.stop(member)
        second.switch_over(first.name)
        becomes(first, "master")
        becomes(second, "replica")
        first.query("insert into t values ('after')")
        has_rows(second, "after,before")
        assert first.query("select count(*) from written") == str(there.rows + back.rows)
