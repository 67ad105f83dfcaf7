"""Sessions by kazoo: they move between members, and end when nobody holds them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from kazoo.client import KazooClient

from tests.clients.conftest import Connect, without
from tests.clients.sessions import reattached
from tests.corral import ROOT, Servers, connect_string
from tests.waiting import wait_until
from tests.wire import Create, Exists, GetData, SetData, Sync
from tests.wire_connection import Connection

HOLDER = """
import sys, threading
from kazoo.client import KazooClient
hosts, path, timeout_s = sys.argv[1:]
client = KazooClient(hosts, timeout=float(timeout_s))
client.start(timeout=30)
client.create(path, ephemeral=True)
print(client.client_id[0], flush=True)
threading.Event().wait()
"""

EXPIRY_S = 30.0  # for sessions of 2 s


@pytest.fixture
def hold(servers: Servers) -> Iterator[Callable[[str, float], "subprocess.Popen[str]"]]:
    """Starts a process whose session owns an ephemeral; returns once it does."""
    holders: list[subprocess.Popen[str]] = []

    def held(path: str, timeout_s: float) -> "subprocess.Popen[str]":
        hosts = connect_string(servers.addresses)
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, hosts, path, str(timeout_s)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline().strip()
        return holder

    yield held
    for holder in holders:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()


def is_there(zk: KazooClient, path: str) -> bool:
    zk.sync(path)
    return zk.exists(path) is not None


def is_gone(zk: KazooClient, path: str) -> bool:
    return not is_there(zk, path)


def test_a_session_whose_client_was_killed_ends_with_its_ephemerals(
    zk: KazooClient, root: str, hold: Callable[[str, float], "subprocess.Popen[str]"]
) -> None:
    holder = hold(f"{root}/e", 2.0)
    assert is_there(zk, "/e")

    holder.kill()

    wait_until(partial(is_gone, zk, "/e"), seconds=EXPIRY_S, what="the ephemeral is gone")


def test_a_session_that_lives_outlives_one_that_was_killed(
    zk: KazooClient, root: str, hold: Callable[[str, float], "subprocess.Popen[str]"]
) -> None:
    """Idle but for its pings, over several of its timeouts."""
    hold(f"{root}/alive", 2.0)
    for number in range(3):
        hold(f"{root}/e{number}", 2.0).kill()
        wait_until(partial(is_gone, zk, f"/e{number}"), seconds=EXPIRY_S)

    assert is_there(zk, "/alive")


@pytest.mark.parametrize(("asked", "granted"), [(1, 2000), (5000, 5000), (10**9, 40_000)])
def test_a_timeout_is_granted_within_bounds(servers: Servers, asked: int, granted: int) -> None:
    for address in servers.addresses:
        with Connection.to(address) as connection:
            connection.send_handshake(timeout_ms=asked)
            handshake = connection.receive_handshake()
            assert handshake is not None
            assert handshake.timeout_ms == granted


def test_a_session_moves_when_its_member_stops(servers: Servers, connect: Connect) -> None:
    first, second = servers.addresses[:2]
    zk = connect(addresses=[first, second], randomize_hosts=False)
    session = zk.client_id
    zk.create("/e", b"mine", ephemeral=True)

    with without(servers, 1):
        assert zk.retry(zk.get, "/e")[0] == b"mine"
        assert zk.client_id == session
        zk.retry(zk.set, "/e", b"still mine")
        assert zk.exists("/e").ephemeralOwner == session[0]


def test_a_session_moves_and_keeps_what_it_wrote(servers: Servers, root: str) -> None:
    """From member to member, each time reading there what was written last."""
    connection = Connection.open(servers.addresses[0])
    session_id = connection.session_id
    connection.call(Create(f"{root}/e", b"0", flags=1))
    for number in range(1, 13):
        value = str(number).encode()
        connection.call(SetData(f"{root}/e", value))
        connection.close()
        connection = reattached(connection, servers.addresses[number % 3])
        assert connection.session_id == session_id
        assert connection.call(GetData(f"{root}/e")).body[0] == value
    connection.close()


@pytest.mark.parametrize("member", [1, 2], ids=["on the same member", "on another member"])
def test_a_session_has_one_connection(servers: Servers, root: str, member: int) -> None:
    first = Connection.open(servers.addresses[0])
    moved = Connection.to(servers.addresses[member - 1])
    moved.send_handshake(session_id=first.session_id, password=first.password)
    handshake = moved.receive_handshake()
    assert handshake is not None
    assert handshake.session_id == first.session_id
    assert moved.call(Create(f"{root}/a")).err == 0
    with Connection.open(servers.addresses[0]) as there:
        # A genuine member gives its own connection the answer to a request of that session and xid, whoever asked.
        there.call(Sync(root))
        assert there.call(Exists(f"{root}/a")).err == 0

    first.send(Create(f"{root}/b"))  # by the old connection: no longer the session's

    assert first.receive() is None
    assert moved.call(Exists(f"{root}/b")).err != 0
    first.close()
    moved.close()


@pytest.mark.parametrize("member", [1, 2, 3])
def test_a_session_is_refused_to_who_does_not_know_its_password(
    servers: Servers, member: int
) -> None:
    with Connection.open(servers.addresses[0]) as owner, Connection.to(
        servers.addresses[member - 1]
    ) as thief:
        thief.send_handshake(session_id=owner.session_id, password=b"guessed-password")
        handshake = thief.receive_handshake()
        assert handshake is not None
        assert (handshake.timeout_ms, handshake.session_id) == (0, 0)
        assert thief.receive_frame() is None

        if not servers.name.startswith("genuine"):  # which closes the owner's connection too
            assert owner.call(Exists("/")).err == 0


def test_a_session_that_has_ended_does_not_come_back(
    servers: Servers, connect: Connect
) -> None:
    first = connect()
    session = first.client_id
    first.stop()
    # As a program does that kept the id over its own restart.
    late = KazooClient(connect_string(servers.addresses), client_id=session)

    late.start(timeout=20)

    assert late.client_id[0] not in (0, session[0])
    late.stop()
    late.close()


def test_a_client_from_the_future_is_sent_away(servers: Servers) -> None:
    """It has seen what this server has not: another one may have."""
    with Connection.to(servers.addresses[0]) as connection:
        connection.send_handshake(zxid_seen=2**62)
        assert connection.receive_handshake() is None
