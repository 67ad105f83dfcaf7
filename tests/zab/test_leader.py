"""A leader, one event at a time: everything that it wants done is compared."""

import pytest

from node.zab.effects import (
    AcceptBatches,
    Append,
    Drop,
    Effect,
    Flush,
    Lease,
    Look,
    SaveAcceptedEpoch,
    SaveCurrentEpoch,
    Send,
    SendRecords,
    SendSnapshot,
    Settle,
    ToProcessor,
    Watermark,
)
from node.zab.events import (
    DigestComputed,
    Flushed,
    LearnerLost,
    ProcessorReady,
    Propose,
    RecordsSent,
    SnapshotSent,
    Tick,
    TurnEnd,
)
from tests.zab.builders import (
    TIMING,
    VOTERS,
    Driver,
    ack_epoch,
    candidate,
    config,
    control,
    control_record,
    established_leader,
    hello,
    record,
    recovered,
    settled,
    stream,
    synchronising_leader,
    z,
)
from transport.entry import DIGEST_POINT, Kind, pack_record, read_control, read_record_header
from transport.messages import (
    Ack,
    AckNewLeader,
    Commit,
    Differs,
    Digest,
    DigestWanted,
    HandedOver,
    NewEpoch,
    NewLeader,
    Ping,
    Pong,
    Records,
    Touches,
    Truncate,
    UpToDate,
)
from transport.zxid import Epoch, MemberId, epoch_of

ME = MemberId(3)
KNOWN = hello(2, last=z(4, 3), accepted=4, current=4, committed=z(4, 3))
ALSO_KNOWN = hello(1, last=z(4, 3), accepted=4, current=4, committed=z(4, 3))
SAME = ack_epoch(5, current=4, last=z(4, 3), committed=z(4, 3))
OPENING = control_record(z(5, 0), control(leader=3))


def serving_leader() -> Driver:
    """Established, its EPOCH record committed by 2 and itself."""
    driver = established_leader()
    driver.step(TurnEnd(), Flushed(z(5, 0)))
    driver.learn(2, Ack(z(5, 0)))
    driver.step(TurnEnd())
    return driver


def entries_in(effects: list[object]) -> list[tuple[int, object]]:
    """(kind, entry) of the control records appended."""
    found = []
    for each in effects:
        if isinstance(each, Append):
            header = read_record_header(each.record)
            if header.kind != Kind.BATCHES:
                found.append((Kind(header.kind), read_control(each.record[-header.length:])))
    return found  # type: ignore[return-value]


# --- discovery ---


def test_an_epoch_above_all_that_a_quorum_accepted_is_saved_and_then_proposed() -> None:
    driver = candidate()

    assert driver.learn(2, hello(2, last=z(4, 3), accepted=7, current=4)) == [
        SaveAcceptedEpoch(Epoch(8)), Settle(driver.round, ME, Epoch(8)), Send(stream(2), NewEpoch(8))]


def test_no_epoch_is_proposed_without_a_quorum() -> None:
    driver = Driver(settled(z(4, 3), me=3), config(3, voters=VOTERS))
    driver.start()

    assert driver.elect(3) == []


def test_a_hello_that_came_before_the_election_ended_is_not_lost() -> None:
    driver = Driver(settled(z(4, 3), me=3), config(3))
    driver.start()
    driver.learn(2, KNOWN)

    assert driver.elect(3) == [
        SaveAcceptedEpoch(Epoch(5)), Settle(driver.round, ME, Epoch(5)), Send(stream(2), NewEpoch(5))]


def test_a_member_of_the_quorum_that_is_ahead_ends_the_attempt() -> None:
    driver = candidate()
    driver.learn(2, hello(2, last=z(4, 9), accepted=4, current=4))

    driver.learn(2, ack_epoch(5, current=4, last=z(4, 9)))

    assert driver.member.role == "looking"
    assert driver.reported("looking")[-1]["reason"] == "member 2 is ahead of us"


def test_a_later_current_epoch_is_ahead_even_with_a_shorter_log() -> None:
    driver = Driver(settled(z(4, 3), me=3, accepted=6), config(3))
    driver.start()
    driver.elect(3)
    driver.learn(2, hello(2, last=z(3, 9), accepted=5, current=5))

    driver.learn(2, ack_epoch(7, current=5, last=z(3, 9)))

    assert driver.member.role == "looking"


def test_a_promise_given_to_another_before_does_not_count() -> None:
    driver = candidate()
    driver.learn(2, KNOWN)

    assert driver.learn(2, ack_epoch(5, current=4, last=z(4, 3), counts=False)) == []


def test_a_later_accepted_epoch_is_overtaken_by_the_next_attempt() -> None:
    driver = candidate()
    driver.learn(2, KNOWN)
    driver.learn(1, hello(1, last=z(4, 3), accepted=9, current=4))
    assert driver.member.role == "looking"

    driver.elect(3)

    assert driver.learn(2, KNOWN, life=2)[0] == SaveAcceptedEpoch(Epoch(10))


