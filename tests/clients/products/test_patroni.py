"""A product that stands on ZooKeeper: Patroni elects the leader of a PostgreSQL cluster, and another one when it dies,
by either kind of server."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.clients.products.patroni import BINARIES, PATRONI, Node, postgres_nodes
from tests.clients.programs.running import require
from tests.corral import Servers, corral_ensemble
from tests.waiting import wait_until

DEADLINE_S = 180
KAZOO = Path("/usr/lib/python3/dist-packages/kazoo")  # by which Patroni speaks
pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(params=["corral", "genuine"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    require(PATRONI, KAZOO, BINARIES, "setpriv", package="patroni python3-kazoo postgresql-15")
    if os.geteuid() != 0:
        pytest.skip("NOT RUN: it takes root to run PostgreSQL as its own user")
    start = genuine_ensemble if request.param == "genuine" else corral_ensemble
    started: AbstractContextManager[Servers] = start(tmp_path / "servers")
    with started as servers:
        yield servers


def becomes(node: Node, role: str) -> None:
    try:
        wait_until(lambda: node.role() == role, seconds=DEADLINE_S, what=f"{node.name} is {role}")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{node.log()[-3000:]}") from error


def has_rows(node: Node, rows: str) -> None:
    wait_until(lambda: node.query("select string_agg(v, ',' order by v) from t") == rows, seconds=DEADLINE_S,
               what=f"{node.name} has {rows}")


def test_a_postgres_cluster_elects_fails_over_and_switches_over(servers: Servers) -> None:
    with postgres_nodes(servers.addresses, "a", "b") as (first, second):
        first.start()
        becomes(first, "master")
        second.start()
        becomes(second, "replica")
        first.query("create table t (v text); insert into t values ('before')")
        has_rows(second, "before")

        first.kill()
        becomes(second, "master")
        second.query("insert into t values ('failover')")

        first.start()
        becomes(first, "replica")
        has_rows(first, "before,failover")

        second.switch_over(first.name)
        becomes(first, "master")
        becomes(second, "replica")
        first.query("insert into t values ('switchover')")
        has_rows(second, "before,failover,switchover")


def test_the_leader_stays_when_a_member_of_the_servers_dies(servers: Servers) -> None:
    with postgres_nodes(servers.addresses, "a", "b") as (first, second):
        first.start()
        becomes(first, "master")
        second.start()
        becomes(second, "replica")
        timeline = first.says()["timeline"]

        for member in (1, 2, 3):
            servers.kill(member)
            servers.start(member)

        becomes(first, "master")
        first.query("create table t (v text); insert into t values ('after')")
        has_rows(second, "after")
        assert first.says()["timeline"] == timeline
