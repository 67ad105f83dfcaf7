"""Servers to be attacked, and somebody else's client that must not notice."""

import threading
from collections.abc import Iterator

import pytest
from kazoo.client import KazooClient

from tests.corral import kazoo_client
from tests.fourletter.conftest import Pair, started
from tests.wire_connection import Address


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One member each, genuine and Corral, without a limit of connections."""
    with started(tmp_path_factory, 1, {"maxClientCnxns": "0"}) as pair:
        yield pair


class Bystander:
    """A client that writes and reads all the time, and remembers whatever goes wrong."""

    def __init__(self, client: KazooClient) -> None:
        self.client = client
        self.session = client.client_id
        self.done = 0
        self.troubles: list[object] = []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.work)
        client.add_listener(self.troubles.append)
        client.create("/bystander", ephemeral=True)

    def work(self) -> None:
        while not self.ends.is_set():
            try:
                value = str(self.done).encode()
                self.client.set("/bystander", value)
                if self.client.get("/bystander")[0] != value:
                    self.troubles.append(f"{value!r} was not read")
                self.done += 1
            except Exception as error:  # noqa: BLE001  # whatever it is, the test tells it
                self.troubles.append(error)
                return

    def check(self) -> None:
        """Fails if it has noticed anything."""
        assert self.troubles == []
        assert self.client.client_id == self.session


@pytest.fixture
def bystander(pair: Pair) -> Iterator[Bystander]:
    """At work on Corral's member while the test runs; whatever it noticed fails the test."""
    address: Address = pair.corral.addresses[0]
    with kazoo_client([address]) as client:
        bystander = Bystander(client)
        bystander.thread.start()
        yield bystander
        before = bystander.done
        while bystander.done < before + 5 and not bystander.troubles:
            bystander.ends.wait(0.01)  # between polls
        bystander.ends.set()
        bystander.thread.join()
        bystander.check()
        client.remove_listener(bystander.troubles.append)
