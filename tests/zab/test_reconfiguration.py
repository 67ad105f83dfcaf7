"""Reconfigurations: checked before they are proposed, joint until they are committed, finished or given up by whoever
leads next."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.zab.effects import Append, Drop, Effect, ReconfigRefused, Send
from node.zab.events import Flushed, ProcessorReady, Propose, Reconfigure, RecordsSent, SyncTook, TurnEnd
from node.zab.quorum import Electorate, is_quorum
from tests.zab.builders import (
    INCARNATIONS,
    TIMING,
    Driver,
    ack_epoch,
    candidate,
    control,
    control_body,
    hello,
    settled,
    stream,
    z,
)
from tests.zab.ensemble import Ensemble
from transport.entry import ControlEntry, Kind, read_control, read_record_header
from transport.errors import Err
from transport.messages import Ack, AckNewLeader, EpochTable, HandedOver, Pong
from transport.zxid import MemberId, Zxid

LAST = z(4, 3)
INTENT = Zxid(z(5, 0))


def line(member: int, role: str = "participant") -> str:
    return f"host{member}:2888:3888:{role};0.0.0.0:2181"


def lines(*members: int) -> dict[int, str]:
    return {member: line(member) for member in members}


def wish(*members: int, version: int = 0, intent: Zxid = INTENT) -> Reconfigure:
    return Reconfigure(intent, version, lines(*members))


def entries(effects: Sequence[Effect]) -> list[tuple[Kind, ControlEntry]]:
    found = []
    for each in effects:
        if isinstance(each, Append):
            header = read_record_header(each.record)
            found.append((Kind(header.kind), read_control(each.record[-header.length:])))
    return found


def leader(*, followers: Sequence[int] = (1, 2), enabled: bool = True, standalone: bool = True) -> Driver:
    """Member 3, with an ensemble of three on level 2; its epoch has begun."""
    entry = control(level=2, servers=lines(1, 2, 3))
    driver = candidate(
        settled(LAST, me=3, entry=entry), servers=lines(1, 2, 3), reconfig_enabled=enabled,
        standalone_enabled=standalone, feature_level=2)
    for member in followers:
        driver.learn(member, hello(member, last=LAST, accepted=4, current=4, level=2))
        driver.learn(member, ack_epoch(5, current=4, last=LAST, committed=LAST))
    for member in followers:
        driver.learn(member, Pong(driver.now_ms, 77, []), AckNewLeader(5, LAST))
    driver.step(TurnEnd(), Flushed(z(5, 0)))
    for member in followers:
        driver.learn(member, Ack(z(5, 0)))
    assert driver.member.committed == z(5, 0)
    return driver


def join(driver: Driver, *members: int) -> None:
    """As a learner without a vote, with the whole history."""
    for member in members:
        driver.learn(
            member, hello(member, incarnation=f"{member}-first", level=2, voters=(1, 2, 3, member)), ack_epoch(5))
        driver.step(RecordsSent(stream(member), driver.member.last_zxid, 100))
        driver.learn(member, AckNewLeader(5, driver.member.last_zxid), Pong(driver.now_ms, 77, []))


# What is asked for, and refused -----------------------------------------------------------------


def refused(driver: Driver, asked: Reconfigure) -> tuple[int, str]:
    found, = (each for each in driver.step(asked) if isinstance(each, ReconfigRefused))
    assert found.intent == asked.intent
    return found.err, found.reason


def test_where_the_leaders_file_does_not_allow_it_nothing_is_reconfigured() -> None:
    err, reason = refused(leader(enabled=False), wish(1, 2, 3))

    assert err == Err.RECONFIG_DISABLED
    assert "reconfigEnabled" in reason


def test_what_was_made_for_an_older_configuration_comes_too_late() -> None:
    assert refused(leader(), wish(1, 2, 3, version=z(3, 1)))[0] == Err.RECONFIG_IN_PROGRESS


def test_a_second_one_waits_for_nobody() -> None:
    driver = leader()
    assert entries(driver.step(wish(1, 2, 3)))

    assert refused(driver, wish(2, 3, intent=Zxid(z(5, 2))))[0] == Err.RECONFIG_IN_PROGRESS


@pytest.mark.parametrize(("members", "standalone"), [((3,), True), ((), False), ((), True)])
def test_too_few_voters_are_refused(members: tuple[int, ...], standalone: bool) -> None:
    assert refused(leader(standalone=standalone), wish(*members))[0] == Err.BAD_ARGUMENTS


def test_one_voter_is_enough_where_no_member_would_stand_alone() -> None:
    assert entries(leader(standalone=False).step(wish(3)))


def test_a_quorum_of_the_new_voters_must_be_there() -> None:
    err, reason = refused(leader(followers=(1,)), wish(2, 3, 4))

    assert err == Err.NEW_CONFIG_NO_QUORUM
    assert "member 2 is not connected; member 4 is not connected" in reason


def test_who_still_takes_the_history_is_not_ready() -> None:
    driver = leader()
    driver.learn(4, hello(4, incarnation="4-first", level=2, voters=(1, 2, 3, 4)), ack_epoch(5))
    driver.learn(5, hello(5, incarnation="5-first", level=2, voters=(1, 2, 3, 5)))

    err, reason = refused(driver, wish(3, 4, 5))

    assert err == Err.NEW_CONFIG_NO_QUORUM
    assert "member 4 is being synchronised" in reason
    assert "member 5 is being synchronised" in reason


def test_slow_disks_make_no_quorum() -> None:
    driver = leader()
    join(driver, 4)
    driver.learn(4, Pong(driver.now_ms, 78, [], True, 5000.0))
    driver.step(SyncTook(TIMING.silence_ms * 2))

    err, reason = refused(driver, wish(2, 3, 4))

    assert err == Err.NEW_CONFIG_NO_QUORUM
    assert f"member 3 takes {TIMING.silence_ms * 2} ms" in reason
    assert "member 4 takes 5000 ms for a sync" in reason


def test_who_follows_without_a_vote_need_not_stand_in_the_leaders_file() -> None:
    driver = leader(enabled=False)  # for clients: operators may bring it in

    assert not any(isinstance(each, Drop) for each in driver.learn(4, hello(4, incarnation="4-first", level=2)))


# What is ordered --------------------------------------------------------------------------------


def test_the_entry_names_the_servers_both_quorums_and_the_request() -> None:
    driver = leader()
    join(driver, 4, 5)

    found, = entries(driver.step(wish(1, 2, 3, 4, 5)))

    at = z(5, 1)
    assert found == (Kind.RECONFIG, control(
        leader=3, level=2, voters=(1, 2, 3, 4, 5), servers=lines(1, 2, 3, 4, 5), version=at, intent=INTENT,
        before=(1, 2, 3), incarnations={**INCARNATIONS, 4: "4-first", 5: "5-first"}))
    assert driver.reported("reconfigured") == [{"before": [1, 2, 3], "after": [1, 2, 3, 4, 5], "version": at}]


def test_to_ask_again_does_no_harm() -> None:
    driver = leader()
    driver.step(wish(1, 2, 3))

    assert driver.step(wish(1, 2, 3)) == []
    driver.step(TurnEnd(), Flushed(z(5, 1)))
    driver.learn(1, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 1)
    assert driver.step(wish(1, 2, 3)) == []


def test_until_it_is_committed_both_quorums_are_needed_and_then_the_new_one() -> None:
    driver = leader()
    join(driver, 4, 5)
    driver.step(wish(3, 4, 5))
    driver.step(TurnEnd(), Flushed(z(5, 1)))

    for member in (4, 5):
        driver.learn(member, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 0)
    driver.learn(1, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 1)

    submit(driver)
    for member in (1, 2):
        driver.learn(member, Ack(z(5, 2)))
    assert driver.member.committed == z(5, 1)
    driver.learn(4, Ack(z(5, 2)))
    assert driver.member.committed == z(5, 2)


def test_what_stands_before_it_needs_the_old_quorum_alone() -> None:
    driver = leader()
    join(driver, 4, 5)
    submit(driver)
    driver.step(wish(3, 4, 5))
    driver.step(TurnEnd(), Flushed(z(5, 2)))

    driver.learn(1, Ack(z(5, 2)))
    assert driver.member.committed == z(5, 1)
    driver.learn(4, Ack(z(5, 2)))
    assert driver.member.committed == z(5, 2)


@pytest.mark.parametrize(("theirs", "phase"), [
    ([(4, z(4, 5))], "leads"),  # they hold the entry, and know that it is committed
    ([(3, z(3, 9)), (5, z(5, 0))], "is refused"),  # they know of later ones, but not of this
])
def test_what_another_knows_to_be_committed_ends_what_the_leaders_log_leaves_open(
    theirs: EpochTable, phase: str
) -> None:
    """Members 1 and 2 were voted out, and were sent more than the leader's disk kept: nobody has committed that."""
    alone = control(level=2, voters=(3,), before=(1, 2, 3), version=LAST, servers=lines(1, 2, 3))
    found = replace(
        settled(LAST, me=3, committed=z(4, 2)),
        controls=((z(4, 0), control_body(control(level=2))), (LAST, control_body(alone))))
    driver = candidate(found, servers=lines(1, 2, 3), feature_level=2)
    end = theirs[-1][1]

    for member in (1, 2):
        driver.learn(member, hello(
            member, last=end, accepted=5, current=end >> 40, committed=end - 1, epochs=theirs, level=2))
    driver.step(TurnEnd())
    for member in (1, 2):
        driver.learn(member, ack_epoch(6, current=end >> 40, last=end, committed=end - 1, epochs=theirs))

    assert ("leads" if driver.member.role == "leader" else "is refused") == phase


