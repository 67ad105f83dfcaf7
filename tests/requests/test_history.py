"""Persistent watches that come back after a disconnection: what they missed, from a bounded history."""

import random
import struct

import pytest

from node.requests.connection import Connection
from node.tree.watches import EventType
from tests.requests.solo import WORLD, Solo, create, replies, request, set_data, string

CREATED, DELETED, CHANGED, CHILDREN = 1, 2, 3, 4
ANY = b"\xff\xff\xff\xff"


def strings(paths: tuple[bytes, ...]) -> bytes:
    return struct.pack(">i", len(paths)) + b"".join(string(path) for path in paths)


def set_watches2(since: int, *, persistent: tuple[bytes, ...] = (), recursive: tuple[bytes, ...] = ()) -> bytes:
    none = struct.pack(">i", 0)
    return request(-8, 105, struct.pack(">q", since) + none * 3 + strings(persistent) + strings(recursive))


def delete(xid: int, path: bytes) -> bytes:
    return request(xid, 2, string(path) + ANY)


def missed(conn: Connection) -> list[tuple[int, bytes]]:
    """Events, and after them the answer to setWatches2."""
    *events, (xid, err, _) = replies(conn)
    assert (xid, err) == (-8, 0)
    assert all(each[0] == -1 for each in events)
    return [(struct.unpack_from(">i", body)[0], body[12:]) for _, _, body in events]


def written(limit: int, *frames: bytes) -> tuple[Solo, Connection, int]:
    """What was written while the client was away since a zxid."""
    solo = Solo(watch_history=limit)
    conn = solo.connect()
    solo.send(conn, create(1, b"/a"), create(2, b"/b"))
    solo.execute()
    since = solo.core.replica.zxid
    solo.send(conn, *frames)
    solo.execute()
    back = solo.connect()
    return solo, back, since


CHANGES = (set_data(1, b"/a", b"1"), create(2, b"/a/x"), set_data(3, b"/a/x", b"2"), set_data(4, b"/b", b"3"),
           delete(5, b"/a/x"), delete(6, b"/a"))


def test_a_persistent_watch_gets_what_it_missed_in_order() -> None:
    solo, back, since = written(100, *CHANGES)

    solo.send(back, set_watches2(since, persistent=(b"/a",)))

    # The children's changes of a node that is gone are not told: who may read it nobody can say any more.
    assert missed(back) == [(CHANGED, b"/a"), (DELETED, b"/a")]


def test_a_persistent_watch_hears_of_children_that_came_and_went() -> None:
    solo, back, since = written(100, *CHANGES[:5])

    solo.send(back, set_watches2(since, persistent=(b"/a",)))

    assert missed(back) == [(CHANGED, b"/a"), (CHILDREN, b"/a"), (CHILDREN, b"/a")]


def test_a_recursive_watch_gets_all_below_it_and_no_changes_of_children() -> None:
    solo, back, since = written(100, *CHANGES)

    solo.send(back, set_watches2(since, recursive=(b"/a",)))

    assert missed(back) == [
        (CHANGED, b"/a"), (CREATED, b"/a/x"), (CHANGED, b"/a/x"), (DELETED, b"/a/x"), (DELETED, b"/a")]


def test_both_kinds_on_one_path_get_each_change_once() -> None:
    solo, back, since = written(100, CHANGES[0])

    solo.send(back, set_watches2(since, persistent=(b"/a",), recursive=(b"/a", b"/")))

    assert missed(back) == [(CHANGED, b"/a")]


def test_the_watches_are_set_and_hear_of_what_comes_next() -> None:
    solo, back, since = written(100)
    solo.send(back, set_watches2(since, persistent=(b"/a",)))
    assert missed(back) == []

    solo.send(back, set_data(1, b"/a", b"1"))
    solo.execute()

    assert [xid for xid, _, _ in replies(back)] == [-1, 1]


def test_nothing_that_the_client_may_not_read_is_told() -> None:
    secret = struct.pack(">ii", 1, 31) + string(b"digest") + string(b"u:hash")
    solo, back, since = written(
        100, request(1, 1, string(b"/a/s") + string(b"") + secret + bytes(4)), set_data(2, b"/a", b"1"))

    solo.send(back, set_watches2(since, recursive=(b"/a",)))

    assert missed(back) == [(CHANGED, b"/a")]


def test_a_history_that_does_not_reach_back_tells_nothing_as_zookeeper_and_counts_it() -> None:
    solo, back, since = written(2, *CHANGES)

    solo.send(back, set_watches2(since, recursive=(b"/a",)))

    assert missed(back) == []
    assert solo.core.replica.history is not None
    assert solo.core.replica.history.fallen_short == 1


def test_without_a_history_what_was_missed_is_lost_as_in_zookeeper() -> None:
    solo, back, since = written(0, *CHANGES)

    solo.send(back, set_watches2(since, recursive=(b"/a",)))

    assert missed(back) == []


@pytest.mark.parametrize("seed", range(5))
def test_who_was_away_hears_the_same_as_who_stayed(seed: int) -> None:
    rng = random.Random(seed)
    solo = Solo(watch_history=1000)
    writer, stayed = solo.connect(), solo.connect()
    solo.send(stayed, request(1, 106, string(b"/") + struct.pack(">i", 1)))
    solo.execute()
    stayed.out.clear()
    since = solo.core.replica.zxid
    paths = [b"/a", b"/b", b"/a/x", b"/a/y", b"/a/x/1"]

    for _ in range(100):
        path = rng.choice(paths)
        solo.send(writer, rng.choice([
            create(1, path), set_data(2, path, b""), delete(3, path),
            request(4, 14, struct.pack(">i?i", 1, False, -1) + string(path) + string(b"") + WORLD + bytes(4)
                    + b"\xff\xff\xff\xff\x01\xff\xff\xff\xff")]))
    solo.execute()
    solo.send(stayed, request(-8, 11))
    heard = missed(stayed)
    back = solo.connect()
    solo.send(back, set_watches2(since, recursive=(b"/",)))

    assert missed(back) == heard
    assert {event for event, _ in heard} == {
        EventType.NODE_CREATED, EventType.NODE_DELETED, EventType.NODE_DATA_CHANGED}
