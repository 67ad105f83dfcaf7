"""Transactions by kazoo: all or nothing, in one step, with ZooKeeper's results."""

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadVersionError,
    NodeExistsError,
    NoNodeError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.protocol.states import ZnodeStat

from tests.clients.conftest import Connect


def test_all_kinds_of_operations_take_effect_together(zk: KazooClient) -> None:
    zk.create("/a", b"old")
    zk.create("/gone")

    transaction = zk.transaction()
    transaction.check("/a", version=0)
    transaction.create("/b", b"new")
    transaction.create("/b/n-", sequence=True)
    transaction.create("/b/e", ephemeral=True)
    transaction.set_data("/a", b"newer", version=0)
    transaction.delete("/gone")
    results = transaction.commit()

    checked, created, sequential, ephemeral, stat, deleted = results
    assert (checked, deleted) == (True, True)
    assert (created, sequential, ephemeral) == ("/b", "/b/n-0000000000", "/b/e")
    assert isinstance(stat, ZnodeStat)
    assert zk.get("/a") == (b"newer", stat)
    assert zk.exists("/b").czxid == stat.mzxid  # one zxid for all
    assert zk.exists("/b/e").ephemeralOwner == zk.client_id[0]
    assert zk.exists("/gone") is None


def test_a_failed_operation_undoes_those_before_it(zk: KazooClient) -> None:
    before = zk.create("/a", b"old", include_data=True)[1]

    transaction = zk.transaction()
    transaction.set_data("/a", b"new")
    transaction.create("/b")
    transaction.create("/a")
    transaction.create("/c")
    results = transaction.commit()

    assert [type(result) for result in results] == [
        RolledBackError,
        RolledBackError,
        NodeExistsError,
        RuntimeInconsistency,
    ]
    assert zk.get("/a") == (b"old", before)
    assert zk.get_children("/") == ["a"]


@pytest.mark.parametrize(
    ("path", "version", "error"),
    [("/a", 1, BadVersionError), ("/nowhere", 0, NoNodeError), ("/nowhere", -1, NoNodeError)],
)
def test_a_check_that_fails_stops_all(
    zk: KazooClient, path: str, version: int, error: type[Exception]
) -> None:
    zk.create("/a")

    transaction = zk.transaction()
    transaction.create("/b")
    transaction.check(path, version=version)
    results = transaction.commit()

    assert [type(result) for result in results] == [RolledBackError, error]
    assert zk.exists("/b") is None


def test_an_undone_sequential_create_gives_its_number_back(zk: KazooClient) -> None:
    transaction = zk.transaction()
    transaction.create("/n-", sequence=True)
    transaction.delete("/nowhere")
    transaction.commit()

    assert zk.create("/n-", sequence=True) == "/n-0000000000"


def test_later_operations_see_the_earlier_ones(zk: KazooClient) -> None:
    transaction = zk.transaction()
    transaction.create("/p", b"0")
    transaction.create("/p/c")
    transaction.set_data("/p", b"1", version=0)
    transaction.check("/p", version=1)
    transaction.delete("/p/c")
    transaction.delete("/p", version=1)
    results = transaction.commit()

    assert [type(result) for result in results] == [str, str, ZnodeStat, bool, bool, bool]
    assert zk.exists("/p") is None


def test_an_empty_transaction_is_one(zk: KazooClient) -> None:
    assert zk.transaction().commit() == []


def test_a_thousand_operations_are_one_transaction(zk: KazooClient, connect: Connect) -> None:
    transaction = zk.transaction()
    for number in range(1000):
        transaction.create(f"/n{number}", b"x" * 100)
    assert len(transaction.commit()) == 1000

    other = connect()
    other.sync("/")
    children, stat = other.get_children("/", include_data=True)
    assert len(children) == 1000
    assert {other.exists(f"/n{number}").czxid for number in (0, 500, 999)} == {stat.pzxid}


def test_as_a_context_it_commits_at_its_end(zk: KazooClient) -> None:
    with zk.transaction() as transaction:
        transaction.create("/a")
        transaction.create("/b")

    assert sorted(zk.get_children("/")) == ["a", "b"]
