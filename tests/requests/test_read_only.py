"""A member without a quorum: who is served, with what, and until when."""

import struct

import pytest

from node.requests.connection import Connection, Phase
from node.requests.frames import ANSWERS_BYTES_MAX
from node.requests.passwords import session_password
from tests.requests.solo import SECRET, Solo, create, frame, get_data, replies, request, set_data, string

NOT_READ_ONLY = -119
CLOSE, PING, SYNC, AUTH, EXISTS = -11, 11, 9, 100, 3


def without_quorum() -> Solo:
    """With a node /a that a client wrote before."""
    solo = Solo()
    solo.send(solo.connect(), create(1, b"/a", b"old"))
    solo.execute()
    solo.core.serving = False
    solo.core.read_only.is_on = True
    return solo


def hello(
    solo: Solo, *, read_only: bool = True, session_id: int = 0, password: bytes = bytes(16), seen_zxid: int = 0
) -> Connection:
    conn = solo.core.opened("127.0.0.1", 0, None)
    asked = struct.pack(">iqiqi", 0, seen_zxid, 10_000, session_id, 16) + password + bytes((read_only,))
    solo.core.feed(conn, frame(asked), 0)
    return conn


def connected(solo: Solo) -> Connection:
    conn = hello(solo)
    conn.out.clear()
    return conn


def test_who_takes_stale_reads_is_told_that_they_are() -> None:
    conn = hello(without_quorum())

    assert conn.phase is Phase.READ_ONLY
    (answer,) = conn.out
    assert struct.unpack_from(">iq", answer, 8) == (10_000, conn.session_id)
    assert answer[-1] == 1


@pytest.mark.parametrize("asked", [{"read_only": False}, {"seen_zxid": 1 << 60}], ids=str)
def test_others_are_sent_away_without_an_answer(asked: dict[str, int]) -> None:
    conn = hello(without_quorum(), **asked)  # type: ignore[arg-type]  # of each its own type

    assert conn.phase is Phase.CLOSED
    assert conn.out == []


def test_a_session_is_taken_on_its_password() -> None:
    solo = without_quorum()

    assert hello(solo, session_id=77, password=session_password(SECRET, 77)).session_id == 77
    assert hello(solo, session_id=77).phase is Phase.CLOSED


def test_reads_are_answered_and_writes_refused_in_order() -> None:
    solo = without_quorum()
    conn = connected(solo)
    zxid = solo.core.replica.zxid
    auth = struct.pack(">i", 0) + string(b"digest") + string(b"u:p")
    solo.send(
        conn, get_data(1, b"/a"), set_data(2, b"/a", b"new"), request(-2, PING), request(3, SYNC, string(b"/")),
        request(-4, AUTH, auth), create(4, b"/b"), get_data(5, b"/a"))

    found = replies(conn)
    assert [(xid, err) for xid, err, _ in found] == [
        (1, 0), (2, NOT_READ_ONLY), (-2, 0), (3, NOT_READ_ONLY), (-4, 0), (4, NOT_READ_ONLY), (5, 0)]
    assert found[0][2].startswith(string(b"old"))
    assert solo.core.replica.zxid == zxid
    assert not solo.core.submissions.count


def test_frames_may_come_in_any_pieces() -> None:
    solo = without_quorum()
    conn = connected(solo)
    stream = get_data(1, b"/a") + get_data(2, b"/a")
    for at in range(len(stream)):
        solo.core.feed(conn, stream[at:at + 1], 0)

    assert [xid for xid, _, _ in replies(conn)] == [1, 2]


def test_a_frame_beyond_the_limit_closes() -> None:
    solo = without_quorum()
    conn = connected(solo)
    solo.send(conn, struct.pack(">iii", 1 << 30, 1, 4))

    assert conn.phase is Phase.CLOSED


def test_answers_beyond_a_bound_wait() -> None:
    solo = Solo()
    writer = solo.connect()
    solo.send(writer, create(1, b"/big", bytes(900_000)))
    solo.execute()
    solo.core.serving = False
    solo.core.read_only.is_on = True
    conn = connected(solo)
    solo.send(conn, *(get_data(number, b"/big") for number in range(5)))

    assert conn.holds
    assert sum(map(len, conn.out)) < 3 * ANSWERS_BYTES_MAX
    assert [xid for xid, _, _ in replies(conn)] == [0, 1]
    solo.send(conn, b"")
    assert [xid for xid, _, _ in replies(conn)] == [2, 3]


def test_closing_is_answered_and_closes() -> None:
    solo = without_quorum()
    conn = connected(solo)
    solo.send(conn, request(1, CLOSE))

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0)]
    assert conn.phase is Phase.CLOSED


def test_they_end_when_the_quorum_is_back() -> None:
    solo = without_quorum()
    conn = connected(solo)
    solo.core.read_only.end()

    assert conn.phase is Phase.CLOSED
    assert conn.outcome == "read_only_over"
    assert hello(solo).phase is Phase.CLOSED
