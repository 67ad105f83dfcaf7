"""Too much at once: who waits, who is answered, and in which order."""

import struct

import pytest

from node.requests.connection import Connection, Phase
from node.requests.overload import TURN_REQUESTS_LEAST, ConnectionRules, ConnectionThrottle, OverloadRules
from tests.requests.solo import Solo, create, frame, get_data, replies, request, set_data
from transport.errors import Err
from transport.opcodes import OpCode


def overloaded(**rules: object) -> Solo:
    solo = Solo(overload=OverloadRules(**rules))  # type: ignore[arg-type]
    conn = solo.connect()
    solo.send(conn, create(1, b"/a"))
    solo.execute()
    return solo


def sets(count: int) -> bytes:
    return b"".join(set_data(xid, b"/a", b"x") for xid in range(1, count + 1))


def handshake(solo: Solo, session_id: int = 0, password: bytes = bytes(16)) -> Connection:
    conn = solo.core.opened("127.0.0.1", 0, None)
    solo.core.feed(conn, frame(struct.pack(">iqiqi", 0, 0, 10_000, session_id, 16) + password + b"\0"), 0)
    return conn


def turn(solo: Solo) -> None:
    """What the shell does at the end of one."""
    if solo.core.entrance.is_crowded:
        solo.core.entrance.admit()
    dirty, solo.core.dirty = solo.core.dirty, {}
    for conn in dirty:
        if conn.holds and not conn.parked and conn.phase is Phase.READY:
            solo.core.feed(conn, b"", solo.core.statistics.now_ms)


def test_a_flood_of_one_connection_is_taken_in_pieces() -> None:
    solo = overloaded(turn_requests=100)
    flood, other = solo.connect(), solo.connect()
    solo.core.feed(flood, sets(250), 0)
    solo.core.feed(other, set_data(1, b"/a", b"y"), 0)

    assert (flood.submitted, other.submitted) == (1 + 100, 1 + 1)
    assert flood.holds
    assert flood in solo.core.dirty

    turn(solo)
    turn(solo)

    assert flood.submitted == 1 + 250
    assert not flood.holds


def test_a_flood_of_reads_is_taken_in_pieces() -> None:
    solo = overloaded(turn_requests=100)
    flood = solo.connect()
    solo.core.feed(flood, b"".join(get_data(xid, b"/a") for xid in range(1, 251)), 0)

    assert [xid for xid, _, _ in replies(flood)] == list(range(1, 101))

    turn(solo)
    turn(solo)

    assert [xid for xid, _, _ in replies(flood)] == list(range(101, 251))


def test_who_is_alone_gets_more_of_a_turn_than_who_has_company() -> None:
    solo = overloaded(turn_requests=500)
    flood, other = solo.connect(), solo.connect()
    reads = b"".join(get_data(xid, b"/a") for xid in range(1, 1001))
    solo.core.feed(flood, reads, 1000)

    assert len(replies(flood)) == 500

    solo.core.feed(other, get_data(1, b"/a"), 1001)
    solo.core.feed(flood, b"", 1001)

    assert len(replies(flood)) == 100
    assert len(replies(other)) == 1


def test_a_flood_of_writes_leaves_a_part_of_the_limit_to_who_is_active_too() -> None:
    solo = overloaded(outstanding_max=1000, turn_requests=500)
    flood, other = solo.connect(), solo.connect()
    solo.core.feed(other, get_data(1, b"/a"), 1000)
    for _ in range(20):
        solo.core.feed(flood, sets(100), 1001)

    assert flood.submitted == 1 + 500
    assert flood.holds

    solo.core.feed(other, sets(400), 1002)

    assert other.submitted == 1 + 100

    solo.execute()

    assert flood.submitted == 1 + 2000  # in its turns


def test_company_that_has_gone_silent_does_not_count() -> None:
    solo = overloaded(outstanding_max=1000, turn_requests=500)
    flood, other = solo.connect(), solo.connect()
    solo.core.feed(other, get_data(1, b"/a"), 1000)
    solo.core.feed(flood, sets(1), 1001)
    solo.execute()

    solo.core.feed(flood, sets(999), 1300)

    assert flood.submitted == 1 + 1 + 500


def test_beyond_the_limit_only_those_with_requests_in_work_wait() -> None:
    solo = overloaded(outstanding_max=100)
    flood, other = solo.connect(), solo.connect()
    solo.core.feed(flood, sets(100), 0)
    solo.core.feed(flood, sets(50), 0)
    solo.core.feed(other, set_data(1, b"/a", b"y"), 0)

    assert flood.submitted == 1 + 100
    assert flood.holds
    assert other.submitted == 1 + 1

    solo.execute()

    assert flood.submitted == 1 + 150
    assert [xid for xid, _, _ in replies(flood)] == [*range(1, 101), *range(1, 51)]


def test_beyond_the_limit_a_connection_without_requests_in_work_gets_few_through() -> None:
    solo = overloaded(outstanding_max=10)
    flood, other = solo.connect(), solo.connect()
    solo.core.feed(flood, sets(40), 0)

    solo.core.feed(other, sets(1000), 0)

    assert other.submitted == 1 + TURN_REQUESTS_LEAST


def test_an_overloaded_server_answers_the_sessions_it_has_before_it_takes_new_ones() -> None:
    solo = overloaded(outstanding_max=10)
    old = solo.connect()
    solo.core.feed(old, sets(32), 0)
    newcomers = [handshake(solo) for _ in range(3)]

    assert [conn.phase for conn in newcomers] == [Phase.NEW] * 3
    assert all(conn.holds for conn in newcomers)

    solo.execute()
    turn(solo)
    solo.execute()

    assert len(replies(old)) == 32
    assert [conn.phase for conn in newcomers] == [Phase.READY] * 3


