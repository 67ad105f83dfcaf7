"""kazoo, unmodified, says what its writes belong to, by an auth packet of scheme traceparent. Corral only: ZooKeeper
answers AuthFailed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import InvalidACLError
from kazoo.security import CREATOR_ALL_ACL

from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.waiting import wait_until
from tests.wire_connection import Address

PARENT = "b7ad6b7169203331"


def trace_id(number: int) -> str:
    return f"{0x0af7651916cd43dd8448eb211c80319c + number:032x}"


def header(number: int) -> str:
    return f"00-{trace_id(number)}-{PARENT}-01"


def context(number: int) -> bytes:
    return bytes.fromhex(trace_id(number) + PARENT + "01")


@pytest.fixture(scope="module", params=["1", "2"])
def ensemble(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with corral_ensemble(tmp_path_factory.mktemp("traced"), settings={"corral.processors": request.param}) as started:
        yield started


@pytest.fixture
def zk(ensemble: Ensemble) -> Iterator[KazooClient]:
    with kazoo_client(ensemble.addresses) as client:
        yield client
        for name in set(client.get_children("/")) - {"zookeeper"}:
            client.delete(f"/{name}", recursive=True)


def logs_with(ensemble: Ensemble, wanted: bytes) -> int:
    """In how many members' logs it stands."""
    segments: list[list[Path]] = [
        list(ensemble.home(member.id).rglob("corral/log.*")) for member in ensemble.local.members]
    assert all(segments)
    return sum(any(wanted in path.read_bytes() for path in paths) for paths in segments)


def test_the_writes_after_it_carry_the_context_on_every_member(ensemble: Ensemble, zk: KazooClient) -> None:
    zk.create("/before", b"1")
    assert logs_with(ensemble, context(1)) == 0

    assert zk.add_auth("traceparent", header(1))
    zk.create("/traced", b"2")
    zk.sync("/")

    wait_until(lambda: logs_with(ensemble, context(1)) == 3, what="every member logs the context")


def test_an_empty_one_ends_it_and_another_replaces_it(ensemble: Ensemble, zk: KazooClient) -> None:
    for value in (header(2), header(3), ""):
        assert zk.add_auth("traceparent", value)
        zk.create(f"/after-{value[:8]}-", sequence=True)

    assert zk.get_children("/")
    wait_until(lambda: logs_with(ensemble, context(3)) == 3, what="every member logs the second context")


@pytest.mark.parametrize("value", ["nonsense", "00-" + "0" * 32 + f"-{PARENT}-01", header(4).upper()])
def test_a_malformed_one_costs_nothing(ensemble: Ensemble, zk: KazooClient, value: str) -> None:
    session = zk.client_id

    assert zk.add_auth("traceparent", value)

    assert zk.create("/still-here") == "/still-here"
    assert zk.client_id == session
    assert logs_with(ensemble, context(4)) == 0


def test_it_is_no_identity_and_takes_none_away(zk: KazooClient) -> None:
    zk.add_auth("traceparent", header(5))
    with pytest.raises(InvalidACLError):
        zk.create("/mine", acl=CREATOR_ALL_ACL)  # nobody has said who he is

    zk.add_auth("digest", "u:p")
    zk.add_auth("traceparent", header(6))
    zk.create("/mine", b"secret", acl=CREATOR_ALL_ACL)

    assert zk.get("/mine")[0] == b"secret"
    assert [acl.id.scheme for acl in zk.get_acls("/mine")[0]] == ["digest"]


def test_contexts_change_while_writes_are_on_their_way(ensemble: Ensemble, zk: KazooClient) -> None:
    results = []
    for number in range(200):
        results.append(zk.add_auth_async("traceparent", header(1000 + number)))
        results.append(zk.create_async(f"/n-{number:04d}", str(number).encode()))
        results.append(zk.get_async(f"/n-{number:04d}"))

    values = [result.get(timeout=30) for result in results]

    assert values[0::3] == [True] * 200
    assert values[1::3] == [f"/n-{number:04d}" for number in range(200)]
    assert [data for data, _stat in values[2::3]] == [str(number).encode() for number in range(200)]
    assert logs_with(ensemble, context(1199)) >= 2


def test_kazoo_says_it_again_on_a_new_connection(ensemble: Ensemble, zk: KazooClient) -> None:
    zk.add_auth("traceparent", header(7))
    before = zk.client_id
    here = serving(ensemble, zk)

    ensemble.stop(here)
    try:
        zk.retry(zk.create, "/after-reconnect")
    finally:
        ensemble.start(here)

    assert zk.client_id == before
    wait_until(lambda: logs_with(ensemble, context(7)) == 3, what="every member logs the context")


def serving(ensemble: Ensemble, zk: KazooClient) -> int:
    """The member that the client is connected to."""
    addresses: list[Address] = ensemble.addresses
    peer = zk._connection._socket.getpeername()[:2]
    return addresses.index((peer[0], peer[1])) + 1
