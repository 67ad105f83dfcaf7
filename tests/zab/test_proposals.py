"""What a leader proposes, to whom, and when it is committed."""

from node.zab.effects import Append, Drop, Flush, Send, SendRecords, ToProcessor, Watermark
from node.zab.events import Flushed, LearnerLost, Propose, RecordsSent, TurnEnd
from tests.zab.builders import candidate, stream, z
from tests.zab.leaders import ALSO_KNOWN, KNOWN, SAME, serving_leader
from transport.entry import pack_record
from transport.messages import Ack, AckNewLeader, Commit, Pong, Records, Touches, UpToDate


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
