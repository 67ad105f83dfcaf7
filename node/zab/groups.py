"""Hierarchical quorums: more than half of the weight in more than half of the groups (ZooKeeper's QuorumHierarchical).

Any two such quorums share a group of which both have more than half, and so a member. Weights can move a quorum to
where the disks are near, or give a distant data centre a say of one group, however many members it has.
"""

from collections.abc import Collection, Iterable, Mapping

from transport.hierarchy import Hierarchy
from transport.zxid import MemberId


class Groups:
    def __init__(self, hierarchy: Hierarchy, voters: Iterable[int]) -> None:
        """*voters*: those that weigh something; others in a group count for nothing."""
        there = set(voters)
        weighed = [
            {MemberId(each): hierarchy.weight(each) for each in members if each in there}
            for _, members in sorted(hierarchy.groups.items())]
        self._groups = [group for group in weighed if group]
        self._weights = [sum(group.values()) for group in self._groups]

    def has_quorum(self, members: Collection[int]) -> bool:
        return 2 * sum(
            2 * _weight(group, members) > weight for group, weight in zip(self._groups, self._weights, strict=True)
        ) > len(self._groups)

    def value(self, values: Mapping[MemberId, int]) -> int | None:
        """The highest value that a quorum has reached; None: no quorum spoke."""
        reached = []
        for group, weight in zip(self._groups, self._weights, strict=True):
            found = _reached(group, weight, values)
            if found is not None:
                reached.append(found)
        reached.sort(reverse=True)
        wanted = len(self._groups) // 2 + 1
        return reached[wanted - 1] if len(reached) >= wanted else None

    def slack(self, members: Collection[int]) -> int:
        """How many of *members* may fail, the worst ones, before they are no quorum; negative: so many groups lack."""
        costs = sorted(
            cost for group, weight in zip(self._groups, self._weights, strict=True)
            if (cost := _cost(group, weight, members)))
        spare = len(costs) - len(self._groups) // 2  # groups to lose until it is none
        return sum(costs[:spare]) - 1 if spare > 0 else spare - 1


def _weight(group: Mapping[MemberId, int], members: Collection[int]) -> int:
    return sum(weight for member, weight in group.items() if member in members)


def _reached(group: Mapping[MemberId, int], weight: int, values: Mapping[MemberId, int]) -> int | None:
    """The highest value that more than half of the group's weight has reached."""
    so_far = 0
    for value, member in sorted(((values[each], each) for each in group if each in values), reverse=True):
        so_far += group[member]
        if 2 * so_far > weight:
            return value
    return None


def _cost(group: Mapping[MemberId, int], weight: int, members: Collection[int]) -> int:
    """How few failures among *members* take the group away; 0: they have not half of it."""
    left = _weight(group, members)
    heaviest = sorted((group[each] for each in group if each in members), reverse=True)
    lost = 0
    while 2 * left > weight:
        left -= heaviest[lost]
        lost += 1
    return lost
