"""A leader, one event at a time, until it is established: everything that it wants done is compared."""

from node.zab.effects import (
    AcceptBatches,
    Append,
    Drop,
    Flush,
    Lease,
    SaveAcceptedEpoch,
    SaveCurrentEpoch,
    Send,
    SendRecords,
    SendSnapshot,
    Settle,
    Watermark,
)
from node.zab.events import Flushed, RecordsSent, SnapshotSent, Tick, TurnEnd
from tests.zab.builders import (
    TIMING,
    Driver,
    ack_epoch,
    candidate,
    config,
    control,
    control_record,
    hello,
    record,
    recovered,
    settled,
    stream,
    synchronising_leader,
    z,
)
from tests.zab.leaders import ALSO_KNOWN, KNOWN, ME, SAME, entries_in, serving_leader
from transport.entry import Kind, pack_record
from transport.messages import AckNewLeader, NewEpoch, NewLeader, Ping, Pong, Records, Truncate, UpToDate
from transport.zxid import Epoch, MemberId


def test_a_voter_of_one_leads_by_itself() -> None:
    driver = Driver(recovered(initial=True), config(1, voters=(MemberId(1),)))
    driver.start()

    effects = driver.elect(1)

    entry = control(incarnations={1: "1-first"}, voters=(1,))
    opening = pack_record(
        first_zxid=z(1, 0), count=1, time_ms=driver.now_ms, kind=Kind.EPOCH,
        body=control_record(z(1, 0), entry)[28:])
    assert effects == [
        SaveAcceptedEpoch(Epoch(1)), Settle(driver.round, MemberId(1), Epoch(1)), SaveCurrentEpoch(Epoch(1)),
        Append(opening, z(0, 0), z(0, 0)),
        Lease(driver.now_ms + TIMING.lease_ms, Epoch(1), MemberId(1), "leader"),
        AcceptBatches(Epoch(1), accept=True)]
    assert driver.step(TurnEnd()) == [Flush(z(1, 0))]
    assert driver.step(Flushed(z(1, 0)), TurnEnd())[-1] == Watermark(z(1, 0))


def test_histories_are_compared_and_newleader_goes_out_behind_a_ping() -> None:
    driver = candidate()
    driver.learn(2, KNOWN)

    assert driver.learn(2, SAME) == [
        Send(stream(2), Truncate(z(4, 3))),
        Send(stream(2), Ping(driver.now_ms, 0, z(4, 3), digest_wanted=False)),
        Send(stream(2), NewLeader(5, z(4, 3))),
        SaveCurrentEpoch(Epoch(5))]


def test_a_learner_behind_is_sent_records_and_then_newleader() -> None:
    driver = candidate()
    driver.learn(2, hello(2, last=z(4, 1), accepted=4, current=4))

    assert driver.learn(2, ack_epoch(5, current=4, last=z(4, 1))) == [
        Send(stream(2), Truncate(z(4, 1))),
        SendRecords(stream(2), z(4, 1), z(4, 3), 1 << 20, z(4, 3)),
        SaveCurrentEpoch(Epoch(5))]
    assert driver.step(RecordsSent(stream(2), z(4, 2), 100)) == [
        SendRecords(stream(2), z(4, 2), z(4, 3), 1 << 20, z(4, 3))]
    assert driver.step(RecordsSent(stream(2), z(4, 3), 100))[-1] == Send(stream(2), NewLeader(5, z(4, 3)))


def test_a_learner_with_a_longer_tail_is_cut_back() -> None:
    driver = candidate(settled(z(4, 3), me=3, current=5, accepted=5))
    tail = [(4, z(4, 9))]
    driver.learn(2, hello(2, last=z(4, 9), accepted=4, current=4, epochs=tail))

    assert driver.learn(2, ack_epoch(6, current=4, last=z(4, 9), epochs=tail))[0] == Send(
        stream(2), Truncate(z(4, 3)))


def test_a_learner_behind_the_log_gets_a_snapshot_and_then_the_rest() -> None:
    driver = candidate(settled(
        z(4, 3), me=3, epochs=[(2, z(2, 9)), (4, z(4, 3))], log_after=z(2, 5), snapshot=z(4, 1)))
    driver.learn(2, hello(2, last=z(2, 2), accepted=4, current=4))

    assert driver.learn(2, ack_epoch(5, current=4, last=z(2, 2)))[0] == SendSnapshot(stream(2), z(4, 1))
    assert driver.step(SnapshotSent(stream(2), z(4, 1))) == [
        SendRecords(stream(2), z(4, 1), z(4, 3), 1 << 20, z(4, 3))]


