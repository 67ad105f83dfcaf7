"""Processes without a supervisor: what it would do for them, each does for itself."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from node.lives import living, read_lives
from node.processes.loop import EXIT_REFUSED
from node.roles import ROLES
from tests.systemd.listener import DEADLINE_S
from tests.systemd.units import Host, Unit
from tests.waiting import wait_until

ROLE_NAMES = [role.name for role in sorted(ROLES, key=lambda role: role.start_order)]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


def refused(unit: Unit) -> str:
    """What it said, and nothing else: neither a traceback nor a wait."""
    assert unit.wait() == EXIT_REFUSED
    assert "Traceback" not in unit.text
    assert unit.listener.statuses[-1].startswith("refused: ")
    return unit.listener.statuses[-1].removeprefix("refused: ")


def test_a_second_process_of_each_role_is_refused_and_told_which_is_the_first(host: Host) -> None:
    units = host.started(*ROLE_NAMES)

    seconds = [host.start(role) for role in ROLE_NAMES]

    for role, first, second in zip(ROLE_NAMES, units, seconds, strict=True):
        name = "processor-0" if role == "processor" else role
        assert f"process {first.process.pid} is this member's {name} already" in refused(second)
        first.listener.wait_fed(1)


def test_a_supervisor_is_refused_while_a_process_runs_without_one(host: Host) -> None:
    [election] = host.started("election")

    done = subprocess.run(
        [sys.executable, "-m", "node.supervisor", str(host.config.file)], capture_output=True, text=True,
        timeout=DEADLINE_S, check=False)

    assert done.returncode == EXIT_REFUSED
    assert f"this member's processes run by themselves: election (process {election.process.pid})" in done.stderr


def test_a_process_is_refused_while_a_supervisor_runs_its_member(host: Host) -> None:
    with subprocess.Popen(
            [sys.executable, "-m", "node.supervisor", str(host.config.file)], stderr=subprocess.DEVNULL) as supervisor:
        try:
            wait_until((host.config.run_dir / "state.json").exists, seconds=DEADLINE_S)
            said = refused(host.start("election"))
        finally:
            supervisor.terminate()

    assert f"process {supervisor.pid} runs this member, with all its processes" in said


def test_restarts_are_counted_but_not_those_that_were_asked_for(host: Host) -> None:
    election, telemetry = host.started("election", "telemetry")
    election.end(signal.SIGKILL)
    [election] = host.started("election")
    election.end(signal.SIGTERM)
    [election] = host.started("election")

    assert read_lives(host.config.run_dir)["election"].restarts == 1
    assert living(host.config.run_dir) == {"election": election.process.pid, "telemetry": telemetry.process.pid}
    wait_until(lambda: figure(host, "corral_process_up", "election") == 1)
    assert figure(host, "corral_process_restarts_total", "election") == 1
    assert figure(host, "corral_process_pid", "election") == election.process.pid


def figure(host: Host, metric: str, process: str) -> float:
    port = (host.config.run_dir / "metrics-port").read_text().strip()
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=DEADLINE_S) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines
                if line.startswith(f"{metric}{{") and f'process="{process}"' in line)


def test_who_dies_again_and_again_waits_longer_each_time(host: Host) -> None:
    for _ in range(3):
        [election] = host.started("election")
        election.end(signal.SIGKILL)

    [election] = host.started("election")

    assert "waits 0.6 s: it has died 3 times within a minute" in election.listener.statuses


def test_a_problem_of_the_configuration_is_told_and_nothing_is_started(host: Host) -> None:
    host.config.file.write_text(host.config.file.read_text() + "tickTme=1\n")

    assert "did you mean tickTime?" in refused(host.start("broadcast"))


def test_a_processor_beyond_their_number_is_refused(host: Host) -> None:
    assert "corral.processors=1, so there is no processor-1" in refused(host.start("processor", 1))


def test_processors_that_share_a_port_need_to_be_told_which(tmp_path: Path) -> None:
    host = Host(tmp_path, text="corral.processors=2")
    try:
        assert "clientPort" in refused(host.start("processor", 1))
    finally:
        host.close()


def test_a_port_that_somebody_has_is_named_with_the_way_to_find_out(host: Host, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    [telemetry] = host.started("telemetry")
    port = (host.config.run_dir / "metrics-port").read_text().strip()
    other = Host(tmp_path / "other", text="")
    other.config.file.write_text(
        other.config.file.read_text().replace("corral.metricsPort=0", f"corral.metricsPort={port}"))
    try:
        assert f"see who has it: ss -ltnp 'sport = :{port}'" in refused(other.start("telemetry"))
        telemetry.listener.wait_fed(1)
    finally:
        other.close()


def test_two_members_of_a_user_do_not_share_a_client_port_unseen(tmp_path: Path) -> None:
    text = "corral.processors=2\nclientPort=28766\nclientPortAddress=127.0.0.1"
    hosts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        hosts.append(Host(tmp_path / name, text=text))
    try:
        hosts[0].started("broadcast")

        assert "clientPort: 127.0.0.1:28766 is in use" in refused(hosts[1].start("broadcast"))
    finally:
        for host in hosts:
            host.close()


def test_a_unit_is_refused_a_run_directory_in_tmp_of_which_each_unit_has_its_own(host: Host) -> None:
    long = host.directory / ("d" * 80)
    long.mkdir()
    lines = [line for line in host.config.file.read_text().splitlines() if not line.startswith("corral.runDir")]
    text = "\n".join(line.replace(str(host.config.data_dir), str(long)) for line in lines)
    host.config.file.write_text(text)

    assert "set corral.runDir to a short path" in refused(host.start("election"))
