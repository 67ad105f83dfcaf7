"""A leader that cannot read what a learner needs: a snapshot makes up for it, or the process ends."""

from pathlib import Path

import pytest

from node.storage.errors import CorruptionError
from node.zab.effects import Drop, SendRecords, SendSnapshot
from node.zab.events import LearnerLost, RecordsUnreadable, SnapshotTaken
from tests.zab.builders import Driver, ack_epoch, candidate, hello, settled, stream, z
from transport.messages import Hello

BEHIND = 2
DAMAGED = CorruptionError("a damaged record", file=Path("log.0"), offset=64, zxid=z(4, 1))


def hello_of_one_behind() -> Hello:
    return hello(BEHIND, last=z(4, 1), accepted=4, current=4)


def leader_asked_for_records(*, snapshot: int) -> Driver:
    driver = candidate(settled(z(4, 9), me=3, snapshot=snapshot))
    driver.learn(BEHIND, hello_of_one_behind())
    effects = driver.learn(BEHIND, ack_epoch(5, current=4, last=z(4, 1)))
    assert any(isinstance(each, SendRecords) for each in effects)
    return driver


def test_a_learner_that_needs_an_unreadable_record_gets_a_snapshot_when_it_comes_again() -> None:
    driver = leader_asked_for_records(snapshot=z(4, 5))

    effects = driver.step(RecordsUnreadable(stream(BEHIND), z(4, 1), DAMAGED))
    driver.learn(BEHIND, hello_of_one_behind())
    again = driver.learn(BEHIND, ack_epoch(5, current=4, last=z(4, 1)))

    assert [each.stream for each in effects if isinstance(each, Drop)] == [stream(BEHIND)]
    assert driver.reported("log_unreadable")[-1]["after"] == z(4, 1)
    assert again[0] == SendSnapshot(stream(BEHIND), z(4, 5))


def test_a_record_that_no_snapshot_makes_up_for_ends_the_process() -> None:
    driver = leader_asked_for_records(snapshot=z(4, 1))

    with pytest.raises(CorruptionError):
        driver.step(RecordsUnreadable(stream(BEHIND), z(4, 1), DAMAGED))


def test_an_answer_that_comes_when_the_learner_has_gone_harms_nobody() -> None:
    driver = leader_asked_for_records(snapshot=z(4, 5))
    driver.step(LearnerLost(stream(BEHIND)))

    assert not any(
        isinstance(each, Drop) for each in driver.step(RecordsUnreadable(stream(BEHIND), z(4, 1), DAMAGED)))


def test_a_newer_snapshot_says_anew_what_the_log_holds() -> None:
    driver = leader_asked_for_records(snapshot=z(4, 5))
    driver.step(RecordsUnreadable(stream(BEHIND), z(4, 1), DAMAGED))

    driver.step(SnapshotTaken(z(4, 7), z(4, 5)))
    driver.learn(BEHIND, hello(BEHIND, last=z(4, 6), accepted=4, current=4))

    assert any(
        isinstance(each, SendRecords) for each in driver.learn(BEHIND, ack_epoch(5, current=4, last=z(4, 6))))
