"""The two sides of the comparison, each started once per test session."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import corral_ensemble
from tests.differential.cores import cores
from tests.genuine import RELEASE, TICK_MS, genuine_zookeeper
from tests.wire_connection import Address

ERROR = '"level":"error"'


@pytest.fixture(scope="session")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Address]]:
    with genuine_zookeeper(tmp_path_factory.mktemp("genuine")) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def corral_cores() -> Iterator[list[Address]]:
    """Three processors' cores over one log in memory: no disk, no network between members."""
    with cores(3) as (addresses, alarms):
        yield addresses
    assert alarms == []


Both = tuple[list[Address], list[Address]]


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Genuine ZooKeeper and the cores, where there are TTL nodes."""
    with both(tmp_path_factory.mktemp("extended"), {"extendedTypesEnabled": "true"}) as found:
        yield found


@pytest.fixture(scope="session")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Genuine ZooKeeper and the cores, where nobody writes over a hard quota."""
    with both(tmp_path_factory.mktemp("enforcing"), {"enforceQuota": "true"}) as found:
        yield found


@contextlib.contextmanager
def both(directory: Path, settings: dict[str, str]) -> Iterator[Both]:
    with (
        genuine_ensemble(directory, members=1, settings={**settings, "maxClientCnxns": "0"}) as genuine,
        cores(3, settings) as (addresses, alarms),
    ):
        yield genuine.addresses, addresses
    assert alarms == []


@pytest.fixture(scope="session")
def corral(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Address]]:
    """The members of an ensemble of three: the clients of a sequence are spread over them."""
    settings = {"tickTime": str(TICK_MS), "maxClientCnxns": "0", "corral.compatibility": RELEASE}
    with corral_ensemble(tmp_path_factory.mktemp("corral"), settings=settings) as ensemble:
        yield ensemble.addresses
        errors = [line for member in (1, 2, 3) for line in ensemble.log(member).splitlines() if ERROR in line]
    assert errors == []  # where a request ends a process, clients see refused connections
