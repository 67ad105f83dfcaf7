"""Observers that follow a follower: they get what is committed, serve under the leader's lease, and find another."""

import pytest

from node.zab.effects import Drop
from node.zab.events import DigestComputed, Reconfigure, TurnEnd
from node.zab.member import Member
from tests.zab.builders import Driver, config, hello, settled, stream, z
from tests.zab.ensemble import TIMING, Ensemble
from transport.messages import Differs, DigestWanted, NewEpoch, NewLeader, Truncate, UpToDate
from transport.zxid import MemberId, Zxid

VOTERS = (MemberId(1), MemberId(2), MemberId(3))
OBSERVER = 4


def lines(observers: tuple[int, ...] = (OBSERVER,)) -> dict[int, str]:
    return {
        member: f"host{member}:2888:3888:{'observer' if member in observers else 'participant'};0.0.0.0:2181"
        for member in (*VOTERS, OBSERVER)}


def ensemble(**config: object) -> Ensemble:
    """Voter 1 leads, and observer 4 may follow a follower."""
    made = Ensemble(
        4, voters=VOTERS, servers=lines(), reconfig_enabled=True, **{"observer_masters": True} | config)
    made.elect(1, 2, 3)
    made.run()
    made.advance(TIMING.silence_ms)
    made.elect(1)
    made.run()
    made.advance(TIMING.silence_ms)
    return made


def member_of(made: Ensemble, member: int) -> Member:
    found = made.hosts[MemberId(member)].member
    assert found is not None
    return found


def source(made: Ensemble) -> int:
    return member_of(made, OBSERVER).learns_from


def serves(made: Ensemble) -> bool:
    host = made.hosts[MemberId(OBSERVER)]
    return host.lease_role == "observer" and host.lease_ms > made.now_ms


def test_an_observer_follows_a_follower_and_serves() -> None:
    made = ensemble()

    assert source(made) in (2, 3)
    assert member_of(made, OBSERVER).leader == 1
    assert serves(made)
    assert OBSERVER not in {each.member for each in member_of(made, 1).learners}
    assert [each.member for each in member_of(made, source(made)).learners] == [OBSERVER]


def test_without_that_it_follows_the_leader() -> None:
    made = ensemble(observer_masters=False)

    assert source(made) == 1
    assert serves(made)


def test_it_gets_what_is_committed_and_nothing_else() -> None:
    made = ensemble()
    made.submit(1)
    made.run()
    made.advance(2 * TIMING.ping_ms)
    assert member_of(made, OBSERVER).committed == member_of(made, 1).committed == member_of(made, 1).last_zxid

    before = member_of(made, OBSERVER).last_zxid
    made.hold(2)
    made.hold(3)
    made.submit(1)
    made.run()
    assert member_of(made, source(made)).last_zxid > before
    assert member_of(made, OBSERVER).last_zxid == before

    made.release(2)
    made.release(3)
    made.run()
    made.advance(2 * TIMING.ping_ms)
    assert made.hosts[MemberId(OBSERVER)].watermark == member_of(made, 1).last_zxid


def test_an_empty_one_takes_a_snapshot_of_the_follower() -> None:
    made = ensemble()
    made.crash(OBSERVER)
    for _ in range(3):
        made.submit(1)
        made.run()
    made.advance(2 * TIMING.ping_ms)
    for member in VOTERS:
        made.snapshot(member)
    made.hosts[MemberId(OBSERVER)].disk.records.clear()
    made.wipe(OBSERVER)

    made.start(OBSERVER)
    made.advance(TIMING.silence_ms)
    made.elect(1, OBSERVER)
    made.run()
    made.advance(TIMING.silence_ms)

    assert source(made) in (2, 3)
    assert serves(made)
    assert any(report.event == "snapshot_received" for report in made.hosts[MemberId(OBSERVER)].reports)
    assert made.hosts[MemberId(OBSERVER)].watermark == member_of(made, 1).last_zxid


