"""Quorums: of voters more than half, or of groups and weights; acks are cumulative positions."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from node.zab.groups import Groups
from transport.hierarchy import MAJORITY, Hierarchy
from transport.zxid import MemberId

UNREACHED: Final = (1 << 63) - 1  # higher than any position


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
class Verifier:
    """What a quorum of these voters is. *voters*: those whose votes weigh something. *groups*: None: a majority."""

    voters: tuple[MemberId, ...]
    groups: Groups | None = None

    def has_quorum(self, members: Collection[int]) -> bool:
        return is_quorum(members, self.voters) if self.groups is None else self.groups.has_quorum(members)

    def value(self, values: Mapping[MemberId, int]) -> int | None:
        """As quorum_value; who does not vote counts for nothing."""
        if self.groups is not None:
            return self.groups.value(values)
        return quorum_value([values[each] for each in self.voters if each in values], len(self.voters))

    def backed(self, values: Mapping[MemberId, int], by: MemberId) -> int:
        """As backed_value; *values*: of all others than *by*, who would complete the quorum."""
        if self.groups is None:
            return backed_value([values[each] for each in self.voters if each in values], len(self.voters))
        found = self.groups.value({**values, by: UNREACHED})
        return 0 if found in (None, UNREACHED) else found or 0

    def slack(self, members: Collection[int]) -> int:
        """How many of *members*, whichever they are, may fail before they are no quorum; negative: they are none."""
        if self.groups is None:
            return sum(voter in members for voter in self.voters) - quorum_size(len(self.voters))
        return self.groups.slack(members)


def verifier(voters: Iterable[int], hierarchy: Hierarchy = MAJORITY) -> Verifier:
    """*voters*: all participants, in order."""
    if not hierarchy.groups:
        return Verifier(tuple(MemberId(each) for each in voters))
    weighing = tuple(MemberId(each) for each in voters if hierarchy.weight(each))
    return Verifier(weighing, Groups(hierarchy, weighing))


class Electorate:
    """Who decides. *before*: the voters until now, while a reconfiguration is not committed: both must agree."""

    def __init__(
        self, voters: tuple[MemberId, ...], before: tuple[MemberId, ...] = (),
        hierarchy: Hierarchy = MAJORITY, hierarchy_before: Hierarchy = MAJORITY,
    ) -> None:
        self.now = verifier(voters, hierarchy)  # of those to come, while a reconfiguration is not committed
        self._before = verifier(before, hierarchy_before) if before else None
        self.voters = self.now.voters
        self.before = self._before.voters if self._before else ()
        # Of each, a quorum is needed.
        self.sets: tuple[Verifier, ...] = (self.now, self._before) if self._before else (self.now,)
        # All whose votes count for anything.
        self.members = tuple(sorted({*self.voters, *self.before})) if before else self.voters

    def has_quorum(self, members: Collection[int]) -> bool:
        return all(each.has_quorum(members) for each in self.sets)

    def value(self, values: Mapping[MemberId, int]) -> int | None:
        """As quorum_value, of all that must agree; who does not vote counts for nothing."""
        found = self.now.value(values)
        if found is None or self._before is None:
            return found
        other = self._before.value(values)
        return None if other is None else min(found, other)

    def committed(self, acks: Mapping[MemberId, int], *, changed_at: int) -> int | None:
        """Up to where all is committed. What stands before the reconfiguration, at *changed_at*, needs the old only."""
        found = self.value(acks)
        if self._before is None or (found is not None and found >= changed_at):
            return found
        old = self._before.value(acks)
        return None if old is None else min(old, changed_at - 1)
