"""How a follower takes the leader's history: what is cut, taken, durable and acked, and in which order."""

from node.zab.effects import (
    Append,
    Flush,
    ReceiveSnapshot,
    SaveCurrentEpoch,
    SendLeader,
    TruncateLog,
    Watermark,
)
from node.zab.events import Flushed, LeaderLost, SnapshotReceived, TurnEnd
from tests.zab.builders import Driver, config, control, control_body, follower, record, settled, z
from transport.messages import (
    Ack,
    AckNewLeader,
    NewEpoch,
    NewLeader,
    Ping,
    Records,
    SnapshotBegin,
    SnapshotChunk,
    SnapshotEnd,
    Truncate,
)
from transport.zxid import Epoch


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
