"""What the unit files promise, read from them alone: the table of processes, who wins, what is closed to whom."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from node.processes.loop import EXIT_REFUSED
from node.roles import ROLES, Role
from tests.systemd.unit_files import DIRECTORY, UNITS, UnitFile, service_name
from transport.wiring import LINKS, Scope

TARGET = UNITS["corral@.target"]
BY_ROLE = {role.name: UNITS[service_name(role.name_of(0))] for role in ROLES}
SERVING = ("broadcast", "election", "processor")
LATER = ("telemetry", "snapshotter")
SERVICES = [unit for unit in UNITS.values() if unit.name.endswith(".service")]
ONESHOT = [unit for unit in SERVICES if unit.get("Service", "Type") == "oneshot"]
# What a unit says of itself; all else that sandboxes is the same in all.
OF_ONE = {
    "Type", "NotifyAccess", "ExecStart", "Restart", "RestartSec", "RestartPreventExitStatus", "SuccessExitStatus",
    "TimeoutStartSec",
    "TimeoutStopSec", "TimeoutAbortSec", "WatchdogSec", "KillMode", "OOMPolicy", "SyslogIdentifier", "LogExtraFields",
    "Slice", "Nice", "CPUWeight", "IOWeight", "OOMScoreAdjust", "MemoryHigh", "LimitNOFILE", "TasksMax",
    "RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve", "StateDirectory", "StateDirectoryMode",
    "LogsDirectory", "LogsDirectoryMode", "ReadWritePaths", "RestrictAddressFamilies", "PrivateNetwork",
    "IPAddressDeny", "Environment", "EnvironmentFile"}
each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
each_service = pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and os.environ.get("CI") != "true", reason="no systemd-analyze here")


def has_network(role: str) -> bool:
    return any(
        link.scope is not Scope.MEMBER and role in (link.binds, *link.connects) for link in LINKS)


def instance(unit: UnitFile) -> str:
    return unit.name.replace("@.", "@%i.")


# The table of processes ----------------------------------------------------------------------------


def test_the_target_wants_one_unit_for_each_role_and_nothing_else() -> None:
    assert sorted(TARGET.words("Unit", "Wants")) == sorted(instance(unit) for unit in BY_ROLE.values())


@each_role
def test_a_unit_runs_its_role_with_the_configuration_of_its_instance(role: Role) -> None:
    unit = BY_ROLE[role.name]
    index = [] if role.count_key is None else ["%j"]  # what is behind the last dash of the name: a further one's number

    assert unit.get("Service", "ExecStart").split() == [
        "/opt/corral/current/bin/python", "-I", "-m", "node.processes", role.name, "/etc/corral/%i/zoo.cfg", *index]


@each_role
def test_a_unit_starts_after_the_roles_before_it_and_so_stops_before_them_and_nobody_waits_for_telemetry(
    role: Role,
) -> None:
    after = set(BY_ROLE[role.name].words("Unit", "After")) - {"network-online.target", "corral@%i.target"}
    before = [each for each in ROLES if each.start_order < role.start_order and each.name != "telemetry"]
    nearest = max((each.start_order for each in before), default=None)

    assert after == {instance(BY_ROLE[each.name]) for each in before if each.start_order == nearest}


@each_service
def test_the_target_stops_last_so_that_whoever_stops_it_waits_for_all(unit: UnitFile) -> None:
    assert "corral@%i.target" in unit.words("Unit", "After")
    assert unit.get("Unit", "PartOf") == "corral@%i.target"


@each_role
def test_a_unit_goes_with_its_target(role: Role) -> None:
    unit = BY_ROLE[role.name]

    assert unit.get("Unit", "PartOf") == "corral@%i.target"
    assert unit.get("Install", "WantedBy") == "corral@%i.target"


# Life and death ------------------------------------------------------------------------------------


@each_role
def test_a_dead_process_comes_back_for_ever_and_a_refused_one_stays_away(role: Role) -> None:
    unit = BY_ROLE[role.name]

    assert unit.get("Service", "Restart") == "always"
    assert unit.get("Service", "RestartSec") == f"{role.restart_delay_s * 1000:.0f}ms"  # node/unit.py counts on it
    assert unit.get("Unit", "StartLimitIntervalSec") == "0"
    assert unit.get("Service", "RestartPreventExitStatus") == str(EXIT_REFUSED)


@each_role
def test_each_process_says_itself_that_it_is_ready_and_that_it_lives(role: Role) -> None:
    unit = BY_ROLE[role.name]

    assert unit.get("Service", "Type") == "notify"
    assert unit.get("Service", "NotifyAccess") == "main"
    # Loops wake every five seconds at least, and feed four times within WatchdogSec.
    assert 20 <= int(unit.get("Service", "WatchdogSec").removesuffix("s")) <= 60


# Who wins ------------------------------------------------------------------------------------------
# As far as the files say it. Whether a kernel keeps to weights and MemoryHigh is not tested: the machines that these
# tests run on give the hosts of tests/deploy no controllers for memory and io.


@each_service
def test_all_units_of_a_member_share_a_slice_so_that_their_weights_are_compared(unit: UnitFile) -> None:
    assert unit.get("Service", "Slice") == "corral-%i.slice"


@each_role
def test_a_unit_has_its_roles_nice_value(role: Role) -> None:
    assert BY_ROLE[role.name].number("Nice") == role.nice


@pytest.mark.parametrize("serving", SERVING)
def test_who_serves_wins_against_who_can_wait(serving: str) -> None:
    wins = BY_ROLE[serving]
    for waits in (*(BY_ROLE[role] for role in LATER), *ONESHOT):
        assert wins.number("CPUWeight") >= 5 * waits.number("CPUWeight")
        assert wins.number("IOWeight") >= 5 * waits.number("IOWeight")
        assert wins.number("Nice") < waits.number("Nice")
        assert wins.number("OOMScoreAdjust") < 0 < waits.number("OOMScoreAdjust")
        assert waits.get("Service", "MemoryHigh")
    assert not wins.get("Service", "MemoryHigh")  # a tree that is too large must be seen, not slowed down


def test_the_log_comes_first_on_the_disk() -> None:
    broadcast = BY_ROLE["broadcast"].number("IOWeight")

    assert all(unit.number("IOWeight") < broadcast for unit in SERVICES if unit is not BY_ROLE["broadcast"])


# What is closed to whom ----------------------------------------------------------------------------


@each_role
def test_only_who_has_a_link_beyond_its_member_has_a_network(role: Role) -> None:
    unit = BY_ROLE[role.name]
    families = unit.words("Service", "RestrictAddressFamilies")

    if has_network(role.name):
        # libzmq lists the interfaces before it binds.
        binds = any(link.binds == role.name and link.scope is Scope.ENSEMBLE for link in LINKS)
        assert families == ["AF_UNIX", "AF_INET", "AF_INET6", *(["AF_NETLINK"] if binds else [])]
        assert not unit.get("Service", "PrivateNetwork")
    else:
        assert families == ["AF_UNIX"]
        assert unit.get("Service", "PrivateNetwork") == "yes"


def test_only_who_writes_the_data_may() -> None:
    writers = {name for name, unit in BY_ROLE.items() if unit.get("Service", "StateDirectory")}

    assert writers == {"broadcast", "snapshotter"}


@each_role
def test_all_share_a_run_directory_that_nobody_else_may_enter_and_that_outlives_each(role: Role) -> None:
    unit = BY_ROLE[role.name]

    assert unit.get("Service", "RuntimeDirectory") == "corral/%i"
    assert unit.get("Service", "RuntimeDirectoryMode") == "0700"
    assert unit.get("Service", "RuntimeDirectoryPreserve") == "yes"


@each_service
def test_all_are_closed_alike_but_for_what_is_said_there(unit: UnitFile) -> None:
    def closed(each: UnitFile) -> list[tuple[str, str]]:
        return [(key, value) for section, key, value in each.assignments if section == "Service" and key not in OF_ONE]

    assert closed(unit) == closed(BY_ROLE["broadcast"])
    assert ("User", "corral") in closed(unit)


@needs_analyze
@each_service
def test_exposure_is_low_as_systemd_counts_it(unit: UnitFile) -> None:
    """In tenths: systemd's own scale goes from 0 to 10."""
    limit = 7 if unit.get("Service", "PrivateNetwork") == "yes" else 11

    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={limit}",
         str(DIRECTORY / unit.name)],
        capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@needs_analyze
