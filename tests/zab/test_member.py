"""Changes of role, looking and probing."""

from node.zab.effects import (
    Connect,
    Disconnect,
    Drop,
    Initialised,
    Look,
    SendLeader,
    SendRecords,
    Watermark,
)
from node.zab.events import (
    Elected,
    Flushed,
    LeaderLost,
    LearnerLost,
    SnapshotTaken,
    Tick,
    TurnEnd,
)
from node.zab.looking import ANSWER_MS
from tests.zab.builders import (
    TIMING,
    VOTERS,
    Driver,
    ack_epoch,
    config,
    control,
    control_record,
    established_leader,
    hello,
    recovered,
    serving_follower,
    settled,
    stream,
    z,
)
from transport.messages import Ack, Hello, NewEpoch, NewLeader, Records, Refused, Truncate
from transport.zxid import Epoch, MemberId

NOBODY = MemberId(0)


def started(found: object = None, me: int = 2) -> Driver:
    driver = Driver(found or settled(z(4, 3), me=me), config(me))  # type: ignore[arg-type]
    driver.start()
    return driver


def test_a_member_begins_with_what_its_files_prove_committed_and_looks() -> None:
    """Rule 2: its log may hold more than is known to be committed."""
    driver = Driver(settled(z(4, 3), committed=z(4, 1), me=2), config(2))

    assert driver.start() == [
        Watermark(z(4, 1)), Look(1, Epoch(4), z(4, 3), True, VOTERS, NOBODY, Epoch(0), True)]


def test_a_decision_for_another_round_is_ignored() -> None:
    """Rule 10."""
    driver = started()

    assert driver.step(Elected(driver.round + 1, MemberId(3)), Elected(driver.round - 1, MemberId(3))) == []
    assert driver.member.role == "looking"


def test_a_decision_is_ignored_by_who_already_follows() -> None:
    driver = serving_follower()

    assert driver.step(Elected(driver.round, MemberId(1))) == []


def test_a_member_without_its_own_incarnation_in_the_log_looks_without_a_vote() -> None:
    """Rule 9."""
    driver = Driver(settled(z(4, 3), me=2, incarnation="2-second"), config(2))

    (look,) = [each for each in driver.start() if isinstance(each, Look)]

    assert not look.votes


def test_an_empty_directory_that_nobody_initialised_has_no_vote() -> None:
    """Rule 9."""
    driver = Driver(recovered(me=2), config(2))

    assert driver.start() == [Look(1, Epoch(0), z(0, 0), False, VOTERS, NOBODY, Epoch(0), True)]


def test_the_mark_of_initialisation_goes_before_the_first_ack_of_a_log_that_names_us() -> None:
    """Rule 9: from then on an empty log means a lost one."""
    driver = Driver(recovered(me=2, initial=True), config(2))
    driver.start()
    driver.elect(3)
    opening = control_record(z(1, 0), control(leader=3))
    driver.hear(NewEpoch(1), Truncate(0), NewLeader(1, 0), Records(opening, 0))
    driver.step(TurnEnd())

    assert driver.step(Flushed(z(1, 0))) == [Initialised(), SendLeader(Ack(z(1, 0)))]


def test_an_entry_that_does_not_name_us_leaves_the_mark() -> None:
    driver = Driver(recovered(me=2, initial=True), config(2))
    driver.start()
    driver.elect(3)
    opening = control_record(z(1, 0), control(leader=3, incarnations={1: "1-first", 3: "3-first"}))
    driver.hear(NewEpoch(1), Truncate(0), NewLeader(1, 0), Records(opening, 0))
    driver.step(TurnEnd())

    assert driver.step(Flushed(z(1, 0))) == [SendLeader(Ack(z(1, 0)))]
    assert driver.member.votes


def test_a_truncation_brings_back_the_configuration_before() -> None:
    driver = started(settled(z(4, 3), me=2))
    driver.elect(3)
    other = control(leader=3, incarnations={1: "1-first", 3: "3-first", 2: "2-other"})
    driver.hear(NewEpoch(5), Truncate(z(4, 3)), Records(control_record(z(5, 0), other), z(4, 3)))
    assert not driver.member.votes

    driver.step(LeaderLost(1))
    driver.elect_later(1)
    driver.hear(NewEpoch(6), Truncate(z(4, 3)), life=3)

    assert driver.member.votes


# --- probing ---


def test_a_follower_names_its_leader_to_who_asks() -> None:
    driver = serving_follower()

    assert driver.learn(1, hello(1)) == [Drop(stream(1), "following", MemberId(3))]


def test_a_looking_member_goes_where_it_is_told() -> None:
    driver = started()
    driver.wait(TIMING.tick_ms)
    probes = driver.step(Tick())
    assert probes[0] == Connect(MemberId(1), 1)

    told = driver.hear(Refused("following", 3))

    assert [each for each in told if not isinstance(each, SendLeader)] == [
        Disconnect(), Connect(MemberId(3), 2)]


