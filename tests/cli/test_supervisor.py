"""The supervisor with small roles instead of the real ones, as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.config.read import load_config
from node.running import RunningMember, read_running, start_ticks_of
from tests.waiting import wait_until

ROLE_MODULE = """
import os, signal
from pathlib import Path

def run(config, index):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    name = Path("/proc/self/comm").read_text().strip()
    if (config.data_dir / f"refuse-{name}").exists():
        raise SystemExit(78)
    with open(config.data_dir / "started", "a") as file:
        file.write(f"{name} {config.client_port}\\n")
    if (config.data_dir / f"stubborn-{name}").exists():
        while True:
            signal.sigwait({signal.SIGTERM})
    signal.sigwait({signal.SIGTERM})
    with open(config.data_dir / "stopped", "a") as file:
        file.write(f"{name}\\n")
"""

SCRIPT = """
import os, sys
from pathlib import Path
from node.config.read import load_config
from node.ports import PortError
from node.roles import Role
from node.storage.errors import RefusedError
from node.supervisor import Supervisor
from observability.logging import configure_logging

configure_logging()
delay_s = float(os.environ.get("RESTART_DELAY_S", "0.01"))
roles = [
    Role("front", "small_role", start_order=1, count_key="processors", restart_delay_s=delay_s),
    Role("back", "small_role", start_order=0, restart_delay_s=delay_s, nice=7),
]
try:
    sys.exit(Supervisor(load_config(Path(sys.argv[1])).config, roles).run())
except (RefusedError, PortError) as error:
    sys.stderr.write(f"{error}\\n")
    sys.exit(78)
"""


DELAY_S = 1.0  # before a restart


class Running:
    """A supervisor under test and its member's files."""

    def __init__(self, tmp_path: Path, text: str = "clientPort=0\ncorral.processors=2\n") -> None:
        self.data = tmp_path / "data"
        self.data.mkdir(exist_ok=True)
        self.path = tmp_path / "zoo.cfg"
        self.path.write_text(f"dataDir={self.data}\n{text}")
        (tmp_path / "small_role.py").write_text(ROLE_MODULE)
        self.run_dir = load_config(self.path).config.run_dir
        self.process: subprocess.Popen[str] | None = None
        self.environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}

    def start(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(self.path)],
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self.process

    def state(self) -> RunningMember | None:
        state = read_running(self.run_dir)
        return state if state and all(p.pid for p in state.processes) else None

    def lines(self, name: str) -> list[str]:
        path = self.data / name
        return path.read_text().splitlines() if path.exists() else []

    def wait_started(self, number: int) -> RunningMember:
        wait_until(lambda: len(self.lines("started")) >= number)
        return wait_until(self.state)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.communicate()


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.end()


def test_roles_start_in_order_with_a_chosen_port_and_stop_in_reverse(member: Running) -> None:
    process = member.start()
    state = member.wait_started(3)

    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)

    port = state.clients[0].rpartition(":")[2]
    assert sorted(member.lines("started")) == [
        f"m1-back {port}", f"m1-front-0 {port}", f"m1-front-1 {port}",
    ]  # fmt: skip
    assert port != "0"
    assert member.lines("stopped")[2] == "m1-back"
    assert process.returncode == 0
    assert read_running(member.run_dir) is None
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events == ["member_starting", "member_stopped"]


def test_processes_and_their_sessions_are_as_nice_as_their_roles(member: Running) -> None:
    member.environment["RESTART_DELAY_S"] = "0.01"
    member.start()
    pids = {process.name: process.pid for process in member.wait_started(3).processes}
    ours = os.getpriority(os.PRIO_PROCESS, 0)

    assert {name: os.getpriority(os.PRIO_PROCESS, pid) for name, pid in pids.items()} == {
        "back": max(7, ours), "front-0": ours, "front-1": ours}
    groups = {name: Path(f"/proc/{pid}/autogroup") for name, pid in pids.items()}
    if ours < 7 and groups["back"].exists():
        assert {name: int(group.read_text().split()[-1]) for name, group in groups.items()} == {
            "back": 7, "front-0": 0, "front-1": 0}


