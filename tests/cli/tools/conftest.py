"""The shell against one genuine ZooKeeper and one Corral, in this process; and at a terminal, in one of its own."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from node.cli.shell.command import sh
from tests.corral import Servers, connect_string
from tests.fourletter.conftest import Pair, started

Say = Callable[..., Result]
SETTINGS = {"extendedTypesEnabled": "true"}


@pytest.fixture(scope="session")
def shell_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with started(tmp_path_factory, 1, SETTINGS) as pair:
        yield pair


@pytest.fixture(params=["genuine", "corral"])
def server(request: pytest.FixtureRequest, shell_pair: Pair) -> Servers:
    found: Servers = getattr(shell_pair, request.param)
    return found


def sayer(servers: Servers, chroot: str) -> Say:
    """Says one command, or lines, to a shell of its own."""

    def say(*words: str, lines: str = "", code: int = 0) -> Result:
        done = CliRunner().invoke(
            sh, ["--server", connect_string(servers.addresses) + chroot, *words], input=lines, catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done

    return say
