"""The order that a client sees: replies, parked reads, events, across failures."""

import struct

import pytest

from node.requests.connection import Phase
from node.requests.submissions import BATCH_BYTES_MAX, IN_FLIGHT_BYTES_MAX
from node.tree.reads import READS
from tests.requests.solo import Solo, create, frame, get_data, replies, request, set_data, string
from transport.errors import Err
from transport.opcodes import OpCode


def data_of(body: bytes) -> bytes:
    (length,) = struct.unpack_from(">i", body)
    return body[4:4 + length]


def test_a_read_between_two_writes_of_one_turn_sees_the_first_only() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a"), set_data(2, b"/a", b"1"), get_data(3, b"/a"), set_data(4, b"/a", b"2"),
              get_data(5, b"/a"))
    assert conn.out == []

    solo.execute()

    answers = replies(conn)
    assert [(xid, err) for xid, err, _ in answers] == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]
    assert data_of(answers[2][2]) == b"1"
    assert data_of(answers[4][2]) == b"2"


def test_a_ping_waits_its_turn_behind_a_write() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a"), request(-2, 11))
    solo.execute()
    assert [xid for xid, _, _ in replies(conn)] == [1, -2]


def test_an_event_comes_before_the_reply_that_shows_the_change() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a"))
    solo.execute()
    solo.send(conn, get_data(2, b"/a", watch=True), set_data(3, b"/a", b"x"), get_data(4, b"/a"))
    solo.execute()
    assert [xid for xid, _, _ in replies(conn)] == [1, 2, -1, 3, 4]


def test_frames_may_come_in_any_pieces() -> None:
    solo = Solo()
    conn = solo.connect()
    stream = create(1, b"/a") + get_data(2, b"/a") + set_data(3, b"/a", b"x" * 100) + get_data(4, b"/a")
    for at in range(len(stream)):
        solo.core.feed(conn, stream[at:at + 1], 0)
    solo.execute()
    assert [xid for xid, _, _ in replies(conn)] == [1, 2, 3, 4]


@pytest.mark.parametrize("piece", [1, 3, 11, 12, 4096, 99_999])
def test_a_long_frame_in_many_pieces_is_joined_once(piece: int) -> None:
    solo = Solo()
    conn = solo.connect()
    stream = create(1, b"/a", b"x" * 100_000) + get_data(2, b"/a")
    buffers = set()
    for at in range(0, len(stream), piece):
        solo.core.feed(conn, stream[at:at + piece], 0)
        if type(conn.input) is bytearray:
            buffers.add(id(conn.input))
    solo.execute()

    assert [xid for xid, _, _ in replies(conn)] == [1, 2]
    assert len(buffers) <= 2  # of the create, and of what comes behind it


def test_a_leaders_death_costs_a_client_no_reply_and_doubles_none() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/q-", flags=2))
    solo.execute()
    solo.send(conn, create(2, b"/q-", flags=2))
    solo.submit()
    solo.send(conn, create(3, b"/q-", flags=2))

    solo.start_epoch(2)
    solo.execute()

    assert [(xid, err, body[-1:]) for xid, err, body in replies(conn)] == [(1, 0, b"0"), (2, 0, b"1"), (3, 0, b"2")]


def test_a_session_that_moved_is_not_answered_wrongly_but_closed() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a"))
    session = solo.core.replica.state.sessions[conn.session_id]
    session.connection += 1  # as if an attach from elsewhere had been executed
    solo.execute()
    assert replies(conn) == []
    assert conn.phase is Phase.CLOSED


def test_closing_a_session_answers_and_then_closes() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/e", flags=1), request(2, -11))
    solo.execute()
    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0), (2, 0)]
    assert conn.phase is Phase.CLOSED
    assert b"/e" not in solo.core.replica.nodes


def test_an_unknown_opcode_is_answered_and_the_connection_stays() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, request(1, 77), get_data(2, b"/"))
    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, Err.UNIMPLEMENTED), (2, 0)]
    assert conn.phase is Phase.READY


def test_a_frame_beyond_the_limit_closes_without_an_answer() -> None:
    solo = Solo()
    for length in (-1, 0x7FFFFFFF, 0x100000, 3):
        conn = solo.connect()
        solo.core.feed(conn, struct.pack(">i", length), 0)
        assert (conn.phase, conn.out) == (Phase.CLOSED, []), length


def test_a_client_that_saw_more_than_this_history_holds_is_closed() -> None:
    solo = Solo()
    conn = solo.core.opened("127.0.0.1", 0, None)
    solo.core.feed(conn, frame(struct.pack(">iqiqi", 0, 1 << 60, 10_000, 0, 16) + bytes(17)), 0)
    solo.execute()
    assert (conn.phase, conn.out) == (Phase.CLOSED, [])
    assert solo.alarms == ["client_from_another_history"]
    solo.execute()
    assert not solo.core.replica.state.sessions


