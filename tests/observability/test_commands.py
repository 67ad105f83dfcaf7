"""/commands: ZooKeeper's keys, of this member's figures."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from observability.admin.commands import Commands, MemberFacts
from observability.endpoint import Request

FACTS = MemberFacts(
    id=1, version="3.8.0-corral-1", configuration={"client_port": 2181}, environment={"host.name": "zoo1"},
    properties={"zookeeper.tickTime": "2000"},
    places={1: ("zoo1:2888", "zoo1:3888", "zoo1:2181"), 2: ("zoo2:2888", "zoo2:3888", ""), 3: ("[::1]:2888", "", "")},
    voters=(1, 2), file="tickTime=2000\n")
LEADS = {"up": 1, "is_serving": 1, "is_leader": 1, "leader": 1, "committed_epoch": 2, "committed_counter": 5,
         "proposal_bytes": [40, 10, 90]}


LIVE = {
    "connections": [], "sessions": [], "watches_by_connection": [], "digests": [], "trace_mask": 306}


def ask(name: str, broadcast: dict[str, Any] | None = None) -> dict[str, Any]:
    figures = {"broadcast": LEADS if broadcast is None else broadcast,
               "processor-0": {"znodes": 5, "connections": 2, "executed_epoch": 2, "executed_counter": 4}}
    answer: dict[str, Any] = orjson.loads(
        Commands(FACTS, lambda: figures, lambda _: LIVE).routes()[f"/commands/{name}"](Request({})).body)
    return answer


def test_every_command_is_there_by_each_of_its_names_and_names_itself() -> None:
    names = orjson.loads(Commands(FACTS, dict).routes()["/commands"](Request({})).body)["commands"]

    assert {"monitor", "mntr", "srvr", "stat", "stats", "conf", "lead", "ruok", "isro", "zabstate"} <= set(names)
    for name in names:
        answer = ask(name)
        if answer["command"] == "set_trace_mask":  # which wants to know which
            continue
        assert answer["error"] is None
        assert ask(answer["command"]) == answer


def test_a_leader_says_that_it_leads() -> None:
    assert ask("leader") == {"is_leader": True, "leader_id": 1, "leader_ip": "zoo1", "command": "leader", "error": None}
    assert ask("monitor")["server_state"] == "leader"
    assert ask("monitor")["znode_count"] == 5
    state = ask("zabstate")
    assert (state["zab_epoch"], state["zab_counter"], state["last_zxid"]) == (2, 5, f"0x{(2 << 40) + 5:x}")
    assert (state["voting"], state["zabstate"], state["quorum_address"]) == (True, "broadcast", "zoo1:2888")


def test_statistics_have_zookeepers_keys() -> None:
    answer = ask("srvr")

    assert answer["proposal_stats"] == {"last_buffer_size": 40, "min_buffer_size": 10, "max_buffer_size": 90}
    assert answer["server_stats"]["num_alive_client_connections"] == 2
    assert answer["server_stats"]["last_processed_zxid"] == (2 << 40) + 4
    assert (answer["node_count"], answer["read_only"]) == (5, False)


@pytest.mark.parametrize(("broadcast", "state"), [
    ({"is_serving": 1, "leader": 2}, "follower"), ({"is_serving": 0}, "looking"), ({}, "looking")])
def test_a_member_is_what_its_broadcast_says(broadcast: dict[str, Any], state: str) -> None:
    assert ask("monitor", broadcast)["server_state"] == state
    assert ask("isro", broadcast)["read_only"] == (state == "looking")


def test_only_voters_stand_in_the_view_of_voters() -> None:
    assert sorted(ask("voting_view")["current_config"]) == ["1", "2"]


def test_where_no_processor_answers_what_only_these_know_is_unavailable() -> None:
    routes = Commands(FACTS, dict).routes()

    assert {name: routes[f"/commands/{name}"](Request({})).status for name in ("cons", "dump", "wchs", "ruok")} == {
        "cons": 503, "dump": 503, "wchs": 503, "ruok": 200}


def test_the_commands_may_be_elsewhere() -> None:
    assert "/admin/ruok" in Commands(FACTS, dict).routes("/admin")


def test_members_and_voters_are_those_of_now() -> None:
    now = replace(FACTS, places={1: ("zoo1:1", "zoo1:2", "zoo1:3"), 4: ("zoo4:1", "zoo4:2", "")}, voters=(4,))
    routes = Commands(FACTS, lambda: {"broadcast": LEADS | {"leader": 4}}, lambda _: LIVE, now=lambda: now).routes()

    def told(name: str) -> dict[str, Any]:
        answer: dict[str, Any] = orjson.loads(routes[f"/commands/{name}"](Request({})).body)
        return answer

    assert list(told("voting_view")["current_config"]) == ["4"]
    assert (told("zabstate")["voting"], told("zabstate")["quorum_address"]) == (False, "zoo1:1")
    assert told("leader")["leader_ip"] == "zoo4"


@pytest.mark.parametrize(("voters", "state"), [(1, "standalone"), (3, "leader")])
def test_who_leads_nobody_stands_alone(voters: int, state: str) -> None:
    assert ask("monitor", LEADS | {"voters": voters})["server_state"] == state
