"""Znodes by kazoo: made, read, changed and deleted, with the Stats and errors of ZooKeeper."""

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadArgumentsError,
    BadVersionError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
)

from tests.clients.conftest import Connect
from tests.corral import Servers
from tests.waiting import wait_until


def test_a_created_node_has_its_data_and_a_fresh_stat(zk: KazooClient) -> None:
    assert zk.create("/a", b"one") == "/a"

    data, stat = zk.get("/a")

    assert data == b"one"
    assert (stat.version, stat.cversion, stat.aversion) == (0, 0, 0)
    assert stat.czxid == stat.mzxid == stat.pzxid > 0
    assert stat.ctime == stat.mtime > 1_600_000_000_000  # ms since 1970
    assert (stat.dataLength, stat.numChildren, stat.ephemeralOwner) == (3, 0, 0)


def test_create2_returns_the_stat_that_exists_shows(zk: KazooClient) -> None:
    path, stat = zk.create("/a", b"one", include_data=True)

    assert path == "/a"
    assert stat == zk.exists("/a")


def test_an_ephemeral_belongs_to_its_session(zk: KazooClient) -> None:
    session_id, _ = zk.client_id

    _, stat = zk.create("/e", ephemeral=True, include_data=True)

    assert stat.ephemeralOwner == session_id


def test_an_ephemeral_ends_with_its_session(zk: KazooClient, connect: Connect) -> None:
    other = connect()
    other.create("/e", ephemeral=True)
    zk.sync("/e")
    assert zk.exists("/e")

    other.stop()
    zk.sync("/e")

    assert zk.exists("/e") is None


def test_an_ephemeral_has_no_children(zk: KazooClient) -> None:
    zk.create("/e", ephemeral=True)

    with pytest.raises(NoChildrenForEphemeralsError):
        zk.create("/e/child")


def test_sequential_names_count_the_creates_of_their_parent(zk: KazooClient) -> None:
    first = zk.create("/n-", sequence=True)
    zk.create("/other")  # counts too
    zk.delete(first)  # gives no number back
    second = zk.create("/n-", sequence=True)
    third = zk.create("/n-", sequence=True, ephemeral=True)

    assert [first, second, third] == ["/n-0000000000", "/n-0000000002", "/n-0000000003"]


def test_a_sequential_name_may_be_the_number_alone(zk: KazooClient) -> None:
    zk.create("/q")

    assert zk.create("/q/", sequence=True) == "/q/0000000000"


def test_create_needs_a_parent_and_a_free_name(zk: KazooClient) -> None:
    zk.create("/a")

    with pytest.raises(NodeExistsError):
        zk.create("/a")
    with pytest.raises(NoNodeError):
        zk.create("/b/c")
    zk.create("/b/c", makepath=True)
    assert zk.exists("/b/c")


def test_exists_gives_the_stat_or_none(zk: KazooClient) -> None:
    zk.create("/a")

    assert zk.exists("/nowhere") is None
    assert zk.exists("/a") == zk.get("/a")[1]


def test_a_set_counts_the_version_and_moves_mzxid_alone(zk: KazooClient) -> None:
    zk.create("/a", b"one")
    before = zk.get("/a")[1]

    stat = zk.set("/a", b"three")

    assert zk.get("/a") == (b"three", stat)
    assert stat.version == 1
    assert stat.mzxid > before.mzxid
    assert stat.mtime >= before.mtime
    assert stat.dataLength == 5
    unchanged = ("czxid", "ctime", "pzxid", "cversion", "aversion", "ephemeralOwner")
    assert [getattr(stat, name) for name in unchanged] == [
        getattr(before, name) for name in unchanged
    ]


def test_set_and_delete_want_the_right_version(zk: KazooClient) -> None:
    zk.create("/a")
    zk.set("/a", b"one", version=0)

    with pytest.raises(BadVersionError):
        zk.set("/a", b"two", version=0)
    with pytest.raises(BadVersionError):
        zk.delete("/a", version=0)
    zk.delete("/a", version=1)
    with pytest.raises(NoNodeError):
        zk.set("/a", b"three")
    with pytest.raises(NoNodeError):
        zk.delete("/a")
    with pytest.raises(NoNodeError):
        zk.get("/a")


def test_only_a_node_without_children_is_deleted(zk: KazooClient) -> None:
    zk.create("/a/b/c", makepath=True)

    with pytest.raises(NotEmptyError):
        zk.delete("/a")
    zk.delete("/a", recursive=True)

    assert zk.get_children("/") == []


def test_children_come_with_and_without_the_stat_of_their_parent(zk: KazooClient) -> None:
    zk.create("/p")
    for name in "abc":
        zk.create(f"/p/{name}")
    zk.delete("/p/b")

    assert sorted(zk.get_children("/p")) == ["a", "c"]
    names, stat = zk.get_children("/p", include_data=True)
    assert sorted(names) == ["a", "c"]
    assert (stat.numChildren, stat.cversion, stat.version) == (2, 4, 0)
    assert stat.pzxid > stat.mzxid
    assert zk.get_children("/p/a") == []
    with pytest.raises(NoNodeError):
        zk.get_children("/nowhere")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(None, id="null"),
        pytest.param(bytes(range(256)), id="every byte"),
        pytest.param(b"x" * 1_000_000, id="1 MB"),
    ],
)
def test_data_come_back_as_they_were_given(zk: KazooClient, data: bytes | None) -> None:
    zk.create("/a", b"something")
    zk.set("/a", data)
    zk.create("/b", data if data is not None else b"")

    read, stat = zk.get("/a")
    assert (read, stat.dataLength) == (data, len(data or b""))
    assert zk.get("/b")[0] == (data or b"")


@pytest.mark.parametrize("name", ["with blank", "ünïcode", "日本語", "-", "..x", "a" * 2000])
def test_a_name_is_any_text(zk: KazooClient, name: str) -> None:
    zk.create(f"/{name}", name.encode())

    assert zk.get_children("/") == [name]
    assert zk.get(f"/{name}")[0] == name.encode()


@pytest.mark.parametrize("name", ["\x01", "a\x7f", "\ufff0", "\U0001f600"])
def test_some_characters_are_refused(zk: KazooClient, name: str) -> None:
    with pytest.raises(BadArgumentsError):
        zk.create(f"/{name}")


def test_the_nodes_of_the_system_stay(connect: Connect) -> None:
    zk = connect(chroot="")

    assert sorted(zk.get_children("/zookeeper")) == ["config", "quota"]
    for path in ("/zookeeper", "/zookeeper/quota", "/zookeeper/config"):
        with pytest.raises((BadArgumentsError, NotEmptyError)):
            zk.delete(path)


def test_sync_makes_the_writes_of_others_visible(
    servers: Servers, zk: KazooClient, connect: Connect
) -> None:
    """Whichever member each is connected to."""
    others = [connect(addresses=[address]) for address in servers.addresses]
    zk.create("/counter", b"0")
    for number in range(20):
        zk.set("/counter", str(number).encode())
        for other in others:
            assert other.sync("/counter") == "/counter"
            assert other.get("/counter")[0] == str(number).encode()


def test_a_recursive_delete_leaves_no_trace_for_another_client(
    zk: KazooClient, connect: Connect
) -> None:
    for number in range(50):
        zk.create(f"/tree/{number}/leaf", makepath=True)
    other = connect()

    zk.delete("/tree", recursive=True)

    wait_until(lambda: other.exists("/tree") is None, what="the tree is gone elsewhere too")
