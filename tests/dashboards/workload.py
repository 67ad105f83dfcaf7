"""Clients that do a little of everything, so that every panel has something to show: kazoo, unmodified."""

import contextlib
import threading
from collections.abc import Iterator

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

from tests.corral import connect_string
from tests.wire_connection import Address

PACE_S = 0.02  # of each client: a hundred requests a second and client, no more
WATCHERS = 3
SESSION_S = 4.0


class Busy:
    """One client: writes, reads, creates, deletes, errs; changes a node that others watch."""

    def __init__(self, number: int, addresses: list[Address]) -> None:
        # Each begins at a member of its own; all of them are known to it, for the time when that one is down.
        first = number % len(addresses)
        self.addresses = addresses[first:] + addresses[:first]
        self.own = f"/busy/{number}"
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(30)

    def _run(self) -> None:
        client = KazooClient(connect_string(self.addresses), timeout=SESSION_S, randomize_hosts=False)
        try:
            client.start(timeout=30)
            client.ensure_path(self.own)
            client.create(f"{self.own}/here-", ephemeral=True, sequence=True)
            turn = 0
            while not self.stopping.wait(PACE_S):
                with contextlib.suppress(KazooException, KazooTimeoutError):
                    self._turn(client, turn)
                turn += 1
        finally:
            client.stop()
            client.close()

    def _turn(self, client: KazooClient, turn: int) -> None:
        written = client.set_async(self.own, b"%d" % turn)
        client.get(self.own)  # waits for the write before it
        written.get()
        if turn % 10 == 0:
            client.set("/watched", b"%d" % turn)
            client.delete(client.create(f"{self.own}/passing-", sequence=True))
            with contextlib.suppress(NoNodeError):
                client.get("/nowhere")


def changed(_data: bytes | None, _stat: object) -> None:
    """DataWatch sets the watch again after each change: all that is wanted."""


@contextlib.contextmanager
def clients(addresses: list[Address], count: int = 6) -> Iterator[None]:
    """Busy ones, and some that watch what they change."""
    busy = [Busy(number, addresses) for number in range(count)]
    watching = [KazooClient(connect_string(addresses), timeout=SESSION_S) for _ in range(WATCHERS)]
    try:
        watching[0].start(timeout=30)
        watching[0].ensure_path("/watched")
        for client in watching[1:]:
            client.start(timeout=30)
        for client in watching:
            client.DataWatch("/watched", changed)
        for each in busy:
            each.start()
        yield
    finally:
        for each in busy:
            each.stop()
        for client in watching:
            client.stop()
            client.close()
