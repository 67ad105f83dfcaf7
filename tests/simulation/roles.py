"""An operator who changes not only who the members are: some observe, behind followers, and votes count by groups."""

from tests.simulation.membership import Operator, server_lines
from transport.hierarchy import MAJORITY, Hierarchy

GROUPS = 3
WEIGHT_MAX = 2


class OperatorOfRoles(Operator):
    def change(self, voters: list[int]) -> tuple[dict[int, str], Hierarchy]:
        observers = [each for each in self.ensemble.members if each not in voters and self.rng.random() < 0.7]
        lines = server_lines(voters) | {
            member: line.replace("participant", "observer") for member, line in server_lines(observers).items()}
        return dict(sorted(lines.items())), self.hierarchy(voters)

    def hierarchy(self, voters: list[int]) -> Hierarchy:
        if self.rng.random() < 0.4:
            return MAJORITY
        groups: dict[int, list[int]] = {}
        for voter in voters:
            groups.setdefault(self.rng.randint(1, GROUPS), []).append(voter)
        weights = {voter: self.rng.randint(0, WEIGHT_MAX) for voter in voters}
        weights[self.rng.choice(voters)] = 1
        return Hierarchy(dict(sorted(groups.items())), weights)
