"""kazoo's recipes, each with several clients at once, connected to whichever members."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import LockTimeout

from tests.clients.conftest import Connect
from tests.waiting import wait_until

T = TypeVar("T")
RECIPE_S = 60.0


@pytest.fixture
def clients(connect: Connect) -> list[KazooClient]:
    return [connect() for _ in range(5)]


def together(clients: Sequence[KazooClient], work: Callable[[KazooClient], T]) -> list[T]:
    """The work of each client, at the same time; fails as any of them does."""
    with ThreadPoolExecutor(len(clients)) as threads:
        futures = [threads.submit(work, client) for client in clients]
        return [future.result(RECIPE_S) for future in futures]


class Inside:
    """Counts who is in the critical section, and how many ever were at the same time."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.now = self.most = self.times = 0

    def __enter__(self) -> None:
        with self.guard:
            self.now += 1
            self.times += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self.guard:
            self.now -= 1


def test_a_lock_has_one_holder(clients: list[KazooClient]) -> None:
    inside = Inside()

    def work(client: KazooClient) -> None:
        lock = client.Lock("/lock", str(client.client_id[0]))
        for _ in range(10):
            with lock, inside:
                client.sync("/lock")  # a while

    together(clients, work)

    assert (inside.most, inside.times) == (1, 50)


def test_a_lock_is_granted_in_the_order_of_asking(clients: list[KazooClient]) -> None:
    holder, *waiters = clients
    held = holder.Lock("/lock", "holder")
    held.acquire(timeout=RECIPE_S)
    granted: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work(number: int) -> None:
        with waiters[number].Lock("/lock", str(number)):
            granted.put(number)

    with ThreadPoolExecutor(len(waiters)) as threads:
        futures = []
        for number in range(len(waiters)):
            futures.append(threads.submit(work, number))
            expected = ["holder", *map(str, range(number + 1))]
            wait_until(partial(are_contenders, holder, expected))
        held.release()
        for future in futures:
            future.result(RECIPE_S)

    assert [granted.get(timeout=1) for _ in waiters] == list(range(len(waiters)))


def are_contenders(client: KazooClient, expected: list[str]) -> bool:
    client.sync("/lock")
    return bool(client.Lock("/lock").contenders() == expected)


def test_a_lock_is_free_when_its_holder_is_gone(clients: list[KazooClient]) -> None:
    first, second = clients[:2]
    first.Lock("/lock", "first").acquire(timeout=RECIPE_S)
    lock = second.Lock("/lock", "second")
    with pytest.raises(LockTimeout):
        lock.acquire(timeout=0.1)

    first.stop()

    assert lock.acquire(timeout=RECIPE_S)


def test_readers_share_a_lock_and_a_writer_does_not(clients: list[KazooClient]) -> None:
    writer, *readers = clients
    held = [reader.ReadLock("/lock", "reader") for reader in readers]
    assert all(lock.acquire(timeout=RECIPE_S) for lock in held)
    write = writer.WriteLock("/lock", "writer")
    assert not write.acquire(blocking=False)

    for lock in held:
        lock.release()

    assert write.acquire(timeout=RECIPE_S)
    assert not readers[0].ReadLock("/lock", "reader").acquire(blocking=False)


def test_a_semaphore_has_so_many_holders(clients: list[KazooClient]) -> None:
    inside = Inside()

    def work(client: KazooClient) -> None:
        semaphore = client.Semaphore("/semaphore", str(client.client_id[0]), max_leases=2)
        for _ in range(6):
            with semaphore, inside:
                client.sync("/semaphore")

    together(clients, work)

    assert inside.times == 30
    assert inside.most <= 2


def test_an_election_has_one_leader_at_a_time(clients: list[KazooClient]) -> None:
    inside = Inside()

    def lead(client: KazooClient) -> None:
        with inside:
            client.sync("/election")

    def work(client: KazooClient) -> None:
        client.Election("/election", str(client.client_id[0])).run(lead, client)

    together(clients, work)

    assert (inside.most, inside.times) == (1, 5)


def test_the_next_in_line_leads_when_the_leader_is_gone(clients: list[KazooClient]) -> None:
    first, second = clients[:2]
    first.Lock("/election", "first").acquire(timeout=RECIPE_S)  # what an election is made of
    led = threading.Event()
    election = second.Election("/election", "second")
    runs = threading.Thread(target=election.run, args=[led.set])
    runs.start()
    wait_until(lambda: len(election.contenders()) == 2)
    assert not led.is_set()

    first.stop()

    runs.join(RECIPE_S)
    assert led.is_set()


def test_a_barrier_holds_all_until_it_is_removed(clients: list[KazooClient]) -> None:
    maker, *waiters = clients
    barrier = maker.Barrier("/barrier")
    barrier.create()
    for waiter in waiters:
        waiter.sync("/barrier")
    assert not waiters[0].Barrier("/barrier").wait(timeout=0.1)

    with ThreadPoolExecutor(len(waiters)) as threads:
        waits = [threads.submit(waiter.Barrier("/barrier").wait, RECIPE_S) for waiter in waiters]
        barrier.remove()
        assert all(wait.result(RECIPE_S) for wait in waits)