def test_a_dead_process_is_restarted_alone(member: Running) -> None:
    process = member.start()
    before = member.wait_started(3)
    victim = next(p for p in before.processes if p.name == "front-1")

    os.kill(victim.pid, signal.SIGKILL)
    wait_until(lambda: (state := member.state()) is not None and state != before)
    after = wait_until(member.state)

    assert {p.name: p.restarts for p in after.processes} == {"back": 0, "front-0": 0, "front-1": 1}
    same = {p.name: p.pid for p in after.processes if p.name != "front-1"}
    assert same == {p.name: p.pid for p in before.processes if p.name != "front-1"}
    process.terminate()
    assert process.wait(timeout=20) == 0


def test_a_supervisor_that_is_stopped_until_a_restart_is_overdue_goes_on(member: Running) -> None:
    """As by a debugger, or a frozen cgroup."""
    member.environment["RESTART_DELAY_S"] = str(DELAY_S)
    process = member.start()
    before = member.wait_started(3)
    os.kill(next(p.pid for p in before.processes if p.name == "back"), signal.SIGKILL)
    wait_until(lambda: member.state() is None, what="it waits until the restart is due")
    overdue_s = time.monotonic() + DELAY_S

    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: time.monotonic() > overdue_s, what="the restart is overdue")
    process.send_signal(signal.SIGCONT)

    after = member.wait_started(4)
    assert {p.name: p.restarts for p in after.processes} == {"back": 1, "front-0": 0, "front-1": 0}
    process.terminate()
    assert process.wait(timeout=20) == 0


def test_processes_die_with_a_killed_supervisor(member: Running) -> None:
    process = member.start()
    state = member.wait_started(3)

    process.kill()

    wait_until(lambda: not any(start_ticks_of(pid) for pid in state.pids))
    assert read_running(member.run_dir) is None


def test_a_process_that_refuses_ends_the_member_with_its_code(member: Running) -> None:
    (member.data / "refuse-m1-front-0").touch()

    process = member.start()

    assert process.wait(timeout=20) == 78
    wait_until(lambda: "m1-back" in member.lines("stopped"))


def test_a_process_that_does_not_stop_is_killed(member: Running) -> None:
    (member.data / "stubborn-m1-front-0").touch()
    process = member.start()
    state = member.wait_started(3)

    process.terminate()

    assert process.wait(timeout=20) == 0
    assert not any(start_ticks_of(pid) for pid in state.pids)
    assert set(member.lines("stopped")) == {"m1-back", "m1-front-1"}


def test_a_second_member_on_the_same_data_is_refused_and_told_who_has_it(member: Running) -> None:
    first = member.start()
    member.wait_started(3)

    second = member.start()
    _, errors = second.communicate(timeout=20)

    assert second.returncode == 78
    assert f"process {first.pid} runs a member on this data" in errors
    first.terminate()
    first.communicate(timeout=20)
    assert first.returncode == 0


def test_a_client_port_in_use_is_refused_with_the_way_to_find_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = Running(tmp_path, f"clientPort={port}\nclientPortAddress=127.0.0.1\n")

        _, errors = running.start().communicate(timeout=20)

    assert errors == (
        f"clientPort: 127.0.0.1:{port} is in use — see who has it: ss -ltnp 'sport = :{port}', or give another port\n"
    )
    assert not running.lines("started")


def test_an_address_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    servers = "server.1=192.0.2.1:2888:3888\nserver.2=192.0.2.2:2888:3888\n"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "myid").write_text("1")
    running = Running(tmp_path, f"clientPort=0\n{servers}")

    _, errors = running.start().communicate(timeout=20)

    assert errors.startswith("server.1: 192.0.2.1:2888 is no address of this host")
    assert "quorumListenOnAllIPs=true" in errors


def test_a_run_directory_that_takes_no_file_ends_nothing(member: Running) -> None:
    """A full disk does that; the processes run on, and the state is written once it can be."""
    member.start()
    before = member.wait_started(3)
    aside = member.run_dir / "state.json.new"
    aside.mkdir()

    os.kill(before.processes[0].pid, signal.SIGKILL)
    wait_until(lambda: len(member.lines("started")) == 4, what="it is started again")
    aside.rmdir()
    os.kill(before.processes[1].pid, signal.SIGKILL)

    def again() -> RunningMember | None:
        state = member.state()
        return state if state and all(each.restarts for each in state.processes[:2]) else None

    after = wait_until(again, what="the state is written again")
    assert after.pid == before.pid
