"""The search: known good histories, known bad ones, and every short one against all orders that there are."""

import itertools
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.histories.linearizability import explain
from tests.histories.making import made
from tests.histories.operation import NEVER, Operation, Outcome
from tests.histories.register import ABSENT, KIND, REFUSED, REGISTER, step

OK, FAIL, UNKNOWN = Outcome.OK, Outcome.FAIL, Outcome.UNKNOWN
CREATED = made(KIND, "create", "x", 0, at=(0, 1))


def op(name: str, argument: Any = None, result: Any = None, *, at: tuple[float, float],
       outcome: Outcome = OK) -> Operation:
    return made(KIND, name, argument, result, at=at, outcome=outcome)


def is_linearizable(*operations: Operation) -> bool:
    return explain(REGISTER, operations) == ""


# Good ------------------------------------------------------------------------------------------------


def test_a_read_during_a_write_may_show_either() -> None:
    write = op("write", "y", 1, at=(2, 5))

    assert is_linearizable(CREATED, write, op("read", None, [0, "x"], at=(3, 4)))
    assert is_linearizable(CREATED, write, op("read", None, [1, "y"], at=(3, 4)))


def test_a_write_of_unknown_outcome_may_take_effect_long_after_or_never() -> None:
    write = op("write", "y", at=(2, 3), outcome=UNKNOWN)
    before = op("read", None, [0, "x"], at=(10, 11))

    assert is_linearizable(CREATED, write, before, op("read", None, [1, "y"], at=(20, 21)))
    assert is_linearizable(CREATED, write, before, op("read", None, [0, "x"], at=(20, 21)))


def test_a_refused_cas_needs_another_version_at_some_time_while_it_ran() -> None:
    refused = op("cas", [0, "z"], "BadVersion", at=(2, 6), outcome=FAIL)

    assert is_linearizable(CREATED, refused, op("write", "y", 1, at=(3, 4)))
    assert not is_linearizable(CREATED, refused)


def test_a_cas_of_unknown_outcome_explains_what_it_would_have_written() -> None:
    cas = op("cas", [0, "z"], at=(2, 3), outcome=UNKNOWN)

    assert is_linearizable(CREATED, cas, op("read", None, [1, "z"], at=(4, 5)))
    assert not is_linearizable(CREATED, cas, op("read", None, [2, "z"], at=(4, 5)))


def test_of_two_creates_one_is_refused() -> None:
    second = op("create", "y", "NodeExists", at=(0.5, 2), outcome=FAIL)

    assert is_linearizable(CREATED, second)
    assert not is_linearizable(CREATED, op("create", "y", 0, at=(0.5, 2)))


# Bad -------------------------------------------------------------------------------------------------


def test_a_read_that_misses_an_acknowledged_write_is_found() -> None:
    write, read = op("write", "y", 1, at=(2, 3)), op("read", None, [0, "x"], at=(4, 5))

    assert str(read) in explain(REGISTER, [CREATED, write, read])


def test_reads_that_go_back_are_found() -> None:
    write = op("write", "y", 1, at=(2, 9))

    assert not is_linearizable(
        CREATED, write, op("read", None, [1, "y"], at=(3, 4)), op("read", None, [0, "x"], at=(5, 6)))


def test_a_lost_write_is_found() -> None:
    """Two writes were told the same version: one of them is gone."""
    assert not is_linearizable(CREATED, op("write", "y", 1, at=(2, 3)), op("write", "z", 1, at=(4, 5)))


def test_a_write_that_was_done_twice_is_found() -> None:
    assert not is_linearizable(
        CREATED, op("write", "y", 1, at=(2, 3)), op("read", None, [2, "y"], at=(4, 5)))


def test_a_value_that_nobody_wrote_is_found() -> None:
    assert not is_linearizable(CREATED, op("read", None, [0, "?"], at=(2, 3)))


def test_two_cas_of_one_version_that_both_succeed_are_found() -> None:
    assert not is_linearizable(CREATED, op("cas", [0, "y"], 1, at=(2, 5)), op("cas", [0, "z"], 1, at=(2, 5)))


def test_a_write_without_effect_until_it_was_over_is_found() -> None:
    """It takes effect between its invocation and its end, not later."""
    write = op("write", "y", 1, at=(2, 3))

    assert not is_linearizable(
        CREATED, write, op("read", None, [0, "x"], at=(4, 5)), op("read", None, [1, "y"], at=(6, 7)))


def test_what_is_unknown_did_not_happen_before_it_was_sent() -> None:
    write = op("write", "y", at=(5, 6), outcome=UNKNOWN)

    assert not is_linearizable(CREATED, op("read", None, [1, "y"], at=(2, 3)), write)


def test_a_long_history_with_much_at_once_is_judged_at_once() -> None:
    """Without a memory of what was tried, eight clients at once would take for ever."""
    writes = [op("write", f"{number}", number + 1, at=(1 + number // 8, 2 + number // 8)) for number in range(400)]
    last = op("read", None, [400, "399"], at=(900, 901))
    lost = op("read", None, [399, "398"], at=(900, 901))

    assert is_linearizable(CREATED, *writes, last)
    assert not is_linearizable(CREATED, *writes, lost)


# Every short one -------------------------------------------------------------------------------------

NAMES = st.sampled_from(["create", "write", "cas", "read"])


@st.composite
def operations(draw: st.DrawFn) -> list[Operation]:
    found = []
    for number in range(draw(st.integers(1, 5))):
        name, version = draw(NAMES), draw(st.integers(0, 2))
        invoked = draw(st.integers(0, 6))
        at = float(invoked), float(invoked + draw(st.integers(1, 4)))
        outcome = OK if name == "read" else draw(st.sampled_from([OK, OK, FAIL, UNKNOWN]))
        value = draw(st.sampled_from("xy"))
        argument = {"read": None, "cas": [draw(st.integers(0, 1)), value]}.get(name, value)
        result: Any = [version, value] if name == "read" else version
        if outcome is FAIL:
            result = draw(st.sampled_from(["NodeExists", "NoNode", "BadVersion"]))
        found.append(made(KIND, name, argument, result, at=at, outcome=outcome, client=f"c{number}"))
    return found


def has_an_order(history: Sequence[Operation]) -> bool:
    """By trying all."""
    known = [each for each in history if each.over_s != NEVER]
    unknown = [each for each in history if each.over_s == NEVER]
    return any(
        is_allowed(order)
        for count in range(len(unknown) + 1)
        for done in itertools.combinations(unknown, count)
        for order in itertools.permutations([*known, *done]))


def is_allowed(order: Sequence[Operation]) -> bool:
    znode = ABSENT
    for at, each in enumerate(order):
        if any(later.over_s < each.invoked_s for later in order[at + 1:]):
            return False
        znode = step(znode, each)
        if znode == REFUSED:
            return False
    return True


@given(operations())
def test_the_search_says_what_trying_all_orders_says(history: list[Operation]) -> None:
    assert (explain(REGISTER, history) == "") == has_an_order(history)
