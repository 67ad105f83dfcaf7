"""Sessions that one processor alone knows: no write begins or ends them, and none of theirs is lost or misplaced."""

import struct

from node.requests.connection import Connection, Phase
from node.requests.local_sessions import LocalSessions
from node.requests.passwords import session_password
from tests.requests.solo import SECRET, Solo, create, frame, get_data, replies, request, set_data, string
from transport.batch import EXPIRE_BODY, REQUEST, pack_batch
from transport.opcodes import OpCode

TIMEOUT_MS = 10_000
CLOSE = -11
NO_EPHEMERALS, MOVED = -120, -118


def hello(session_id: int = 0, password: bytes = bytes(16), seen_zxid: int = 0) -> bytes:
    return frame(struct.pack(">iqiqi", 0, seen_zxid, TIMEOUT_MS, session_id, 16) + password + b"\0")


def connected(solo: Solo, session_id: int = 0, now_ms: int = 0) -> Connection:
    """With a local session: its answer is there at once."""
    conn = solo.core.opened("127.0.0.1", now_ms, None)
    solo.core.feed(conn, hello(session_id, session_password(SECRET, session_id)), now_ms)
    assert conn.phase is Phase.READY
    timeout_ms, granted = struct.unpack_from(">iq", conn.out[0], 8)
    assert (timeout_ms, granted) == (TIMEOUT_MS, conn.session_id)
    conn.out.clear()
    return conn


def local_solo(*, upgrade: bool = False) -> Solo:
    return Solo(local_sessions=True, local_sessions_upgrade=upgrade)


def test_a_local_session_begins_and_comes_back_without_the_log() -> None:
    solo = local_solo()
    before = solo.core.replica.zxid
    first = connected(solo)
    again = connected(solo, first.session_id)

    solo.execute()

    assert again.session_id == first.session_id
    assert first.phase is Phase.CLOSED
    assert solo.core.replica.zxid == before
    assert not solo.core.replica.sessions


def test_its_writes_are_executed_and_its_reads_wait_for_them() -> None:
    solo = local_solo()
    conn = connected(solo)
    solo.send(conn, create(1, b"/a"), set_data(2, b"/a", b"x"), get_data(3, b"/a"))
    solo.execute()

    found = replies(conn)
    assert [(xid, err) for xid, err, _ in found] == [(1, 0), (2, 0), (3, 0)]
    assert found[2][2].startswith(string(b"x"))


def test_it_has_no_ephemerals_unless_it_may_become_a_global_one() -> None:
    solo = local_solo()
    conn = connected(solo)
    solo.send(conn, create(1, b"/e", flags=1), create(2, b"/s", flags=2))
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, NO_EPHEMERALS), (2, 0)]
    assert not solo.core.replica.sessions


def test_its_first_ephemeral_makes_it_a_global_one() -> None:
    solo = local_solo(upgrade=True)
    conn = connected(solo)
    solo.send(conn, create(1, b"/e", flags=1), set_data(2, b"/e", b"x"), create(3, b"/f", flags=1))
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0), (2, 0), (3, 0)]
    session = solo.core.replica.sessions[conn.session_id]
    assert list(session.ephemerals) == [b"/e", b"/f"]
    assert (session.timeout_ms, session.source, session.connection) == (TIMEOUT_MS, solo.core.source, conn.number)
    assert not solo.core.local
    solo.send(conn, request(4, CLOSE))
    solo.execute()
    assert not solo.core.replica.sessions
    assert b"/e" not in solo.core.replica.nodes


def test_what_was_sent_behind_its_first_ephemeral_does_not_make_it_anew_after_its_end() -> None:
    solo = local_solo(upgrade=True)
    conn = connected(solo)
    solo.send(conn, create(1, b"/e", flags=1))
    solo.submit()
    solo.send(conn, create(2, b"/f", flags=1))
    solo.submit()
    first, *behind = solo.queue
    solo.queue.clear()

    solo.apply(first)
    token = EXPIRE_BODY.pack(solo.core.source, conn.number)
    solo.apply(pack_batch(
        member=2, processor=0, generation=9, sequence=1, epoch=1, count=1, identities=[b""],
        requests=REQUEST.pack(conn.session_id, 0, 0, OpCode.EXPIRE, 0, 0, 0, len(token)) + token))
    solo.core.feed(conn, b"", 0)
    solo.submit()
    solo.apply(*solo.queue, *behind)

    assert conn.session_id not in solo.core.replica.sessions
    assert not solo.core.replica.nodes.keys() & {b"/e", b"/f"}
    assert conn.phase is Phase.CLOSED


