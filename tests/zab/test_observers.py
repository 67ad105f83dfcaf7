"""Observers: they take the history and serve, and no quorum, election or lease rests on them."""

from node.zab.effects import Look, ReconfigRefused
from node.zab.events import Flushed, Propose, Reconfigure, RecordsSent, Tick, TurnEnd
from node.zab.member import Member
from tests.zab.builders import (
    Driver,
    ack_epoch,
    candidate,
    config,
    control,
    follower,
    hello,
    settled,
    stream,
    z,
)
from tests.zab.ensemble import TIMING, Ensemble
from transport.entry import ControlEntry
from transport.errors import Err
from transport.messages import Ack, AckNewLeader, NewLeader, Pong, UpToDate
from transport.zxid import MemberId, Zxid

LAST = z(4, 3)
VOTERS = (MemberId(1), MemberId(2), MemberId(3))


def lines(observers: tuple[int, ...] = (4,), voters: tuple[int, ...] = VOTERS) -> dict[int, str]:
    return {
        member: f"host{member}:2888:3888:{'observer' if member in observers else 'participant'};0.0.0.0:2181"
        for member in sorted({*voters, *observers})}


def entry(**changes: object) -> ControlEntry:
    given: dict[str, object] = {"level": 2, "servers": lines()}
    return control(**(given | changes))  # type: ignore[arg-type]


def leader(*, following: tuple[int, ...] = (1,)) -> Driver:
    """Member 3 leads voters 1 and 3, with observer 4; its epoch has begun."""
    driver = candidate(settled(LAST, me=3, entry=entry()), servers=lines(), reconfig_enabled=True, feature_level=2)
    for member in following:
        driver.learn(member, hello(member, last=LAST, accepted=4, current=4, level=2))
        driver.learn(member, ack_epoch(5, current=4, last=LAST, committed=LAST))
    for member in following:
        driver.learn(member, Pong(driver.now_ms, 77, []), AckNewLeader(5, LAST))
    driver.step(TurnEnd(), Flushed(z(5, 0)))
    for member in following:
        driver.learn(member, Ack(z(5, 0)))
    join(driver, 4)
    return driver


def join(driver: Driver, member: int) -> None:
    driver.learn(member, hello(member, incarnation=f"{member}-first", level=2), ack_epoch(5))
    driver.step(RecordsSent(stream(member), driver.member.last_zxid, 100))
    driver.learn(member, AckNewLeader(5, driver.member.last_zxid), Pong(driver.now_ms, 77, []))


def test_a_leader_takes_an_observer_that_no_reconfig_named() -> None:
    driver = leader()

    observer = next(each for each in driver.member.learners if each.member == 4)
    assert (observer.phase, observer.votes, observer.is_observer) == ("serving", False, True)


def test_an_observers_ack_commits_nothing() -> None:
    driver = leader()
    driver.step(Propose(b"batch", 1, 0), TurnEnd(), Flushed(z(5, 1)))

    driver.learn(4, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 0)
    driver.learn(1, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 1)


def test_an_observers_echo_renews_no_lease() -> None:
    driver = leader()
    until_ms = driver.now_ms + TIMING.lease_ms
    while driver.now_ms < until_ms and driver.member.role == "leader":
        driver.wait(TIMING.ping_ms)
        driver.learn(4, Pong(driver.now_ms, driver.now_ms, []))
        driver.step(Tick())

    assert driver.member.role == "looking"


def test_a_member_that_the_log_calls_an_observer_is_one_and_asks_election_without_a_vote() -> None:
    driver = Driver(settled(LAST, me=4, entry=entry(), incarnation="4-first"), config(
        4, servers=lines((), (4,)), feature_level=2))
    look, = (each for each in driver.start() if isinstance(each, Look))

    assert (look.votes, look.supports) == (False, False)


def test_an_observer_follows_and_says_so() -> None:
    driver = follower(settled(LAST, me=4, entry=entry(level=1), incarnation="4-first"), me=4)
    driver.hear(NewLeader(5, LAST), UpToDate(5, LAST))

    assert driver.member.is_serving
    assert (driver.member.role, driver.member.leader, driver.member.learns_from) == ("observer", 3, 3)


def test_a_voter_becomes_an_observer_and_its_acks_end_with_that() -> None:
    driver = leader(following=(1, 2))
    driver.step(Reconfigure(Zxid(z(5, 0)), 0, lines((2, 4), (1, 3))))
    driver.step(TurnEnd(), Flushed(z(5, 1)))
    driver.learn(1, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 1)

    assert {each.member: each.is_observer for each in driver.member.learners} == {1: False, 2: True, 4: True}
    driver.step(Propose(b"batch", 1, 0), TurnEnd(), Flushed(z(5, 2)))
    driver.learn(2, Ack(z(5, 2)))
    assert driver.member.committed == z(5, 1)


def test_an_observer_becomes_a_voter_and_its_acks_count_from_the_entry_on() -> None:
    driver = leader(following=(1, 2))
    driver.step(Reconfigure(Zxid(z(5, 0)), 0, lines((), (1, 2, 3, 4))))
    driver.step(TurnEnd(), Flushed(z(5, 1)))
    driver.learn(1, Ack(z(5, 1)))
    driver.learn(4, Ack(z(5, 1)))

    assert driver.member.committed == z(5, 1)
    assert driver.member.voters == (1, 2, 3, 4)


def test_a_quorum_of_the_new_voters_is_not_made_of_observers() -> None:
    driver = leader()

    refused, = (each for each in driver.step(Reconfigure(Zxid(z(5, 0)), 0, lines((1, 4), (2, 3, 5))))
                if isinstance(each, ReconfigRefused))

    assert refused.err == Err.NEW_CONFIG_NO_QUORUM


def test_an_observer_that_an_ensemble_does_not_know_follows_before_it_comes_in() -> None:
    unknown = candidate(settled(LAST, me=3, entry=entry()), servers=lines((), VOTERS), feature_level=2)

    assert "is not in the configuration" not in str(unknown.learn(5, hello(5, incarnation="5-first", level=2)))


# A whole ensemble -------------------------------------------------------------------------------


def ensemble() -> Ensemble:
    made = Ensemble(4, voters=VOTERS, servers=lines(), reconfig_enabled=True)
    made.elect(1, 2, 3)
    made.run()
    made.advance(2 * TIMING.silence_ms)
    made.elect(1)
    made.run()
    made.advance(TIMING.silence_ms)
    return made


def member_of(made: Ensemble, member: int) -> Member:
    found = made.hosts[MemberId(member)].member
    assert found is not None
    return found


def test_an_observer_serves_and_outlives_its_leader() -> None:
    made = ensemble()
    host = made.hosts[MemberId(4)]
    assert (member_of(made, 4).role, host.lease_role) == ("observer", "observer")

    made.crash(1)
    made.advance(2 * TIMING.silence_ms)
    made.elect(2, 3, 4)
    made.run()
    made.advance(TIMING.silence_ms)

    assert member_of(made, 4).leader == 2
    assert host.lease_ms > made.now_ms


def test_observers_alone_serve_nobody() -> None:
    made = ensemble()
    made.crash(1)
    made.crash(2)
    made.advance(2 * TIMING.silence_ms)
    made.elect(3, 4)
    made.run()
    made.advance(TIMING.silence_ms)

    assert made.hosts[MemberId(3)].lease_role != "leader"
    assert made.hosts[MemberId(4)].lease_ms < made.now_ms
