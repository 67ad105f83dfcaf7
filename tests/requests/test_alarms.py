"""Disks that are nearly full stop the writes of all clients; reads, deletes and sessions go on."""

import struct

import pytest

from node.tree.alarms import pack_alarm
from tests.requests.solo import Solo, create, get_data, replies, request, set_data, string
from transport.errors import Err
from transport.opcodes import OpCode


def alarmed() -> Solo:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a", b"v"))
    solo.execute()
    order(solo, is_raised=True)
    return solo


def order(solo: Solo, *, is_raised: bool) -> None:
    solo.core.alarms.order(is_raised=is_raised, text="1 MiB free in /disk")
    solo.execute()
    solo.core.alarms.refresh()


def test_while_an_alarm_stands_writes_are_refused_and_all_else_goes_on() -> None:
    solo = alarmed()
    conn = solo.connect()

    solo.send(conn, set_data(1, b"/a", b"x"), create(2, b"/b"), get_data(3, b"/a"), request(4, 9, string(b"/a")),
              request(5, 2, string(b"/a") + b"\xff\xff\xff\xff"), set_data(6, b"/a", b"x"), request(-2, 11))
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [
        (1, Err.QUOTA_EXCEEDED), (2, Err.QUOTA_EXCEEDED), (3, 0), (4, 0), (5, 0), (6, Err.QUOTA_EXCEEDED), (-2, 0)]
    assert solo.alarms == ["disk_nearly_full", "writes_stopped"]


def test_the_node_of_an_alarm_says_where_what_is_missing() -> None:
    solo = alarmed()
    conn = solo.connect()
    solo.send(conn, get_data(1, b"/zookeeper/nospace-1"))

    ((_, err, body),) = replies(conn)
    assert (err, body[4:4 + struct.unpack_from(">i", body)[0]]) == (0, b"1 MiB free in /disk")
    assert solo.core.alarms.texts == {1: "1 MiB free in /disk"}


def test_writes_go_on_when_there_is_room_again() -> None:
    solo = alarmed()
    order(solo, is_raised=False)
    conn = solo.connect()
    solo.send(conn, set_data(1, b"/a", b"x"))
    solo.execute()

    assert [err for _, err, _ in replies(conn)] == [0]
    assert solo.alarms == ["disk_nearly_full", "writes_stopped", "writes_go_on"]
    assert b"/zookeeper/nospace-1" not in solo.core.replica.nodes


def test_who_deletes_its_node_takes_an_alarm_back() -> None:
    solo = alarmed()
    conn = solo.connect()
    solo.send(conn, request(1, 2, string(b"/zookeeper/nospace-1") + b"\xff\xff\xff\xff"))
    solo.execute()
    solo.core.alarms.refresh()
    solo.send(conn, set_data(2, b"/a", b"x"))
    solo.execute()

    assert [err for _, err, _ in replies(conn)] == [0, 0]


def test_an_alarm_raised_or_taken_back_twice_changes_nothing_the_second_time() -> None:
    solo = alarmed()
    digest = solo.core.replica.digest()
    order(solo, is_raised=True)
    assert solo.core.replica.digest() == digest

    order(solo, is_raised=False)
    digest = solo.core.replica.digest()
    order(solo, is_raised=False)
    assert solo.core.replica.digest() == digest


def test_no_client_can_raise_an_alarm_by_the_operation_of_members() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, request(1, -23, b"\1\1text"))
    solo.execute()

    assert [err for _, err, _ in replies(conn)] == [Err.UNIMPLEMENTED]
    assert b"/zookeeper/nospace-1" not in solo.core.replica.nodes


@pytest.mark.parametrize(("alarmed_members", "err"), [
    ({1}, 0), ({1, 2}, Err.QUOTA_EXCEEDED), ({2, 3}, Err.QUOTA_EXCEEDED)])
def test_writes_stop_only_where_the_members_with_room_are_no_quorum(alarmed_members: set[int], err: int) -> None:
    solo = Solo(voters=[1, 2, 3])
    conn = solo.connect()
    for member in alarmed_members:
        solo.core.submissions.add(
            session_id=0, connection=0, xid=0, op=OpCode.ALARM, identity=bytes(4),
            body=pack_alarm(member=member, is_raised=True, text=""))
    solo.execute()
    solo.core.alarms.refresh()
    solo.send(conn, create(1, b"/a"))
    solo.execute()

    assert [err for _, err, _ in replies(conn)] == [err]
