"""What the admin HTTP and the word conf say of the members, at once after a reconfiguration, without a restart."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.secured import SUPER_DIGEST
from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.waiting import wait_until
from tests.wire_connection import four_letter

SUPER = [("digest", "super:test")]
OBSERVER = "10.0.0.10:2889:3888:observer;0.0.0.0:2181"


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """Two, of whom the second votes no more, and one that is not there."""
    settings = {
        "reconfigEnabled": "true", "standaloneEnabled": "false",
        "DigestAuthenticationProvider.superDigest": SUPER_DIGEST}
    with corral_ensemble(tmp_path_factory.mktemp("members"), members=2, settings=settings) as started, \
            kazoo_client(started.addresses[:1], auth_data=SUPER) as client:
        lines = wait_until(lambda: client.get("/zookeeper/config")[0], what="the configuration is there").decode()
        (line,) = [each for each in lines.split("\n") if each.startswith("server.2=")]
        joining = f"{line.replace(':participant', ':observer')},server.100={OBSERVER}"
        data, _ = client.reconfig(joining=joining, leaving=None, new_members=None)
        with kazoo_client(started.addresses[1:]) as other:
            wait_until(lambda: other.get("/zookeeper/config")[0] == data, what="the second member knows it, too")
        yield started


def ask(ensemble: Ensemble, member: int, name: str) -> dict[str, Any]:
    return get(ensemble, member, f"/commands/{name}")


def get(ensemble: Ensemble, member: int, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(ensemble.admin(member, path), timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def told(ensemble: Ensemble, member: int) -> dict[str, str]:
    lines = (line.partition("=") for line in four_letter(ensemble.addresses[member - 1], "conf").splitlines())
    return {name: value for name, _, value in lines}


@pytest.mark.parametrize("member", [1, 2])
def test_conf_has_the_members_as_the_config_node_has_them(ensemble: Ensemble, member: int) -> None:
    with kazoo_client(ensemble.addresses) as client:
        lines = client.get("/zookeeper/config")[0].decode().split("\n")

    assert [*map("=".join, list(told(ensemble, member).items())[-len(lines):])] == lines
    assert told(ensemble, member)["server.100"] == OBSERVER
    assert told(ensemble, member)["peerType"] == str(member - 1)


@pytest.mark.parametrize("member", [1, 2])
def test_voters_are_those_who_vote_now(ensemble: Ensemble, member: int) -> None:
    assert list(ask(ensemble, member, "voting_view")["current_config"]) == ["1"]
    assert ask(ensemble, member, "zabstate")["voting"] is (member == 1)


def test_each_commands_addresses_are_of_now(ensemble: Ensemble) -> None:
    state = ask(ensemble, 2, "zabstate")
    host, port = ensemble.addresses[1]

    assert state["client_address"] == f"{host}:{port}"
    wait_until(lambda: ask(ensemble, 2, "leader")["leader_ip"] == host, what="telemetry has heard who leads")


@pytest.mark.parametrize("member", [1, 2])
def test_the_page_shows_the_members_of_now(ensemble: Ensemble, member: int) -> None:
    def shown() -> bool:
        return [each["id"] for each in get(ensemble, member, "/status")["members"]] == [1, 2, 100]

    wait_until(shown, seconds=60, what="telemetry has asked who they are")
