"""setWatches, as the clients of Java and C send it after a reconnect (kazoo never does).

A one-shot watch outlives its connection: what changed while the client was away is told at once, the rest
is watched on, on whichever member the client comes back to.
"""

from collections.abc import Iterator

import pytest

from tests.clients.sessions import reattached
from tests.corral import Servers
from tests.wire import (
    Create,
    Delete,
    Event,
    Exists,
    GetChildren,
    GetData,
    Reply,
    SetData,
    SetWatches,
    Sync,
)
from tests.wire_connection import Connection

CREATED, DELETED, CHANGED, CHILD = 1, 2, 3, 4
SYNC_CONNECTED = 3


@pytest.fixture
def other(servers: Servers) -> Iterator[Connection]:
    with Connection.open(servers.addresses[2]) as connection:
        yield connection


@pytest.fixture
def watcher(servers: Servers) -> Iterator[Connection]:
    with Connection.open(servers.addresses[0]) as connection:
        yield connection


def events_until_reply(connection: Connection) -> list[tuple[int, str | None]]:
    """The events that come before the next reply, sorted: their order is not promised."""
    found = []
    while isinstance(answer := connection.receive(), Event):
        assert answer.state == SYNC_CONNECTED
        found.append((answer.type, answer.path))
    assert isinstance(answer, Reply)
    assert answer.err == 0
    return sorted(found, key=str)


def told_after(connection: Connection) -> list[tuple[int, str | None]]:
    """All that was on its way when we asked."""
    connection.send(Sync("/"))
    return events_until_reply(connection)


@pytest.mark.parametrize("member", [1, 2], ids=["the same member", "another member"])
def test_watches_tell_what_happened_while_the_client_was_away(
    servers: Servers, root: str, watcher: Connection, other: Connection, member: int
) -> None:
    paths = [f"{root}/{name}" for name in ("changed", "deleted", "parent", "gone", "seen")]
    changed, deleted, parent, gone, seen = paths
    created = f"{root}/created"
    for path in paths:
        other.call(Create(path))
    watcher.call(Sync(root))
    for read in (
        GetData(changed, watch=True),
        GetData(deleted, watch=True),
        GetChildren(parent, watch=True),
        GetChildren(gone, watch=True),
        Exists(seen, watch=True),
    ):
        assert watcher.call(read).err == 0
    watcher.call(Exists(created, watch=True))
    watcher.close()

    for change in (
        SetData(changed),
        Delete(deleted),
        Create(f"{parent}/child"),
        Delete(gone),
        Create(created),
        Delete(seen),
    ):
        assert other.call(change).err == 0
    with reattached(watcher, servers.addresses[member - 1]) as back:
        back.call(Sync(root))
        watches = SetWatches(
            watcher.zxid_seen, data=(changed, deleted, seen), exist=(created,), child=(parent, gone)
        )
        back.send(watches)
        told = sorted(events_until_reply(back) + told_after(back), key=str)

    assert told == sorted(
        [
            (CHANGED, changed),
            (DELETED, deleted),
            (CHILD, parent),
            (DELETED, gone),
            (CREATED, created),
            (DELETED, seen),
        ],
        key=str,
    )


@pytest.mark.parametrize("member", [1, 2], ids=["the same member", "another member"])
def test_watches_of_what_did_not_change_wait_on(
    servers: Servers, root: str, watcher: Connection, other: Connection, member: int
) -> None:
    node, absent = f"{root}/node", f"{root}/absent"
    watcher.call(Create(node))
    watcher.call(Create(f"{node}/child"))
    watcher.close()
    other.call(Sync(root))
    other.call(SetData(f"{node}/child"))

    with reattached(watcher, servers.addresses[member - 1]) as back:
        back.send(SetWatches(watcher.zxid_seen, data=(node,), exist=(absent,), child=(node,)))
        assert events_until_reply(back) == []
        assert told_after(back) == []

        for change in (SetData(node), Create(f"{node}/second"), Create(absent), SetData(node)):
            assert other.call(change).err == 0

        assert told_after(back) == sorted(
            [(CHANGED, node), (CHILD, node), (CREATED, absent)], key=str
        )


def test_several_requests_with_thousands_of_watches_are_one_set(
    servers: Servers, root: str, watcher: Connection, other: Connection
) -> None:
    """As clients send them: in pieces that stay below jute.maxbuffer."""
    names = [f"{root}/node-{number:04}-{'x' * 60}" for number in range(3000)]
    watcher.send(*(Create(name) for name in names))
    replies = [watcher.receive() for _ in names]
    assert all(isinstance(reply, Reply) and reply.err == 0 for reply in replies)
    watcher.close()

    other.call(Sync(root))
    other.send(*(SetData(name) for name in names[::2]))
    for _ in names[::2]:
        other.receive()
    with reattached(watcher, servers.addresses[1]) as back:
        back.call(Sync(root))
        told = []
        for start in range(0, len(names), 1000):
            back.send(SetWatches(watcher.zxid_seen, data=tuple(names[start : start + 1000])))
            told += events_until_reply(back)
        told += told_after(back)
        assert told == [(CHANGED, name) for name in names[::2]]

        other.send(*(SetData(name) for name in names))
        for _ in names:
            other.receive()
        assert told_after(back) == [(CHANGED, name) for name in names[1::2]]
