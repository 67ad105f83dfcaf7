"""The one way to wait in a test: for a condition, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.01


def wait_until(condition: Callable[[], T], *, seconds: float = 20.0, what: str = "") -> T:
    """The first true value of *condition*.  Fails the test when the deadline passes without one."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or condition}")
        time.sleep(POLL_S)  # between polls