def test_once_its_follower_is_gone_it_finds_another_way() -> None:
    made = ensemble()
    first = source(made)

    made.crash(first)
    made.advance(TIMING.silence_ms)
    if member_of(made, OBSERVER).role == "looking":
        made.elect(1, OBSERVER)
    made.advance(TIMING.silence_ms)

    assert source(made) not in (0, first)
    assert serves(made)


@pytest.mark.parametrize("deaf", ["both", "the leader"])
def test_once_its_follower_is_cut_off_from_the_leader_its_lease_ends_with_the_leaders(deaf: str) -> None:
    made = ensemble()
    between = source(made)
    made.cut |= {(between, 1), (1, OBSERVER), (OBSERVER, 1)} | ({(1, between)} if deaf == "both" else set())
    cut_ms = made.now_ms

    made.advance(TIMING.silence_ms)

    assert made.hosts[MemberId(OBSERVER)].lease_ms <= cut_ms + TIMING.lease_ms


def test_an_observer_that_is_to_vote_follows_the_leader_itself() -> None:
    made = ensemble()

    made.step(1, Reconfigure(Zxid(1), 0, lines(())), TurnEnd())
    made.run()
    made.advance(2 * TIMING.silence_ms)

    assert source(made) == 1
    assert member_of(made, 1).voters == (1, 2, 3, 4)
    assert {each.member: each.votes for each in member_of(made, 1).learners} == {2: True, 3: True, 4: True}


def test_observers_that_are_the_new_quorum_are_called_from_their_follower() -> None:
    made = Ensemble(
        4, voters=VOTERS[:2], servers=lines((3, OBSERVER)), reconfig_enabled=True, observer_masters=True)
    made.elect(1, 2)
    made.run()
    made.advance(TIMING.silence_ms)
    made.elect(1)
    made.run()
    made.advance(TIMING.silence_ms)
    assert [member_of(made, each).learns_from for each in (3, OBSERVER)] == [2, 2]

    made.step(1, Reconfigure(Zxid(1), 0, lines(())), TurnEnd())
    made.advance(TIMING.silence_ms)
    refused, = made.hosts[MemberId(1)].refusals
    assert "member 3 is not connected (it has been called from its follower: ask again)" in refused.reason
    assert [member_of(made, each).learns_from for each in (3, OBSERVER)] == [1, 1]

    made.step(1, Reconfigure(Zxid(1), 0, lines(())), TurnEnd())
    made.run()
    made.advance(TIMING.silence_ms)
    assert member_of(made, 1).voters == (1, 2, 3, 4)
    assert all(each.votes for each in member_of(made, 1).learners)


def test_its_digests_reach_the_leader_and_the_leaders_word_reaches_it() -> None:
    made = ensemble()
    made.advance(5000)
    assert any(isinstance(each, DigestWanted) for each in made.hosts[MemberId(OBSERVER)].to_processors)
    at = member_of(made, 1).committed
    for member in VOTERS:
        made.step(member, DigestComputed(at, "processor-0", 7))
    made.step(OBSERVER, DigestComputed(at, "processor-0", 8))

    made.advance(4 * TIMING.ping_ms)

    told = [each for each in made.hosts[MemberId(OBSERVER)].to_processors if isinstance(each, Differs)]
    assert [(each.process, each.zxid) for each in told] == [("processor-0", at)]
    assert not any(
        isinstance(each, Differs) for member in VOTERS for each in made.hosts[member].to_processors)


def test_a_follower_takes_no_voter_and_none_where_it_is_not_allowed() -> None:
    for allowed, member in ((True, 1), (False, OBSERVER)):
        driver = Driver(settled(z(4, 3), me=2), config(2, servers=lines(), observer_masters=allowed))
        driver.start()
        driver.elect(3)
        driver.hear(NewEpoch(5), Truncate(z(4, 3)), NewLeader(5, z(4, 3)), UpToDate(5, z(4, 3)))

        assert driver.learn(member, hello(member, incarnation="new")) == [
            Drop(stream(member), "following", MemberId(3))]
