"""The two sides of the comparison, each started once per test session."""

from collections.abc import Iterator

import pytest

from tests.corral import corral_ensemble
from tests.genuine import TICK_MS, genuine_zookeeper
from tests.wire import Address


@pytest.fixture(scope="session")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Address]]:
    with genuine_zookeeper(tmp_path_factory.mktemp("genuine")) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def corral(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Address]]:
    """The members of an ensemble of three: the clients of a sequence are spread over them."""
    settings = (f"tickTime={TICK_MS}", "maxClientCnxns=0")
    with corral_ensemble(tmp_path_factory.mktemp("corral") / "data", settings=settings) as ensemble:
        yield ensemble.addresses
