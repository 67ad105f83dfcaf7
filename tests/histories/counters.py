"""Counters that only a multi changes: two znodes and a mark that carries the number; all three, or none."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.histories.operation import Operation, Outcome

KIND: Final = "counter"

# increment(token): the number that it made                    look(): [second, first], read in this order after a sync
# all(): {"first": n, "second": n, "marks": {number: token}} at the end


def check(operations: Sequence[Operation]) -> list[str]:
    increments = [each for each in operations if each.name == "increment"]
    found = [*_order(increments), *_looks(operations, increments)]
    for each in operations:
        if each.name == "all" and each.is_ok:
            found += _against(increments, each.result)
    return found


def _against(increments: Sequence[Operation], end: Mapping[str, object]) -> Iterator[str]:
    marks = end["marks"]
    assert isinstance(marks, Mapping)
    counts = end["first"], end["second"], len(marks)
    if len(set(counts)) != 1:
        yield f"a multi was half done (first counter, second counter, marks): {counts}"
    if sorted(map(int, marks)) != list(range(1, len(marks) + 1)):
        yield f"there are gaps between the marks {sorted(map(int, marks))}"
    made = {token: int(number) for number, token in marks.items()}
    if len(made) != len(marks):
        yield "an increment was done twice: two marks carry the same token"
    for each in increments:
        number = made.pop(each.argument, None)
        if each.is_ok and number != each.result:
            yield f"acknowledged, but its mark is at {number}: {each}"
        if each.outcome is Outcome.FAIL and number is not None:
            yield f"refused, but its mark is at {number}: {each}"
    for token, number in made.items():
        yield f"mark {number} carries {token}, which nobody sent"


def _order(increments: Sequence[Operation]) -> Iterator[str]:
    """No number twice, and none that is over before another begins is higher."""
    acknowledged = sorted((each for each in increments if each.is_ok), key=lambda each: each.result)
    ends_s, last = float("inf"), None
    for each in reversed(acknowledged):
        if last is not None and (each.result == last.result or each.invoked_s > ends_s):
            yield f"out of order:\n    {each}\n    {last}"
        if each.ended_s < ends_s:
            ends_s, last = each.ended_s, each


def _looks(operations: Sequence[Operation], increments: Sequence[Operation]) -> Iterator[str]:
    """The second counter is read before the first, and what was acknowledged before the look is in it."""
    acknowledged = sorted((each for each in increments if each.is_ok), key=lambda each: each.ended_s)
    at, least = 0, 0
    looks = (each for each in operations if each.name == "look" and each.is_ok)
    for look in sorted(looks, key=lambda each: each.invoked_s):
        while at < len(acknowledged) and acknowledged[at].ended_s < look.invoked_s:
            least = max(least, acknowledged[at].result)
            at += 1
        second, first = look.result
        if second > first:
            yield f"a multi was seen half done: {look}"
        if second < least:
            yield f"{least} was acknowledged before: {look}"
