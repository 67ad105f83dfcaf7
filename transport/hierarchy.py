"""How votes are counted: group.N and weight.N lines, as control entries and messages carry them."""

from typing import Annotated

import msgspec

Members = Annotated[list[int], msgspec.Meta(max_length=255)]
Weight = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]


class Hierarchy(msgspec.Struct, frozen=True):
    """*groups*: number -> its members. *weights*: of members, 1 for one that is not named.

    No groups: the majority of the voters decides. Else, as ZooKeeper's QuorumHierarchical: more than half of the weight
    in more than half of the groups; a group that weighs nothing is none.
    """

    groups: Annotated[dict[int, Members], msgspec.Meta(max_length=255)] = {}
    weights: Annotated[dict[int, Weight], msgspec.Meta(max_length=255)] = {}

    def weight(self, member: int) -> int:
        return self.weights.get(member, 1) if self.groups else 1


MAJORITY = Hierarchy()
