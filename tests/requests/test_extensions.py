"""The operations of ClickHouse Keeper, 500 to 507, and our own from 600 on: to the byte."""

import struct

import pytest

from node.requests.audit import Request, events_of
from node.requests.connection import Connection
from tests.requests.solo import WORLD, Solo, create, get_data, replies, request, set_data, string
from transport.errors import Err

ON = {"corral.extensions": "true"}
END = b"\xff\xff\xff\xff\x01\xff\xff\xff\xff"


def solo_with(*paths: bytes, ephemeral: bytes = b"") -> tuple[Solo, Connection]:
    solo = Solo(settings=ON)
    conn = solo.connect()
    solo.send(conn, *(create(1, path, b"d" + path[-1:]) for path in paths))
    if ephemeral:
        solo.send(conn, create(1, ephemeral, b"e", flags=1))
    solo.execute()
    conn.out.clear()
    return solo, conn


def answer(solo: Solo, conn: Connection, op: int, body: bytes) -> tuple[int, bytes]:
    solo.send(conn, request(7, op, body))
    solo.execute()
    ((xid, err, payload),) = replies(conn)
    assert xid == 7
    return err, payload


def stat_of(solo: Solo, conn: Connection, path: bytes) -> bytes:
    err, stat = answer(solo, conn, 3, string(path) + b"\0")
    assert err == 0
    return stat


def strings(*values: bytes) -> bytes:
    return struct.pack(">i", len(values)) + b"".join(string(each) for each in values)


def children(solo: Solo, conn: Connection, path: bytes) -> list[bytes]:
    return sorted(solo.core.replica.nodes[path].children or ())


def test_the_flag_node_says_what_there_is() -> None:
    solo, conn = solo_with()

    assert answer(solo, conn, 4, string(b"/keeper/feature_flags") + b"\0")[1][:6] == b"\0\0\0\2\xfb\xe0"
    assert answer(solo, conn, 4, string(b"/keeper/api_version") + b"\0")[1][:5] == b"\0\0\0\1" + b"2"


def test_nobody_changes_the_flag_nodes() -> None:
    solo, conn = solo_with()
    solo.send(conn, set_data(1, b"/keeper/feature_flags", b"x"), create(2, b"/keeper/x"),
              request(3, 2, string(b"/keeper/api_version") + b"\xff\xff\xff\xff"))
    solo.execute()

    assert [err for _, err, _ in replies(conn)] == [Err.NO_AUTH] * 3
    assert answer(solo, conn, 503, string(b"/keeper") + b"\0\0\0\x09") == (Err.BAD_ARGUMENTS, b"")


def test_an_applications_own_node_of_that_name_stays() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/keeper", b"mine"))
    solo.execute()

    solo.settings = ON
    solo.start_epoch(2)

    assert solo.core.replica.nodes[b"/keeper"].data == b"mine"
    assert b"/keeper/feature_flags" not in solo.core.replica.nodes


@pytest.mark.parametrize("op", [500, 501, 502, 503, 504, 505, 506, 507, 600, 601])
def test_without_the_setting_there_is_no_such_operation_and_no_node(op: int) -> None:
    solo = Solo()
    conn = solo.connect()

    assert answer(solo, conn, op, string(b"/a") + bytes(100)) == (Err.UNIMPLEMENTED, b"")
    assert b"/keeper" not in solo.core.replica.nodes


@pytest.mark.parametrize("op", [500, 501, 502, 503, 504, 505, 506, 507, 600, 601])
def test_a_body_that_is_cut_off_is_a_marshalling_error(op: int) -> None:
    solo, conn = solo_with(b"/a")

    assert answer(solo, conn, op, b"\0\0")[0] == Err.MARSHALLING_ERROR


@pytest.mark.parametrize(("kind", "names"), [(0, [b"p", b"e"]), (1, [b"p"]), (2, [b"e"])])
def test_a_filtered_list_tells_persistent_nodes_from_ephemeral_ones(kind: int, names: list[bytes]) -> None:
    solo, conn = solo_with(b"/a", b"/a/p", ephemeral=b"/a/e")

    err, body = answer(solo, conn, 500, string(b"/a") + b"\0" + bytes([kind]))

    assert (err, body) == (0, strings(*names) + stat_of(solo, conn, b"/a"))


def test_a_filtered_list_sets_a_watch_on_children() -> None:
    solo, conn = solo_with(b"/a")
    answer(solo, conn, 500, string(b"/a") + b"\1\0")
    solo.send(conn, create(8, b"/a/new"))
    solo.execute()

    assert [xid for xid, _, _ in replies(conn)] == [-1, 8]


def test_a_list_with_stats_and_data_is_names_stat_stats_data() -> None:
    solo, conn = solo_with(b"/a", b"/a/x", b"/a/y")

    err, body = answer(solo, conn, 506, string(b"/a") + b"\0\0\1\1")

    stats = b"".join(stat_of(solo, conn, path) for path in (b"/a/x", b"/a/y"))
    assert err == 0
    assert body == strings(b"x", b"y") + stat_of(solo, conn, b"/a") + b"\0\0\0\2" + stats + strings(b"dx", b"dy")
    assert answer(solo, conn, 506, string(b"/a") + b"\0\0\0\0") == (
        0, strings(b"x", b"y") + stat_of(solo, conn, b"/a") + bytes(8))