def test_a_learner_that_knows_more_to_be_committed_is_not_cut_back() -> None:
    """Rule 2: our history lacks something, so this is for an operator."""
    driver = synchronising_leader()
    strange = [(3, z(3, 9)), (4, z(4, 1))]
    driver.learn(1, hello(1, last=z(4, 5), accepted=4, current=4, committed=z(4, 5)))

    effects = driver.learn(1, ack_epoch(
        5, current=4, last=z(4, 5), committed=z(4, 5), epochs=[*strange[:1], (4, z(4, 5))]))

    assert effects == [Drop(
        stream(1), "its history has committed records that the leader's lacks", ME, operator=True)]
    assert driver.reports[-1].alarm


def test_the_own_history_is_durable_before_the_epoch_is_entered() -> None:
    """Rule 1, for the leader's own ack. It followed before, and has not flushed all that it took."""
    driver = Driver(settled(z(4, 3), me=3), config(3))
    driver.start()
    driver.elect(1)
    driver.hear(NewEpoch(5), Truncate(z(4, 3)), Records(record(z(4, 4)), z(4, 3)))
    driver.step(TurnEnd())  # the flush is under way
    driver.hear(NewEpoch(5))  # breaks the protocol: the stream ends
    driver.elect(3)
    driver.learn(2, KNOWN)

    effects = driver.learn(2, ack_epoch(6, current=4, last=z(4, 3), committed=z(4, 3)))
    assert SaveCurrentEpoch(Epoch(6)) not in effects

    assert driver.step(Flushed(z(4, 4))) == [SaveCurrentEpoch(Epoch(6))]


def test_a_quorum_in_the_epoch_commits_its_history_and_opens_it() -> None:
    driver = synchronising_leader()
    driver.learn(2, Pong(driver.now_ms, 77, []))

    effects = driver.learn(2, AckNewLeader(5, z(4, 3)))

    opening = next(each.record for each in effects if isinstance(each, Append))
    assert effects == [
        Send(stream(2), Ping(driver.now_ms, 77, z(4, 3), digest_wanted=False)),
        Send(stream(2), UpToDate(5, z(4, 3))),
        Send(stream(2), Records(opening, z(4, 3))),
        Append(opening, z(4, 3), z(4, 3)),
        Lease(driver.now_ms + TIMING.lease_ms, Epoch(5), ME, "leader"),
        AcceptBatches(Epoch(5), accept=True)]
    assert entries_in(effects) == [(Kind.EPOCH, control(leader=3))]


def test_no_leader_is_established_without_a_lease() -> None:
    """Rule 6: nobody has echoed a ping yet."""
    driver = synchronising_leader()

    assert driver.learn(2, AckNewLeader(5, z(4, 3))) == []
    assert AcceptBatches(Epoch(5), accept=True) in driver.learn(2, Pong(driver.now_ms, 77, []))


def test_the_rest_of_an_earlier_lease_is_waited_out() -> None:
    """Two never serve: see node/zab/config.py."""
    driver = candidate()
    driver.wait(TIMING.silence_ms)
    driver.learn(2, KNOWN)
    driver.learn(2, ack_epoch(5, current=4, last=z(4, 3), committed=z(4, 3), grants=[(1, 400)]))
    driver.learn(2, Pong(driver.now_ms, 77, []), AckNewLeader(5, z(4, 3)))
    assert not driver.member.is_serving
    assert driver.member.deadline_ms <= driver.now_ms + 400

    driver.wait(399)
    driver.step(Tick())
    assert not driver.member.is_serving

    driver.wait(1)
    driver.step(Tick())
    assert driver.member.is_serving


def test_an_earlier_leader_that_follows_now_holds_nobody_up() -> None:
    driver = candidate()
    driver.wait(TIMING.silence_ms)
    driver.learn(2, KNOWN)
    driver.learn(1, ALSO_KNOWN)
    driver.learn(1, SAME)
    driver.learn(2, ack_epoch(5, current=4, last=z(4, 3), committed=z(4, 3), grants=[(1, 400)]))

    driver.learn(2, Pong(driver.now_ms, 77, []), AckNewLeader(5, z(4, 3)))

    assert driver.member.is_serving


def test_a_late_joiner_is_welcomed_when_it_has_caught_up() -> None:
    driver = serving_leader()

    assert driver.learn(1, ALSO_KNOWN) == [Send(stream(1), NewEpoch(5))]
    assert driver.learn(1, SAME) == [
        Send(stream(1), Truncate(z(4, 3))),
        SendRecords(stream(1), z(4, 3), z(5, 0), 1 << 20, z(5, 0))]
    driver.step(RecordsSent(stream(1), z(5, 0), 100))
    assert driver.learn(1, AckNewLeader(5, z(5, 0))) == [
        Send(stream(1), Ping(driver.now_ms, 0, z(5, 0), digest_wanted=False)),
        Send(stream(1), UpToDate(5, z(5, 0)))]
