"""Who is told of what, and when: semantics 15 to 20 of zookeeper-surface A1.8, of both kinds of server."""

import pytest

from tests.clients.conftest import Dial
from tests.clients.sessions import reattached
from tests.corral import Servers
from tests.genuine import RELEASE
from tests.later_requests import (
    ANY_WATCH,
    CHILDREN_WATCH,
    DATA_WATCH,
    PERSISTENT,
    PERSISTENT_WATCH,
    RECURSIVE,
    RECURSIVE_WATCH,
    AddWatch,
    CheckWatches,
    MultiRead,
    RemoveWatches,
    SetWatches2,
)
from tests.wire import (
    Create,
    Delete,
    Event,
    Exists,
    GetChildren,
    GetData,
    Reply,
    Request,
    SetAcl,
    SetData,
    SetWatches,
    Sync,
)
from tests.wire_connection import Connection

CREATED, DELETED, CHANGED, CHILD = 1, 2, 3, 4
NO_NODE, NO_WATCHER = -101, -121


@pytest.fixture
def zk(servers: Servers, dial: Dial, root: str) -> Connection:
    return dial(servers)


@pytest.fixture
def other(servers: Servers, dial: Dial, root: str) -> Connection:
    return dial(servers, 2)


def do(connection: Connection, *requests: Request) -> None:
    for request in requests:
        reply = connection.call(request)
        assert reply.err == 0, (request, reply)


def told(connection: Connection) -> list[tuple[int, str | None]]:
    """The events that were on their way when we asked."""
    connection.send(Sync("/"))
    events = []
    while isinstance(answer := connection.receive(), Event):
        events.append((answer.type, answer.path))
    assert isinstance(answer, Reply)
    return events


def test_15_exists_watches_what_is_not_there_and_other_reads_do_not(
    zk: Connection, other: Connection, root: str
) -> None:
    x, y = f"{root}/x", f"{root}/y"
    assert zk.call(Exists(x, watch=True)).err == NO_NODE
    assert zk.call(GetData(y, watch=True)).err == NO_NODE
    assert zk.call(GetChildren(y, watch=True)).err == NO_NODE

    do(other, Create(x), Create(y), Delete(y))

    assert told(zk) == [(CREATED, x)]


def test_16_an_event_comes_before_any_reply_that_shows_its_change(zk: Connection, other: Connection, root: str) -> None:
    do(zk, Create(f"{root}/x"), GetData(f"{root}/x", watch=True))
    zk.send(SetData(f"{root}/x", b"own"), GetData(f"{root}/x", watch=True))
    own = [zk.receive() for _ in range(3)]
    do(other, SetData(f"{root}/x", b"others"))
    zk.send(Sync(root), GetData(f"{root}/x"))
    others = [zk.receive() for _ in range(3)]

    assert [type(each) for each in own] == [Event, Reply, Reply]
    assert type(others[0]) is Event
    assert isinstance(others[2], Reply)
    assert others[2].body[0] == b"others"


def test_17_a_watch_set_twice_fires_once_and_data_and_children_are_apart(
    zk: Connection, other: Connection, root: str
) -> None:
    x = f"{root}/x"
    do(zk, Create(x), GetData(x, watch=True), Exists(x, watch=True), GetChildren(x, watch=True))

    do(other, SetData(x, b"1"), SetData(x, b"2"), Create(f"{x}/y"), Create(f"{x}/z"))

    assert told(zk) == [(CHANGED, x), (CHILD, x)]


def test_18_watches_are_a_connections_own_and_come_back_by_set_watches(
    servers: Servers, zk: Connection, other: Connection, root: str
) -> None:
    names = [f"{root}/n{number}" for number in range(4)]
    do(zk, *map(Create, names), *(GetData(name, watch=True) for name in names), Sync(root))
    zk.close()

    with reattached(zk, servers.addresses[0]) as back:
        back.send(SetWatches(zk.zxid_seen, data=tuple(names[:2])), SetWatches(zk.zxid_seen, data=tuple(names[2:3])))
        assert [type(back.receive()) for _ in range(2)] == [Reply, Reply]
        do(other, *(SetData(name) for name in names))

        assert told(back) == [(CHANGED, name) for name in names[:3]]


def test_19_what_was_missed_is_told_but_not_to_persistent_watches(
    servers: Servers, zk: Connection, other: Connection, root: str
) -> None:
    a, b, c, d, e = (f"{root}/{name}" for name in "abcde")
    do(zk, *map(Create, (a, b, c, e)), Sync(root))
    zk.close()
    do(other, SetData(a), Delete(b), Create(f"{c}/x"), Create(d), Delete(e), Create(e))

    with reattached(zk, servers.addresses[0]) as back:
        do(back, Sync(root))
        back.send(SetWatches2(zk.zxid_seen, data=(a, b, e), exist=(d,), child=(c,), persistent=(a,), recursive=(c,)))
        events = told_until_reply(back)
        assert sorted(events, key=str) == sorted(
            [(CHANGED, a), (DELETED, b), (CREATED, d), (CHILD, c), (CHANGED, e)], key=str)
        do(other, SetData(a), SetData(a), SetData(f"{c}/x"))

        assert told(back) == [(CHANGED, a), (CHANGED, a), (CHANGED, f"{c}/x")]


def told_until_reply(connection: Connection) -> list[tuple[int, str | None]]:
    events = []
    while isinstance(answer := connection.receive(), Event):
        assert answer.zxid == -1
        events.append((answer.type, answer.path))
    assert isinstance(answer, Reply)
    assert answer.err == 0
    return events


