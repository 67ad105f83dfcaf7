"""Histories that come from a backup: who may be part of them."""

import pytest

from node.zab.effects import Append, Drop, Send
from node.zab.errors import RecordVersionError
from node.zab.events import Recovered
from tests.zab.builders import (
    Driver,
    ack_epoch,
    candidate,
    config,
    control,
    hello,
    recovered,
    serving_follower,
    settled,
    stream,
    z,
)
from transport.entry import RECORD_VERSION, Kind, pack_record, read_control, read_record_header
from transport.messages import AckNewLeader, Hello, NewEpoch, Pong, Records
from transport.zxid import Zxid

NAME = "2000-5f3a9c1e22aa"
AT = z(4, 3)  # where the backup ends
RESTORED = control(incarnations={}, restored=NAME)


def restored_member(me: int) -> Recovered:
    return recovered(
        last=AT, committed=AT, accepted=2000, current=2000, entry=RESTORED, me=me, initial=True, log_after=AT,
        snapshot=AT)


def restored_hello(member: int, *, restored: str = NAME) -> Hello:
    return hello(member, last=AT, committed=AT, accepted=2000, current=2000, initial=True, restored=restored)


def restored_leader() -> Driver:
    return candidate(restored_member(3), me=3)


def test_restored_members_make_a_quorum_and_its_first_entry_names_them() -> None:
    driver = restored_leader()

    assert Send(stream(2), NewEpoch(2001)) in driver.learn(2, restored_hello(2))
    driver.learn(2, ack_epoch(2001, current=2000, last=AT, committed=AT))
    effects = driver.learn(2, Pong(driver.now_ms, 77, []), AckNewLeader(2001, AT))

    (record,) = [each.record for each in effects if isinstance(each, Append)]
    header = read_record_header(record)
    assert (header.kind, header.first_zxid) == (Kind.EPOCH, z(2001, 0))
    entry = read_control(record[-header.length:])
    assert (entry.incarnations, entry.restored) == ({2: "2-first", 3: "3-first"}, NAME)


@pytest.mark.parametrize("other", ["", "2000-another"])
def test_a_member_of_another_history_is_refused_by_restored_ones(other: str) -> None:
    driver = restored_leader()

    (refused,) = driver.learn(2, restored_hello(2, restored=other))

    assert isinstance(refused, Drop)
    assert refused.operator
    assert f"restoration {NAME}" in refused.reason


def test_a_restored_member_is_refused_by_those_that_were_not() -> None:
    driver = candidate()

    (refused,) = driver.learn(2, restored_hello(2))

    assert isinstance(refused, Drop)
    assert "were never restored" in refused.reason


def test_a_member_without_any_data_may_take_the_restored_ones() -> None:
    driver = restored_leader()

    assert driver.learn(1, hello(1, incarnation="1-second")) == []
    assert not [each for each in driver.learn(2, restored_hello(2)) if isinstance(each, Drop)]


def test_a_member_restored_once_more_has_no_vote() -> None:
    named = control(incarnations={1: "1-first", 2: "2-first", 3: "3-first"}, restored=NAME)
    driver = candidate(settled(z(2001, 9), me=3, entry=named), me=3)

    again = driver.learn(2, hello(
        2, last=AT, committed=AT, accepted=2000, current=2000, initial=True, incarnation="2-second", restored=NAME))

    assert again == []  # with 3 it would be a quorum


def test_a_record_of_a_later_version_ends_the_process() -> None:
    driver = serving_follower()
    record = pack_record(first_zxid=z(5, 0), count=1, time_ms=0, body=b"", version=RECORD_VERSION + 1)

    with pytest.raises(RecordVersionError, match=f"of version {RECORD_VERSION + 1}"):
        driver.hear(Records(record, Zxid(AT)))


def test_a_level_that_zoo_cfg_holds_below_the_logs_is_said_to_be_that() -> None:
    with pytest.raises(Exception, match=r"corral\.featureLevel=0 in zoo\.cfg"):
        Driver(settled(AT, entry=control(level=1)), config(1, feature_level=0))
