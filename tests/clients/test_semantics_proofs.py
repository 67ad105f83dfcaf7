"""Clients that must prove who they are, or ask for an ensemble by its name: semantics of zookeeper-surface A1.8 by
number, of both kinds of server."""

from collections.abc import Iterator

import pytest

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import Servers, corral_ensemble
from tests.wire import Auth, Exists, Reply
from tests.wire_connection import Connection

PROVE_IT_FIRST = -124
SETTINGS = {
    "enforce.auth.enabled": "true",
    "enforce.auth.schemes": "digest",
    "ensembleAuthName": "main,spare",
    "authProvider.1": "org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider",
}


@pytest.fixture(scope="module", params=["genuine", "corral"])
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One member that answers those alone who have proved who they are, and has two names."""
    directory = tmp_path_factory.mktemp("strict")
    start = genuine_ensemble if request.param == "genuine" else corral_ensemble
    with start(directory, members=1, settings=SETTINGS) as servers:
        yield servers


@pytest.fixture
def connection(strict: Servers) -> Iterator[Connection]:
    with Connection.open(strict.addresses[0]) as connection:
        yield connection


def test_49_who_has_proved_nothing_is_told_so_at_the_first_request_and_closed(connection: Connection) -> None:
    assert connection.call(Exists("/")).err == PROVE_IT_FIRST
    assert connection.receive() is None


def test_49_who_has_proved_it_is_answered(connection: Connection) -> None:
    assert connection.call(Auth("digest", b"ann:secret")).err == 0
    assert connection.call(Exists("/")).err == 0


@pytest.mark.parametrize("name", [b"main", b"spare", b""])
def test_50_a_client_may_ask_for_the_ensemble_by_each_of_its_names_or_none(connection: Connection, name: bytes) -> None:
    assert connection.call(Auth("ensemble", name)).err == 0


def test_50_a_client_of_another_ensemble_is_closed_without_a_word(connection: Connection) -> None:
    connection.send(Auth("ensemble", b"another"))

    assert not isinstance(connection.receive(), Reply)
