"""Histories made by hand, for tests of the checks."""

from typing import Any

from tests.histories.operation import Operation, Outcome

SESSION = 0x100000001


def made(
    kind: str, name: str, argument: Any = None, result: Any = None, *, at: tuple[float, float],
    outcome: Outcome = Outcome.OK, client: str = "a", key: str = "k", session: int = SESSION,
) -> Operation:
    """*at*: invoked and ended."""
    return Operation(kind, client, session, key, name, argument, at[0], at[1], outcome, result)
