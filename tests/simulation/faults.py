"""What can go wrong, how often and for how long: plain options, and the plan that a seed makes of them.

A plan is a list, made before the run: a failing seed can be run again with some of its faults left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.simulation.scheduler import MS, SECOND

# What takes a voter out of the reckoning. More than a minority at a time can lose what was acknowledged, which is
# not promised: one of them in a run.
DAMAGES = frozenset({"lost disk", "rot log", "rot snapshot", "change voters"})
LEADER = 0  # as a target: whoever leads when the fault strikes

WEIGHTS: dict[str, float] = {
    # one process ends by SIGKILL and is started again
    "kill broadcast": 1.5,
    "kill election": 0.7,
    "kill processor": 1.0,
    "kill snapshotter": 0.5,
    # all processes of a member do; its page cache survives
    "kill member": 1.0,
    # SIGSTOP, then SIGCONT
    "stop broadcast": 1.0,
    "stop election": 0.3,
    "wrong election": 0.7,  # it names anybody: a hint, which must cost nothing but time
    "stop processor": 0.7,
    "stop snapshotter": 0.3,
    "stop member": 0.8,
    # processor 0 alone, for longer than syncLimit: a leader without it hands on
    "gone processor": 0.5,
    "hung processor": 0.5,
    # what operators do
    "hand over": 1.2,
    "drain": 0.6,
    "planned restart": 0.7,
    "rolling restart": 0.3,
    "change voters": 0.5,
    "second broadcast": 0.3,  # the member is started twice
    # unsynced data is lost, in part, and torn
    "power cut": 1.5,
    "power cut of all": 0.7,
    "power cut amid an operation": 1.2,
    # links between members
    "isolate": 1.2,
    "one-way cut": 1.0,
    "stuck link": 0.7,
    "reset": 1.0,
    "lagging link": 0.6,
    # disks and clocks
    "slow disk": 0.6,
    "sync error": 0.7,
    "disk full": 0.6,
    "lost disk": 0.4,
    "rot log": 0.4,
    "rot snapshot": 0.3,
    "wall clock jump": 0.3,
    # clients
    "silent client": 0.9,
    "client reset": 0.5,
}

DURATIONS_MS: dict[str, tuple[int, int]] = {
    "kill": (30, 1_500),
    "stop": (100, 4_000),
    "power": (300, 3_000),
    "isolate": (200, 5_000),
    "one-way": (200, 5_000),
    "stuck": (20, 400),
    "slow": (500, 3_000),
    "wrong": (500, 4_000),
    "lost": (300, 2_000),
    "rot": (500, 6_000),
    "disk": (300, 4_000),
    "lagging": (300, 4_000),
    "gone": (2_000, 7_000),
    "hung": (2_000, 7_000),
    "drain": (300, 4_000),
    "planned": (100, 2_000),
    "rolling": (50, 800),
    "change": (50, 800),
    "silent": (4_000, 14_000),
}


@dataclass(frozen=True)
class FaultOptions:
    count_min: int = 5
    count_max: int = 11
    first_us: int = 1 * SECOND  # after the ensemble serves
    window_us: int = 10 * SECOND  # within which all of them begin
    at_leader_probability: float = 0.4
    together_probability: float = 0.3  # that a fault strikes while the one before it lasts, or right at it
    weights: dict[str, float] = field(default_factory=lambda: dict(WEIGHTS))


@dataclass(frozen=True)
class Fault:
    """*target* and *other*: member ids, or LEADER; of a client, its number."""

    at_us: int  # after the ensemble serves
    kind: str
    target: int
    other: int
    duration_us: int

    def __str__(self) -> str:
        who = "the leader" if self.target == LEADER else str(self.target)
        return f"{self.at_us / SECOND:7.3f} s: {self.kind}, {who} (and {self.other}), {self.duration_us // MS} ms"


def plan(
    options: FaultOptions, rng: Random, *, members: Sequence[int], clients: int, seed: int = 0,
) -> list[Fault]:
    """*seed*: one fault after another has its turn to come first, so that a range of seeds has them all."""
    kinds = [kind for kind, weight in options.weights.items() if weight]
    weights = [options.weights[kind] for kind in kinds]
    faults: list[Fault] = []
    at_us = options.first_us
    count = rng.randint(options.count_min, options.count_max)
    for _ in range(count):
        if not faults or rng.random() > options.together_probability:
            at_us = options.first_us + rng.randrange(options.window_us)
        else:
            at_us += rng.randrange(300 * MS)
        kind = rng.choices(kinds, weights)[0] if faults else kinds[seed % len(kinds)]
        if kind in DAMAGES and (len(members) < 3 or any(fault.kind in DAMAGES for fault in faults)):
            kind = "kill member"
        target, other = rng.sample(list(members), 2) if len(members) > 1 else (members[0], members[0])
        if "client" in kind:
            target = rng.randint(1, clients)
        elif rng.random() < options.at_leader_probability:
            target = LEADER
        low, high = DURATIONS_MS.get(kind.split()[0], (0, 0))
        faults.append(Fault(at_us, kind, target, other, rng.randint(low, high) * MS))
    return sorted(faults, key=lambda fault: fault.at_us)
