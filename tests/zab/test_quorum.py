"""The fast rules of majorities against naive ones."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from node.zab.quorum import backed_value, is_quorum, quorum_size, quorum_value

VOTER_COUNTS = st.integers(min_value=1, max_value=9)


@given(VOTER_COUNTS)
def test_any_two_quorums_have_a_member_in_common(count: int) -> None:
    voters = range(count)
    quorums = [set(each) for each in combinations(voters, quorum_size(count))]

    assert all(one & other for one in quorums for other in quorums)


@given(st.sets(st.integers(1, 12)), st.sets(st.integers(1, 12), min_size=1))
def test_a_quorum_is_more_than_half_of_the_voters_and_nobody_else_counts(
    members: set[int], voters: set[int],
) -> None:
    assert is_quorum(members, tuple(voters)) == (2 * len(members & voters) > len(voters))


@given(st.lists(st.integers(0, 20), max_size=9), VOTER_COUNTS)
def test_the_quorum_value_is_the_highest_that_a_majority_has_reached(
    values: list[int], count: int,
) -> None:
    values = values[:count]
    reached = [
        value for value in values if 2 * sum(other >= value for other in values) > count]

    assert quorum_value(values, count) == (max(reached) if reached else None)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9))
def test_what_is_backed_is_committed_by_one_copy_more(acks: list[int]) -> None:
    voters = len(acks) + 1  # the receiver's own copy is not among them
    backed = backed_value(acks, voters)
    assert quorum_value([*acks, backed], voters) == max(backed, quorum_value([*acks, 0], voters) or 0)
    # Nothing higher is committed by the receiver's copy, however far it goes.
    assert quorum_value([*acks, 10], voters) == backed
