"""Each loop feeds its watchdog itself: one that is stopped does not, nor one that goes round in circles."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.roles import ROLES
from tests.systemd.listener import wait_starved
from tests.systemd.units import WATCHDOG_S, Host, Unit

ROLE_NAMES = [role.name for role in sorted(ROLES, key=lambda role: role.start_order)]


@pytest.fixture
def units(tmp_path: Path) -> Iterator[list[Unit]]:
    host = Host(tmp_path)
    yield host.started(*ROLE_NAMES)
    host.close()


def test_every_loop_feeds_the_watchdog_and_one_that_is_stopped_does_not(units: list[Unit]) -> None:
    for unit in units:
        unit.listener.wait_fed(2)

    for unit in units:
        unit.process.send_signal(signal.SIGSTOP)
    wait_starved([unit.listener for unit in units], WATCHDOG_S)
    for unit in units:
        unit.process.send_signal(signal.SIGCONT)

    for unit in units:
        unit.listener.wait_fed(2)


def test_a_loop_that_goes_round_in_circles_feeds_no_watchdog_and_its_end_says_where_it_was(units: list[Unit]) -> None:
    for unit in units:
        unit.listener.wait_fed(1)

    for unit in units:
        unit.process.send_signal(signal.SIGUSR2)
    wait_starved([unit.listener for unit in units], WATCHDOG_S)

    for unit in units:
        assert unit.end(signal.SIGABRT) == -signal.SIGABRT  # as systemd ends it
        assert "in circle" in unit.text
