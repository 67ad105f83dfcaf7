"""reconfig by an unmodified client, against genuine ZooKeeper and Corral: three members that change."""

from collections.abc import Iterator
from typing import Any

import pytest
from kazoo import exceptions
from kazoo.client import KazooClient

from tests.clients.conftest import SETTINGS
from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import Servers, corral_ensemble, kazoo_client
from tests.waiting import wait_until
from tests.wire_connection import Address, four_letter

CONFIG = "/zookeeper/config"
SUPER = [("digest", "super:test")]
RECONFIGURABLE = {
    **SETTINGS,
    "reconfigEnabled": "true",
    "DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
}


@pytest.fixture(scope="module", params=["genuine", "corral"])
def members(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Three, whose configuration each test leaves as it found it, but for its version."""
    start: Any = genuine_ensemble if request.param == "genuine" else corral_ensemble
    with start(tmp_path_factory.mktemp("reconfigured"), settings=RECONFIGURABLE, name=request.param) as started:
        yield started


@pytest.fixture
def zk(members: Servers) -> Iterator[KazooClient]:
    """A super user's, connected to the first member."""
    with kazoo_client(members.addresses[:1], auth_data=SUPER) as client:
        wait_until(lambda: client.get(CONFIG)[0], what="the configuration is there")
        yield client


def parsed(data: bytes) -> tuple[dict[int, str], int]:
    """The server lines, and the version."""
    *lines, last = data.decode().split("\n")
    assert last.startswith("version=")
    return {int(line[7:line.index("=")]): line[line.index("=") + 1:] for line in lines}, int(last[8:], 16)


def complete(zk: KazooClient, members: Servers) -> dict[int, str]:
    """The server lines, each with its port for clients, as a client must say it of who joins."""
    lines, _ = parsed(zk.get(CONFIG)[0])
    return {
        member: line if ";" in line else f"{line};{members.addresses[member - 1][0]}:{members.addresses[member - 1][1]}"
        for member, line in lines.items()}


def follower(members: Servers) -> int:
    """Not the first, to which the client is connected; and not the leader, whose leaving ends connections."""
    return next(
        number for number in (2, 3)
        if "Mode: follower" in four_letter(members.addresses[number - 1], "srvr"))


def test_the_config_node_names_the_members(zk: KazooClient) -> None:
    data, stat = zk.get(CONFIG)

    lines, version = parsed(data)
    assert list(lines) == [1, 2, 3]
    assert all(line.partition(";")[0].endswith(":participant") for line in lines.values())
    assert (stat.version, stat.mzxid) == (-1, version)
    assert zk.get_acls(CONFIG)[0][0].perms == 1


def test_a_member_leaves_and_joins_again_and_watchers_hear_of_it(zk: KazooClient, members: Servers) -> None:
    lines = complete(zk, members)
    leaving = follower(members)
    events: list[Any] = []
    zk.get(CONFIG, watch=events.append)

    data, stat = zk.reconfig(joining=None, leaving=str(leaving), new_members=None)

    left, version = parsed(data)
    assert left.keys() == {1, 2, 3} - {leaving}
    assert (stat.version, stat.mzxid) == (-1, version)
    assert zk.get(CONFIG)[0] == data
    wait_until(lambda: events, what="the watcher is told")
    assert [(event.type, event.path) for event in events] == [("CHANGED", CONFIG)]

    data, stat = zk.reconfig(
        joining=f"server.{leaving}={lines[leaving]}", leaving=None, new_members=None, from_config=version)

    joined, newer = parsed(data)
    assert joined[leaving] == lines[leaving]
    assert newer > version
    assert four_letter(members.addresses[0], "conf").endswith(f"membership: \n{data.decode()}")
    zk.create("/reconfigured", b"", ephemeral=True)


def test_the_whole_configuration_may_be_given(zk: KazooClient, members: Servers) -> None:
    lines = complete(zk, members)
    text = ",".join(f"server.{member}={line}" for member, line in lines.items())

    data, stat = zk.reconfig(joining=None, leaving=None, new_members=text)

    assert parsed(data) == (lines, stat.mzxid)


def test_an_observer_need_not_be_there(zk: KazooClient, members: Servers) -> None:
    observer = "10.0.0.10:2889:3888:observer;0.0.0.0:2181"
    data, _ = zk.reconfig(joining=f"server.100={observer}", leaving=None, new_members=None)
    assert parsed(data)[0][100] == observer

    data, _ = zk.reconfig(joining=None, leaving="100", new_members=None)
    assert list(parsed(data)[0]) == [1, 2, 3]


@pytest.mark.parametrize(("arguments", "error"), [
    ({"joining": "server.3=nonsense"}, exceptions.BadArgumentsError),
    ({"joining": "server.9=10.0.0.9:1:2"}, exceptions.BadArgumentsError),
    ({"joining": "three"}, exceptions.BadArgumentsError),
    ({"leaving": "three"}, exceptions.MarshallingError),
    ({"leaving": "1,2"}, exceptions.BadArgumentsError),
    ({"leaving": "3", "from_config": 12345}, exceptions.BadVersionError),
    ({"joining": ",".join(f"server.{n}=10.0.0.{n}:1:2;3" for n in (4, 5, 6))}, exceptions.NewConfigNoQuorumError),
])
def test_what_cannot_be_is_refused(zk: KazooClient, arguments: dict[str, Any], error: type[Exception]) -> None:
    before = zk.get(CONFIG)

    with pytest.raises(error):
        zk.reconfig(**({"joining": None, "leaving": None, "new_members": None} | arguments))

    assert zk.get(CONFIG) == before


def test_it_takes_a_right(members: Servers) -> None:
    with kazoo_client(members.addresses[:1]) as anyone, pytest.raises(exceptions.NoAuthError):
        anyone.reconfig(joining=None, leaving="3", new_members=None)


def test_members_that_follow_take_it_too(members: Servers) -> None:
    for address in members.addresses:
        with kazoo_client([address], auth_data=SUPER) as zk:
            lines = complete(zk, members)
            data, _ = zk.reconfig(joining=f"server.2={lines[2]}", leaving=None, new_members=None)
            assert parsed(data)[0][2] == lines[2]


def rows(address: Address, word: str, separator: str) -> dict[str, str]:
    lines = (line.partition(separator) for line in four_letter(address, word).splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def await_mode(address: Address, mode: str) -> None:
    wait_until(lambda: rows(address, "srvr", ":").get("Mode") == mode, seconds=60, what=f"it says that it is {mode}")


def counting(members: Servers, *, followers: str, observers: str) -> int:
    """The member that leads so many; 0 while none does."""
    for member, address in enumerate(members.addresses, start=1):
        told = rows(address, "mntr", "\t")
        if (told.get("zk_synced_followers"), told.get("zk_synced_observers")) == (followers, observers):
            return member
    return 0


def test_a_voter_becomes_an_observer_and_a_voter_again(zk: KazooClient, members: Servers) -> None:
    lines = complete(zk, members)
    member = follower(members)
    address = members.addresses[member - 1]
    observing = lines[member].replace(":participant;", ":observer;")

    data, _ = zk.reconfig(joining=f"server.{member}={observing}", leaving=None, new_members=None)
    assert parsed(data)[0][member] == observing
    await_mode(address, "observer")

    wait_until(
        lambda: rows(address, "mntr", "\t").items() >= {
            "zk_server_state": "observer", "zk_peer_state": "observing - broadcast"}.items(),
        what="it says so in each way")
    leader = wait_until(lambda: counting(members, followers="1", observers="1"), seconds=60, what="a leader counts it")
    wait_until(
        lambda: rows(address, "mntr", "\t").get("zk_observer_master_id") == str(leader), what="it observes that leader")
    with kazoo_client([address]) as client:
        path = client.create("/by-an-observer", b"", sequence=True)
        assert client.exists(path)
        assert zk.sync(path)
        assert zk.exists(path)

    data, _ = zk.reconfig(joining=f"server.{member}={lines[member]}", leaving=None, new_members=None)
    assert parsed(data)[0][member] == lines[member]
    await_mode(address, "follower")


def test_votes_count_by_groups_once_all_members_are_named_with_them(zk: KazooClient, members: Servers) -> None:
    lines = complete(zk, members)
    whole = "\n".join(f"server.{member}={line}" for member, line in lines.items())
    groups = "group.1=1:2:3\nweight.1=1\nweight.2=1\nweight.3=2"

    data, stat = zk.reconfig(joining=None, leaving=None, new_members=f"{whole}\n{groups}")
    assert data.decode() == f"{whole}\n{groups}\nversion={stat.mzxid:x}"
    assert zk.get(CONFIG)[0] == data
    with pytest.raises(exceptions.BadArgumentsError):
        zk.reconfig(joining=None, leaving="3", new_members=None)
    zk.create("/by-groups", b"", ephemeral=True)

    for wrong in ("group.1=1:2", "group.1=1:2:3\ngroup.2=3", "weight.1=2"):
        with pytest.raises(exceptions.BadArgumentsError):
            zk.reconfig(joining=None, leaving=None, new_members=f"{whole}\n{wrong}")

    data, _ = zk.reconfig(joining=None, leaving=None, new_members=whole)
    assert parsed(data)[0] == lines
