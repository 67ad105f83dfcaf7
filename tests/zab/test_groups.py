"""Quorums by groups and weights, against ZooKeeper's rule written out, and in elections, acks and leases."""

from fractions import Fraction
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from node.zab.election import Decided, Election, Look, PeerLost, VoteReceived
from node.zab.quorum import UNREACHED, Electorate, Verifier, verifier
from tests.zab.builders import z
from tests.zab.ensemble import TIMING, Ensemble
from transport.hierarchy import Hierarchy
from transport.messages import Vote
from transport.zxid import Epoch, MemberId

MEMBERS = [MemberId(each) for each in range(1, 10)]


@st.composite
def hierarchies(draw: st.DrawFn) -> Hierarchy:
    """Of members 1 to 6 at most, each in one of three groups, one of which weighs something."""
    count = draw(st.integers(1, 6))
    places = draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    weights = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count).filter(any))
    groups: dict[int, list[int]] = {}
    for member, group in enumerate(places, start=1):
        groups.setdefault(group, []).append(member)
    return Hierarchy(groups, dict(enumerate(weights, start=1)))


def of(hierarchy: Hierarchy) -> Verifier:
    return verifier(sorted(each for group in hierarchy.groups.values() for each in group), hierarchy)


def naive(hierarchy: Hierarchy, members: set[int]) -> bool:
    """More than half of the weight in more than half of the groups that weigh something."""
    shares = []
    for group in hierarchy.groups.values():
        weight = sum(hierarchy.weights[each] for each in group)
        if weight:
            shares.append(Fraction(sum(hierarchy.weights[each] for each in group if each in members), weight))
    return sum(share > Fraction(1, 2) for share in shares) > Fraction(len(shares), 2)


some = st.sets(st.integers(1, 6))
positions = st.dictionaries(st.integers(1, 6).map(MemberId), st.integers(-9, 9))


@given(hierarchies(), some)
def test_a_quorum_is_more_than_half_of_the_weight_in_more_than_half_of_the_groups(
    hierarchy: Hierarchy, members: set[int],
) -> None:
    assert of(hierarchy).has_quorum(members) == naive(hierarchy, members)


@given(hierarchies(), some, some)
def test_any_two_quorums_by_groups_have_a_member_that_weighs_something(
    hierarchy: Hierarchy, one: set[int], other: set[int],
) -> None:
    if naive(hierarchy, one) and naive(hierarchy, other):
        assert any(hierarchy.weights[each] for each in one & other)


@given(hierarchies(), positions)
def test_the_value_is_the_highest_that_a_quorum_by_groups_has_reached(
    hierarchy: Hierarchy, values: dict[MemberId, int],
) -> None:
    reached = [
        value for value in values.values()
        if naive(hierarchy, {each for each, other in values.items() if other >= value})]

    assert of(hierarchy).value(values) == max(reached, default=None)


@given(hierarchies(), st.dictionaries(st.integers(1, 6).map(MemberId), st.integers(1, 9)), st.integers(1, 6))
def test_what_is_backed_is_committed_by_the_receivers_copy_and_nothing_higher(
    hierarchy: Hierarchy, values: dict[MemberId, int], by: int,
) -> None:
    by = MemberId(by)
    values.pop(by, None)
    rule = of(hierarchy)
    backed = rule.backed(values, by)

    if backed:
        assert (rule.value({**values, by: backed}) or 0) >= backed
    found = rule.value({**values, by: UNREACHED})
    assert backed == (0 if found in (None, UNREACHED) else found)


@given(hierarchies(), some)
def test_so_many_of_a_quorum_may_fail_and_no_more(hierarchy: Hierarchy, members: set[int]) -> None:
    slack = of(hierarchy).slack(members)

    assert (slack >= 0) == naive(hierarchy, members)
    if slack >= 0:
        assert all(naive(hierarchy, members - set(gone)) for gone in combinations(sorted(members), slack))
        assert any(not naive(hierarchy, members - set(gone)) for gone in combinations(sorted(members), slack + 1))


@given(st.integers(1, 6), some)
def test_one_group_of_equals_is_a_majority(count: int, members: set[int]) -> None:
    voters = MEMBERS[:count]

    grouped, plain = verifier(voters, Hierarchy({1: list(voters)})), verifier(voters)

    assert grouped.has_quorum(members) == plain.has_quorum(members)
    assert (grouped.slack(members) >= 0) == (plain.slack(members) >= 0)
    if plain.slack(members) >= 0:
        assert grouped.slack(members) == plain.slack(members)