def submit(driver: Driver) -> None:
    driver.step(Propose(b"batch", 1, 0), TurnEnd(), Flushed(Zxid(driver.member.last_zxid + 1)))


def test_a_leader_that_votes_no_more_hands_over_once_that_is_committed() -> None:
    driver = leader()
    driver.step(ProcessorReady(alive=True))
    driver.step(wish(1, 2))
    driver.step(TurnEnd(), Flushed(z(5, 1)))
    driver.learn(1, Ack(z(5, 1)))
    driver.wait(1)

    effects = driver.learn(2, Ack(z(5, 1)))
    effects += driver.learn(2, Pong(driver.now_ms, 79, []))

    told = [each.message for each in effects if isinstance(each, Send) and isinstance(each.message, HandedOver)]
    assert {each.heir for each in told} == {2}
    assert driver.member.role == "looking"


def test_from_then_on_files_change_no_voters() -> None:
    driver = leader()
    driver.step(wish(1, 2, 3))
    driver.step(TurnEnd(), Flushed(z(5, 1)))
    driver.learn(1, Ack(z(5, 1)))

    for member in (1, 2):
        assert not entries(driver.learn(
            member, hello(member, last=LAST, accepted=4, current=4, level=2, voters=(3, member)), life=2))


# Whole ensembles --------------------------------------------------------------------------------


