"""Ephemeral znodes: there while their session lives, gone once it has ended."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from tests.histories.operation import Operation, Outcome

KIND: Final = "ephemeral"

# create(): czxid      touch(): its owner changes it      close(): the owner's session ends      (key: the path)
# look(): after a sync by another session: its czxid, or None where there is none
# all(): the paths that are there at the end, long after the last session was let go


def check(operations: Sequence[Operation]) -> list[str]:
    found: list[str] = []
    by_path: dict[str, list[Operation]] = defaultdict(list)
    for each in operations:
        by_path[each.key].append(each)
    for each in operations:
        if each.name == "all" and each.is_ok:
            found += [f"its session has ended long ago: {path}" for path in each.result]
    for path_operations in by_path.values():
        found += [*_lost(path_operations), *_left(path_operations)]
    return found


def _lost(operations: Sequence[Operation]) -> Iterator[str]:
    """Gone, and its session shows later that it lives."""
    created = next((each for each in operations if each.name == "create" and each.is_ok), None)
    if created is None:
        return
    for touch in (each for each in operations if each.name == "touch" and each.session == created.session):
        if touch.outcome is Outcome.FAIL:
            yield f"gone, and its session lives:\n    {created}\n    {touch}"
        if not touch.is_ok:
            continue
        for look in operations:
            is_between = created.ended_s < look.invoked_s and look.ended_s < touch.invoked_s
            if look.name == "look" and look.is_ok and look.result is None and is_between:
                yield f"gone, and there again:\n    {created}\n    {look}\n    {touch}"


def _left(operations: Sequence[Operation]) -> Iterator[str]:
    """There, and its session had ended before it was looked for."""
    closed = next((each for each in operations if each.name == "close" and each.is_ok), None)
    for look in operations:
        is_there = look.name == "look" and look.is_ok and look.result is not None
        if closed is not None and is_there and look.invoked_s > closed.ended_s:
            yield f"its session was closed, and it is there:\n    {closed}\n    {look}"
