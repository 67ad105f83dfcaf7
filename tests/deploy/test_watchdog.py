"""systemd and the processes: a hung one is ended and started again, a start that is held back is not yet ready."""

import sys
import time
from pathlib import Path
from typing import Final

import pytest

from node.processes.loop import EXIT_REFUSED
from node.roles import ROLES
from tests.deploy.hosts import Host
from tests.deploy.site import CONFIG, Site
from tests.systemd.units import BUSY, held_back
from tests.waiting import wait_until

INSTANCE: Final = "main"
UNITS: Final = tuple(f"corral-{role.name_of(0)}@{INSTANCE}.service" for role in ROLES)
GRACE_S: Final = 5.0  # beyond WatchdogSec
READY_S: Final = 60.0


def main_pid(host: Host, unit: str) -> int:
    return int(host.property_of(unit, "MainPID"))


def main_pids(host: Host) -> dict[str, int]:
    return {unit: main_pid(host, unit) for unit in UNITS}


def restarts_of(host: Host) -> dict[str, int]:
    return {unit: int(host.property_of(unit, "NRestarts")) for unit in UNITS}


def watchdog_s(host: Host, unit: str) -> float:
    said = host.property_of(unit, "WatchdogUSec")  # such as 20s, 1min
    return {"min": 60.0, "s": 1.0}[said.lstrip("0123456789")] * int(said.rstrip("mins"))


def await_successors(host: Host, before: dict[str, int]) -> None:
    """Each has another process within WatchdogSec and a grace, and that gets ready."""
    began = time.monotonic()
    took: dict[str, float] = {}

    def all_are_back() -> bool:
        for unit in before.keys() - took.keys():
            if main_pid(host, unit) not in (0, before[unit]):
                took[unit] = time.monotonic() - began
        return took.keys() == before.keys()

    limits_s = {unit: watchdog_s(host, unit) + GRACE_S for unit in before}
    wait_until(all_are_back, seconds=max(limits_s.values()), what=f"successors of {before}: {took}")
    sys.stdout.write(f"other processes after {', '.join(f'{took[unit]:.1f} s ({unit})' for unit in UNITS)}\n")
    assert {unit: seconds for unit, seconds in took.items() if seconds > limits_s[unit]} == {}
    await_ready(host)


def await_ready(host: Host) -> None:
    wait_until(
        lambda: all(host.property_of(unit, "ActiveState") == "active" for unit in UNITS), seconds=READY_S,
        what="all are ready")


@pytest.fixture
def host(ensemble: Site) -> Host:
    return ensemble.members[3]


@pytest.mark.long
def test_each_process_that_is_stopped_is_started_again_within_its_watchdogs_time(ensemble: Site, host: Host) -> None:
    before, restarts = main_pids(host), restarts_of(host)

    host.run("kill", "-STOP", *map(str, before.values()))
    await_successors(host, before)

    assert restarts_of(host) == {unit: count + 1 for unit, count in restarts.items()}
    ensemble.await_serving()


@pytest.mark.long
def test_each_process_that_goes_round_in_circles_is_started_again_and_the_journal_says_where(
    ensemble: Site, host: Host,
) -> None:
    host.run("sh", "-c", "cat > /run/busy.py", stdin=BUSY)
    for unit in UNITS:
        command = host.run("systemctl", "cat", unit).stdout
        line = next(each for each in command.splitlines() if each.startswith("ExecStart="))
        wrapped = line.replace("-m node.processes", "/run/busy.py")
        host.run("sh", "-c", f"mkdir -p /run/systemd/system/{unit}.d && cat > /run/systemd/system/{unit}.d/busy.conf",
                 stdin=f"[Service]\nExecStart=\n{wrapped}\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", f"corral@{INSTANCE}.target")
    await_ready(host)
    before = main_pids(host)
    try:
        host.run("kill", "-USR2", *map(str, before.values()))
        await_successors(host, before)

        journal = host.journal(f"corral-*@{INSTANCE}.service", lines=400)
        assert journal.count("in circle") >= len(UNITS)
    finally:
        for unit in UNITS:
            host.run("rm", "-rf", f"/run/systemd/system/{unit}.d")
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "restart", f"corral@{INSTANCE}.target")
    await_ready(host)
    ensemble.await_serving()


@pytest.mark.long
def test_a_broadcast_whose_recovery_is_held_back_is_activating_until_it_has_recovered(
    ensemble: Site, host: Host,
) -> None:
    unit, target = f"corral-broadcast@{INSTANCE}.service", f"corral@{INSTANCE}.target"
    host.run("systemctl", "stop", target)
    assert {host.property_of(each, "ActiveState") for each in UNITS} == {"inactive"}
    segment = max((host.root / f"var/lib/corral/{INSTANCE}/corral").glob("log.*"))

    with held_back(segment) as hold:
        host.run("systemctl", "start", target)
        hold.wait_met()
        state, status = host.property_of(unit, "ActiveState"), host.property_of(unit, "StatusText")

    assert (state, status) == ("activating", "recovers from the log")
    wait_until(lambda: host.property_of(unit, "ActiveState") == "active", what="broadcast has recovered")
    await_ready(host)
    ensemble.await_serving()


@pytest.mark.long
def test_a_process_that_is_refused_stays_failed_and_systemctl_says_why(ensemble: Site, host: Host) -> None:
    unit = f"corral-election@{INSTANCE}.service"
    host.run("systemctl", "stop", unit)
    file = host.root / Path(CONFIG).relative_to("/")
    text = file.read_text()
    try:
        file.write_text(f"{text}tickTme=1\n")
        host.run("systemctl", "start", unit, check=False)

        assert host.property_of(unit, "ActiveState") == "failed"
        assert host.property_of(unit, "ExecMainStatus") == str(EXIT_REFUSED)
        assert "did you mean tickTime?" in host.journal(unit)
    finally:
        file.write_text(text)
        host.run("systemctl", "reset-failed", unit)
        host.run("systemctl", "start", unit)
    ensemble.await_serving()
