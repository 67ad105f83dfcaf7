"""Clients are sent away one after the other, and closed once they have their answers."""

from node.requests.connection import Connection, Phase
from node.requests.drain import INTERVAL_MS_MAX, Drain


def connection(number: int, phase: Phase = Phase.READY) -> Connection:
    conn = Connection(number=number, address="127.0.0.1", identity=b"", now_ms=0, shell=None)
    conn.phase = phase
    return conn


def test_a_thousand_go_evenly_over_the_time_given() -> None:
    clients = [connection(i) for i in range(1000)]
    drain = Drain(1000, now_ms=0, over_ms=5000)

    gone = [len(drain.due(clients, now)) for now in range(0, 5000, 10)]

    assert set(gone[1:]) == {2}
    assert sum(gone) >= 999


def test_a_few_do_not_take_all_of_the_time() -> None:
    clients = [connection(1), connection(2)]
    drain = Drain(2, now_ms=0, over_ms=60_000)

    assert drain.due(clients, 0) == clients[:1]
    assert drain.due(clients, INTERVAL_MS_MAX - 1) == []
    assert drain.due(clients, INTERVAL_MS_MAX) == clients[1:]


def test_who_waits_for_an_answer_gets_it_first() -> None:
    writing, reading, idle, taking = (connection(i) for i in range(4))
    writing.submitted = 1
    reading.parked.append((0, 1, 4, b"", 0))
    taking.out.append(b"answer")
    drain = Drain(4, now_ms=0, over_ms=0)
    drain.due([writing, reading, idle, taking], 0)

    assert drain.answered() == [idle]
    writing.done = 1
    reading.parked.clear()
    taking.out = []
    assert drain.answered() == [writing, reading, taking]
    assert not drain.leaving


def test_whoever_is_being_attached_goes_once_it_is() -> None:
    conn = connection(1, Phase.ATTACHING)
    drain = Drain(1, now_ms=0, over_ms=0)

    assert drain.due([conn], 0) == []
    conn.phase = Phase.READY
    assert drain.due([conn], 10) == [conn]


def test_who_has_gone_by_itself_is_not_closed() -> None:
    conn = connection(1)
    drain = Drain(1, now_ms=0, over_ms=0)
    drain.due([conn], 0)

    conn.phase = Phase.CLOSED

    assert drain.answered() == []
    assert not drain.leaving


def test_undone_nobody_else_goes_but_who_was_told_does() -> None:
    first, second = connection(1), connection(2)
    first.submitted = 1
    drain = Drain(2, now_ms=0, over_ms=100)
    assert drain.due([first, second], 0) == [first]

    drain.stop()

    assert drain.due([first, second], 10_000) == []
    first.done = 1
    assert drain.answered() == [first]
