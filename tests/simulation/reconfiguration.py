"""A change of the voters as operators make it: everybody's zoo.cfg is changed, one restart after the other.

First the member goes: it is stopped, and the others' files no longer name it. Then it comes back: all files name it.
Each step has its time; wherever a fault stops it half-way, the files are what they are, and the next step begins.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.scheduler import MS

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble

READS_ITS_FILE = ["broadcast", "election"]
DOWN_US = 50 * MS
STEP_MS = 6_000
LOOK_MS = 50


class ChangeOfVoters:
    """*apart_us*: between two restarts. *done*: called in the end."""

    def __init__(self, ensemble: "Ensemble", member: int, *, apart_us: int, done: Callable[[], None]) -> None:
        self.ensemble = ensemble
        self.world = ensemble.world
        self.member = member
        self.others = [each for each in ensemble.members if each != member]
        self.apart_us = apart_us
        self.done = done

    def begin(self) -> None:
        self.ensemble.hosts[self.member].end()
        self.roll(self.others, self.others, self.come_back)

    def come_back(self) -> None:
        members = self.ensemble.members
        self.ensemble.files[self.member] = members
        self.ensemble.hosts[self.member].start()
        self.roll(self.others, members, self.done)

    def roll(self, members: list[int], voters: list[int], then: Callable[[], None]) -> None:
        if not members:
            self.await_voters(voters, STEP_MS, then)
            return
        host = self.ensemble.hosts[members[0]]
        self.ensemble.files[members[0]] = voters
        host.kill(READS_ITS_FILE)
        self.world.scheduler.after(DOWN_US, host.start)
        self.world.scheduler.after(DOWN_US + self.apart_us, self.roll, members[1:], voters, then)

    def await_voters(self, voters: list[int], left_ms: int, then: Callable[[], None]) -> None:
        if self.ensemble.voters() == voters:
            self.world.occurred["voters changed"] += 1
            then()
        elif left_ms <= 0:
            then()
        else:
            self.world.scheduler.after(LOOK_MS * MS, self.await_voters, voters, left_ms - LOOK_MS, then)