def test_an_ephemeral_that_fails_makes_it_a_global_one_too() -> None:
    solo = local_solo(upgrade=True)
    conn = connected(solo)
    solo.send(conn, create(1, b"/absent/e", flags=1))
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, -101)]
    assert conn.session_id in solo.core.replica.sessions
    assert not solo.core.local


def test_closing_it_answers_behind_its_writes_and_then_closes() -> None:
    solo = local_solo()
    conn = connected(solo)
    solo.send(conn, create(1, b"/a"), request(2, CLOSE))
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0), (2, 0)]
    assert conn.phase is Phase.CLOSED
    assert not solo.core.local


def test_it_expires_here_once_it_has_been_silent_for_its_timeout() -> None:
    solo = local_solo()
    alive, silent, gone = connected(solo), connected(solo), connected(solo, now_ms=5_000)
    solo.core.lost(gone)
    solo.core.feed(alive, get_data(1, b"/"), 9_000)

    solo.core.expire_local(TIMEOUT_MS + 1)
    assert set(solo.core.local) == {alive.session_id, gone.session_id}
    assert silent.phase is Phase.CLOSED
    solo.core.expire_local(TIMEOUT_MS + 5_001)

    assert set(solo.core.local) == {alive.session_id}


def test_one_that_is_not_known_here_is_refused_by_the_log() -> None:
    solo, elsewhere = local_solo(), local_solo()
    session_id = connected(elsewhere).session_id
    conn = solo.core.opened("127.0.0.1", 0, None)
    solo.core.feed(conn, hello(session_id, session_password(SECRET, session_id)), 0)
    solo.execute()

    assert conn.phase is Phase.CLOSED
    assert struct.unpack_from(">iq", conn.out[0], 8) == (0, 0)


def test_nobody_takes_it_over_without_its_password() -> None:
    solo = local_solo()
    conn = connected(solo)
    thief = solo.core.opened("127.0.0.1", 0, None)
    solo.core.feed(thief, hello(conn.session_id), 0)

    assert thief.phase is Phase.CLOSED
    assert conn.phase is Phase.READY


def test_a_client_that_has_seen_more_than_is_executed_here_is_sent_away() -> None:
    solo = local_solo()
    conn = solo.core.opened("127.0.0.1", 0, None)
    solo.core.feed(conn, hello(seen_zxid=solo.core.replica.zxid + 1), 0)

    assert conn.phase is Phase.CLOSED
    assert conn.out == []


def test_what_came_with_the_hello_is_taken_in() -> None:
    solo = local_solo()
    conn = solo.core.opened("127.0.0.1", 0, None)
    solo.core.feed(conn, hello() + create(1, b"/a") + get_data(2, b"/a"), 0)
    solo.execute()

    del conn.out[0]
    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0), (2, 0)]


def test_a_leaders_death_costs_it_no_reply_and_doubles_none() -> None:
    solo = local_solo(upgrade=True)
    conn = connected(solo)
    solo.send(conn, create(1, b"/e-", flags=3))
    solo.submit()
    solo.start_epoch(2)
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0)]
    assert solo.core.replica.sessions[conn.session_id].ephemerals.keys() == {b"/e-0000000000"}


def test_an_older_connection_of_one_that_became_global_is_moved_away() -> None:
    solo = local_solo(upgrade=True)
    conn = connected(solo)
    solo.send(conn, create(1, b"/e", flags=1))
    again = connected(solo, conn.session_id)
    solo.send(again, set_data(1, b"/e", b"x"))
    solo.execute()

    assert again.phase is Phase.CLOSED  # the session's token is the older connection's: the client comes again
    assert again.outcome == "session_moved"


def test_ids_are_of_the_member_and_never_those_of_others() -> None:
    sessions = LocalSessions(member=200)
    one = sessions.open(generation=7, timeout_ms=1, now_ms=0, taken=())
    probe = LocalSessions(member=200).open(generation=7, timeout_ms=1, now_ms=0, taken={one.id})

    assert one.id < 0
    assert one.id & 0xFFFFFFFFFFFFFFFF == 200 << 56 | 0xFFFF << 40 | 7 << 20 | 1
    assert probe.id == one.id + 1