def test_without_a_quorum_in_time_it_looks_again() -> None:
    driver = candidate()
    driver.wait(TIMING.discovery_ms)

    assert driver.step(Tick()) == [
        Lease(0, Epoch(0), MemberId(0), "looking"), AcceptBatches(Epoch(0), accept=False),
        Look(driver.round, Epoch(4), z(4, 3), True, VOTERS, MemberId(0), Epoch(0), True)]


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


# --- synchronisation ---


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


# --- broadcast ---


def test_a_record_goes_to_the_learners_before_it_goes_to_the_own_log() -> None:
    driver = serving_leader()
    first = pack_record(first_zxid=z(5, 1), count=3, time_ms=1234, body=b"batches")

    assert driver.step(Propose(b"batches", 3, 1234), TurnEnd()) == [
        Send(stream(2), Records(first, z(5, 0))), Append(first, z(5, 0), z(5, 0)), Flush(z(5, 3))]


def test_a_quorum_commits_whoever_is_in_it() -> None:
    driver = serving_leader()
    driver.step(Propose(b"batches", 1, 0), TurnEnd())

    assert driver.learn(2, Ack(z(5, 1))) == []  # our own disk is not done
    assert driver.step(Flushed(z(5, 1)), TurnEnd()) == [
        Send(stream(2), Commit(z(5, 1))), Watermark(z(5, 1))]


def test_a_commit_rides_on_a_record_of_the_same_turn() -> None:
    driver = serving_leader()
    driver.step(Propose(b"one", 1, 0), TurnEnd(), Flushed(z(5, 1)))
    driver.learn(2, Ack(z(5, 1)))

    effects = driver.step(Propose(b"two", 1, 0), TurnEnd())

    assert [each for each in effects if isinstance(each, Send)] == [
        Send(stream(2), Records(pack_record(first_zxid=z(5, 2), count=1, time_ms=0, body=b"two"), z(5, 1)))]


def test_an_ack_before_acknewleader_does_not_count() -> None:
    """Its disk has the record, but its currentEpoch may still lose an election against a log without it."""
    driver = serving_leader()
    driver.learn(1, ALSO_KNOWN, SAME)
    driver.step(RecordsSent(stream(1), z(5, 0), 100))
    driver.step(LearnerLost(stream(2)), Propose(b"one", 1, 0), TurnEnd(), Flushed(z(5, 1)))

    driver.learn(1, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 0)

    driver.learn(1, AckNewLeader(5, z(5, 0)))
    assert driver.member.committed == z(5, 1)


def test_an_ack_of_what_was_never_sent_ends_the_stream() -> None:
    driver = serving_leader()

    effects = driver.learn(2, Ack(z(5, 7)))

    assert [type(each) for each in effects] == [Drop]
    assert driver.member.role == "leader"


def test_an_ack_may_be_repeated() -> None:
    driver = serving_leader()

    assert driver.learn(2, Ack(z(5, 0)), Ack(z(4, 3))) == []


def test_a_learner_out_of_credit_is_served_from_files_and_holds_up_nobody() -> None:
    driver = candidate(window_bytes=100)
    driver.learn(2, KNOWN, SAME)
    driver.learn(2, Pong(driver.now_ms, 77, []), AckNewLeader(5, z(4, 3)))

    effects = driver.step(Propose(b"x" * 100, 1, 0))
    assert not any(isinstance(each, Send | SendRecords) for each in effects)

    effects = driver.learn(2, Ack(z(5, 0)))
    assert effects == [SendRecords(stream(2), z(5, 0), z(5, 1), 100, z(4, 3))]


def test_proposing_stops_while_too_much_is_uncommitted() -> None:
    driver = candidate(uncommitted_bytes_max=300)
    driver.learn(2, KNOWN, SAME)
    driver.learn(2, Pong(driver.now_ms, 77, []), AckNewLeader(5, z(4, 3)))
    assert driver.member.may_propose

    driver.step(Propose(b"x" * 200, 1, 0), TurnEnd(), Flushed(z(5, 1)))
    assert not driver.member.may_propose

    driver.learn(2, Ack(z(5, 1)))
    assert driver.member.may_propose
    assert driver.member.uncommitted_bytes == 0


def test_a_message_that_has_no_place_ends_the_stream_only() -> None:
    driver = serving_leader()

    effects = driver.learn(2, UpToDate(5, z(5, 0)))

    assert [type(each) for each in effects] == [Drop]
    assert driver.member.role == "leader"
    assert driver.learn(2, Ack(z(5, 0))) == []


