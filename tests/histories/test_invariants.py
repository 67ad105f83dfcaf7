"""Each check of an invariant: silent on a good history, and it names what is wrong with a bad one."""

from pathlib import Path
from typing import Any

import pytest

from tests.histories import counters, ephemerals, locks, sessions, sets, watches
from tests.histories.checks import CHECKS, Check, check_all
from tests.histories.making import SESSION, made
from tests.histories.operation import History, Operation, Outcome, load, save

FAIL, UNKNOWN = Outcome.FAIL, Outcome.UNKNOWN
OTHER = SESSION + 1


def add(value: str, path: str, at: tuple[float, float]) -> Operation:
    return made(sets.KIND, "add", value, path, at=at)


def all_of(*children: list[str]) -> Operation:
    return made(sets.KIND, "all", None, list(children), at=(100, 101))


N1, N2 = "/set/n-0000000001", "/set/n-0000000002"
MAYBE = made(sets.KIND, "add", "m", None, at=(0, 9), outcome=UNKNOWN)

SETS_GOOD = [
    [add("a", N1, (0, 1)), add("b", N2, (2, 3)), all_of([N1, "a"], [N2, "b"])],
    [add("a", N2, (0, 3)), add("b", N1, (2, 4)), all_of([N1, "b"], [N2, "a"])],  # at the same time
    [MAYBE, all_of()],
    [MAYBE, all_of([N1, "m"])],
]
SETS_BAD = [
    ([add("a", N1, (0, 1)), all_of()], "lost"),
    ([add("a", N1, (0, 1)), all_of([N2, "a"])], "lost"),
    ([add("a", N1, (0, 1)), all_of([N1, "a"], [N2, "a"])], "2 times"),
    ([MAYBE, all_of([N1, "m"], [N2, "m"])], "2 times"),
    ([all_of([N1, "z"])], "nobody added"),
    ([add("a", N2, (0, 1)), add("b", N1, (2, 3)), all_of([N1, "b"], [N2, "a"])], "lower number"),
]


def increment(token: str, number: int, at: tuple[float, float]) -> Operation:
    return made(counters.KIND, "increment", token, number, at=at)


def look(second: int, first: int, at: tuple[float, float]) -> Operation:
    return made(counters.KIND, "look", None, [second, first], at=at)


def end(first: int, second: int, *tokens: str) -> Operation:
    marks = {str(number): token for number, token in enumerate(tokens, 1)}
    return made(counters.KIND, "all", None, {"first": first, "second": second, "marks": marks}, at=(100, 101))


REFUSED = made(counters.KIND, "increment", "r", "BadVersion", at=(0, 1), outcome=FAIL)

COUNTERS_GOOD = [
    [increment("a", 1, (0, 1)), REFUSED, increment("b", 2, (2, 3)), look(2, 2, (4, 5)), end(2, 2, "a", "b")],
    [increment("a", 2, (0, 3)), increment("b", 1, (2, 3)), look(0, 1, (1, 2)), end(2, 2, "b", "a")],
]
COUNTERS_BAD = [
    ([increment("a", 1, (0, 1)), end(1, 0, "a")], "half done"),
    ([increment("a", 1, (0, 1)), end(0, 0)], "acknowledged"),
    ([increment("a", 1, (0, 1)), increment("b", 1, (2, 3)), end(1, 1, "b")], "out of order"),
    ([increment("a", 2, (0, 1)), increment("b", 1, (2, 3)), end(2, 2, "b", "a")], "out of order"),
    ([REFUSED, end(1, 1, "r")], "refused"),
    ([increment("a", 1, (0, 1)), end(2, 2, "a", "a")], "done twice"),
    ([end(1, 1, "z")], "nobody sent"),
    ([look(1, 0, (0, 1))], "seen half done"),
    ([increment("a", 1, (0, 1)), look(0, 0, (2, 3)), end(1, 1, "a")], "was acknowledged before"),
]


def acquire(czxid: int, at: tuple[float, float], session: int = SESSION) -> Operation:
    return made(locks.KIND, "acquire", None, czxid, at=at, session=session)


def touch(czxid: int, at: tuple[float, float], outcome: Outcome = Outcome.OK, session: int = SESSION) -> Operation:
    return made(locks.KIND, "touch", czxid, czxid if outcome is Outcome.OK else "NoNode", at=at, outcome=outcome,
                session=session)


def release(czxid: int, at: tuple[float, float]) -> Operation:
    return made(locks.KIND, "release", czxid, None, at=at)


LOCKS_GOOD = [
    [acquire(7, (0, 1)), touch(7, (2, 3)), release(7, (4, 5)), acquire(9, (2, 6))],
    [acquire(7, (0, 1)), acquire(9, (2, 6)), touch(7, (7, 8), FAIL, OTHER)],  # its session is over
    [acquire(7, (0, 1)), acquire(9, (2, 6)), touch(7, (7, 8), UNKNOWN)],
]
LOCKS_BAD = [
    ([acquire(7, (0, 1)), acquire(9, (2, 6)), touch(7, (7, 8))], "two hold"),
    ([acquire(7, (0, 1)), acquire(9, (2, 3)), release(7, (4, 5))], "two hold"),
    ([acquire(7, (0, 1)), acquire(7, (2, 3))], "same token"),
    ([acquire(7, (0, 1)), touch(7, (2, 3), FAIL)], "taken from a living session"),
]