def ensemble_of(count: int, voting: int) -> Ensemble:
    """*count* members, of which the first *voting* form the ensemble, led by 1; the others follow without a vote."""
    voters = tuple(MemberId(member) for member in range(1, voting + 1))
    made = Ensemble(
        count, voters=voters, servers=lines(*voters), reconfig_enabled=True, standalone_enabled=False)
    made.elect(1, *range(2, voting + 1))
    made.run()
    made.advance(2 * TIMING.silence_ms)
    made.elect(1)
    made.run()
    made.advance(TIMING.silence_ms)
    assert all(host.lease_ms > made.now_ms for host in made.hosts.values())
    return made


def voters_of(made: Ensemble, member: int) -> tuple[int, ...]:
    found = made.hosts[MemberId(member)].member
    assert found is not None
    return found.voters


def test_a_lone_member_grows_to_three() -> None:
    made = ensemble_of(3, 1)

    made.step(1, Reconfigure(INTENT, 0, lines(1, 2, 3)), TurnEnd())
    made.run()

    assert {voters_of(made, member) for member in (1, 2, 3)} == {(1, 2, 3)}
    made.crash(1)
    made.advance(2 * TIMING.silence_ms)
    made.elect(3, 2)
    made.run()
    made.advance(TIMING.silence_ms)
    assert made.hosts[MemberId(3)].lease_role == "leader"


def test_the_next_leader_finishes_what_it_has_in_its_log() -> None:
    made = ensemble_of(5, 3)
    for member in (2, 3, 4, 5):
        made.hold(member)
    made.step(1, Reconfigure(INTENT, 0, lines(1, 4, 5)), TurnEnd())
    made.run()
    for member in (2, 3, 4, 5):
        made.release(member)
    made.crash(1)
    made.advance(2 * TIMING.silence_ms)
    made.elect(4, 2, 3, 5)
    made.run()
    made.advance(TIMING.silence_ms)

    assert made.hosts[MemberId(4)].lease_role == "leader"
    control = made.hosts[MemberId(4)].member.control  # type: ignore[union-attr]
    assert control is not None
    assert (control.voters, control.voters_before) == ([1, 4, 5], [])


def test_while_it_is_open_the_new_voters_alone_elect_nobody() -> None:
    made = ensemble_of(5, 3)
    for member in (1, 2, 3):
        made.hold(member)
    made.step(1, Reconfigure(INTENT, 0, lines(1, 4, 5)), TurnEnd())
    made.run()
    for member in (1, 2, 3):
        made.crash(member, power=True)
    made.advance(2 * TIMING.silence_ms)
    made.elect(4, 5)
    made.run()
    made.advance(TIMING.silence_ms)

    assert made.hosts[MemberId(4)].lease_role != "leader"


# The quorums ------------------------------------------------------------------------------------

some = st.sets(st.integers(1, 6).map(MemberId), min_size=1, max_size=6)
acks = st.dictionaries(st.integers(1, 6).map(MemberId), st.integers(0, 9))


@given(voters=some, before=some, acks=acks, changed_at=st.integers(1, 9))
def test_all_that_counts_as_committed_has_its_quorums(
    voters: set[MemberId], before: set[MemberId], acks: dict[MemberId, int], changed_at: int,
) -> None:
    electorate = Electorate(tuple(sorted(voters)), tuple(sorted(before)))

    committed = electorate.committed(acks, changed_at=changed_at)

    def has(zxid: int, group: set[MemberId]) -> bool:
        return is_quorum([each for each, ack in acks.items() if ack >= zxid], group)

    naive = [
        zxid for zxid in range(1, 10) if has(zxid, before) and (zxid < changed_at or has(zxid, voters))]
    assert (committed or 0) == max(naive, default=0)


@given(voters=some, before=some, one=some, other=some)
def test_quorums_of_before_of_both_and_of_after_always_meet_in_between(
    voters: set[MemberId], before: set[MemberId], one: set[MemberId], other: set[MemberId],
) -> None:
    both = Electorate(tuple(sorted(voters)), tuple(sorted(before)))
    if not both.has_quorum(one):
        return

    for group in (voters, before):
        if is_quorum(other, group):
            assert one & other
