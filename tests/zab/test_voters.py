"""Who votes next, where zoo.cfg names others than the log: one at a time, never majorities that miss each other."""

from collections.abc import Collection
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.zab.effects import Append, Drop, Effect, Look
from node.zab.events import Flushed, LearnerLost, RecordsSent, Recovered, TurnEnd
from node.zab.quorum import is_quorum
from node.zab.voters import next_voters
from tests.zab.builders import Driver, ack_epoch, candidate, config, control, hello, recovered, settled, stream, z
from transport.entry import ControlEntry, Kind, read_control, read_record_header
from transport.messages import Ack, AckNewLeader, Pong
from transport.zxid import MemberId

ONE, TWO, THREE, FOUR, FIVE = (MemberId(number) for number in range(1, 6))
OLD = (ONE, TWO, THREE)


def voters(
    now: Collection[MemberId], wanted: Collection[MemberId], told: dict[MemberId, Collection[int]],
    synchronised: Collection[MemberId] | None = None,
) -> tuple[MemberId, ...] | None:
    there = set(told if synchronised is None else synchronised)
    return next_voters(now=now, wanted=wanted, me=ONE, told=told, synchronised=there)


def test_a_new_member_votes_once_all_know_of_it_and_it_has_the_history() -> None:
    wanted = (*OLD, FOUR)
    everyone: dict[MemberId, Collection[int]] = {TWO: wanted, THREE: wanted, FOUR: wanted}

    assert voters(OLD, wanted, everyone) == wanted
    assert voters(OLD, wanted, everyone, synchronised={TWO, THREE}) is None
    assert voters(OLD, wanted, {**everyone, THREE: OLD}) is None


def test_two_new_members_come_one_after_the_other() -> None:
    wanted = (*OLD, FOUR, FIVE)
    everyone: dict[MemberId, Collection[int]] = dict.fromkeys((TWO, THREE, FOUR, FIVE), wanted)

    assert voters(OLD, wanted, everyone) == (*OLD, FOUR)
    assert voters((*OLD, FOUR), wanted, everyone) == wanted
    assert voters(wanted, wanted, everyone) is None


def test_a_member_goes_once_it_is_stopped_and_the_others_agree() -> None:
    wanted = (ONE, TWO)

    assert voters(OLD, wanted, {TWO: wanted}) == wanted
    assert voters(OLD, wanted, {TWO: OLD}) is None
    assert voters(OLD, wanted, {TWO: wanted, THREE: wanted}) is None


def test_a_leader_does_not_take_its_own_vote() -> None:
    assert voters(OLD, (TWO, THREE), {TWO: (TWO, THREE), THREE: (TWO, THREE)}) is None


def test_nobody_goes_whose_absence_would_leave_no_quorum() -> None:
    wanted = (ONE, TWO, THREE)

    assert voters((*OLD, FOUR, FIVE), wanted, {TWO: wanted}) is None


@pytest.mark.parametrize("told", [{}, {FOUR: (*OLD, FOUR)}])
def test_a_leader_alone_changes_nothing(told: dict[MemberId, Collection[int]]) -> None:
    assert voters(OLD, (*OLD, FOUR), told) is None


members = st.sets(st.integers(1, 7).map(MemberId), min_size=1, max_size=7)


@given(now=members, wanted=members, following=members)
def test_majorities_of_before_and_after_share_a_member(
    now: set[MemberId], wanted: set[MemberId], following: set[MemberId],
) -> None:
    after = voters(now, wanted, dict.fromkeys(following - {ONE}, wanted))
    if after is None:
        return

    assert len(now ^ set(after)) == 1
    assert len(set(after) ^ wanted) < len(now ^ wanted)
    majorities = [[set(some) for size in range(1, len(each) + 1) for some in combinations(sorted(each), size)
                   if is_quorum(some, each)] for each in (now, set(after))]
    assert all(one & other for one in majorities[0] for other in majorities[1])


# The leader, which orders it --------------------------------------------------------------------


def leader_that_expects_four(straggler: int = 0) -> Driver:
    """Serves with 1 and 2 behind it, all of them configured with four but a *straggler*; the log has three."""
    driver = candidate(voters=(*OLD, FOUR))
    for member in (1, 2):
        told = (1, 2, 3) if member == straggler else (1, 2, 3, 4)
        driver.learn(member, hello(member, last=z(4, 3), accepted=4, current=4, voters=told))
        driver.learn(member, ack_epoch(5, current=4, last=z(4, 3), committed=z(4, 3)))
    for member in (1, 2):
        driver.learn(member, Pong(driver.now_ms, 77, []), AckNewLeader(5, z(4, 3)))
    driver.step(TurnEnd(), Flushed(z(5, 0)))
    for member in (1, 2):
        driver.learn(member, Ack(z(5, 0)))
    assert driver.member.committed == z(5, 0)
    return driver