def test_one_new_session_gets_in_per_turn_however_great_the_load() -> None:
    solo = overloaded(outstanding_max=10)
    old = solo.connect()
    solo.core.feed(old, sets(32), 0)
    newcomers = [handshake(solo) for _ in range(3)]

    turn(solo)

    assert [conn.phase for conn in newcomers] == [Phase.ATTACHING, Phase.NEW, Phase.NEW]


def test_a_session_that_comes_back_does_not_wait_behind_an_overload() -> None:
    solo = overloaded(outstanding_max=10)
    first = handshake(solo)
    solo.execute()
    password = b"".join(first.out)[24:40]
    old = solo.connect()
    solo.core.feed(old, sets(32), 0)

    again = handshake(solo, first.session_id, password)

    assert again.phase is Phase.ATTACHING


def test_a_newcomer_that_leaves_while_it_waits_is_forgotten() -> None:
    solo = overloaded(outstanding_max=10)
    old = solo.connect()
    solo.core.feed(old, sets(32), 0)
    newcomer = handshake(solo)

    solo.core.lost(newcomer)

    assert not solo.core.entrance.is_crowded


def test_the_request_throttle_holds_all_and_answers_too_late_ones_with_throttled_op() -> None:
    solo = overloaded(requests_max=10, op_wait_ms=100)
    flood, other = solo.connect(), solo.connect()
    solo.core.feed(flood, sets(10), 1000)
    solo.core.feed(other, set_data(1, b"/a", b"y") + request(-2, OpCode.PING) + get_data(2, b"/a"), 1000)
    assert (other.submitted, other.holds) == (1, True)

    solo.core.statistics.now_ms = 1101
    solo.submit()
    batches, solo.queue = solo.queue, []
    solo.apply(*batches)
    turn(solo)

    assert [(xid, err) for xid, err, _ in replies(other)] == [
        (1, Err.THROTTLED_OP), (-2, 0), (2, Err.THROTTLED_OP)]
    assert solo.core.statistics.throttled_ops == 3


def test_the_request_throttle_lets_go_on_what_did_not_wait_too_long() -> None:
    solo = overloaded(requests_max=10, op_wait_ms=100)
    flood, other = solo.connect(), solo.connect()
    solo.core.feed(flood, sets(10), 1000)
    solo.core.feed(other, get_data(2, b"/a"), 1000)

    solo.core.statistics.now_ms = 1100
    solo.submit()
    batches, solo.queue = solo.queue, []
    solo.apply(*batches)
    turn(solo)

    assert [(xid, err) for xid, err, _ in replies(other)] == [(2, 0)]


def test_requests_that_waited_beyond_the_sessions_timeout_end_their_connection() -> None:
    solo = overloaded(requests_max=10, closes_late=True)
    flood, other = solo.connect(), solo.connect()
    solo.core.feed(flood, sets(10), 1000)
    solo.core.feed(other, get_data(2, b"/a"), 1000)

    solo.core.statistics.now_ms = 1001 + other.timeout_ms
    solo.submit()
    batches, solo.queue = solo.queue, []
    solo.apply(*batches)
    turn(solo)

    assert other.phase is Phase.CLOSED
    assert other.outcome == "stale_requests"


def test_handshakes_beyond_the_tokens_are_refused_until_time_brings_some_back() -> None:
    throttle = ConnectionThrottle(ConnectionRules(tokens=2, fill_ms=10, fill_count=1), lambda: 1.0)

    def lets_in(now_ms: int) -> bool:
        return throttle.lets_in(now_ms, is_local=False, is_renewed=False)

    assert [lets_in(100), lets_in(100), lets_in(100)] == [True, True, False]
    assert [lets_in(120), lets_in(120)] == [True, True]


@pytest.mark.parametrize(("kind", "cost"), [((False, False), 3), ((False, True), 2), ((True, False), 1)])
def test_sessions_cost_tokens_by_their_kind(kind: tuple[bool, bool], cost: int) -> None:
    throttle = ConnectionThrottle(ConnectionRules(tokens=6, fill_ms=1000, is_weighted=True), lambda: 1.0)
    is_local, is_renewed = kind

    let_in = [throttle.lets_in(1, is_local=is_local, is_renewed=is_renewed) for _ in range(7)]

    assert sum(let_in) == 6 // cost


def test_blue_drops_a_share_that_grows_while_the_bucket_is_empty() -> None:
    rules = ConnectionRules(tokens=1, fill_ms=10_000, freeze_ms=10, drop_increase=0.5, drop_decrease=0.5)
    throttle = ConnectionThrottle(rules, lambda: 0.4)

    def lets_in(now_ms: int) -> bool:
        return throttle.lets_in(now_ms, is_local=False, is_renewed=False)

    assert lets_in(1)
    assert not lets_in(20)  # empty: from here on the share is a half
    assert not lets_in(25)
    assert lets_in(20_000)  # full again, and the share has shrunk


def test_a_handshake_that_is_throttled_ends_its_connection() -> None:
    solo = Solo(overload=OverloadRules(connections=ConnectionRules(tokens=1, fill_ms=10_000)))
    taken, refused = handshake(solo), handshake(solo)

    assert taken.phase is Phase.ATTACHING
    assert (refused.phase, refused.outcome) == (Phase.CLOSED, "connection_throttled")
