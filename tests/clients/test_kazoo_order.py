"""Pipelined requests by kazoo: answered in their order, each after all before it."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from tests.clients.conftest import Connect

RESULT_S = 60.0


def note(completed: list[int], number: int, _result: object) -> None:
    completed.append(number)


def in_order(calls: list[Callable[[], Any]]) -> tuple[list[int], list[Any]]:
    """Make the calls without waiting; the order of their completions, and their results."""
    completed: list[int] = []
    results = []
    for number, call in enumerate(calls):
        result = call()
        result.rawlink(partial(note, completed, number))
        results.append(result)
    done = threading.Event()
    results[-1].rawlink(lambda _result: done.set())
    assert done.wait(RESULT_S)
    return completed, [r.get(timeout=RESULT_S) if r.successful() else r.exception for r in results]


def test_a_thousand_writes_are_answered_in_order(zk: KazooClient) -> None:
    zk.create("/a")

    completed, stats = in_order(
        [partial(zk.set_async, "/a", str(n).encode()) for n in range(1000)]
    )

    assert completed == list(range(1000))
    assert [stat.version for stat in stats] == list(range(1, 1001))
    zxids = [stat.mzxid for stat in stats]
    assert zxids == sorted(set(zxids))
    assert zk.get("/a")[0] == b"999"


def test_each_read_shows_the_write_before_it_and_none_after(zk: KazooClient) -> None:
    zk.create("/a", b"-")
    calls: list[Callable[[], Any]] = []
    for number in range(300):
        value = str(number).encode()
        calls += [
            partial(zk.set_async, "/a", value),
            partial(zk.get_async, "/a"),
            partial(zk.exists_async, "/a"),
        ]

    completed, results = in_order(calls)

    assert completed == list(range(900))
    assert [data for data, _ in results[1::3]] == [str(n).encode() for n in range(300)]
    assert [stat.version for stat in results[2::3]] == list(range(1, 301))


def test_reads_among_creates_and_deletes_see_just_their_moment(zk: KazooClient) -> None:
    calls: list[Callable[[], Any]] = []
    for _ in range(100):
        calls += [
            partial(zk.create_async, "/a"),
            partial(zk.get_children_async, "/"),
            partial(zk.delete_async, "/a"),
            partial(zk.get_async, "/a"),
        ]

    _, results = in_order(calls)  # kazoo hands out the results of creates later than the others

    assert results[0::4] == ["/a"] * 100
    assert results[1::4] == [["a"]] * 100
    assert [type(result) for result in results[3::4]] == [NoNodeError] * 100


def test_failures_keep_their_place(zk: KazooClient) -> None:
    completed, results = in_order(
        [partial(zk.create_async, f"/n{n // 2}") for n in range(200)]
    )

    assert completed == list(range(200))
    assert results[0::2] == [f"/n{number}" for number in range(100)]
    assert all(isinstance(result, Exception) for result in results[1::2])


def test_many_writers_of_one_counter_lose_nothing(zk: KazooClient, connect: Connect) -> None:
    """Versions make each increment happen once, whichever members the clients are connected to."""
    zk.create("/n", b"0")
    clients = [connect() for _ in range(5)]

    def increment(client: KazooClient) -> None:
        client.sync("/n")
        counter = client.Counter("/n")
        for _ in range(20):
            counter += 1

    threads = [threading.Thread(target=increment, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    zk.sync("/n")
    assert zk.get("/n")[0] == b"100"