def test_a_recursive_list_comes_level_by_level_up_to_its_limit() -> None:
    solo, conn = solo_with(b"/a", b"/a/x", b"/a/y", b"/a/x/1")

    assert answer(solo, conn, 507, string(b"/a") + b"\0\0\0\x63") == (0, strings(b"/a/x", b"/a/y", b"/a/x/1"))
    assert answer(solo, conn, 507, string(b"/a") + b"\0\0\0\2") == (0, strings(b"/a/x", b"/a/y"))
    assert answer(solo, conn, 507, string(b"/none") + b"\0\0\0\2") == (Err.NO_NODE, b"")


@pytest.mark.parametrize(("path", "version", "err"), [
    (b"/none", -1, 0), (b"/a", -1, Err.NODE_EXISTS), (b"/a", 0, Err.NODE_EXISTS), (b"/a", 5, 0)])
def test_check_not_exists(path: bytes, version: int, err: int) -> None:
    solo, conn = solo_with(b"/a")

    assert answer(solo, conn, 501, string(path) + struct.pack(">i", version)) == (err, b"")


def test_check_stat_compares_what_is_not_minus_one() -> None:
    solo, conn = solo_with(b"/a", b"/a/x")
    stat = struct.Struct(">qqqqiiiqiiq")
    found = list(stat.unpack(stat_of(solo, conn, b"/a")))
    free = [-1] * 11

    def check(values: list[int], version: int = -1) -> int:
        return answer(solo, conn, 504, string(b"/a") + struct.pack(">i", version) + stat.pack(*values))[0]

    assert (check(found), check(free), check(free, 0)) == (0, 0, 0)
    assert check(free, 1) == Err.BAD_VERSION
    for place in range(11):
        assert check([*free[:place], found[place] + 1, *free[place + 1:]]) == Err.BAD_VERSION


def test_create_if_not_exists_answers_with_the_path_either_way() -> None:
    solo, conn = solo_with()
    body = string(b"/a") + string(b"v") + WORLD + bytes(4)

    assert answer(solo, conn, 502, body) == (0, string(b"/a"))
    assert answer(solo, conn, 502, body) == (0, string(b"/a"))
    assert solo.core.replica.nodes[b"/a"].version == 0
    assert answer(solo, conn, 502, string(b"/n/x") + string(b"v") + WORLD + bytes(4)) == (Err.NO_NODE, b"")


def test_a_recursive_removal_takes_all_or_nothing() -> None:
    solo, conn = solo_with(b"/a", b"/a/x", b"/a/x/1", ephemeral=b"/a/e")

    assert answer(solo, conn, 503, string(b"/a") + b"\0\0\0\3") == (Err.NOT_EMPTY, b"")
    assert children(solo, conn, b"/a") == [b"e", b"x"]
    assert answer(solo, conn, 503, string(b"/a") + b"\0\0\0\4") == (0, b"")
    assert answer(solo, conn, 503, string(b"/a") + b"\0\0\0\4") == (0, b"")
    assert not [path for path in solo.core.replica.nodes if path.startswith(b"/a")]
    assert not solo.core.replica.sessions[conn.session_id].ephemerals
    assert answer(solo, conn, 503, string(b"/") + b"\0\0\0\4")[0] == Err.BAD_ARGUMENTS


def test_a_recursive_removal_needs_delete_on_each_node() -> None:
    solo, conn = solo_with(b"/a", b"/a/x")
    readable = struct.pack(">ii", 1, 1) + string(b"world") + string(b"anyone")
    assert answer(solo, conn, 1, string(b"/a/x/y") + string(b"") + readable + bytes(4))[0] == 0

    assert answer(solo, conn, 503, string(b"/a") + b"\0\0\0\x09") == (Err.NO_AUTH, b"")
    assert b"/a/x/y" in solo.core.replica.nodes


@pytest.mark.parametrize(("path", "version"), [(b"/none", -1), (b"/none/x", -1), (b"/a", 3), (b"/p", -1)])
def test_try_remove_never_minds(path: bytes, version: int) -> None:
    solo, conn = solo_with(b"/a", b"/p", b"/p/x")

    assert answer(solo, conn, 505, string(path) + struct.pack(">i", version)) == (0, b"")
    assert {b"/a", b"/p", b"/p/x"} <= set(solo.core.replica.nodes)


def test_try_remove_removes() -> None:
    solo, conn = solo_with(b"/a")

    assert answer(solo, conn, 505, string(b"/a") + b"\xff\xff\xff\xff") == (0, b"")
    assert b"/a" not in solo.core.replica.nodes


def sub_op(op: int, body: bytes) -> bytes:
    return struct.pack(">i?i", op, False, -1) + body


def done(op: int, body: bytes = b"") -> bytes:
    return struct.pack(">i?i", op, False, 0) + body


