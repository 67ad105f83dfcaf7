"""Servers of each kind, one kind at a time, shared by all the tests of this folder."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import Servers, corral_ensemble, fresh_root, kazoo_client
from tests.wire import Sync
from tests.wire_connection import Connection

# Sessions that end soon are what several tests wait for; clients of one test are more than 60.
SETTINGS = {"minSessionTimeout": "2000", "maxClientCnxns": "0"}

Connect = Callable[..., KazooClient]

KINDS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "genuine": (genuine_ensemble, {}),
    "corral": (corral_ensemble, {}),
    "corral, 2 processors": (corral_ensemble, {"settings": {"corral.processors": "2"}}),
    "genuine [::1]": (genuine_ensemble, {"host": "::1"}),
    "corral [::1]": (corral_ensemble, {"host": "::1"}),
}
MAIN_KINDS = ("genuine", "corral", "corral, 2 processors")


@pytest.fixture(scope="session", params=MAIN_KINDS)
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    """Three members of one kind, which each test leaves as it found them."""
    start, options = KINDS[request.param]
    settings = {**SETTINGS, **options.get("settings", {})}
    options = {**options, "settings": settings, "name": request.param}
    with start(tmp_path_factory.mktemp("servers"), **options) as started:
        yield started


@pytest.fixture
def root(servers: Servers) -> str:
    """A znode of this test's own."""
    return fresh_root(servers)


@pytest.fixture
def connect(servers: Servers, root: str) -> Iterator[Connect]:
    """Makes connected clients that see the test's own znode as "/"; they end with the test."""
    with contextlib.ExitStack() as clients:

        def connected(**options: Any) -> KazooClient:
            addresses = options.pop("addresses", servers.addresses)
            options.setdefault("chroot", root)
            return clients.enter_context(kazoo_client(addresses, **options))

        yield connected


@pytest.fixture
def zk(connect: Connect) -> KazooClient:
    """One such client."""
    return connect()


# What is off by default, or too slow to wait for.  Genuine ZooKeeper takes the pace of reaping from Java alone.
SPECIAL = {
    **SETTINGS,
    "extendedTypesEnabled": "true",
    "enforceQuota": "true",
    "DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",  # of super:test
}
REAPING = {"znode.container.checkIntervalMs": "500"}


@pytest.fixture(scope="session", params=["genuine", "corral"])
def special(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One member of each kind with TTL nodes, enforced quotas, a super user, and containers that go soon."""
    directory = tmp_path_factory.mktemp("special")
    if request.param == "genuine":
        started = genuine_ensemble(directory, members=1, settings=SPECIAL, properties=REAPING)
    else:
        started = corral_ensemble(directory, members=1, settings={**SPECIAL, **REAPING})
    with started as servers:
        yield servers


Dial = Callable[..., Connection]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Opens raw connections, dial(servers, member=1), each with a session of its own that sees all that was written
    before; they close with the test."""
    with contextlib.ExitStack() as connections:

        def dialled(servers: Servers, member: int = 1, **options: Any) -> Connection:
            connection = connections.enter_context(Connection.open(servers.addresses[member - 1], **options))
            connection.call(Sync("/"))
            return connection

        yield dialled


@contextlib.contextmanager
def without(servers: Servers, member: int) -> Iterator[None]:
    """While this member is down; it serves again at the end."""
    servers.stop(member)
    try:
        yield
    finally:
        servers.start(member)