def owned(name: str, at: tuple[float, float], outcome: Outcome = Outcome.OK, session: int = SESSION) -> Operation:
    return made(ephemerals.KIND, name, None, 5 if outcome is Outcome.OK else "NoNode", at=at, outcome=outcome,
                key="/e", session=session)


def seen(czxid: int | None, at: tuple[float, float]) -> Operation:
    return made(ephemerals.KIND, "look", None, czxid, at=at, key="/e", session=OTHER, client="observer")


EPHEMERALS_GOOD = [
    [owned("create", (0, 1)), seen(5, (2, 3)), owned("close", (4, 5)), seen(None, (6, 7))],
    [owned("create", (0, 1)), owned("close", (4, 7)), seen(5, (5, 6)), seen(None, (5, 6))],
    [owned("create", (0, 1)), seen(None, (20, 21))],  # expired
    [owned("create", (0, 1)), owned("touch", (20, 21), FAIL, OTHER)],
    [made(ephemerals.KIND, "all", None, [], at=(100, 101))],
]
EPHEMERALS_BAD = [
    ([owned("create", (0, 1)), owned("close", (4, 5)), seen(5, (6, 7))], "was closed, and it is there"),
    ([owned("create", (0, 1)), seen(None, (2, 3)), owned("touch", (4, 5))], "there again"),
    ([owned("create", (0, 1)), owned("touch", (4, 5), FAIL)], "its session lives"),
    ([made(ephemerals.KIND, "all", None, ["/e"], at=(100, 101))], "ended long ago"),
]


def watched(*names: str) -> list[Operation]:
    """arm1 show2 event …, in the order of arrival."""
    return [made(watches.KIND, name.rstrip("0123456789"), None, int(name[-1]) if name[-1].isdigit() else None,
                 at=(at, at + 0.5)) for at, name in enumerate(names)]


WATCHES_GOOD = [
    watched("arm1", "show1", "event", "show2", "arm2", "arm2", "event", "show4"),
    watched("show1", "show3", "arm3"),
]
WATCHES_BAD = [
    (watched("arm1", "show2"), "before its event"),
    (watched("arm1", "arm2"), "before its event"),
    (watched("show1", "event"), "without a watch"),
    (watched("arm1", "event", "event"), "without a watch"),
    (watched("arm1", "event", "show1"), "nothing has changed"),
]


def told(name: str, version: int, value: str, at: tuple[float, float], **options: Any) -> Operation:
    return made("register", name, value if name == "write" else None, version if name == "write" else [version, value],
                at=at, **options)


SESSIONS_GOOD = [
    [told("write", 1, "x", (0, 1)), told("get", 0, "o", (2, 3), client="b", session=OTHER)],  # old, but not backwards
    [told("get", 1, "x", (0, 1)), told("get", 0, "o", (2, 3), session=OTHER)],  # another session
]
SESSIONS_BAD = [
    ([told("write", 1, "x", (0, 1)), told("get", 0, "o", (2, 3))], "backwards"),
    ([told("get", 2, "y", (0, 1)), told("get", 1, "x", (2, 3))], "backwards"),
    ([told("write", 1, "x", (0, 1)), told("get", 1, "y", (2, 3), session=OTHER)], "two values"),
]

GOOD = [(check, history) for check, histories in (
    (sets.check, SETS_GOOD), (counters.check, COUNTERS_GOOD), (locks.check, LOCKS_GOOD),
    (ephemerals.check, EPHEMERALS_GOOD), (watches.check, WATCHES_GOOD), (sessions.check, SESSIONS_GOOD),
) for history in histories]
BAD = [(check, history, what) for check, cases in (
    (sets.check, SETS_BAD), (counters.check, COUNTERS_BAD), (locks.check, LOCKS_BAD),
    (ephemerals.check, EPHEMERALS_BAD), (watches.check, WATCHES_BAD), (sessions.check, SESSIONS_BAD),
) for history, what in cases]


@pytest.mark.parametrize(("check", "history"), GOOD)
def test_a_good_history_is_passed(check: Check, history: list[Operation]) -> None:
    assert check(history) == []


@pytest.mark.parametrize(("check", "history", "what"), BAD)
def test_what_must_not_be_is_named(check: Check, history: list[Operation], what: str) -> None:
    assert any(what in text for text in check(history)), check(history)


def test_one_history_is_checked_by_the_kinds_in_it() -> None:
    bad = [*LOCKS_BAD[0][0], *SETS_BAD[0][0], *SESSIONS_BAD[2][0]]

    assert {each.check for each in check_all(bad)} == {
        "one holder of a lock", "creates exactly once", "plain reads", "linearizable registers"}
    assert check_all([]) == []
    assert len({name for name, *_ in CHECKS}) == len(CHECKS)


def test_a_history_is_what_was_recorded_also_from_a_file(tmp_path: Path) -> None:
    history = History()
    done = history.begin("register", "a", "k", "write", "x").ok(1, session=SESSION)
    lost = history.begin("register", "a", "k", "write", "y")
    operations = history.close()

    save(operations, tmp_path / "history.jsonl")

    assert operations[0] == done
    assert operations[1].outcome is UNKNOWN
    assert operations[1].argument == "y"
    assert load(tmp_path / "history.jsonl") == operations
    assert lost is not None
