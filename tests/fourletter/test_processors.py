"""With several processors behind one port, each word speaks for all of them."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.fourletter.test_layout import ignore
from tests.fourletter.words import ask, rows
from tests.waiting import wait_until

CLIENTS = 24  # the chance that all of them are with one of two processors: 1 in 8 million


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    settings = {"corral.processors": "2"}
    with corral_ensemble(tmp_path_factory.mktemp("two"), members=1, settings=settings) as ensemble:
        yield ensemble


@pytest.fixture
def clients(ensemble: Ensemble) -> Iterator[list[KazooClient]]:
    """All with the one member; each has an ephemeral, and watches that of the first."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(kazoo_client(ensemble.addresses)) for _ in range(CLIENTS)]
        for number, client in enumerate(clients):
            client.create(f"/e{number:02}", ephemeral=True)
        for client in clients:
            client.sync("/")
            client.get("/e00", watch=ignore)
        yield clients


def listeners(ensemble: Ensemble) -> list[int]:
    """How many sockets each processor has open: connections and what all of them have."""
    pids = ensemble.pids(1)
    processors = [pid for name, pid in sorted(pids.items()) if name.startswith("processor")]
    return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in processors]


def sessions(clients: list[KazooClient]) -> set[str]:
    return {f"0x{client.client_id[0]:x}" for client in clients}


def test_clients_are_shared_out(ensemble: Ensemble, clients: list[KazooClient]) -> None:
    before = listeners(ensemble)
    assert len(before) == 2

    for client in clients:
        client.stop()

    wait_until(
        lambda: all(now < was for now, was in zip(listeners(ensemble), before, strict=True)),
        what="both processors had clients",
    )


def test_words_see_the_connections_of_all(ensemble: Ensemble, clients: list[KazooClient]) -> None:
    address = ensemble.addresses[0]
    for _ in range(8):  # asked of either processor
        lines = ask(address, "cons").splitlines()
        assert {line.split("sid=")[1].split(",")[0] for line in lines if "sid=" in line} == sessions(
            clients
        )
        assert ask(address, "stat").count("](queued=") == CLIENTS + 1  # and the asker's own
        assert f"Connections: {CLIENTS + 1}\n" in ask(address, "srvr")
        found = rows(ask(address, "mntr"), "\t")
        assert found["zk_num_alive_connections"] == str(CLIENTS + 1)


def test_words_see_the_sessions_once_and_the_watches_of_all(
    ensemble: Ensemble, clients: list[KazooClient]
) -> None:
    address = ensemble.addresses[0]
    for _ in range(8):
        dump = ask(address, "dump")
        assert re.search(rf"Session Sets \(\d+\)/\({CLIENTS}\):", dump)
        assert f"Sessions with Ephemerals ({CLIENTS}):" in dump
        assert dump.count("\tip: /") == CLIENTS + 1
        assert ask(address, "wchs") == (
            f"{CLIENTS} connections watching 1 paths\nTotal watches:{CLIENTS}\n"
        )
        found = rows(ask(address, "mntr"), "\t")
        assert found["zk_watch_count"] == str(CLIENTS)
        assert found["zk_global_sessions"] == str(CLIENTS)


def test_the_limit_per_address_counts_the_connections_of_all(tmp_path: Path) -> None:
    settings = {"corral.processors": "2", "maxClientCnxns": str(CLIENTS)}
    with corral_ensemble(tmp_path, members=1, settings=settings) as ensemble:
        address = ensemble.addresses[0]
        with contextlib.ExitStack() as stack:
            for _ in range(CLIENTS):
                stack.enter_context(kazoo_client(ensemble.addresses))
            # Words are connections too: one answer more than that is refused.
            assert ask(address, "srvr") == ""
        wait_until(lambda: ask(address, "srvr"), what="it is let in again")
