"""What a processor counts of its clients: connections and sessions by their fate, requests by their result."""

from hypothesis import given
from hypothesis import strategies as st

from node.requests.connection import Connection
from node.requests.statistics import OUTCOMES, Statistics
from node.tree.watches import EventType, Watches
from tests.requests.solo import Solo, create, frame, get_data, request, set_data
from transport.batch import source_of
from transport.opcodes import OpCode

CLOSE = request(9, int(OpCode.CLOSE_SESSION))


def end(solo: Solo, conn: Connection) -> str:
    """Its socket ends; how that was counted."""
    before = dict(solo.core.statistics.closed)
    solo.core.lost(conn)
    return next(name for name in OUTCOMES if solo.core.statistics.closed[name] != before[name])


def test_a_client_that_closes_its_session_and_one_that_just_goes() -> None:
    solo = Solo()
    closing, going = solo.connect(), solo.connect()

    solo.send(closing, CLOSE)
    solo.execute()

    assert [end(solo, conn) for conn in (closing, going)] == ["session_closed", "client_gone"]
    statistics = solo.core.statistics
    assert (statistics.opened, statistics.sessions_opened, statistics.sessions_closed) == (2, 2, 1)
    assert statistics.sessions_expired == statistics.sessions_resumed == 0


def test_a_session_that_expires_is_counted_where_that_was_ordered() -> None:
    solo = Solo()
    conn = solo.connect()
    source = source_of(member=1, processor=0, generation=1)

    solo.core.expire(conn.session_id, source, conn.number)
    solo.core.expire(conn.session_id, source, conn.number)  # it is gone by then
    solo.execute()

    assert solo.core.statistics.sessions_expired == 1
    assert end(solo, conn) == "session_expired"


def test_who_speaks_no_zookeeper_and_who_asks_a_word() -> None:
    solo = Solo()
    stranger, monitor = (solo.core.opened("127.0.0.1", 0, None) for _ in range(2))

    solo.core.feed(stranger, b"GET / HTTP/1.1\r\n\r\n", 0)
    solo.core.feed(monitor, b"ruok", 0)

    assert [end(solo, conn) for conn in (stranger, monitor)] == ["bad_frame", "four_letter_word"]
    assert solo.core.statistics.received_bytes == 22


def test_requests_are_counted_by_kind_and_errors_by_name() -> None:
    solo = Solo()
    conn = solo.connect()
    ping = frame(b"\xff\xff\xff\xfe" + int(OpCode.PING).to_bytes(4, "big"))

    solo.send(conn, create(1, b"/a"), set_data(2, b"/none", b""), set_data(3, b"/a", b"", version=9))
    solo.execute()
    solo.send(conn, get_data(4, b"/a"), get_data(5, b"/none"), ping)

    statistics = solo.core.statistics
    assert (statistics.reads, statistics.pings) == (2, 1)
    assert statistics.errors_by_name == {"NONODE": 2, "BADVERSION": 1}


def test_watchers_told_of_one_change_are_one_value_of_the_fan_out() -> None:
    solo = Solo()
    conns = [solo.connect() for _ in range(5)]
    solo.send(conns[0], create(1, b"/a"))
    solo.execute()
    for conn in conns:
        solo.send(conn, get_data(2, b"/a", watch=True))
    assert solo.core.watches.total == 5

    solo.send(conns[0], set_data(3, b"/a", b"x"))
    solo.execute()

    assert (sum(solo.core.statistics.fanout.counts), solo.core.statistics.fanout.sum) == (1, 5)
    assert (solo.core.statistics.notifications, solo.core.watches.total) == (5, 0)


def test_what_waits_for_the_leader_is_outstanding_until_it_is_executed() -> None:
    solo = Solo()
    conn = solo.connect()

    solo.send(conn, create(1, b"/a"), create(2, b"/b"))
    assert solo.core.submissions.outstanding == 2
    solo.submit()
    solo.send(conn, create(3, b"/c"))
    assert solo.core.submissions.outstanding == 3

    solo.execute()
    assert solo.core.submissions.outstanding == 0


def test_srst_starts_the_words_figures_again_and_not_the_metrics() -> None:
    statistics = Statistics(received=5, sent=4, latency_sum_ms=9, writes=3)

    statistics.reset()
    statistics.received += 1

    assert (statistics.received, statistics.sent, statistics.latency_sum_ms) == (1, 0, 0)
    assert (statistics.packets_received, statistics.packets_sent, statistics.writes) == (6, 4, 3)


PATHS = st.sampled_from([b"/a", b"/b", b"/a/c"])
STEPS = st.tuples(st.sampled_from(["data", "child", "ever", "below", "fire", "drop"]), PATHS, st.integers(1, 3))


@given(st.lists(STEPS, max_size=40))
def test_the_count_of_watches_is_the_sum_over_all_of_them(steps: list[tuple[str, bytes, int]]) -> None:
    watches = Watches()
    for what, path, connection in steps:
        match what:
            case "data":
                watches.watch_data(path, connection, b"")
            case "child":
                watches.watch_children(path, connection, b"")
            case "ever":
                watches.watch_persistently(path, connection, b"")
            case "below":
                watches.watch_recursively(path, connection, b"")
            case "fire":
                watches.told_of_data(path, EventType.NODE_DATA_CHANGED)
            case _:
                watches.drop(connection)

        tables = (watches.data, watches.child, watches.recursive)
        assert watches.total == sum(len(watchers) for table in tables for watchers in table.values())