def test_touches_go_on_to_the_own_processor() -> None:
    driver = serving_leader()
    touches = Touches(2, 0, 5, complete=True, entries=b"")

    assert driver.learn(2, touches) == [ToProcessor(touches)]


# --- lease ---


def test_the_lease_counts_from_the_time_that_a_ping_was_sent() -> None:
    """Rule 6."""
    driver = serving_leader()
    driver.wait(300)
    driver.step(Tick())
    sent = driver.now_ms
    driver.wait(200)

    assert driver.learn(2, Pong(sent, 78, [])) == [
        Lease(sent + TIMING.lease_ms, Epoch(5), ME, "leader")]


def test_a_leader_that_wakes_from_a_suspend_has_no_lease_and_proposes_nothing() -> None:
    """The clock has gone on meanwhile (transport/clock.py); what waited in its sockets is taken in first."""
    driver = serving_leader()
    driver.wait(3_600_000)

    driver.learn(2, Pong(driver.now_ms - 3_600_000, 79, []), Ack(z(5, 0)))
    assert not driver.member.may_propose
    effects = driver.step(Tick())

    assert driver.member.role == "looking"
    assert Lease(0, Epoch(5), MemberId(0), "looking") in effects


def test_without_answers_of_a_quorum_it_stops_at_the_end_of_the_lease() -> None:
    driver = serving_leader()
    begin = driver.now_ms
    driver.wait(TIMING.lease_ms - 1)
    driver.step(Tick())
    assert driver.member.role == "leader"
    assert driver.member.deadline_ms == begin + TIMING.lease_ms
    driver.wait(1)
    driver.step(TurnEnd())
    assert not driver.member.may_propose

    assert driver.step(Tick()) == [
        Lease(0, Epoch(5), MemberId(0), "looking"), AcceptBatches(Epoch(5), accept=False),
        Drop(stream(2), "looking", MemberId(0)),
        Look(driver.round, Epoch(5), z(5, 0), True, VOTERS, MemberId(0), Epoch(0), True)]


