"""All that a history must fulfil, by the kinds of operations in it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.histories import counters, ephemerals, linearizability, locks, register, sessions, sets, watches
from tests.histories.operation import Operation

Check = Callable[[Sequence[Operation]], list[str]]


@dataclass(frozen=True)
class Finding:
    """What must not be."""

    check: str
    text: str

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"


def linearizable(operations: Sequence[Operation]) -> list[str]:
    """Of registers: each key by itself; reads without a sync are no part of it."""
    found = []
    for key, of_key in by_key(each for each in operations if each.name != "get").items():
        if story := linearizability.explain(register.REGISTER, of_key):
            found.append(f"{key}: {story}")
    return found


def lock_holders(operations: Sequence[Operation]) -> list[str]:
    return [text for of_lock in by_key(operations).values() for text in locks.check(of_lock)]


CHECKS: Final[tuple[tuple[str, str, Check], ...]] = (
    ("linearizable registers", register.KIND, linearizable),
    ("plain reads", register.KIND, sessions.check),
    ("creates exactly once", sets.KIND, sets.check),
    ("counters by multi", counters.KIND, counters.check),
    ("one holder of a lock", locks.KIND, lock_holders),
    ("ephemerals go with their session", ephemerals.KIND, ephemerals.check),
    ("watches in order", watches.KIND, watches.check),
)


def check_all(operations: Sequence[Operation]) -> list[Finding]:
    """Every finding of every check; none: the history may be so."""
    by_kind: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_kind[operation.kind].append(operation)
    return [Finding(name, text) for name, kind, check in CHECKS for text in check(by_kind[kind])]


def by_key(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        found[operation.key].append(operation)
    return found
