"""Machines, or a reason why there are none: a skip, but a failure in CI."""

import os

import pytest

from tests.machines.ensemble import missing


@pytest.fixture(scope="session")
def machines_here() -> None:
    """What the tests of this folder need is there."""
    reason = missing()
    if not reason:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"NO MACHINES: {reason}")
    pytest.skip(f"NO MACHINES: {reason}")