def test_20_watches_are_removed_by_kind_and_of_one_connection(zk: Connection, other: Connection, root: str) -> None:
    x = f"{root}/x"
    do(zk, Create(x))
    do(other, Sync(root))
    for watcher in (zk, other):
        do(watcher, GetData(x, watch=True), GetChildren(x, watch=True))

    do(zk, CheckWatches(x, DATA_WATCH), RemoveWatches(x, DATA_WATCH), CheckWatches(x, CHILDREN_WATCH))
    assert zk.call(RemoveWatches(x, DATA_WATCH)).err == NO_WATCHER
    do(zk, RemoveWatches(x, ANY_WATCH))
    assert zk.call(CheckWatches(x, ANY_WATCH)).err == NO_WATCHER
    do(zk, SetData(x), Create(f"{x}/y"))

    assert told(zk) == []
    assert told(other) == [(CHANGED, x), (CHILD, x)]


# --- A1.7 -------------------------------------------------------------------------------------------------------------


def test_a_persistent_watch_hears_of_its_node_and_its_children_again_and_again(
    zk: Connection, other: Connection, root: str
) -> None:
    x = f"{root}/x"
    assert zk.call(AddWatch(x, PERSISTENT)).body == (0,)

    do(other, Create(x), SetData(x), SetData(x), Create(f"{x}/y"), SetData(f"{x}/y"), Delete(f"{x}/y"), Delete(x))

    assert told(zk) == [(CREATED, x), (CHANGED, x), (CHANGED, x), (CHILD, x), (CHILD, x), (DELETED, x)]


def test_a_recursive_watch_hears_of_all_below_but_of_no_children_changed(
    zk: Connection, other: Connection, root: str
) -> None:
    x = f"{root}/x"
    do(zk, AddWatch(x, RECURSIVE))

    do(other, Create(x), Create(f"{x}/y"), SetData(f"{x}/y"), Create(f"{x}x"), Delete(f"{x}/y"), Delete(x))

    assert told(zk) == [(CREATED, x), (CREATED, f"{x}/y"), (CHANGED, f"{x}/y"), (DELETED, f"{x}/y"), (DELETED, x)]


def test_a_persistent_watch_is_removed_as_any_other(zk: Connection, other: Connection, root: str) -> None:
    for path, mode in ((f"{root}/x", PERSISTENT), (f"{root}/y", RECURSIVE)):
        do(zk, AddWatch(path, mode), CheckWatches(path, ANY_WATCH), RemoveWatches(path, ANY_WATCH))
        assert zk.call(CheckWatches(path, ANY_WATCH)).err == NO_WATCHER
        do(other, Create(path))

    assert told(zk) == []


def skip_before_3_9(servers: Servers) -> None:
    if servers.name == "genuine" and RELEASE == "3.8":
        pytest.skip("since ZooKeeper 3.9")


def test_a_path_may_have_a_watch_of_each_kind_from_3_9_on(
    servers: Servers, zk: Connection, other: Connection, root: str
) -> None:
    skip_before_3_9(servers)
    x = f"{root}/x"
    do(zk, Create(x), AddWatch(x, PERSISTENT), CheckWatches(x, PERSISTENT_WATCH))
    assert zk.call(CheckWatches(x, DATA_WATCH)).err == zk.call(CheckWatches(x, RECURSIVE_WATCH)).err == NO_WATCHER
    do(zk, AddWatch(x, RECURSIVE), GetData(x, watch=True), CheckWatches(x, DATA_WATCH), CheckWatches(x, ANY_WATCH))

    do(other, Sync(root), SetData(x))
    assert told(zk) == [(CHANGED, x)]
    assert zk.call(CheckWatches(x, DATA_WATCH)).err == NO_WATCHER
    do(zk, RemoveWatches(x, PERSISTENT_WATCH), CheckWatches(x, RECURSIVE_WATCH))
    do(other, SetData(x), Create(f"{x}/y"))

    assert told(zk) == [(CHANGED, x), (CREATED, f"{x}/y")]


def test_an_event_tells_the_zxid_of_its_change_from_3_9_on(servers: Servers, zk: Connection, root: str) -> None:
    skip_before_3_9(servers)
    do(zk, Create(f"{root}/x"), GetData(f"{root}/x", watch=True))
    zk.send(SetData(f"{root}/x"))
    event, reply = zk.receive(), zk.receive()

    assert isinstance(event, Event)
    assert isinstance(reply, Reply)
    assert event.zxid == reply.zxid


def test_set_acl_tells_nobody(zk: Connection, root: str) -> None:
    do(zk, Create(f"{root}/x"), AddWatch(f"{root}/x"), SetAcl(f"{root}/x"))

    assert told(zk) == []


def test_a_multi_read_gives_each_read_its_own_error_and_watches_nothing(zk: Connection, root: str) -> None:
    x = f"{root}/x"
    do(zk, Create(x, data=b"1"), Create(f"{x}/y"))

    reply = zk.call(MultiRead((GetData(x, watch=True), GetChildren(f"{root}/absent"), GetChildren(x, watch=True))))
    do(zk, SetData(x), Create(f"{x}/z"))

    data, failed, children = reply.body
    assert (data.err, data.body[0]) == (0, b"1")
    assert failed.body == (NO_NODE,)
    assert children.body == (("y",),)
    assert told(zk) == []
