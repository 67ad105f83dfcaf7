"""A member without a quorum: semantics 39 of zookeeper-surface A1.8, of both kinds of server."""

from collections.abc import Iterator

import pytest

from tests.clients.conftest import SETTINGS
from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import Servers, corral_ensemble, kazoo_client
from tests.waiting import wait_until
from tests.wire import (
    Create,
    Delete,
    Exists,
    GetChildren,
    GetData,
    Handshake,
    Multi,
    Request,
    SetData,
    Sync,
)
from tests.wire_connection import Connection, four_letter

NOT_READ_ONLY = -119
READ_ONLY = {"readonlymode.enabled": "true"}


@pytest.fixture(scope="module", params=["genuine", "corral"])
def lonely(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Member 1 of three, the others down; a node /a was written before."""
    directory = tmp_path_factory.mktemp("lonely")
    # Genuine ZooKeeper 3.8.0 refuses new sessions that are not local ones, by a frame that is no ConnectResponse.
    settings = {**SETTINGS, "4lw.commands.whitelist": "*", "localSessionsEnabled": "true"}
    if request.param == "genuine":
        started = genuine_ensemble(directory, settings=settings, properties=READ_ONLY)
    else:
        started = corral_ensemble(directory, settings={**settings, **READ_ONLY})
    with started as servers:
        with kazoo_client(servers.addresses[:1]) as client:
            client.create("/a", b"old")
        servers.stop(2)
        servers.stop(3)
        wait_until(lambda: four_letter(servers.addresses[0], "isro") == "ro", seconds=60, what="member 1 is read-only")
        yield servers


def opened(servers: Servers, *, read_only: bool) -> tuple[Connection, Handshake | None]:
    connection = Connection.to(servers.addresses[0])
    connection.send_handshake(read_only=read_only)
    return connection, connection.receive_handshake()


def test_39_who_asks_for_it_is_served_and_told(lonely: Servers) -> None:
    connection, handshake = opened(lonely, read_only=True)
    with connection:
        assert handshake is not None
        assert handshake.read_only is True
        assert handshake.timeout_ms > 0
        assert connection.call(GetData("/a", watch=True)).body[0] == b"old"
        assert connection.call(GetChildren("/")).err == 0
        assert connection.call(Exists("/absent", watch=True)).err == -101


def test_39_others_are_sent_away(lonely: Servers) -> None:
    connection, handshake = opened(lonely, read_only=False)
    with connection:
        assert handshake is None


@pytest.mark.parametrize("request_", [
    Create("/b"), Delete("/a"), SetData("/a"), Sync("/"), Multi((SetData("/a"),))], ids=lambda r: type(r).__name__)
def test_39_writes_are_refused_and_the_connection_stays(lonely: Servers, request_: Request) -> None:
    connection, _ = opened(lonely, read_only=True)
    with connection:
        assert connection.call(request_).err == NOT_READ_ONLY
        assert connection.call(GetData("/a")).body[0] == b"old"


def test_39_it_ends_when_the_quorum_is_back(lonely: Servers) -> None:
    connection, _ = opened(lonely, read_only=True)
    with connection:
        lonely.start(2)
        try:
            wait_until(
                lambda: four_letter(lonely.addresses[0], "isro") == "rw", seconds=60, what="member 1 serves in full")
            while connection.receive() is not None:
                pass
            with Connection.open(lonely.addresses[0]) as full:
                assert full.call(SetData("/a", b"new")).err == 0
        finally:
            lonely.stop(2)
