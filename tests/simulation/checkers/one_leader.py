"""One leader per epoch, and one life of it (Zab, section III: primaries are numbered by their epochs)."""

from tests.simulation.checkers.checker import Checker


class OneLeader(Checker):
    name = "one leader"

    def __init__(self) -> None:
        self.leader_of: dict[int, tuple[int, int]] = {}

    def leads(self, member: int, life: int, epoch: int) -> None:
        leader = self.leader_of.setdefault(epoch, (member, life))
        if leader != (member, life):
            self.violated(f"epoch {epoch} is led by member {leader[0]} and by member {member}")
