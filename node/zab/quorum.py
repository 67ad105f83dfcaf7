"""Majorities. A quorum of voters is more than half of them; acks are cumulative positions."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from transport.zxid import MemberId


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


@dataclass(frozen=True, slots=True)
class Electorate:
    """Who decides. *before*: the voters until now, while a reconfiguration is not committed: both must agree."""

    voters: tuple[MemberId, ...]
    before: tuple[MemberId, ...] = ()

    @property
    def members(self) -> tuple[MemberId, ...]:
        """All whose votes count for anything."""
        return tuple(sorted({*self.voters, *self.before})) if self.before else self.voters

    @property
    def sets(self) -> tuple[tuple[MemberId, ...], ...]:
        """Of each, a quorum is needed."""
        return (self.voters, self.before) if self.before else (self.voters,)

    def has_quorum(self, members: Collection[int]) -> bool:
        return all(is_quorum(members, each) for each in self.sets)

    def value(self, values: Mapping[MemberId, int]) -> int | None:
        """As quorum_value, of all that must agree; who does not vote counts for nothing."""
        found = _value(values, self.voters)
        if found is None or not self.before:
            return found
        other = _value(values, self.before)
        return None if other is None else min(found, other)

    def committed(self, acks: Mapping[MemberId, int], *, changed_at: int) -> int | None:
        """Up to where all is committed. What stands before the reconfiguration, at *changed_at*, needs the old only."""
        found = self.value(acks)
        if not self.before or (found is not None and found >= changed_at):
            return found
        old = _value(acks, self.before)
        return None if old is None else min(old, changed_at - 1)


def _value(values: Mapping[MemberId, int], voters: tuple[MemberId, ...]) -> int | None:
    return quorum_value([values[each] for each in voters if each in values], len(voters))