def failed(err: int) -> bytes:
    return struct.pack(">i?ii", -1, False, err, err)


def test_a_multi_takes_all_of_them() -> None:
    solo, conn = solo_with(b"/a", b"/a/x", b"/b")
    free = b"\xff\xff\xff\xff"
    ops = (sub_op(501, string(b"/none") + free), sub_op(502, string(b"/a") + string(b"") + WORLD + bytes(4)),
           sub_op(504, string(b"/a") + free + b"\xff" * 68), sub_op(505, string(b"/b") + free),
           sub_op(503, string(b"/a") + b"\0\0\0\x09"))

    assert answer(solo, conn, 14, b"".join(ops) + END) == (
        0, done(501) + done(502, string(b"/a")) + done(504) + done(505) + done(503) + END)
    assert not {b"/a", b"/a/x", b"/b"} & set(solo.core.replica.nodes)


def test_each_of_them_that_changes_something_is_audited() -> None:
    solo, conn = solo_with(b"/a", b"/a/x", b"/b")
    free = b"\xff\xff\xff\xff"
    made = string(b"/c") + string(b"") + WORLD + bytes(4)
    body = b"".join((
        sub_op(501, string(b"/none") + free), sub_op(502, made), sub_op(504, string(b"/a") + free + b"\xff" * 68),
        sub_op(505, string(b"/b") + free), sub_op(503, string(b"/a") + b"\0\0\0\x09"))) + END

    err, said = answer(solo, conn, 14, body)
    events = events_of(Request(1, 14, bytes(4), body, ""), 5, err, said)
    alone = events_of(Request(1, 502, bytes(4), made, ""), 5, 0, string(b"/c"))

    assert [(each.operation, each.znode) for each in (*events, *alone)] == [
        ("create", "/c"), ("delete", "/b"), ("deleteRecursive", "/a"), ("create", "/c")]


def test_a_multi_that_fails_takes_a_recursive_removal_back() -> None:
    solo, conn = solo_with(b"/a", b"/a/x", ephemeral=b"/a/e")
    digest = solo.core.replica.digest()
    free = b"\xff\xff\xff\xff"
    ops = sub_op(503, string(b"/a") + b"\0\0\0\x09") + sub_op(501, string(b"/keeper") + free)

    assert answer(solo, conn, 14, ops + END) == (0, failed(0) + failed(Err.NODE_EXISTS) + END)
    assert solo.core.replica.digest() == digest
    assert list(solo.core.replica.sessions[conn.session_id].ephemerals) == [b"/a/e"]


def test_without_the_setting_a_multi_refuses_them_as_a_whole() -> None:
    solo = Solo()
    conn = solo.connect()

    assert answer(solo, conn, 14, sub_op(501, string(b"/none") + b"\xff\xff\xff\xff") + END) == (
        Err.MARSHALLING_ERROR, b"")


def test_a_multi_of_reads_takes_exists_and_lists() -> None:
    solo, conn = solo_with(b"/a", b"/a/x")
    ops = (sub_op(3, string(b"/a") + b"\0"), sub_op(500, string(b"/a") + b"\0\0"), sub_op(3, string(b"/none") + b"\0"))

    err, body = answer(solo, conn, 22, b"".join(ops) + END)

    stat = stat_of(solo, conn, b"/a")
    assert (err, body) == (0, done(3, stat) + done(500, strings(b"x") + stat) + failed(Err.NO_NODE) + END)


def test_pages_of_children_come_in_order_and_say_whether_there_are_more() -> None:
    solo, conn = solo_with(b"/a", b"/a/c", b"/a/a", b"/a/b")
    stat = stat_of(solo, conn, b"/a")

    def page(after: bytes, most: int) -> tuple[int, bytes]:
        return answer(solo, conn, 600, string(b"/a") + string(after) + struct.pack(">i", most))

    assert page(b"", 2) == (0, strings(b"a", b"b") + stat + b"\1")
    assert page(b"b", 2) == (0, strings(b"c") + stat + b"\0")
    assert page(b"", 0) == (Err.BAD_ARGUMENTS, b"")


def test_a_linearizable_read_is_answered_from_its_place_in_the_log() -> None:
    solo, conn = solo_with(b"/a")
    other = solo.connect()
    solo.send(other, set_data(1, b"/a", b"before"))
    solo.send(conn, request(7, 601, struct.pack(">i", 4) + string(b"/a") + b"\0"), get_data(8, b"/a"))
    solo.send(other, set_data(2, b"/a", b"after"))
    solo.execute()

    (xid, err, body), _ = replies(conn)
    assert (xid, err, body[:10]) == (7, 0, string(b"before"))


def test_what_is_no_plain_read_is_no_linearizable_one() -> None:
    solo, conn = solo_with(b"/a")

    assert answer(solo, conn, 601, struct.pack(">i", 5) + string(b"/a")) == (Err.BAD_ARGUMENTS, b"")
    assert answer(solo, conn, 601, struct.pack(">i", 4) + string(b"/none") + b"\0") == (Err.NO_NODE, b"")
