"""A follower, one message at a time: everything that it wants done is compared."""

import pytest

from node.zab.effects import (
    Append,
    Connect,
    Flush,
    SaveAcceptedEpoch,
    SendLeader,
    Settle,
    ToProcessor,
    Watermark,
)
from node.zab.errors import FeatureLevelError, SettingsDifferError
from node.zab.events import DigestComputed, Flushed, FromLeader, LeaderLost, Tick, TurnEnd
from tests.zab.builders import (
    TIMING,
    Driver,
    config,
    control,
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
    Commit,
    Differs,
    Digest,
    DigestWanted,
    NewEpoch,
    Ping,
    Pong,
    Records,
    Refused,
    Truncate,
)
from transport.zxid import Epoch, MemberId

LEADER = MemberId(3)
OPENING = control_record(z(5, 0), control(leader=3))
ONE = record(z(5, 1))
TWO = record(z(5, 2), count=3)


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
