"""The own tests of aiozk, a client for asyncio that is not kazoo's kin, say the same of both servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.clients.suites.running import Outcomes, differences, run_suite
from tests.corral import Servers, corral_ensemble
from tests.genuine import RELEASE, require_genuine

INI = "asyncio_mode = auto"
SETTINGS = {"maxClientCnxns": "0"}


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Servers, Servers]]:
    require_genuine()
    ours = {**SETTINGS, "corral.compatibility": RELEASE}
    with (
        genuine_ensemble(tmp_path / "genuine", settings=SETTINGS) as genuine,
        corral_ensemble(tmp_path / "corral", settings=ours) as corral,
    ):
        yield genuine, corral


def aiozks_tests(servers: Servers, directory: Path) -> Outcomes:
    host, port = servers.addresses[0]
    return run_suite(
        directory / f"suite-{servers.name}", ["aiozk.test"], plugin="pytest_asyncio",
        environment={"ZK_HOST": host, "ZK_PORT": str(port)}, ini=INI)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_of_aiozks_own_tests_say_the_same_of_both_servers(both: tuple[Servers, Servers], tmp_path: Path) -> None:
    genuine, corral = (aiozks_tests(servers, tmp_path) for servers in both)

    assert differences(genuine, corral) == {}
    assert list(corral.values()).count("passed") > 80