def test_a_wrong_password_is_refused_as_an_expired_session() -> None:
    solo = Solo()
    first = solo.connect()
    conn = solo.core.opened("127.0.0.1", 0, None)
    solo.core.feed(conn, frame(struct.pack(">iqiqi", 0, 0, 10_000, first.session_id, 16) + b"x" * 16 + b"\0"), 0)
    assert b"".join(conn.out) == struct.pack(">iiiqi16sb", 37, 0, 0, 0, 16, bytes(16), 0)
    assert conn.phase is Phase.CLOSED
    assert first.phase is Phase.READY


@pytest.mark.parametrize("body", [
    string(b"/a") + b"\0",
    string(b"/empty") + b"\0",
    string(b"/null") + b"\0",
    string(b"/closed") + b"\0",
    string(b"/absent") + b"\0",
    string(b"/") + b"\0",
    string(b"") + b"\0",
    string(b"/a") + b"\1",
    string(b"/a") + b"\2",
    string(b"/a") + b"\0\0",
    string(b"/a"),
    string(b"/a\0"),
    struct.pack(">i", -1) + b"\0",
    struct.pack(">i", -5),
    struct.pack(">i", 1) + b"/a\0",
    struct.pack(">i", 0),
    b"\0\0\0",
    b"\0",
    b"",
], ids=repr)
def test_a_getdata_is_answered_on_the_short_way_as_on_the_long_one(body: bytes) -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a", b"data"), create(2, b"/empty"), create(3, b"/null"), create(4, b"/closed", b"x"))
    solo.execute()
    replies(conn)
    replica = solo.core.replica
    replica.nodes[b"/null"].data = None
    replica.nodes[b"/closed"].acl = ((2, b"world", b"anyone"),)
    sent, frames_out = solo.core.statistics.sent, conn.frames_out

    solo.send(conn, request(7, OpCode.GET_DATA, body))

    told = b"".join(conn.out)
    watches = replica.watches.by_connection()
    expected = READS[OpCode.GET_DATA](replica, body, conn.identity, conn.number)
    err, answer = (0, expected) if isinstance(expected, bytes) else (expected, b"")
    assert told == frame(struct.pack(">iqi", 7, replica.zxid, err) + answer)
    assert watches == replica.watches.by_connection()
    assert (conn.last_xid, conn.last_op, conn.last_zxid) == (7, OpCode.GET_DATA, replica.zxid)
    assert (solo.core.statistics.sent, conn.frames_out) == (sent + 1, frames_out + 1)


def test_a_turn_of_much_data_becomes_batches_that_can_be_sent() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a"))
    solo.execute()
    conn.out.clear()
    solo.send(conn, *[set_data(xid, b"/a", b"x" * 100_000) for xid in range(2, 52)])
    solo.submit()
    assert len(solo.queue) >= 9
    assert max(map(len, solo.queue)) < BATCH_BYTES_MAX + 200_000
    solo.execute()
    assert [xid for xid, _, _ in replies(conn)] == list(range(2, 52))


def test_out_of_credit_the_rest_waits_and_goes_on_in_order() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a"))
    solo.execute()
    conn.out.clear()
    count = IN_FLIGHT_BYTES_MAX // 100_000 * 2
    solo.send(conn, *[set_data(xid, b"/a", b"x" * 100_000) for xid in range(2, count)], get_data(count, b"/a"))
    assert conn.holds
    assert solo.core.submissions.flight_bytes < IN_FLIGHT_BYTES_MAX + 2 * BATCH_BYTES_MAX

    while conn.holds:
        solo.execute()
        solo.core.feed(conn, b"", 0)
    solo.execute()

    assert [xid for xid, _, _ in replies(conn)] == list(range(2, count + 1))


def test_identities_travel_only_with_a_write_that_has_them() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, *[auth(number) for number in range(200)], create(1, b"/a"))
    solo.submit()
    assert [len(batch) < 20_000 for batch in solo.queue] == [True]


def test_a_connection_may_not_collect_identities_without_end() -> None:
    solo = Solo()
    conn = solo.connect()
    for number in range(2000):
        solo.send(conn, auth(number))
    assert conn.phase is Phase.CLOSED
    assert replies(conn)[-1][1] == Err.AUTH_FAILED


def auth(number: int) -> bytes:
    return request(-4, 100, struct.pack(">i", 0) + string(b"digest") + string(b"user%d:x" % number))
