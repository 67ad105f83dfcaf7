"""Is there an order of a key's operations, each between its invocation and its end, that the model allows?

The search of Wing and Gong with Lowe's improvements: a doubly linked list of invocations and ends, from which what has
been placed is lifted, and a memory of what was tried before: (what is placed, state). An operation of which nobody
knows whether it took effect has no end: it may be placed anywhere after its invocation, or nowhere.
Herlihy and Wing: each key by itself is enough.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.histories.operation import NEVER, Operation

State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True)
class Model(Generic[State]):
    """step: the state after the operation, or `refused` where it cannot have happened in that state.

    Of an operation whose outcome is unknown, it is the state if it took effect; `refused` where it would have none.
    """

    initial: State
    step: Callable[[State, Operation], State]
    refused: State


class _Entry:
    """An invocation (match: its end, None if it has none), or an end (match: None, is_call False)."""

    __slots__ = ("after", "before", "bit", "is_call", "match", "operation")

    def __init__(self, operation: Operation | None, bit: int, *, is_call: bool) -> None:
        self.operation, self.bit, self.is_call = operation, bit, is_call
        self.match: _Entry | None = None
        self.before: _Entry | None = None
        self.after: _Entry | None = None


def explain(model: Model[State], operations: Sequence[Operation]) -> str:
    """Empty: they are linearizable. Else what could not be placed, and what was going on."""
    head = _linked(operations)
    entry, state, placed = head.after, model.initial, 0
    tried: set[tuple[int, State]] = set()
    way: list[tuple[_Entry, State]] = []
    furthest, stuck = -1, head
    while entry is not None:
        if entry.is_call:
            assert entry.operation is not None
            after = model.step(state, entry.operation)
            if after == model.refused or (placed | entry.bit, after) in tried:
                entry = entry.after
                continue
            placed |= entry.bit
            tried.add((placed, after))
            way.append((entry, state))
            state = after
            _lift(entry)
            entry = head.after
            continue
        if len(way) > furthest:
            furthest, stuck = len(way), entry
        if not way:
            return _story(operations, stuck)
        last, state = way.pop()
        placed &= ~last.bit
        _put_back(last)
        entry = last.after
    return ""


def _linked(operations: Sequence[Operation]) -> _Entry:
    """The head of the list; of what happens at one time, invocations come first."""
    timed: list[tuple[float, int, _Entry]] = []
    for number, operation in enumerate(operations):
        call = _Entry(operation, 1 << number, is_call=True)
        timed.append((operation.invoked_s, 0, call))
        if operation.over_s != NEVER:
            call.match = _Entry(operation, 0, is_call=False)
            timed.append((operation.over_s, 1, call.match))
    head = last = _Entry(None, 0, is_call=False)
    for _, _, entry in sorted(timed, key=lambda each: each[:2]):
        last.after, entry.before = entry, last
        last = entry
    return head


def _lift(call: _Entry) -> None:
    for entry in (call, call.match):
        if entry is not None:
            assert entry.before is not None
            entry.before.after = entry.after
            if entry.after is not None:
                entry.after.before = entry.before


def _put_back(call: _Entry) -> None:
    for entry in (call.match, call):
        if entry is not None:
            assert entry.before is not None
            entry.before.after = entry
            if entry.after is not None:
                entry.after.before = entry


def _story(operations: Sequence[Operation], stuck: _Entry) -> str:
    """The operation that nothing explains, and those around it."""
    assert stuck.operation is not None
    odd = stuck.operation
    near = [each for each in operations
            if each.over_s >= odd.invoked_s - 0.5 and each.invoked_s <= odd.ended_s and each is not odd]
    near = sorted(near, key=lambda each: each.invoked_s)[-12:]
    return "\n".join([f"no order explains  {odd}", "  around it:", *(f"    {each}" for each in near)])
