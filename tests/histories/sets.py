"""Creates in sequence: what was acknowledged is there, once and in order; what was not, once at most."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from tests.histories.operation import Operation

KIND: Final = "set"

# add(value): the path of its own, a sequential znode          all(): [[path, value], …] at the end


def check(operations: Sequence[Operation]) -> list[str]:
    """Empty, too, where the set was never read: then nothing is known."""
    adds = [each for each in operations if each.name == "add"]
    found = [text for each in operations if each.name == "all" and each.is_ok for text in _against(adds, each.result)]
    return found + list(_out_of_order(adds))


def _against(adds: Sequence[Operation], children: Sequence[tuple[str, str]]) -> Iterator[str]:
    times, there = Counter(value for _, value in children), dict(children)
    for add in adds:
        count = times.pop(add.argument, 0)
        if count > 1:
            yield f"{add.argument} is there {count} times: {add}"
        elif add.is_ok and there.get(add.result) != add.argument:
            yield f"acknowledged, and lost: {add}"
    for value in times:
        yield f"{value} is there, and nobody added it"


def _out_of_order(adds: Sequence[Operation]) -> Iterator[str]:
    """One that was over before another began has the lower number."""
    acknowledged = [each for each in adds if each.is_ok]
    over = sorted(acknowledged, key=lambda each: each.ended_s)
    at, highest = 0, None
    for add in sorted(acknowledged, key=lambda each: each.invoked_s):
        while over[at].ended_s < add.invoked_s:
            if highest is None or _number(over[at]) > _number(highest):
                highest = over[at]
            at += 1
        if highest is not None and _number(highest) >= _number(add):
            yield f"the later one has the lower number:\n    {highest}\n    {add}"


def _number(add: Operation) -> int:
    return int(add.result[-10:])