def test_who_weighs_nothing_is_no_voter() -> None:
    electorate = Electorate(tuple(MEMBERS[:4]), (), Hierarchy({1: [1, 2, 3], 2: [4]}, {4: 0}))

    assert electorate.voters == electorate.members == (1, 2, 3)
    assert not electorate.has_quorum({3, 4})
    assert electorate.has_quorum({1, 2})


@given(hierarchies(), hierarchies(), positions, st.integers(1, 9))
def test_while_one_hierarchy_replaces_another_both_must_have_it(
    now: Hierarchy, before: Hierarchy, acks: dict[MemberId, int], changed_at: int,
) -> None:
    def of_all(hierarchy: Hierarchy) -> tuple[MemberId, ...]:
        return tuple(sorted(MemberId(each) for group in hierarchy.groups.values() for each in group))

    electorate = Electorate(of_all(now), of_all(before), now, before)

    def has(zxid: int, hierarchy: Hierarchy) -> bool:
        return naive(hierarchy, {each for each, ack in acks.items() if ack >= zxid})

    wanted = [
        zxid for zxid in range(1, 10) if has(zxid, before) and (zxid < changed_at or has(zxid, now))]
    assert max(electorate.committed(acks, changed_at=changed_at) or 0, 0) == max(wanted, default=0)


# In an ensemble ---------------------------------------------------------------------------------

# Two data centres and a witness: the third group is member 5 alone.
THREE_GROUPS = Hierarchy({1: [1, 2], 2: [3, 4], 3: [5]}, {1: 2, 2: 1, 3: 1, 4: 1, 5: 1})
FIVE = tuple(MEMBERS[:5])


def of_five(hierarchy: Hierarchy = THREE_GROUPS) -> Ensemble:
    return Ensemble(5, hierarchy=hierarchy, servers={member: f"host{member}:1:2:participant" for member in FIVE})


def serve(made: Ensemble, leader: int, *others: int) -> bool:
    """Whether *leader* comes to lead with *others* alone."""
    for gone in set(FIVE) - {leader, *others}:
        made.crash(gone)
    made.elect(leader, *others)
    made.run()
    made.advance(2 * TIMING.silence_ms)
    made.elect(leader, *others)
    made.run()
    made.advance(TIMING.silence_ms)
    return made.hosts[MemberId(leader)].lease_role == "leader"


def test_two_members_of_five_are_a_quorum_if_they_are_the_weight_of_two_groups() -> None:
    assert serve(of_five(), 1, 5)


def test_three_members_of_five_are_none_if_they_are_half_of_two_groups() -> None:
    assert not serve(of_five(), 2, 4, 5)


def test_acks_of_one_group_commit_nothing() -> None:
    made = of_five()
    assert serve(made, 1, 2, 3, 4, 5)
    before = made.hosts[MemberId(1)].watermark
    for member in (3, 4, 5):
        made.hold(member)
    made.submit(1, b"batch")
    made.run()
    assert made.hosts[MemberId(1)].watermark == before

    made.release(5)
    made.run()
    assert made.hosts[MemberId(1)].watermark > before


def test_who_weighs_nothing_follows_and_is_no_candidate() -> None:
    hierarchy = Hierarchy({1: [1, 2, 3], 2: [4, 5]}, {1: 1, 2: 1, 3: 1, 4: 0, 5: 0})
    made = of_five(hierarchy)

    assert not serve(of_five(hierarchy), 5, 1, 2, 3)
    assert not serve(of_five(hierarchy), 1, 4, 5)
    assert serve(made, 1, 2, 4, 5)
    assert made.hosts[MemberId(5)].lease_role == "follower"


def test_an_election_takes_a_quorum_by_groups() -> None:
    voters = {MemberId(1): (4, 9), MemberId(2): (4, 9), MemberId(3): (4, 9)}

    def decided(hierarchy: Hierarchy) -> list[int]:
        core = Election(me=MemberId(1), peers=(MemberId(2), MemberId(3)), ensemble="zoo")
        core.step(0, Look(1, Epoch(4), z(4, 9), votes=True, voters=tuple(voters), hierarchy=hierarchy))
        effects = core.step(1, VoteReceived(MemberId(2), Vote(
            sender=2, ensemble="zoo", state="looking", logical_clock=1, leader=2, leader_epoch=4, leader_zxid=z(4, 9),
            votes=True, epoch=0, is_answer=False)))
        effects += core.step(2, PeerLost(MemberId(3)))
        return [each.leader for each in effects if isinstance(each, Decided)]

    assert decided(Hierarchy()) == [2]
    assert decided(Hierarchy({1: [1, 2], 2: [3]}, {})) == []
    assert decided(Hierarchy({1: [1, 2, 3]}, {3: 2})) == []
    assert decided(Hierarchy({1: [1, 2, 3]}, {3: 0})) == [2]
