"""A leader's pings: the lease that their echoes give, and the digests that come with them."""

from node.zab.effects import AcceptBatches, Append, Drop, Lease, Look, Send, ToProcessor
from node.zab.events import DigestComputed, Propose, RecordsSent, Tick, TurnEnd
from tests.zab.builders import TIMING, VOTERS, stream, z
from tests.zab.leaders import ALSO_KNOWN, ME, SAME, serving_leader
from transport.entry import DIGEST_POINT, read_record_header
from transport.messages import Ack, AckNewLeader, Differs, Digest, DigestWanted, Ping, Pong
from transport.zxid import Epoch, MemberId, epoch_of

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
