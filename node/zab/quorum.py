"""Majorities. A quorum of voters is more than half of them; acks are cumulative positions."""

from collections.abc import Collection, Iterable


def quorum_size(voters: int) -> int:
    return voters // 2 + 1


def is_quorum(members: Collection[int], voters: Collection[int]) -> bool:
    """Whether the voters among *members*, each counted once, are more than half of *voters*."""
    return sum(voter in members for voter in voters) >= quorum_size(len(voters))


def backed_value(values: Iterable[int], voters: int) -> int:
    """What one voter more would make a quorum's: the highest value that all but one of a quorum have reached; 0: none.

    *values*: of the other voters, at most one each.
    """
    highest = sorted(values, reverse=True)
    missing_one = quorum_size(voters) - 1
    return highest[missing_one - 1] if 0 < missing_one <= len(highest) else 0


def quorum_value(values: Iterable[int], voters: int) -> int | None:
    """The highest value that a quorum of *voters* has reached; *values*: at most one per voter. None: no quorum spoke.

    For zxids: everything up to it is durable on a quorum. For send times of pings: a quorum heard one of then or later.
    """
    highest = sorted(values, reverse=True)
    size = quorum_size(voters)
    return highest[size - 1] if len(highest) >= size else None
