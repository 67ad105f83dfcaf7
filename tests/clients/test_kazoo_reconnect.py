"""A lost connection by kazoo: the session and what it watches go on as if nothing had happened."""

import queue
from collections.abc import Iterator

import pytest
from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState

from tests.clients.conftest import Connect, without
from tests.clients.proxy import Proxy
from tests.corral import Servers
from tests.waiting import wait_until

EVENT_S = 20.0


@pytest.fixture
def wire(servers: Servers) -> Iterator[Proxy]:
    with Proxy(servers.addresses[0]) as proxy:
        yield proxy
        proxy.mend()


@pytest.fixture
def cut_off(wire: Proxy, connect: Connect) -> KazooClient:
    """A client whose connection goes over the wire."""
    return connect(addresses=[wire.address])


def cut(wire: Proxy, client: KazooClient) -> None:
    """Returns once the client knows."""
    wire.cut()
    wait_until(lambda: client.state == KazooState.SUSPENDED, what="the client is cut off")


def mend(wire: Proxy, client: KazooClient) -> None:
    wire.mend()
    wait_until(lambda: client.state == KazooState.CONNECTED, what="the client is back")


def test_the_session_and_its_ephemerals_outlive_the_connection(
    zk: KazooClient, cut_off: KazooClient, wire: Proxy
) -> None:
    session = cut_off.client_id
    cut_off.create("/e", ephemeral=True)

    cut(wire, cut_off)
    mend(wire, cut_off)

    assert cut_off.client_id == session
    assert cut_off.exists("/e").ephemeralOwner == session[0]
    zk.sync("/e")
    assert zk.exists("/e")


def test_a_data_watch_learns_what_happened_while_its_client_was_away(
    zk: KazooClient, cut_off: KazooClient, wire: Proxy
) -> None:
    zk.create("/a", b"before")
    cut_off.sync("/a")
    seen: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    cut_off.DataWatch("/a", lambda data, _stat: seen.put(data))
    assert seen.get(timeout=EVENT_S) == b"before"

    cut(wire, cut_off)
    zk.set("/a", b"missed")
    mend(wire, cut_off)

    assert seen.get(timeout=EVENT_S) == b"missed"
    zk.set("/a", b"after")
    assert seen.get(timeout=EVENT_S) == b"after"


def test_a_children_watch_goes_on_with_another_member(servers: Servers, connect: Connect) -> None:
    first, second, third = servers.addresses
    zk = connect(addresses=[third])
    mover = connect(addresses=[first, second], randomize_hosts=False)
    zk.create("/p")
    mover.sync("/p")
    seen: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    mover.ChildrenWatch("/p", lambda children: seen.put(children))
    assert seen.get(timeout=EVENT_S) == []

    with without(servers, 1):
        zk.retry(zk.create, "/p/a")
        assert seen.get(timeout=EVENT_S) == ["a"]
        zk.retry(zk.create, "/p/b")
        assert sorted(seen.get(timeout=EVENT_S)) == ["a", "b"]


def test_a_lock_is_kept_over_a_lost_connection(
    zk: KazooClient, cut_off: KazooClient, wire: Proxy
) -> None:
    lock = cut_off.Lock("/lock", "first")
    lock.acquire(timeout=EVENT_S)

    cut(wire, cut_off)
    assert not zk.Lock("/lock", "second").acquire(blocking=False)
    mend(wire, cut_off)

    assert not zk.Lock("/lock", "second").acquire(blocking=False)
    lock.release()
    assert zk.Lock("/lock", "second").acquire(timeout=EVENT_S)
