"""A product that stands on ZooKeeper: Patroni elects the leader of a PostgreSQL cluster, and another one when it dies,
by either kind of server."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.clients.products.patroni import becomes, has_rows, postgres_nodes, require_patroni
from tests.corral import Servers, corral_ensemble

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(params=["corral", "genuine"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    require_patroni()
    start = genuine_ensemble if request.param == "genuine" else corral_ensemble
    started: AbstractContextManager[Servers] = start(tmp_path / "servers")
    with started as servers:
        yield servers


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
