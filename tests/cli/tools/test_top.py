"""`corral top` shows what is asked of a running member, live and for scripts."""

import json
import subprocess
import sys
from typing import Any

import pytest

from node.cli.scrape import quantile
from node.cli.site import site_of_member, sites_of
from node.cli.top_reading import Verdicts, read_all, summary
from observability.admin.hot import counted
from observability.timeline import Write
from tests.cli.tools.terminal import ROOT, at_terminal
from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.fourletter.conftest import Pair
from tests.genuine import free_ports
from tests.waiting import wait_until

WRITES = 60


@pytest.fixture(scope="module")
def ensemble(shell_pair: Pair) -> Ensemble:
    assert isinstance(shell_pair.corral, Ensemble)
    return shell_pair.corral


@pytest.fixture(scope="module")
def server(ensemble: Ensemble) -> str:
    local = ensemble.local
    return str(site_of_member(local.config(local.members[0])))


def look(server: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "node", "top", "--once", "--json", "-d", "0.5", server], cwd=ROOT, capture_output=True,
        text=True, check=False, timeout=90)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["level"] == "ok" else 1), done.stderr
    return found


def test_the_members_paths_clients_stages_and_slow_writes_are_told(ensemble: Ensemble, server: str) -> None:
    root = fresh_root(ensemble)
    with kazoo_client(ensemble.addresses) as client:
        client.create(f"{root}/hot")
        for _ in range(WRITES):
            client.set(f"{root}/hot", b"value")

        def is_told() -> dict[str, Any] | None:
            """Telemetry hears of the last writes a moment later."""
            found = look(server)
            row = next((row for row in found["paths"] if row["path"] == f"{root}/hot"), {"writes": 0})
            return found if row["writes"] > WRITES else None

        found = wait_until(is_told, seconds=60, what="the path is among the hottest")

        (member,) = found["members"]
        assert (member["id"], member["role"]) == (1, "leader")
        assert f"0x{client.client_id[0]:x}" in [row["session"] for row in found["clients"]]
        assert found["quorum_slack"] == 0
        assert found["slow"][0]["total_s"] > 0
        assert found["slow"][0]["why"]


def test_stages_are_of_what_came_between_two_looks(ensemble: Ensemble, server: str) -> None:
    root = fresh_root(ensemble)
    with kazoo_client(ensemble.addresses, chroot=root) as client:
        before = read_all(sites_of([server]), 3)

        def committed() -> dict[str, Any] | None:
            client.create("/n-", sequence=True)
            found = summary(read_all(sites_of([server]), 3), before, 3, Verdicts())
            return found if found["stages"] else None

        stages = wait_until(committed, what="a write has been measured")["stages"]

    assert {stage["member"] for stage in stages} == {1}
    assert all(0 <= stage["p50_s"] <= stage["p99_s"] for stage in stages)


def test_a_member_that_does_not_answer_is_named(server: str) -> None:
    (dead,) = (f"127.0.0.1:{port}" for port in free_ports(1))

    found = look(f"{server},{dead}")

    assert found["level"] == "degraded"
    assert found["sentences"][0].startswith(f"{dead}: no answer: ")
    assert [row["role"] for row in found["members"]] == ["leader", "no answer"]


def test_a_person_looks_and_leaves(server: str) -> None:
    with at_terminal("top", server, "-d", "0.5", environment={}) as terminal:
        terminal.wait_for("corral top")
        terminal.wait_for("quorum slack")
        terminal.wait_for("leader")
        terminal.wait_for("Hottest paths")
        terminal.type("q")
        assert terminal.end() == 0


def test_the_newest_writes_are_counted_by_path_and_session() -> None:
    def write(zxid: int, path: str, session: int) -> Write:
        return Write(zxid=zxid, session=session, xid=1, op="setData", path=path, bytes=10, error=None, known=True)

    found = counted([write(9, "/a", 1), write(8, "/b", 2), write(7, "/a", 1), write(6, "", -1)], 2)

    assert found == {
        "writes": 4, "from": "0:6", "to": "0:9",
        "paths": [{"path": "/a", "writes": 2, "bytes": 20}, {"path": "/b", "writes": 1, "bytes": 10}],
        "sessions": [{"session": "0x1", "writes": 2}, {"session": "0x2", "writes": 1}]}


@pytest.mark.parametrize(("part", "value"), [(0.25, 1.5), (0.5, 2.0), (0.75, 2.5), (1.0, 3.0)])
def test_a_quantile_counts_only_what_came_between(part: float, value: float) -> None:
    before = {1.0: 100.0, 2.0: 100.0, 3.0: 100.0, float("inf"): 100.0}
    now = {1.0: 100.0, 2.0: 110.0, 3.0: 120.0, float("inf"): 120.0}

    assert quantile(part, now, before) == value
    assert quantile(part, before, before) is None