def test_a_double_barrier_lets_all_in_and_out_together(clients: list[KazooClient]) -> None:
    inside = Inside()
    entered = threading.Barrier(len(clients))

    def work(client: KazooClient) -> int:
        barrier = client.DoubleBarrier("/barrier", len(clients))
        barrier.enter()
        with inside:
            entered.wait(RECIPE_S)  # broken unless all are in
        barrier.leave()
        return inside.now

    left = together(clients, work)

    assert inside.most == len(clients)
    assert left == [0] * len(clients)  # none was out before all had done


def test_a_queue_gives_each_item_to_one(clients: list[KazooClient]) -> None:
    producer, *consumers = clients
    items = [f"item {number}".encode() for number in range(60)]
    for item in items:
        producer.Queue("/queue").put(item)
    for consumer in consumers:
        consumer.sync("/queue")

    def consume(client: KazooClient) -> list[bytes]:
        queue = client.Queue("/queue")
        return list(iter(queue.get, None))

    taken = [item for each in together(consumers, consume) for item in each]

    assert sorted(taken) == sorted(items)


def test_a_queue_goes_by_priority_then_by_age(zk: KazooClient) -> None:
    items = zk.Queue("/queue")
    for value, priority in ((b"late", 200), (b"first", 10), (b"second", 10), (b"normal", 100)):
        items.put(value, priority=priority)

    assert len(items) == 4
    assert [items.get() for _ in range(5)] == [b"first", b"second", b"normal", b"late", None]


def test_a_locking_queue_keeps_an_item_until_it_is_consumed(clients: list[KazooClient]) -> None:
    producer, *consumers = clients
    items = [f"item {number}".encode() for number in range(40)]
    producer.LockingQueue("/queue").put_all(items)
    for consumer in consumers:
        consumer.sync("/queue")
    left = threading.Semaphore(len(items))

    def consume(client: KazooClient) -> list[bytes]:
        queue = client.LockingQueue("/queue")
        consumed = []
        while left.acquire(blocking=False):
            consumed.append(queue.get(RECIPE_S))
            assert queue.consume()
        return consumed

    taken = [item for each in together(consumers, consume) for item in each]

    assert sorted(taken) == sorted(items)


def test_an_item_goes_back_when_its_taker_is_gone(clients: list[KazooClient]) -> None:
    first, second = clients[:2]
    first.LockingQueue("/queue").put(b"item")
    taken = first.LockingQueue("/queue")
    assert taken.get(RECIPE_S) == b"item"
    second.sync("/queue")
    other = second.LockingQueue("/queue")
    assert other.get(timeout=0.1) is None

    first.stop()

    assert other.get(RECIPE_S) == b"item"
    assert other.consume()


def test_a_party_knows_its_guests(clients: list[KazooClient]) -> None:
    host = clients[0]
    parties = [client.Party("/party", f"guest {n}") for n, client in enumerate(clients)]
    for party in parties:
        party.join()

    def guests() -> list[str]:
        host.sync("/party")
        return sorted(parties[0])

    assert guests() == [f"guest {number}" for number in range(5)]
    parties[3].leave()
    clients[4].stop()
    assert guests() == [f"guest {number}" for number in range(3)]


def test_a_counter_counts_every_increment(clients: list[KazooClient]) -> None:
    clients[0].Counter("/counter", default=100).value  # noqa: B018  # it makes the node
    for client in clients:
        client.sync("/counter")

    def count(client: KazooClient) -> None:
        counter = client.Counter("/counter", default=100)
        for _ in range(10):
            counter += 2
            counter -= 1

    together(clients, count)

    clients[0].sync("/counter")
    assert clients[0].Counter("/counter").value == 150


def test_a_data_watch_ends_with_the_last_value(clients: list[KazooClient]) -> None:
    """It may miss values between, never the last; and sees them in order, on each client."""
    writer, *readers = clients
    writer.create("/a", b"0")
    seen: list[list[int]] = [[] for _ in readers]
    ends = [threading.Event() for _ in readers]
    for values, end, reader in zip(seen, ends, readers, strict=True):
        reader.sync("/a")

        @reader.DataWatch("/a")  # type: ignore[untyped-decorator]
        def watch(  # kazoo calls with as many arguments as it can: what is bound must be a keyword
            data: bytes | None, _stat: object, *, values: list[int] = values, end: threading.Event = end
        ) -> None:
            assert data is not None
            values.append(int(data))
            if data == b"200":
                end.set()

    for number in range(1, 201):
        writer.set_async("/a", str(number).encode())

    assert all(end.wait(RECIPE_S) for end in ends)
    assert all(values == sorted(values) for values in seen)


def test_a_children_watch_ends_with_the_last_children(clients: list[KazooClient]) -> None:
    writer, *readers = clients
    writer.create("/p")
    last: list[list[str]] = [[] for _ in readers]
    for number, reader in enumerate(readers):
        reader.sync("/p")

        @reader.ChildrenWatch("/p")  # type: ignore[untyped-decorator]
        def watch(children: list[str], *, number: int = number) -> None:
            last[number] = sorted(children)

    for number in range(50):
        writer.create_async(f"/p/{number:02}")
    for number in range(0, 50, 2):
        writer.delete_async(f"/p/{number:02}")

    odd = [f"{number:02}" for number in range(1, 50, 2)]
    wait_until(lambda: last == [odd] * len(readers), seconds=RECIPE_S, what="all see the last")
