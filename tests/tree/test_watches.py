"""Who is told of what, once, and before any reply that shows it (A1.7, A1.8 rules 15 to 20)."""

import pytest

from node.tree.acl import encode_identities
from node.tree.watches import EventType, WatcherType, Watches
from tests.tree.ensemble import IDENTITIES, IP, OPEN, Client, Ensemble, creating, deleting, setting
from transport.errors import Err
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    AddWatchRequest,
    CheckWatchesRequest,
    Id,
    SetWatches,
    SetWatches2,
)

CREATED, DELETED, CHANGED, CHILDREN = (int(kind) for kind in EventType)


@pytest.fixture
def client() -> Client:
    return Ensemble().client(1)


def events(client: Client) -> list[tuple[list[int], int, bytes]]:
    return client.ensemble.sink.take_events()


def test_exists_watches_a_node_that_is_not_there_yet(client: Client) -> None:
    client.exists(b"/a", watch=True)
    client.create(b"/a")
    client.set(b"/a", b"x")

    assert events(client) == [([1], CREATED, b"/a")]


def test_get_and_children_of_a_missing_node_watch_nothing(client: Client) -> None:
    client.get(b"/a", watch=True)
    client.children(b"/a", watch=True)
    client.create(b"/a")

    assert events(client) == []


def test_a_data_watch_fires_once_however_often_it_was_set(client: Client) -> None:
    client.create(b"/a")
    client.get(b"/a", watch=True)
    client.exists(b"/a", watch=True)
    client.get(b"/a", watch=True)
    client.set(b"/a", b"1")
    client.set(b"/a", b"2")

    assert events(client) == [([1], CHANGED, b"/a")]


def test_a_child_watch_hears_of_creates_and_deletes_not_of_data(client: Client) -> None:
    client.create(b"/a")
    client.children(b"/a", watch=True)
    client.set(b"/a", b"1")
    assert events(client) == []
    client.create(b"/a/b")
    assert events(client) == [([1], CHILDREN, b"/a")]

    client.children(b"/a", watch=True)
    client.delete(b"/a/b")
    assert events(client) == [([1], CHILDREN, b"/a")]


def test_a_child_of_the_root_tells_those_who_watch_the_root(client: Client) -> None:
    client.children(b"/", watch=True)
    client.create(b"/a")
    assert events(client) == [([1], CHILDREN, b"/")]


def test_a_deletion_is_told_once_to_who_watches_both_data_and_children(client: Client) -> None:
    other = client.ensemble.client(2)
    client.create(b"/a")
    client.get(b"/a", watch=True)
    client.children(b"/a", watch=True)
    other.children(b"/a", watch=True)
    client.children(b"/", watch=True)
    client.delete(b"/a")

    assert events(client) == [([1, 2], DELETED, b"/a"), ([1], CHILDREN, b"/")]


def test_set_acl_tells_nobody(client: Client) -> None:
    client.create(b"/a")
    client.get(b"/a", watch=True)
    client.set_acl(b"/a", OPEN)
    assert events(client) == []


def test_the_event_comes_before_the_reply_of_the_write(client: Client) -> None:
    client.create(b"/a")
    client.get(b"/a", watch=True)
    client.ensemble.sink.heard.clear()
    client.set(b"/a", b"1")

    assert client.ensemble.sink.heard == [("event", (1,), b"/a"), ("reply", 1, 0)]


def test_watchers_hear_of_writes_that_came_through_other_members(client: Client) -> None:
    stranger = client.ensemble.client(8, member=2)
    client.create(b"/a")
    client.get(b"/a", watch=True)
    stranger.ensemble.submit([stranger.request(*setting(b"/a", b"x"))], member=2)

    assert events(client) == [([1], CHANGED, b"/a")]


def test_the_events_of_a_multi_come_in_its_order(client: Client) -> None:
    client.create(b"/a")
    client.get(b"/a", watch=True)
    client.exists(b"/b", watch=True)
    client.children(b"/", watch=True)
    client.multi(setting(b"/a", b"1"), creating(b"/b"), deleting(b"/b"))

    assert events(client) == [([1], CHANGED, b"/a"), ([1], CREATED, b"/b"), ([1], CHILDREN, b"/")]