def test_systemd_has_nothing_to_say_against_them(tmp_path: Path) -> None:
    """It looks whether what is to be run is there: so the one of this environment stands for the one of a host."""
    for path in DIRECTORY.iterdir():
        text = path.read_text().replace("/opt/corral/current/bin/", f"{Path(sys.executable).parent}/")
        (tmp_path / path.name).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# Timers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["backup", "self-check"])
def test_a_timer_starts_its_service_once_a_day_and_goes_with_its_member(name: str) -> None:
    timer, service = UNITS[f"corral-{name}@.timer"], UNITS[f"corral-{name}@.service"]

    assert timer.get("Timer", "OnCalendar").startswith("*-*-* ")
    assert timer.get("Timer", "Persistent") == "yes"
    assert timer.get("Unit", "PartOf") == service.get("Unit", "PartOf") == "corral@%i.target"
    command = service.get("Service", "ExecStart").split()
    assert command[:3] == ["/opt/corral/current/bin/corral", name, "/etc/corral/%i/zoo.cfg"]


def test_there_is_no_unit_that_nobody_starts() -> None:
    known = {TARGET.name, *(unit.name for unit in BY_ROLE.values())}
    known |= {f"corral-{name}@.{kind}" for name in ("backup", "self-check") for kind in ("service", "timer")}

    assert set(UNITS) == known
