"""Majorities. A quorum of voters is more than half of them; acks are cumulative positions."""

from collections.abc import Collection, Iterable


def quorum_size(voters: int) -> int:
    return voters // 2 + 1


def is_quorum(members: Collection[int], voters: Collection[int]) -> bool:
    """Whether the voters among *members*, each counted once, are more than half of *voters*."""
    return sum(voter in members for voter in voters) >= quorum_size(len(voters))


def quorum_value(values: Iterable[int], voters: int) -> int | None:
    """The highest value that a quorum of *voters* has reached; *values*: at most one per voter. None: no quorum spoke.

    For zxids: everything up to it is durable on a quorum. For send times of pings: a quorum heard one of then or later.
    """
    highest = sorted(values, reverse=True)
    size = quorum_size(voters)
    return highest[size - 1] if len(highest) >= size else None