def test_an_epoch_ends_before_its_zxids_run_into_the_next_one() -> None:
    driver = serving_leader()
    most = (1 << 32) - 1  # that a record counts
    for _ in range(((1 << 40) - (1 << 32)) // most):
        driver.step(Propose(b"requests", most, 0))
    driver.step(Tick())
    assert driver.member.role == "leader"

    driver.step(Propose(b"requests", most, 0), Tick())

    assert driver.member.role == "looking"
    assert epoch_of(driver.member.last_zxid) == 5


def test_an_answer_of_the_future_ends_the_stream() -> None:
    driver = serving_leader()

    assert [type(each) for each in driver.learn(2, Pong(driver.now_ms + 1, 78, []))] == [Drop]


def test_pings_say_what_was_heard_of_the_learner() -> None:
    driver = serving_leader()
    driver.wait(TIMING.ping_ms)

    assert driver.step(Tick()) == [
        Send(stream(2), Ping(driver.now_ms, 77, z(5, 0), digest_wanted=False))]


def test_a_silent_learner_is_dropped_after_synclimit() -> None:
    driver = serving_leader()
    driver.learn(1, ALSO_KNOWN, SAME)
    driver.step(RecordsSent(stream(1), z(5, 0), 100))
    driver.learn(1, AckNewLeader(5, z(5, 0)))
    silent_since = driver.now_ms
    while driver.now_ms <= silent_since + TIMING.sync_ms:
        assert [each.member for each in driver.member.learners] == [2, 1]
        driver.wait(TIMING.ping_ms)
        driver.step(Tick())
        driver.learn(2, Pong(driver.now_ms, 78, []))

    assert [each.member for each in driver.member.learners] == [2]
    assert driver.member.role == "leader"


# --- without its processor 0 ---


def lead_on(driver: Driver, until_ms: int, *, stands: bool = True) -> list[Effect]:
    """As long as it leads; its follower says whether it stands itself. Returns the effects of the last tick."""
    last: list[Effect] = []
    while driver.now_ms <= until_ms and driver.member.role == "leader":
        driver.wait(TIMING.ping_ms)
        driver.learn(2, Pong(driver.now_ms, 78, [], stands))
        last = driver.step(Tick())
    return last


def test_a_leader_without_a_processor_hands_on_after_synclimit() -> None:
    driver = serving_leader()
    driver.step(ProcessorReady(alive=False))
    gone_since = driver.now_ms

    lead_on(driver, gone_since + TIMING.sync_ms - TIMING.ping_ms)
    assert driver.member.role == "leader"
    last = lead_on(driver, gone_since + TIMING.sync_ms)

    assert driver.member.role == "looking"
    assert driver.reported("handed_over") == [{"to": 2, "reason": "no processor 0 within syncLimit"}]
    assert Send(stream(2), HandedOver(Epoch(5), MemberId(2))) in last
    driver.wait(TIMING.silence_ms)
    (look,) = [each for each in driver.step(Tick()) if isinstance(each, Look)]
    assert (look.votes, look.stands) == (True, False)


def test_a_processor_that_hangs_is_gone_since_its_last_word() -> None:
    driver = serving_leader()
    driver.step(ProcessorReady(alive=False, silent_ms=TIMING.sync_ms + 1))

    lead_on(driver, driver.now_ms)

    assert driver.member.role == "looking"


def test_a_processor_that_comes_back_in_time_changes_nothing() -> None:
    driver = serving_leader()
    driver.step(ProcessorReady(alive=False))
    gone_since = driver.now_ms
    lead_on(driver, gone_since + TIMING.sync_ms // 2)
    driver.step(ProcessorReady(alive=True))

    lead_on(driver, gone_since + 2 * TIMING.sync_ms)

    assert driver.member.role == "leader"


def test_where_nobody_stands_the_leader_leads_on_and_says_so_once() -> None:
    driver = serving_leader()
    driver.learn(2, Pong(driver.now_ms, 78, [], False))
    driver.step(ProcessorReady(alive=False, silent_ms=TIMING.sync_ms + 1))

    lead_on(driver, driver.now_ms + 3 * TIMING.sync_ms, stands=False)

    assert driver.member.role == "leader"
    assert driver.member.may_propose
    assert len(driver.reported("no_member_stands")) == 1


def test_before_it_hands_on_nothing_is_proposed_until_somebody_has_it_all() -> None:
    driver = serving_leader()
    driver.step(Propose(b"batch", 1, 0), TurnEnd(), Flushed(z(5, 1)))
    driver.step(ProcessorReady(alive=False, silent_ms=TIMING.sync_ms + 1))

    lead_on(driver, driver.now_ms)
    assert (driver.member.role, driver.member.may_propose) == ("leader", False)
    driver.learn(2, Ack(z(5, 1)))

    assert driver.member.role == "looking"


def test_who_does_not_catch_up_in_time_does_not_hold_up_writes() -> None:
    driver = serving_leader()
    driver.step(Propose(b"batch", 1, 0), TurnEnd(), Flushed(z(5, 1)))
    driver.step(ProcessorReady(alive=False, silent_ms=TIMING.sync_ms + 1))

    lead_on(driver, driver.now_ms + TIMING.silence_ms + TIMING.ping_ms)

    assert (driver.member.role, driver.member.may_propose) == ("leader", True)


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


# --- digests ---


def test_about_once_a_second_a_record_is_a_digest_point() -> None:
    driver = serving_leader()
    flags = []
    for wait_ms in (0, 1000, 0, 999, 1):
        driver.now_ms += wait_ms
        driver.learn(2, Pong(driver.now_ms, 78, []))
        (appended,) = [each for each in driver.step(Propose(b"x", 1, 0)) if isinstance(each, Append)]
        flags.append(read_record_header(appended.record).flags)

    assert flags == [0, DIGEST_POINT, 0, 0, DIGEST_POINT]


def test_an_idle_ensemble_computes_its_digests_anew_every_two_seconds() -> None:
    driver = serving_leader()
    wanted = []
    for _ in range(20):
        driver.wait(TIMING.ping_ms)
        effects = driver.step(Tick())
        wanted.append(ToProcessor(DigestWanted()) in effects)
        driver.learn(2, Pong(driver.now_ms, 78, []))

    assert wanted.count(True) == 2


def test_the_minority_that_differs_is_named_and_told() -> None:
    driver = serving_leader()
    driver.learn(1, ALSO_KNOWN, SAME)
    driver.step(RecordsSent(stream(1), z(5, 0), 100))
    driver.learn(1, AckNewLeader(5, z(5, 0)))
    driver.step(DigestComputed(z(5, 0), "processor-0", 7))
    driver.learn(1, Pong(driver.now_ms, 78, [Digest(z(5, 0), "processor-0", 7)]))

    effects = driver.learn(2, Pong(driver.now_ms, 78, [Digest(z(5, 0), "processor-0", 8)]))

    assert effects == [Send(stream(2), Differs("processor-0", z(5, 0)))]
    assert driver.reports[-1].alarm
    assert driver.reports[-1].fields == {"member": 2, "process": "processor-0", "zxid": z(5, 0)}


def test_a_leaders_own_processor_may_be_the_odd_one() -> None:
    driver = serving_leader()
    driver.step(DigestComputed(z(5, 0), "processor-0", 7))
    driver.learn(2, Pong(driver.now_ms, 78, [
        Digest(z(5, 0), "processor-0", 8), Digest(z(5, 0), "processor-1", 8)]))

    # Told as soon as there is a majority.
    driver.step(DigestComputed(z(5, 0), "processor-0", 7))

    assert driver.reports[-1].fields == {"member": 3, "process": "processor-0", "zxid": z(5, 0)}
