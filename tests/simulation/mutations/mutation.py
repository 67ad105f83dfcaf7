"""What a mutation is; applying it, and looking for a run that a checker objects to."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.ensemble import Scale
from tests.simulation.faults import WEIGHTS, FaultOptions
from tests.simulation.run import CRASH, Options, Result, run

SEEDS = 300
QUICK_SEEDS = 25

Patch = tuple[Any, str, Any]  # owner, attribute, what stands there instead
Method = Callable[..., Any]


@dataclass(frozen=True)
class Mutation:
    """*rule*: of design, section 3, or what else it breaks. *faults*: those that bring its moment about; none: all."""

    name: str
    rule: str
    patches: Callable[[], list[Patch]]
    faults: dict[str, float] = field(default_factory=dict)
    at_leader: float = FaultOptions.at_leader_probability  # that a fault strikes whoever leads
    is_quick: bool = True  # found within QUICK_SEEDS
    scale: Scale = field(default_factory=Scale)

    @property
    def options(self) -> Options:
        faults = FaultOptions(weights=self.faults or WEIGHTS, at_leader_probability=self.at_leader)
        return replace(Options(), faults=faults, scale=self.scale)


@contextmanager
def applied(mutation: Mutation) -> Iterator[None]:
    patches = mutation.patches()
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in patches]
    try:
        for owner, name, instead in patches:
            setattr(owner, name, instead)
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


def find(mutation: Mutation, seeds: int) -> Result | None:
    """The first run that a checker objects to; None: none did. What an assert of the product notices does not count."""
    with applied(mutation):
        for seed in range(seeds):
            result = run(seed, mutation.options)
            if result.finding is not None and result.checker != CRASH:
                return result
    return None


def around(owner: type, name: str, wrapper: Callable[..., Any]) -> list[Patch]:
    """wrapper(original, self, …) instead of the method."""
    original: Method = vars(owner)[name]

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        return wrapper(original, self, *arguments, **named)

    return [(owner, name, wrapped)]


def everywhere(function: Callable[..., Any], instead: Callable[..., Any]) -> list[Patch]:
    """*instead* of a function, in every module of the product that has it by its name."""
    return [
        (module, function.__name__, instead) for name, module in sorted(sys.modules.items())
        if name.startswith("node.") and vars(module).get(function.__name__) is function]
