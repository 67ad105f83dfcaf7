"""A follower, one message at a time: everything that it wants done is compared."""

import pytest

from node.zab.effects import (
    Append,
    Connect,
    Disconnect,
    Flush,
    Lease,
    Look,
    ReceiveSnapshot,
    SaveAcceptedEpoch,
    SaveCurrentEpoch,
    SendLeader,
    Settle,
    ToProcessor,
    TruncateLog,
    Watermark,
)
from node.zab.errors import FeatureLevelError, SettingsDifferError
from node.zab.events import (
    DigestComputed,
    Flushed,
    FromLeader,
    LeaderLost,
    SnapshotReceived,
    Tick,
    TurnEnd,
)
from node.zab.looking import ANSWER_MS
from tests.zab.builders import (
    TIMING,
    VOTERS,
    Driver,
    config,
    control,
    control_body,
    control_record,
    follower,
    hello,
    record,
    recovered,
    serving_follower,
    settled,
    z,
)
from transport.entry import RECORD, Kind
from transport.messages import (
    Ack,
    AckEpoch,
    AckNewLeader,
    Commit,
    Differs,
    Digest,
    DigestWanted,
    NewEpoch,
    NewLeader,
    Ping,
    Pong,
    Records,
    Refused,
    SnapshotBegin,
    SnapshotChunk,
    SnapshotEnd,
    Truncate,
    UpToDate,
)
from transport.zxid import Epoch, MemberId

LEADER = MemberId(3)
OPENING = control_record(z(5, 0), control(leader=3))
ONE = record(z(5, 1))
TWO = record(z(5, 2), count=3)


def looking_again(driver: Driver, *, last: int, current: int, probe: int = 0) -> list[object]:
    """What a follower of leader 3 in epoch 5 does when it gives up."""
    connect = [
        Connect(LEADER, probe), SendLeader(hello(
            2, last=last, accepted=5, current=current, committed=z(4, 3), epochs=[(4, z(4, 3))])),
    ] if probe else []
    return [
        Lease(0, Epoch(5), MemberId(0), "looking"), Disconnect(), *connect,
        Look(driver.round, Epoch(current), z(4, 3) if last == z(4, 3) else z(5, 0), True, VOTERS,
             LEADER, Epoch(5), True)]


# --- discovery ---


def test_a_follower_says_hello_with_its_whole_past() -> None:
    driver = Driver(settled(z(4, 3), me=2), config(2))
    driver.start()

    assert driver.elect(3) == [
        Connect(LEADER, 1),
        SendLeader(hello(2, last=z(4, 3), accepted=4, current=4, committed=z(4, 3)))]


def test_an_epoch_is_saved_before_it_is_promised() -> None:
    driver = Driver(recovered(me=2, initial=True), config(2))
    driver.start()
    driver.elect(3)

    assert driver.hear(NewEpoch(1)) == [
        SaveAcceptedEpoch(Epoch(1)), Settle(driver.round, LEADER, Epoch(1)),
        SendLeader(AckEpoch(1, 0, 0, 0, [], True, []))]


def test_an_epoch_promised_in_an_earlier_life_does_not_count_again() -> None:
    driver = Driver(recovered(me=2, initial=True, accepted=1), config(2))
    driver.start()
    driver.elect(3)

    assert driver.hear(NewEpoch(1)) == [
        Settle(driver.round, LEADER, Epoch(1)), SendLeader(AckEpoch(1, 0, 0, 0, [], False, []))]


