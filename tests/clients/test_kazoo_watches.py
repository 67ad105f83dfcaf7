"""One-shot watches by kazoo: each fires once, for what it watches, before its client sees the change."""

from collections.abc import Callable

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from tests.clients.conftest import Connect
from tests.clients.watcher import CHANGED, CHILD, CREATED, DELETED, Seen
from tests.corral import Servers
from tests.wire import GET_DATA, Event, GetData, Reply, SetData, Sync
from tests.wire_connection import Connection

Change = Callable[[KazooClient], object]


def create_in_transaction(zk: KazooClient) -> None:
    with zk.transaction() as transaction:
        transaction.create("/p/new")


@pytest.fixture
def other(connect: Connect) -> KazooClient:
    return connect()


@pytest.mark.parametrize(
    ("change", "event"),
    [
        pytest.param(lambda zk: zk.set("/a", b"new"), (CHANGED, "/a"), id="set"),
        pytest.param(lambda zk: zk.set("/a", b""), (CHANGED, "/a"), id="set to the same"),
        pytest.param(lambda zk: zk.delete("/a"), (DELETED, "/a"), id="delete"),
    ],
)
@pytest.mark.parametrize("read", ["get", "exists"])
def test_a_data_watch_tells_of_a_change(
    zk: KazooClient, other: KazooClient, read: str, change: Change, event: tuple[str, str]
) -> None:
    zk.create("/a")
    seen = Seen()
    getattr(zk, read)("/a", watch=seen)

    change(other)

    assert seen.next() == event


def test_an_exists_watch_waits_for_the_node(zk: KazooClient, other: KazooClient) -> None:
    seen = Seen()
    assert zk.exists("/a", watch=seen) is None

    other.create("/a")

    assert seen.next() == (CREATED, "/a")


@pytest.mark.parametrize(
    ("change", "event"),
    [
        pytest.param(lambda zk: zk.create("/p/new"), (CHILD, "/p"), id="child created"),
        pytest.param(lambda zk: zk.delete("/p/c"), (CHILD, "/p"), id="child deleted"),
        pytest.param(lambda zk: create_in_transaction(zk), (CHILD, "/p"), id="transaction"),
    ],
)
@pytest.mark.parametrize("include_data", [False, True], ids=["children", "children2"])
def test_a_child_watch_tells_of_a_new_set_of_children(
    zk: KazooClient, other: KazooClient, include_data: bool, change: Change, event: tuple[str, str]
) -> None:
    zk.create("/p")
    zk.create("/p/c")
    seen = Seen()
    zk.get_children("/p", watch=seen, include_data=include_data)

    change(other)

    assert seen.next() == event


def test_a_child_watch_tells_that_its_node_is_gone(zk: KazooClient, other: KazooClient) -> None:
    zk.create("/p")
    seen = Seen()
    zk.get_children("/p", watch=seen)

    other.delete("/p")

    assert seen.next() == (DELETED, "/p")


def test_a_watch_fires_once(zk: KazooClient) -> None:
    zk.create("/a")
    seen = Seen()
    zk.get("/a", watch=seen)

    for number in range(10):
        zk.set("/a", str(number).encode())

    assert seen.all_until_now(zk) == [(CHANGED, "/a")]


def test_a_watch_is_deaf_to_everything_else(zk: KazooClient) -> None:
    zk.create("/p/c/leaf", makepath=True)
    data, child = Seen(), Seen()
    zk.get("/p", watch=data)
    zk.get_children("/p", watch=child)

    zk.set("/p/c", b"below")
    zk.create("/p/c/new")
    zk.set_acls("/p", zk.get_acls("/p")[0])
    zk.create("/beside")

    assert data.all_until_now(zk) == []
    assert child.all_until_now(zk) == []
    zk.create("/p/d")  # a new child is no change of the data
    zk.set("/p", b"")  # nor the other way round
    assert data.all_until_now(zk) == [(CHANGED, "/p")]
    assert child.all_until_now(zk) == [(CHILD, "/p")]


def test_a_failed_read_watches_nothing(zk: KazooClient) -> None:
    """Only `exists` watches what is not there."""
    seen = Seen()
    for read in (zk.get, zk.get_children):
        with pytest.raises(NoNodeError):
            read("/a", watch=seen)

    zk.create("/a")
    zk.create("/a/b")

    assert seen.all_until_now(zk) == []


def test_the_end_of_a_session_is_a_deletion(zk: KazooClient, other: KazooClient) -> None:
    other.create("/e", ephemeral=True)
    zk.sync("/e")
    data, child = Seen(), Seen()
    assert zk.exists("/e", watch=data)
    zk.get_children("/", watch=child)

    other.stop()

    assert data.next() == (DELETED, "/e")
    assert child.next() == (CHILD, "/")


def test_the_operations_of_a_transaction_tell_in_their_order(zk: KazooClient) -> None:
    zk.create("/a")
    zk.create("/b")
    seen = Seen()
    for path in ("/b", "/a", "/c"):
        zk.exists(path, watch=seen)

    transaction = zk.transaction()
    transaction.create("/c")
    transaction.set_data("/b", b"")
    transaction.delete("/a")
    transaction.commit()

    assert seen.all_until_now(zk) == [(CREATED, "/c"), (CHANGED, "/b"), (DELETED, "/a")]


def test_a_failed_transaction_tells_nothing(zk: KazooClient) -> None:
    zk.create("/a")
    seen = Seen()
    zk.get("/a", watch=seen)

    transaction = zk.transaction()
    transaction.set_data("/a", b"new")
    transaction.create("/a")
    transaction.commit()

    assert seen.all_until_now(zk) == []


def test_an_event_comes_before_the_reply_that_shows_its_change(
    servers: Servers, zk: KazooClient, root: str
) -> None:
    """On the wire, since kazoo hands events and replies to different threads."""
    path = f"{root}/a"
    zk.create("/a", b"0")
    with Connection.open(servers.addresses[0]) as reader, Connection.open(
        servers.addresses[1]
    ) as writer:
        for number in range(1, 51):
            value = str(number).encode()
            reader.call(Sync(path))
            reader.call(GetData(path, watch=True))
            writer.send(SetData(path, value))

            reader.send(Sync(path), GetData(path))
            told = shown = False
            while not shown:
                answer = reader.receive()
                told = told or isinstance(answer, Event)
                if isinstance(answer, Reply) and answer.opcode == GET_DATA:
                    shown = answer.body[0] == value
                    assert told or not shown
                    if not shown:
                        reader.send(GetData(path))
            assert isinstance(writer.receive(), Reply)


def test_the_event_of_an_own_write_comes_before_its_reply(
    servers: Servers, zk: KazooClient, root: str
) -> None:
    path = f"{root}/a"
    zk.create("/a", b"0")
    with Connection.open(servers.addresses[0]) as connection:
        connection.call(Sync(path))
        for _ in range(20):
            connection.call(GetData(path, watch=True))
            connection.send(SetData(path, b"new"), GetData(path))
            kinds = [type(connection.receive()) for _ in range(3)]
            assert kinds == [Event, Reply, Reply]


def test_many_clients_watch_one_node(zk: KazooClient, connect: Connect) -> None:
    zk.create("/a")
    watchers = [(connect(), Seen()) for _ in range(20)]
    for watcher, seen in watchers:
        watcher.sync("/a")
        watcher.get("/a", watch=seen)

    zk.set("/a", b"new")

    assert [seen.next() for _, seen in watchers] == [(CHANGED, "/a")] * 20