def joined(driver: Driver) -> list[Effect]:
    """What the leader does once member 4, with an empty disk, has all of its history."""
    driver.learn(4, hello(4, incarnation="4-first", voters=(1, 2, 3, 4)), ack_epoch(5))
    driver.step(RecordsSent(stream(4), z(5, 0), 100))
    return driver.learn(4, AckNewLeader(5, z(5, 0)))


def test_a_new_member_is_brought_up_to_date_first_and_then_votes_by_a_logged_entry() -> None:
    driver = leader_that_expects_four()

    effects = joined(driver)

    appended, = (read_record(each) for each in effects if isinstance(each, Append))
    assert appended == (Kind.MEMBERSHIP, control(
        leader=3, voters=(1, 2, 3, 4), incarnations={1: "1-first", 2: "2-first", 3: "3-first", 4: "4-first"}))
    assert driver.reported("voters_changed") == [{"before": [1, 2, 3], "after": [1, 2, 3, 4]}]


def test_who_holds_a_change_up_and_goes_away_holds_it_up_no_more() -> None:
    driver = leader_that_expects_four(straggler=1)
    assert not [each for each in joined(driver) if isinstance(each, Append)]

    effects = driver.step(LearnerLost(stream(1)))

    appended, = (read_record(each) for each in effects if isinstance(each, Append))
    assert appended[1].voters == [1, 2, 3, 4]


def test_from_that_entry_on_a_quorum_is_three_of_four() -> None:
    driver = leader_that_expects_four()
    joined(driver)
    driver.step(TurnEnd(), Flushed(z(5, 1)))

    driver.learn(1, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 0)
    driver.learn(4, Ack(z(5, 1)))
    assert driver.member.committed == z(5, 1)


def test_a_member_that_no_file_names_is_still_refused() -> None:
    driver = leader_that_expects_four()

    dropped, = driver.learn(5, hello(5, incarnation="5-first"))

    assert isinstance(dropped, Drop)
    assert "member 5 is not in the configuration" in dropped.reason


def read_record(append: Append) -> tuple[Kind, ControlEntry]:
    header = read_record_header(append.record)
    return Kind(header.kind), read_control(append.record[-header.length:])


# The member that is voted in --------------------------------------------------------------------


def asked_for(found: Recovered) -> Look:
    """What it asks election for when it starts."""
    driver = Driver(found, config(4, voters=(*OLD, FOUR)))
    look, = (each for each in driver.start() if isinstance(each, Look))
    return look


def test_it_helps_to_elect_before_its_own_log_names_it() -> None:
    look = asked_for(settled(z(4, 3), me=4, incarnation="4-first", initial=True))

    assert (look.votes, look.supports) == (False, True)


@pytest.mark.parametrize("found", [
    settled(z(4, 3), me=4, incarnation="4-first", initial=False),
    settled(z(4, 3), me=4, incarnation="4-second", initial=True, entry=control(incarnations={4: "4-first"})),
], ids=["a member that lost its disk", "another disk than it had when it was voted out"])
def test_who_may_have_forgotten_what_it_acknowledged_does_not(found: Recovered) -> None:
    look = asked_for(found)

    assert (look.votes, look.supports) == (False, False)


def test_who_was_voted_out_may_help_those_who_have_voted_it_in_again() -> None:
    look = asked_for(settled(z(4, 3), me=4, incarnation="4-first", entry=control(incarnations={4: "4-first"})))

    assert (look.votes, look.supports) == (False, True)


def test_before_the_first_epoch_a_hello_counts_only_from_who_is_configured_alike() -> None:
    driver = candidate(recovered(me=3, initial=True))

    driver.learn(1, hello(1, initial=True, voters=(1, 2, 3, 4, 5)))
    assert driver.member.epoch == 0
    assert driver.reported("voters_differ") == [
        {"member": 1, "configured": [1, 2, 3], "told": [1, 2, 3, 4, 5]}]
    driver.learn(2, hello(2, initial=True))
    assert driver.member.epoch == 1