def test_the_same_candidate_may_ask_again_on_a_new_stream() -> None:
    driver = Driver(recovered(me=2, initial=True), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(NewEpoch(1))
    driver.step(LeaderLost(1))
    driver.elect(3)

    assert driver.hear(NewEpoch(1), life=2)[-1] == SendLeader(AckEpoch(1, 0, 0, 0, [], True, []))


def test_an_older_epoch_than_the_accepted_one_is_refused() -> None:
    driver = Driver(settled(z(4, 3), me=2, accepted=7), config(2))
    driver.start()
    driver.elect(3)

    driver.hear(NewEpoch(6))

    assert driver.member.role == "looking"
    assert driver.member.accepted_epoch == 7


def test_what_comes_on_an_older_stream_is_ignored() -> None:
    driver = follower()
    driver.step(LeaderLost(1))
    driver.elect(3)

    assert driver.hear(NewEpoch(6), life=1) == []


# --- synchronisation ---


def test_a_longer_tail_is_cut_off_at_once() -> None:
    driver = Driver(settled(z(4, 3), committed=z(4, 1), me=2), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(NewEpoch(5))

    assert driver.hear(Truncate(z(4, 2))) == [TruncateLog(z(4, 2))]
    assert (driver.member.last_zxid, driver.member.durable) == (z(4, 2), z(4, 2))


def test_truncating_nothing_touches_no_file() -> None:
    driver = Driver(settled(z(4, 3), me=2), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(NewEpoch(5))

    assert driver.hear(Truncate(z(4, 3))) == []


def test_what_is_committed_is_never_cut_off() -> None:
    """Rule 2."""
    driver = Driver(settled(z(4, 3), committed=z(4, 2), me=2), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(NewEpoch(5))

    effects = driver.hear(Truncate(z(4, 1)))

    assert not any(isinstance(each, TruncateLog) for each in effects)
    assert driver.member.role == "looking"
    assert driver.reports[-1].alarm


def test_a_snapshot_that_lacks_what_is_committed_is_refused() -> None:
    """Rule 2."""
    driver = Driver(settled(z(4, 3), me=2), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(NewEpoch(5))

    effects = driver.hear(SnapshotBegin(z(5, 9), 100, [(3, z(3, 7)), (5, z(5, 9))]))

    assert not any(isinstance(each, ReceiveSnapshot) for each in effects)
    assert driver.reports[-1].alarm


def test_nothing_of_an_old_tail_counts_as_committed_before_histories_are_compared() -> None:
    """A commit beyond the common point speaks of the leader's records, not of the tail that we are about to lose."""
    driver = Driver(settled(z(4, 3), committed=z(4, 1), me=2), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(NewEpoch(5), Ping(1, 0, z(5, 9), digest_wanted=False))

    assert driver.member.committed == z(4, 1)

    driver.hear(Truncate(z(4, 2)))

    assert driver.member.committed == z(4, 2)


def test_the_epoch_is_entered_after_its_history_is_durable_and_acked_after_that() -> None:
    """Rule 1."""
    driver = follower()
    records = Records(record(z(4, 4)), z(4, 3))

    assert driver.hear(records) == [Append(record(z(4, 4)), z(4, 3), z(4, 3))]
    assert driver.hear(NewLeader(5, z(4, 4))) == []
    assert driver.step(TurnEnd()) == [Flush(z(4, 4))]
    assert driver.step(Flushed(z(4, 4))) == [
        SaveCurrentEpoch(Epoch(5)), SendLeader(AckNewLeader(5, z(4, 4)))]


def test_with_nothing_missing_newleader_is_acked_at_once() -> None:
    driver = follower()

    assert driver.hear(NewLeader(5, z(4, 3))) == [
        SaveCurrentEpoch(Epoch(5)), SendLeader(AckNewLeader(5, z(4, 3)))]


def test_newleader_at_another_place_than_the_end_of_the_log_is_a_gap() -> None:
    driver = follower()

    driver.hear(NewLeader(5, z(4, 4)))

    assert driver.member.role == "looking"
    assert driver.member.current_epoch == 4


def test_records_are_taken_only_once_histories_agree() -> None:
    driver = Driver(settled(z(4, 3), me=2), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(NewEpoch(5))

    effects = driver.hear(Records(record(z(4, 4)), z(4, 3)))

    assert not any(isinstance(each, Append) for each in effects)
    assert driver.member.role == "looking"


def test_a_snapshot_takes_the_place_of_the_log() -> None:
    driver = Driver(settled(z(4, 3), me=2), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(NewEpoch(5))
    begin = SnapshotBegin(z(4, 9), 3, [(4, z(4, 9))])
    chunk, end = SnapshotChunk(0, b"abc"), SnapshotEnd(z(4, 9))

    assert driver.hear(begin, chunk, end) == [
        ReceiveSnapshot(begin), ReceiveSnapshot(chunk), ReceiveSnapshot(end)]
    assert driver.step(SnapshotReceived(z(4, 9), [(4, z(4, 9))], control_body(control()))) == [
        SendLeader(Ack(z(4, 9)))]
    assert driver.step(TurnEnd()) == [Watermark(z(4, 9))]
    assert driver.member.last_zxid == z(4, 9)


def test_what_comes_behind_a_snapshot_waits_until_it_is_installed() -> None:
    driver = Driver(settled(z(4, 3), me=2), config(2))
    driver.start()
    driver.elect(3)
    driver.hear(
        NewEpoch(5), SnapshotBegin(z(4, 9), 3, [(4, z(4, 9))]), SnapshotEnd(z(4, 9)))

    assert driver.hear(Records(record(z(4, 10)), z(4, 9)), NewLeader(5, z(4, 10))) == []
    assert driver.step(SnapshotReceived(z(4, 9), [(4, z(4, 9))], control_body(control()))) == [
        SendLeader(Ack(z(4, 9))), Append(record(z(4, 10)), z(4, 9), z(4, 9))]


def test_a_flush_of_records_that_were_cut_off_says_nothing() -> None:
    driver = follower()
    driver.hear(Records(record(z(4, 4)), z(4, 3)))
    driver.step(TurnEnd())
    driver.step(LeaderLost(1))
    driver.elect(3)
    driver.hear(NewEpoch(6), Truncate(z(4, 3)), life=2)

    driver.step(Flushed(z(4, 4)))

    assert driver.member.durable == z(4, 3)


# --- broadcast ---


def test_what_is_proposed_is_logged_and_what_is_durable_is_acked() -> None:
    driver = serving_follower()
    driver.step(TurnEnd())

    assert driver.hear(Records(OPENING, z(4, 3)), Records(ONE, z(4, 3))) == [
        Append(OPENING, z(4, 3), z(4, 3)), Append(ONE, z(4, 3), z(4, 3))]
    assert driver.step(TurnEnd()) == [Flush(z(5, 1))]
    assert driver.step(Flushed(z(5, 1))) == [SendLeader(Ack(z(5, 1)))]


def test_one_flush_is_outstanding_and_the_next_covers_all_that_came_meanwhile() -> None:
    driver = serving_follower()
    driver.hear(Records(OPENING, z(4, 3)))
    driver.step(TurnEnd())

    driver.hear(Records(ONE, z(4, 3)))
    assert driver.step(TurnEnd()) == []
    driver.hear(Records(TWO, z(4, 3)))
    assert driver.step(TurnEnd()) == []

    assert driver.step(Flushed(z(5, 0)), TurnEnd()) == [SendLeader(Ack(z(5, 0))), Flush(z(5, 4))]


def test_nothing_is_released_before_it_is_durable_here() -> None:
    """Rule 2: a commit may overtake our own flush."""
    driver = serving_follower()
    driver.step(TurnEnd())
    driver.hear(Records(OPENING, z(4, 3)), Commit(z(5, 0)))

    assert driver.step(TurnEnd()) == [Flush(z(5, 0))]
    assert driver.step(Flushed(z(5, 0)), TurnEnd()) == [SendLeader(Ack(z(5, 0))), Watermark(z(5, 0))]


def test_nothing_is_released_before_it_is_committed() -> None:
    driver = serving_follower()
    driver.step(TurnEnd())
    driver.hear(Records(OPENING, z(4, 3)))
    driver.step(TurnEnd())

    assert driver.step(Flushed(z(5, 0)), TurnEnd()) == [SendLeader(Ack(z(5, 0)))]
    assert driver.hear(Commit(z(5, 0))) == []
    assert driver.step(TurnEnd()) == [Watermark(z(5, 0))]


def test_each_record_is_written_with_what_was_known_to_be_committed_and_durable() -> None:
    """Rules 2 and 7."""
    driver = serving_follower()
    driver.hear(Records(OPENING, z(4, 3)))
    driver.step(TurnEnd(), Flushed(z(5, 0)))

    assert driver.hear(Records(ONE, z(5, 0)), Records(TWO, z(5, 0))) == [
        Append(ONE, z(4, 3), z(5, 0)), Append(TWO, z(5, 0), z(5, 0))]


def test_several_records_may_come_in_one_message() -> None:
    driver = serving_follower()

    assert driver.hear(Records(OPENING + ONE + TWO, z(4, 3))) == [
        Append(OPENING, z(4, 3), z(4, 3)), Append(ONE, z(4, 3), z(4, 3)), Append(TWO, z(4, 3), z(4, 3))]


@pytest.mark.parametrize(
    "data",
    [ONE, OPENING + TWO, OPENING + OPENING, OPENING + ONE[:-1], OPENING[:-1], OPENING + b"x",
     control_record(z(6, 0), control())],
    ids=["gap", "gap within", "repeated", "cut short", "alone cut short", "bytes left over", "later epoch"],
)
def test_a_gap_a_repetition_or_broken_bytes_make_it_look_again(data: bytes) -> None:
    """Rule 5."""
    driver = serving_follower()

    driver.hear(Records(data, z(4, 3)))

    assert driver.member.role == "looking"


def test_a_control_record_that_is_none_makes_it_look_again() -> None:
    driver = serving_follower()
    broken = OPENING[:RECORD.size] + b"\xc1" + OPENING[RECORD.size + 1:]

    driver.hear(Records(broken, z(4, 3)))

    assert driver.member.role == "looking"
    assert driver.member.last_zxid == z(4, 3)


def test_a_message_that_has_no_place_makes_it_look_again() -> None:
    driver = serving_follower()

    driver.hear(Truncate(z(4, 3)))

    assert driver.member.role == "looking"


# --- leases and time ---


def test_a_ping_is_answered_with_its_own_time_and_ours() -> None:
    driver = serving_follower()

    assert driver.hear(Ping(123, 0, z(4, 3), digest_wanted=False)) == [
        SendLeader(Pong(123, driver.now_ms, []))]


def test_a_lease_counts_from_our_own_time_that_the_leader_has_heard() -> None:
    """So a ping that has lain in a buffer renews nothing."""
    driver = serving_follower()
    driver.wait(300)
    heard = driver.now_ms - 250

    assert driver.hear(Ping(123, heard, z(4, 3), digest_wanted=False)) == [
        SendLeader(Pong(123, driver.now_ms, [])),
        Lease(heard + TIMING.lease_ms, Epoch(5), LEADER, "follower")]

    driver.wait(10 * TIMING.lease_ms)
    assert driver.hear(Ping(124, heard + 1, z(4, 3), digest_wanted=False)) == [
        SendLeader(Pong(124, driver.now_ms, []))]


def test_nobody_serves_before_uptodate() -> None:
    driver = follower()
    driver.hear(NewLeader(5, z(4, 3)))

    effects = driver.hear(Ping(123, driver.now_ms, z(4, 3), digest_wanted=False))
    assert effects == [SendLeader(Pong(123, driver.now_ms, []))]

    assert driver.hear(UpToDate(5, z(4, 3))) == [
        Lease(driver.now_ms + TIMING.lease_ms, Epoch(5), LEADER, "follower")]


def test_a_silent_leader_is_given_up_and_asked_once_more() -> None:
    driver = serving_follower()
    driver.wait(TIMING.silence_ms)

    assert driver.step(Tick()) == looking_again(driver, last=z(4, 3), current=5, probe=2)


def test_a_follower_that_stood_still_itself_reads_its_messages_first() -> None:
    driver = serving_follower()
    driver.wait(60_000)

    assert driver.step(Tick()) == []
    driver.hear(Ping(123, 0, z(4, 3), digest_wanted=False))
    assert driver.step(Tick()) == []
    assert driver.member.role == "follower"


def test_standing_still_excuses_once() -> None:
    driver = serving_follower()
    driver.wait(60_000)
    driver.step(Tick())
    driver.wait(TIMING.silence_ms)

    driver.step(Tick())

    assert driver.member.role == "looking"


def test_a_lost_stream_starts_looking_and_probing_at_once() -> None:
    driver = serving_follower()

    assert driver.step(LeaderLost(1)) == looking_again(driver, last=z(4, 3), current=5, probe=2)


def test_a_leader_that_is_gone_is_not_asked_again() -> None:
    driver = serving_follower()

    assert driver.step(LeaderLost(1, gone=True)) == looking_again(driver, last=z(4, 3), current=5)


def test_a_leader_that_still_leads_is_rejoined_without_an_election() -> None:
    driver = serving_follower()
    driver.wait(TIMING.silence_ms)
    driver.step(LeaderLost(1))

    assert driver.hear(NewEpoch(5), life=2) == [
        Settle(driver.round, LEADER, Epoch(5)),
        SendLeader(AckEpoch(5, 5, z(4, 3), z(4, 3), [(4, z(4, 3))], True, []))]
    assert driver.member.role == "follower"


# --- grants: see node/zab/config.py ---


def grants_of(effects: list[object]) -> list[tuple[int, int]]:
    return next(
        each.message.grants for each in effects
        if isinstance(each, SendLeader) and isinstance(each.message, AckEpoch))


def test_a_new_leader_is_told_how_long_the_old_one_may_still_serve() -> None:
    driver = serving_follower()
    driver.hear(Ping(1, 0, z(4, 3), digest_wanted=False))
    driver.wait(500)
    driver.step(LeaderLost(1))
    driver.elect_later(1)

    left_ms = TIMING.silence_ms - 500 - ANSWER_MS
    assert grants_of(driver.hear(NewEpoch(6), life=3)) == [(0, left_ms), (3, left_ms)]


def test_a_leader_known_to_be_dead_holds_no_lease() -> None:
    driver = serving_follower()
    driver.wait(TIMING.silence_ms)
    driver.hear(Ping(1, 0, z(4, 3), digest_wanted=False))
    driver.step(LeaderLost(1), LeaderLost(2, gone=True))
    driver.elect(1)

    assert grants_of(driver.hear(NewEpoch(6), life=3)) == []


def test_a_leader_that_says_it_looks_holds_no_lease() -> None:
    driver = serving_follower()
    driver.wait(TIMING.silence_ms)
    driver.hear(Ping(1, 0, z(4, 3), digest_wanted=False), Refused("looking", 0))
    driver.elect(1)

    assert grants_of(driver.hear(NewEpoch(6), life=2)) == []


def test_a_member_that_has_just_started_may_have_granted_to_somebody() -> None:
    driver = Driver(settled(z(4, 3), me=2), config(2))
    driver.start()
    driver.wait(100)
    driver.elect(3)

    assert grants_of(driver.hear(NewEpoch(5))) == [(0, TIMING.silence_ms - 100)]


# --- control entries, digests, refusals ---


def test_a_log_of_a_higher_feature_level_ends_the_process() -> None:
    driver = serving_follower()
    opening = control_record(z(5, 0), control(level=2), Kind.EPOCH)

    with pytest.raises(FeatureLevelError, match="feature level 2") as caught:
        driver.hear(Records(opening, z(4, 3)))

    assert caught.value.needed == 2


def test_a_member_does_not_start_on_a_log_of_a_higher_feature_level() -> None:
    with pytest.raises(FeatureLevelError):
        Driver(settled(z(4, 3), entry=control(level=3)), config(1, feature_level=2))


def test_a_member_does_not_start_as_another_program_than_its_log_needs_and_names_the_key() -> None:
    hooks = "corral.testHooks"
    with pytest.raises(SettingsDifferError, match=hooks):
        Driver(settled(z(4, 3), entry=control(settings={hooks: "true"})), config(1, settings={hooks: "false"}))


def test_digests_go_with_the_next_pong() -> None:
    driver = serving_follower()
    driver.step(DigestComputed(z(4, 2), "processor-0", 99))

    assert driver.hear(Ping(1, 0, z(4, 3), digest_wanted=True)) == [
        SendLeader(Pong(1, driver.now_ms, [Digest(z(4, 2), "processor-0", 99)])),
        ToProcessor(DigestWanted())]
    assert driver.hear(Ping(2, 0, z(4, 3), digest_wanted=False)) == [
        SendLeader(Pong(2, driver.now_ms, []))]


def test_a_process_that_differs_is_told() -> None:
    driver = serving_follower()

    assert driver.hear(Differs("processor-0", z(4, 2))) == [ToProcessor(Differs("processor-0", z(4, 2)))]


def test_a_refusal_for_an_operator_is_said_once() -> None:
    driver = Driver(recovered(me=2, initial=True), config(2))
    driver.start()
    for life in (1, 2, 3):
        driver.elect(3)
        driver.step(FromLeader(life, Refused("key x differs", 3, operator=True)))
        driver.wait(TIMING.tick_ms)
        driver.step(Tick())

    assert [each["reason"] for each in driver.reported("refused")] == ["key x differs"]