def test_the_watches_of_a_lost_connection_are_gone(client: Client) -> None:
    watches = client.ensemble.replica.watches
    client.exists(b"/a", watch=True)
    client.children(b"/", watch=True)
    watches.drop(1)
    client.create(b"/a")

    assert events(client) == []
    assert (watches.total, watches.paths, watches.connections) == (0, 0, 0)


def test_used_up_watches_leave_nothing_behind(client: Client) -> None:
    watches = client.ensemble.replica.watches
    client.exists(b"/a", watch=True)
    assert (watches.total, watches.paths, watches.connections, watches.by_connection()) == (1, 1, 1, {1: [b"/a"]})

    client.create(b"/a")

    assert (watches.total, watches.paths, watches.connections, watches.by_connection()) == (0, 0, 0, {})


def test_who_may_not_read_a_node_is_not_told_but_has_used_the_watch_up(client: Client) -> None:
    insider = client.ensemble.client(2, identities=encode_identities((IP, (b"digest", b"u:h"))))
    secret = [ACL(31, Id(b"auth", b""))]
    for each in (client, insider):
        each.exists(b"/secret", watch=True)
    client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/", 1))

    insider.create(b"/secret", acl=secret)
    for each in (client, insider):
        each.exists(b"/secret", watch=True)
    insider.delete(b"/secret")

    assert events(client) == [([2], CREATED, b"/secret"), ([2], DELETED, b"/secret")]
    assert client.ensemble.replica.watches.by_connection() == {1: [b"/"]}


# --- after a reconnect ------------------------------------------------------------------------------------------


def test_set_watches_tells_what_was_missed_and_sets_the_rest(client: Client) -> None:
    for path in (b"/data", b"/kids", b"/same"):
        client.create(path)
    seen = client.ensemble.replica.zxid
    client.set(b"/data", b"x")
    client.create(b"/kids/new")
    client.create(b"/born")

    reply = client.read(OpCode.SET_WATCHES, SetWatches(
        seen, [b"/data", b"/gone", b"/same"], [b"/born", b"/unborn"], [b"/kids", b"/gone", b"/same"]))

    assert reply == b""
    assert all(zxid == -1 for *_, zxid in client.ensemble.sink.events)
    assert events(client) == [
        ([1], CHANGED, b"/data"), ([1], DELETED, b"/gone"), ([1], CREATED, b"/born"),
        ([1], CHILDREN, b"/kids"), ([1], DELETED, b"/gone")]
    client.multi(setting(b"/same", b"x"), creating(b"/same/kid"), creating(b"/unborn"))
    assert events(client) == [
        ([1], CHANGED, b"/same"), ([1], CHILDREN, b"/same"), ([1], CREATED, b"/unborn")]


def test_set_watches_with_a_null_in_it_is_a_marshalling_error(client: Client) -> None:
    for request in (SetWatches(0, None, [], []), SetWatches(0, [None], [], [])):
        assert client.read(OpCode.SET_WATCHES, request) is Err.MARSHALLING_ERROR


# --- persistent and recursive -----------------------------------------------------------------------------------


def test_a_persistent_watch_stays_and_hears_of_data_and_children(client: Client) -> None:
    assert client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/a", 0)) == b"\0\0\0\0"
    client.create(b"/a")
    client.set(b"/a", b"1")
    client.create(b"/a/b")
    client.set(b"/a/b", b"1")
    client.multi(deleting(b"/a/b"), deleting(b"/a"))

    assert events(client) == [
        ([1], CREATED, b"/a"), ([1], CHANGED, b"/a"), ([1], CHILDREN, b"/a"), ([1], CHILDREN, b"/a"),
        ([1], DELETED, b"/a")]


def test_a_recursive_watch_hears_of_everything_below_but_of_no_children(client: Client) -> None:
    client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/a", 1))
    client.create(b"/a")
    client.create(b"/a/b")
    client.set(b"/a/b", b"1")
    client.create(b"/ab")
    client.delete(b"/a/b")

    assert events(client) == [
        ([1], CREATED, b"/a"), ([1], CREATED, b"/a/b"), ([1], CHANGED, b"/a/b"), ([1], DELETED, b"/a/b")]


