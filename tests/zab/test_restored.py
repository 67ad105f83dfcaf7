"""Histories that come from a backup: who may be part of them."""

from itertools import combinations

import msgspec
import pytest

from node.zab.effects import Append, Drop, Look, Send
from node.zab.errors import RecordVersionError
from node.zab.events import Recovered, Tick
from tests.zab.builders import (
    VOTERS,
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
from tests.zab.ensemble import TIMING, Disk, Ensemble, Snapshot
from transport.entry import RECORD_VERSION, Kind, pack_record, read_control, read_record_header
from transport.messages import AckNewLeader, Hello, NewEpoch, Pong, Records
from transport.zxid import Epoch, MemberId, Zxid

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


def test_a_member_that_most_others_cannot_follow_stands_back_until_it_is_one_of_them() -> None:
    driver = restored_leader()
    driver.learn(1, restored_hello(1, restored=""))
    assert looks_again(driver).votes  # it may be the other one that is alone

    driver.elect(3)
    driver.learn(2, restored_hello(2, restored=""))
    assert not looks_again(driver).votes


def looks_again(driver: Driver) -> Look:
    """Once it has given up to wait for a quorum."""
    effects = []
    for _ in range(2):  # behind the second attempt comes a pause
        driver.wait(TIMING.discovery_ms)
        effects += driver.step(Tick())
    (look,) = [each for each in effects if isinstance(each, Look)]
    return look


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


# Every mixture ---------------------------------------------------------------------------------

SUBSETS = [frozenset(each) for size in (1, 2) for each in combinations(VOTERS, size)]


def mixed_ensemble(restored: frozenset[MemberId], *, epoch: int) -> Ensemble:
    """Three members of epochs 1 and 2, all stopped; *restored*: those put back to a backup of epoch 1, to *epoch*."""
    ensemble = Ensemble(3)
    ensemble.elect(3)
    ensemble.run()
    ensemble.submit(3)
    ensemble.run()
    ensemble.snapshot(1, purge=False)
    backup = ensemble.hosts[VOTERS[0]].disk.snapshot
    assert backup is not None
    ensemble.crash(3)
    ensemble.elect(2, 1)
    ensemble.advance(TIMING.silence_ms * 2)
    ensemble.submit(2)
    ensemble.run()
    ensemble.start(3)
    ensemble.elect(2, 3)
    ensemble.run()
    for member in VOTERS:
        ensemble.crash(member)
    entry = msgspec.structs.replace(read_control(backup.control), incarnations={}, restored=NAME)
    for member in restored:
        ensemble.hosts[member].disk = Disk(
            accepted_epoch=Epoch(epoch), current_epoch=Epoch(epoch), durable=backup.zxid, log_after=backup.zxid,
            snapshot=Snapshot(backup.zxid, backup.epochs, msgspec.msgpack.encode(entry)),
            incarnation=f"{member}-restored", initial=True)
    return ensemble


@pytest.mark.parametrize("epoch", [2000, 1], ids=["above all", "one that was used, by mistake"])
@pytest.mark.parametrize("restored", SUBSETS, ids=lambda subset: "restored " + ",".join(map(str, sorted(subset))))
def test_whoever_is_elected_only_members_of_one_history_serve(restored: frozenset[MemberId], epoch: int) -> None:
    for leader in VOTERS:
        ensemble = mixed_ensemble(restored, epoch=epoch)
        logs = {member: list(ensemble.hosts[member].disk.records) for member in VOTERS}
        for member in VOTERS:
            ensemble.start(member)
        ensemble.elect(leader)
        ensemble.advance(TIMING.silence_ms * 2)

        alike = {member for member in VOTERS if (member in restored) == (leader in restored)}
        serving = {each.id for each in ensemble.hosts.values() if each.member is not None and each.member.is_serving}
        assert serving == (alike if len(alike) == 2 else set()), leader
        for member in {*VOTERS} - serving:
            assert ensemble.hosts[member].disk.records == logs[member]
