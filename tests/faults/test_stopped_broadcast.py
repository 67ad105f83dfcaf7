"""A member cut off from the quorum falls silent, and lets its clients go, before others take over."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError

from tests.corral import Address, Ensemble, fresh_root, kazoo_client
from tests.faults.conftest import SETTINGS
from tests.faults.figures import followers_of, leader_of
from tests.faults.trees import agreed_tree
from tests.waiting import wait_until
from tests.wire import Create, GetData, Ping
from tests.wire_connection import Connection

SYNC_LIMIT_S = int(SETTINGS["tickTime"]) * int(SETTINGS["syncLimit"]) / 1000
SESSION_S = 3.0


@pytest.fixture(params=["leader", "follower"])
def member(request: pytest.FixtureRequest, ensemble: Ensemble) -> int:
    return leader_of(ensemble) if request.param == "leader" else followers_of(ensemble)[0]


@contextmanager
def stopped_broadcast(ensemble: Ensemble, member: int) -> Iterator[None]:
    pid = ensemble.pids(member)["broadcast"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_its_processor_answers_nothing_more_and_closes_its_connections(
    ensemble: Ensemble, member: int
) -> None:
    root = fresh_root(ensemble)
    with Connection.open(ensemble.addresses[member - 1]) as connection:
        connection.sock.settimeout(0.05)
        received = bytearray()

        def is_silent() -> bool:
            """Nothing within the socket's timeout, though something was asked."""
            connection.send(Ping(), GetData(root))
            try:
                received.extend(connection.sock.recv(65536))
            except TimeoutError:
                return True
            return False

        assert not is_silent()
        with stopped_broadcast(ensemble, member):
            wait_until(is_silent, seconds=SYNC_LIMIT_S, what="no ping is answered")
            received.clear()
            closed = wait_until(lambda: ended(connection, received), seconds=SYNC_LIMIT_S * 2)

    assert closed
    assert not received, "silent, and then not"


def ended(connection: Connection, received: bytearray) -> bool:
    """Whether the server has closed it; asks again where not."""
    connection.send(Ping())
    try:
        data = connection.sock.recv(65536)
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    received.extend(data)
    return not data


def test_no_lock_has_two_holders(ensemble: Ensemble, member: int) -> None:
    root = fresh_root(ensemble)
    here = [ensemble.addresses[member - 1]]
    elsewhere = [address for address in ensemble.addresses if address != here[0]]
    with client(here, root) as first, client(elsewhere, root) as second:
        first.create("/guarded")
        lock = first.Lock("/lock", "first")
        assert lock.acquire(timeout=10)
        holder = Holder(first)
        holder.start()
        wait_until(lambda: holder.written_s, what="the holder writes")

        with stopped_broadcast(ensemble, member):
            # Waits for the end of the first one's session.
            assert second.Lock("/lock", "second").acquire(timeout=30)
            acquired_s = time.monotonic()
            assert not first.connected
            second.set("/guarded", b"second")
            version = second.exists("/guarded").version
        holder.stop()

    assert max(holder.written_s) < acquired_s
    assert agreed_tree(ensemble, root)[f"{root}/guarded"][1].version == version


def test_a_write_that_it_took_last_is_lost_or_done_once(ensemble: Ensemble, member: int) -> None:
    root = fresh_root(ensemble)
    with Connection.open(ensemble.addresses[member - 1]) as connection, stopped_broadcast(ensemble, member):
        connection.send(*(Create(f"{root}/{i}") for i in range(10)))
        connection.sock.settimeout(SYNC_LIMIT_S * 3)
        answers = list(iter(connection.receive, None))

    # Those that were answered before the lease ended; of the others nobody knows.
    there = {path for path in agreed_tree(ensemble, root) if path.startswith(f"{root}/")}
    assert {f"{root}/{i}" for i in range(len(answers))} <= there


@contextmanager
def client(addresses: list[Address], root: str) -> Iterator[KazooClient]:
    with kazoo_client(addresses, chroot=root, timeout_s=SESSION_S) as found:
        yield found


class Holder(threading.Thread):
    """Sets the guarded node as long as its client lets it.  written_s: when each set was acknowledged."""

    def __init__(self, client: KazooClient) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.written_s: list[float] = []
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set() and self.client.connected:
            try:
                self.client.set_async("/guarded", b"first").get(timeout=20)
            except (KazooException, KazooTimeoutError):
                return
            self.written_s.append(time.monotonic())

    def stop(self) -> None:
        self._stopping.set()
        self.join(30)
        assert not self.is_alive()
