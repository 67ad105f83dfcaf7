"""Genuine ZooKeeper and Corral side by side, in the same situation."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import Servers, corral_ensemble
from tests.fourletter.words import ask, wait_for_modes
from tests.wire_connection import Address


@dataclass(frozen=True)
class Pair:
    """The same ensemble of each kind."""

    genuine: Servers
    corral: Servers

    @property
    def both(self) -> tuple[Servers, Servers]:
        return self.genuine, self.corral

    def member(self, servers: Servers, mode: str) -> Address:
        """The address of a member that says so in srvr."""
        return next(a for a in servers.addresses if f"Mode: {mode}\n" in ask(a, "srvr"))


@contextlib.contextmanager
def started(
    factory: pytest.TempPathFactory, members: int, settings: Mapping[str, str] | None = None
) -> Iterator[Pair]:
    kinds: list[tuple[str, Callable[..., Any]]] = [
        ("genuine", genuine_ensemble),
        ("corral", corral_ensemble),
    ]
    with contextlib.ExitStack() as stack:
        genuine, corral = (
            stack.enter_context(
                start(factory.mktemp(name), members=members, settings=settings or {})
            )
            for name, start in kinds
        )
        for servers in (genuine, corral):
            wait_for_modes(servers)
        yield Pair(genuine, corral)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Three members each; they stay as they are."""
    with started(tmp_path_factory, 3) as pair:
        yield pair


@pytest.fixture(scope="session")
def lone_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One member each."""
    with started(tmp_path_factory, 1) as pair:
        yield pair


@pytest.fixture(scope="session")
def reserved_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One member each, with the whitelist that ZooKeeper has where a zoo.cfg says nothing."""
    with started(tmp_path_factory, 1, {"4lw.commands.whitelist": "srvr"}) as pair:
        yield pair