def test_several_kinds_on_one_path_make_one_event(client: Client) -> None:
    client.create(b"/a")
    client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/a", 0))
    client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/", 1))
    client.get(b"/a", watch=True)
    client.set(b"/a", b"1")
    client.set(b"/a", b"2")

    assert events(client) == [([1], CHANGED, b"/a"), ([1], CHANGED, b"/a")]


def test_an_unknown_mode_is_a_marshalling_error(client: Client) -> None:
    assert client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/a", 2)) is Err.MARSHALLING_ERROR


def test_set_watches2_sets_persistent_ones_again(client: Client) -> None:
    client.read(OpCode.SET_WATCHES2, SetWatches2(0, [], [], [], [b"/a"], [b"/b"]))
    client.create(b"/a")
    client.create(b"/b")
    client.create(b"/b/c")

    assert events(client) == [([1], CREATED, b"/a"), ([1], CREATED, b"/b"), ([1], CREATED, b"/b/c")]


def test_watches_are_removed_by_kind_and_of_one_connection(client: Client) -> None:
    other = client.ensemble.client(2)
    client.create(b"/a")
    client.get(b"/a", watch=True)
    client.children(b"/a", watch=True)
    other.get(b"/a", watch=True)

    def ask(op: int, kind: WatcherType) -> object:
        return client.read(op, CheckWatchesRequest(b"/a", kind))

    assert ask(OpCode.CHECK_WATCHES, WatcherType.DATA) == b""
    assert ask(OpCode.CHECK_WATCHES, WatcherType.PERSISTENT) is Err.NO_WATCHER
    assert ask(OpCode.REMOVE_WATCHES, WatcherType.DATA) == b""
    assert ask(OpCode.REMOVE_WATCHES, WatcherType.DATA) is Err.NO_WATCHER
    assert ask(OpCode.REMOVE_WATCHES, WatcherType.ANY) == b""
    assert ask(OpCode.CHECK_WATCHES, WatcherType.ANY) is Err.NO_WATCHER
    client.set(b"/a", b"1")
    assert events(client) == [([2], CHANGED, b"/a")]


def ask(client: Client, op: int, kind: int) -> object:
    return client.read(op, CheckWatchesRequest(b"/a", kind))


def test_a_persistent_watch_is_of_a_kind_of_its_own(client: Client) -> None:
    client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/a", 0))
    client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/a", 1))

    assert ask(client, OpCode.CHECK_WATCHES, WatcherType.DATA) is Err.NO_WATCHER
    assert ask(client, OpCode.REMOVE_WATCHES, WatcherType.PERSISTENT) == b""
    assert ask(client, OpCode.CHECK_WATCHES, WatcherType.PERSISTENT) is Err.NO_WATCHER
    assert ask(client, OpCode.CHECK_WATCHES, WatcherType.PERSISTENT_RECURSIVE) == b""


def test_at_level_3_8_a_persistent_watch_is_of_both_other_kinds() -> None:
    client = Ensemble(compatibility="3.8").client()
    client.read(OpCode.ADD_WATCH, AddWatchRequest(b"/a", 0))

    assert ask(client, OpCode.CHECK_WATCHES, WatcherType.PERSISTENT) is Err.MARSHALLING_ERROR
    assert ask(client, OpCode.CHECK_WATCHES, WatcherType.DATA) == b""
    assert ask(client, OpCode.REMOVE_WATCHES, WatcherType.CHILDREN) == b""
    assert ask(client, OpCode.CHECK_WATCHES, WatcherType.CHILDREN) is Err.NO_WATCHER
    assert ask(client, OpCode.CHECK_WATCHES, WatcherType.ANY) == b""


def test_watchers_are_told_in_the_order_in_which_they_came() -> None:
    watches = Watches()
    for connection in (5, 3, 9, 1):
        watches.watch_data(b"/a", connection, IDENTITIES)

    assert watches.told_of_data(b"/a", EventType.NODE_CREATED) == [5, 3, 9, 1]
