"""Who may follow a leader, and from when on it votes."""

import pytest

from node.zab.effects import Drop, Send
from node.zab.events import Flushed, LearnerLost, RecordsSent, TurnEnd
from tests.zab.builders import ack_epoch, candidate, control, hello, settled, stream, z
from tests.zab.leaders import KNOWN, ME, SAME, entries_in, serving_leader
from transport.entry import Kind
from transport.messages import Ack, AckNewLeader, NewEpoch, Pong
from transport.zxid import MemberId

# --- who may join ---


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (hello(1, ensemble="farm"), "ensemble"),
        (hello(1, settings={"corral.testHooks": "true"}), "corral.testHooks"),
        (hello(1, level=0), "feature level"),
    ],
    ids=["another ensemble", "other settings", "too old a version"],
)
def test_who_does_not_fit_is_refused_with_the_reason(greeting: object, reason: str) -> None:
    driver = serving_leader()

    (refused,) = driver.learn(1, greeting)  # type: ignore[arg-type]

    assert isinstance(refused, Drop)
    assert refused.operator
    assert reason in refused.reason


def test_a_stranger_is_refused() -> None:
    driver = serving_leader()
    greeting = hello(1)

    (refused,) = driver.learn(7, type(greeting)(**{
        **{name: getattr(greeting, name) for name in greeting.__struct_fields__}, "member": 7}))

    assert isinstance(refused, Drop)
    assert "not in the configuration" in refused.reason


def test_a_hello_in_anothers_name_ends_the_stream() -> None:
    driver = serving_leader()

    assert [type(each) for each in driver.learn(1, hello(2))] == [Drop]


def test_a_new_stream_of_a_member_supersedes_its_old_one() -> None:
    driver = serving_leader()

    effects = driver.learn(2, KNOWN, life=2)

    assert effects == [
        Drop(stream(2), "superseded by a newer stream of the same member", ME),
        Send(stream(2, life=2), NewEpoch(5))]
    assert driver.step(LearnerLost(stream(2))) == []
    assert [each.member for each in driver.member.learners] == [2]


# --- rule 9 and feature levels ---


def test_a_voter_that_lost_its_disk_does_not_make_a_quorum() -> None:
    driver = candidate()

    assert driver.learn(2, hello(2, incarnation="2-second")) == []


def test_an_empty_log_under_a_known_name_does_not_make_a_quorum() -> None:
    driver = candidate()

    assert driver.learn(2, hello(2)) == []


def test_a_voter_that_lost_its_disk_is_readmitted_by_a_logged_entry_and_counts_from_there() -> None:
    driver = serving_leader()
    driver.learn(1, hello(1, incarnation="1-second"), ack_epoch(5))
    driver.step(RecordsSent(stream(1), z(5, 0), 100))

    effects = driver.learn(1, AckNewLeader(5, z(5, 0)))

    readmitted = control(leader=3, incarnations={1: "1-second", 2: "2-first", 3: "3-first"})
    assert entries_in(effects) == [(Kind.MEMBERSHIP, readmitted)]
    driver.step(TurnEnd(), Flushed(z(5, 1)))
    driver.learn(1, Ack(z(5, 0)))
    assert driver.member.committed == z(5, 0)
    driver.learn(1, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 1)


def test_one_readmission_is_committed_before_the_next() -> None:
    driver = candidate(settled(
        z(4, 3), me=3, entry=control(voters=(1, 2, 3, 4, 5), incarnations={
            1: "1-first", 2: "2-first", 3: "3-first", 4: "4-first", 5: "5-first"})),
        voters=tuple(MemberId(i) for i in range(1, 6)))
    for member in (1, 2):
        driver.learn(member, hello(member, last=z(4, 3), accepted=4, current=4))
    for member in (1, 2):
        driver.learn(member, SAME)
    for member in (1, 2):
        driver.learn(member, Pong(driver.now_ms, 77, []), AckNewLeader(5, z(4, 3)))
    driver.step(TurnEnd(), Flushed(z(5, 0)))
    assert driver.member.is_serving

    entries = []
    for member in (4, 5):
        driver.learn(member, hello(member, incarnation=f"{member}-second"), ack_epoch(5))
        driver.step(RecordsSent(stream(member), z(5, 0), 100))
        entries += entries_in(driver.learn(member, AckNewLeader(5, z(5, 0))))
    assert entries == []  # the epoch's own entry is not committed yet

    driver.learn(1, Ack(z(5, 0)))
    (entry,) = entries_in(driver.learn(2, Ack(z(5, 0))))
    assert entry[1].incarnations[4] == "4-second"  # type: ignore[attr-defined]
    assert entry[1].incarnations[5] == "5-second"  # type: ignore[attr-defined]


def test_the_feature_level_rises_once_every_voter_can_follow() -> None:
    driver = candidate(feature_level=3)
    driver.learn(2, hello(2, last=z(4, 3), accepted=4, current=4, level=2), SAME)
    opening = driver.learn(2, Pong(driver.now_ms, 77, []), AckNewLeader(5, z(4, 3)))
    assert entries_in(opening) == [(Kind.EPOCH, control(leader=3))]
    driver.step(TurnEnd(), Flushed(z(5, 0)))
    assert entries_in(driver.learn(2, Ack(z(5, 0)))) == []

    driver.learn(1, hello(1, last=z(4, 3), accepted=4, current=4, level=3), SAME)
    driver.step(RecordsSent(stream(1), z(5, 0), 100))
    raised = driver.learn(1, AckNewLeader(5, z(5, 0)))

    assert entries_in(raised) == [(Kind.FEATURE_LEVEL, control(leader=3, level=2))]
