"""An operator who reconfigures again and again, whatever else goes wrong: members join, leave, and are replaced.

It asks whoever leads for the next configuration, as a processor does once it has executed a client's reconfig; what
comes of it is seen in the log. When the faults are over it asks for all members, until they all vote.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from node.zab.events import Reconfigure
from tests.simulation.scheduler import MS
from transport.hierarchy import MAJORITY, Hierarchy
from transport.zxid import Zxid

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble

GAP_MS = 700  # mean, between two attempts
FIRST_VOTERS = 3


def server_lines(members: list[int]) -> dict[int, str]:
    return {member: f"member{member}:2888:3888:participant" for member in members}


class Operator:
    """*is_over*: no more than all members is asked for."""

    def __init__(self, ensemble: "Ensemble", is_over: Callable[[], bool]) -> None:
        self.ensemble = ensemble
        self.world = ensemble.world
        self.rng = self.world.randomness.of("operator")
        self.is_over = is_over
        self.asked = 0
        self.seen = 0  # the newest version
        members = ensemble.members
        first = members[:FIRST_VOTERS]
        ensemble.files = {member: sorted({*first, member}) for member in members}

    def begin(self) -> None:
        self.world.scheduler.after(int(self.rng.expovariate(1 / (GAP_MS * MS))), self.go_on)

    def go_on(self) -> None:
        self.begin()
        broadcast = self.ensemble.broadcast(self.ensemble.leader() or 1)
        control = broadcast.core.control if broadcast is not None and broadcast.leads else None
        if broadcast is None or control is None:
            return
        if control.config_version > self.seen:
            self.seen = control.config_version
            self.world.occurred["reconfigured"] += 1
        servers, hierarchy = self.wish()
        if servers == control.servers and hierarchy == control.hierarchy:
            return
        self.asked += 1
        # What was asked of one that leads no more may come late: the version tells.
        version = control.config_version if self.rng.random() < 0.9 else self.seen
        broadcast.reconfigure(Reconfigure(
            Zxid(broadcast.core.last_zxid + self.asked), version, servers, hierarchy=hierarchy))

    def wish(self) -> tuple[dict[int, str], Hierarchy]:
        members = self.ensemble.members
        if self.is_over():
            return server_lines(members), MAJORITY
        return self.change(sorted(self.rng.sample(members, self.rng.randint(1, len(members)))))

    def change(self, voters: list[int]) -> tuple[dict[int, str], Hierarchy]:
        return server_lines(voters), MAJORITY