def test_without_a_decision_one_peer_after_the_other_is_asked() -> None:
    """So that a dead election process keeps nobody out."""
    driver = started()
    asked = []
    for _ in range(4):
        driver.wait(TIMING.tick_ms)
        asked += [each.leader for each in driver.step(Tick()) if isinstance(each, Connect)]

    assert asked == [1, 3, 1, 3]


def test_a_leader_found_by_asking_is_followed() -> None:
    driver = started()
    driver.wait(TIMING.tick_ms)
    driver.step(Tick())

    driver.hear(NewEpoch(5))

    assert (driver.member.role, driver.member.leader) == ("follower", 1)


def test_a_decision_ends_asking_somebody_else() -> None:
    driver = started()
    driver.wait(TIMING.tick_ms)
    driver.step(Tick())

    effects = driver.elect(3)

    assert effects[:2] == [Disconnect(), Connect(MemberId(3), 2)]


def test_a_decision_for_who_is_being_asked_keeps_the_stream() -> None:
    driver = started()
    driver.wait(TIMING.tick_ms)
    driver.step(Tick())

    assert driver.elect(1) == []
    assert driver.member.role == "follower"


def test_a_decision_waits_a_moment_for_the_leader_just_lost_to_answer() -> None:
    """If that one is gone, nobody has to wait for the end of its lease."""
    driver = serving_follower()
    driver.step(LeaderLost(1))
    assert driver.elect(1) == []
    assert driver.member.deadline_ms == driver.now_ms + ANSWER_MS

    assert driver.step(LeaderLost(2, gone=True))[0] == Connect(MemberId(1), 3)


def test_a_leader_just_lost_that_does_not_answer_is_not_waited_for_longer() -> None:
    driver = serving_follower()
    driver.step(LeaderLost(1))
    driver.elect(1)
    driver.wait(ANSWER_MS)

    assert driver.step(Tick())[:2] == [Disconnect(), Connect(MemberId(1), 3)]


def test_other_voters_in_the_configuration_file_than_in_the_log_are_an_alarm() -> None:
    driver = Driver(settled(z(4, 3)), config(1, voters=(MemberId(1), MemberId(2))))
    driver.start()

    assert driver.reported("voters_differ") == [{"log": [1, 2, 3], "configured": [1, 2]}]


def test_hellos_that_wait_are_sent_to_the_leader_once_it_is_known() -> None:
    driver = started()
    assert driver.learn(1, hello(1)) == []

    effects = driver.elect(3)

    assert Drop(stream(1), "following", MemberId(3)) in effects


def test_a_hello_whose_stream_was_lost_waits_no_more() -> None:
    driver = started()
    driver.learn(1, hello(1))
    driver.step(LearnerLost(stream(1)))

    assert not any(isinstance(each, Drop) for each in driver.elect(3))


def test_attempts_that_come_to_nothing_slow_down_and_serving_makes_them_fast_again() -> None:
    driver = started()
    waited = []
    for life in range(1, 6):
        driver.elect(3)
        begin = driver.now_ms
        effects = driver.step(LeaderLost(life, gone=True))
        while not any(isinstance(each, Look) for each in effects):
            driver.now_ms = driver.member.deadline_ms
            effects = driver.step(Tick())
        waited.append(driver.now_ms - begin)
    assert waited == [0, 31, 62, 125, 250]

    served = serving_follower()
    assert isinstance(served.step(LeaderLost(1, gone=True))[-1], Look)


# --- what others may ask ---


def test_status_tells_lag_and_slack() -> None:
    driver = established_leader()

    assert driver.member.is_serving
    assert driver.member.quorum_slack == 0
    (learner,) = driver.member.learners
    assert (learner.member, learner.phase, learner.mode, learner.votes) == (2, "serving", "DIFF", True)
    assert (learner.durable, learner.cursor) == (z(4, 3), z(5, 0))


def test_a_new_snapshot_moves_the_beginning_of_the_log() -> None:
    driver = established_leader()
    driver.step(SnapshotTaken(z(4, 2), z(4, 2)))
    driver.learn(1, hello(1, last=z(4, 1), accepted=4, current=4))

    effects = driver.learn(1, ack_epoch(5, current=4, last=z(4, 1)))

    assert [type(each).__name__ for each in effects] == ["SendSnapshot"]
    assert not any(isinstance(each, SendRecords) for each in effects)


def test_wall_time_reaches_control_entries() -> None:
    driver = Driver(recovered(initial=True), config(1, voters=(MemberId(1),)))
    driver.start()
    driver.step(Tick(wall_ms=1_700_000_000_000))
    driver.wait(5)

    appended = next(each for each in driver.elect(1) if type(each).__name__ == "Append")

    assert (1_700_000_000_005).to_bytes(8, "little") in appended.record  # type: ignore[union-attr]


def test_hello_is_a_message_of_its_own_life() -> None:
    driver = started()
    (connect, said) = driver.elect(3)

    assert connect == Connect(MemberId(3), 1)
    assert isinstance(said, SendLeader)
    assert isinstance(said.message, Hello)
