"""A local ensemble by the commands alone: up, status, kill, start, stop, down."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from node.cli.local import LocalEnsemble, load_ensemble
from node.config.read import load_config
from node.running import start_ticks_of
from tests.waiting import wait_until

COMMAND_S = 120


class Corral:
    """The command, with a home directory and a data directory of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self.data = tmp_path / "run"
        self.environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "home")}

    def popen(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "node", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        process = self.popen(*arguments)
        output, errors = process.communicate(timeout=COMMAND_S)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def up(self, *arguments: str) -> dict[str, Any]:
        done = self.run("up", "--detach", "--json", "--data", str(self.data), *arguments)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found

    def status(self) -> tuple[int, dict[int, str]]:
        """The exit code, and the role of each member."""
        done = self.run("status", "--json", "--data", str(self.data))
        return done.returncode, {m["id"]: m["role"] for m in json.loads(done.stdout)["members"]}

    def ensemble(self) -> LocalEnsemble:
        return load_ensemble(self.data)

    def pids(self) -> list[int]:
        ensemble = self.ensemble()
        running = [ensemble.running(member) for member in ensemble.members]
        return [pid for each in running if each for pid in each.pids]


@pytest.fixture
def corral(tmp_path: Path) -> Iterator[Corral]:
    command = Corral(tmp_path)
    yield command
    command.run("down", "--data", str(command.data))


def write(connect: str, path: str) -> None:
    client = KazooClient(connect)
    client.start(timeout=30)
    client.create(path, b"here")
    client.stop()
    client.close()


def read(connect: str, path: str) -> bytes:
    client = KazooClient(connect)
    client.start(timeout=30)
    client.sync(path)
    value, _ = client.get(path)
    client.stop()
    client.close()
    assert isinstance(value, bytes)
    return value


def test_an_ensemble_keeps_its_data_and_ports_from_up_to_up_until_it_is_wiped(
    corral: Corral,
) -> None:
    first = corral.up("--client-port", "0")
    write(first["connect"], "/kept")
    assert corral.run("down", "--data", str(corral.data)).returncode == 0
    assert corral.status() == (1, {1: "down", 2: "down", 3: "down"})

    second = corral.up()

    assert second["connect"] == first["connect"]
    assert read(second["connect"], "/kept") == b"here"
    pids = corral.pids()
    assert corral.run("down", "--wipe").returncode == 0  # that of the last `up`
    assert not corral.data.exists()
    assert not any(start_ticks_of(pid) for pid in pids)


def test_members_are_told_with_all_that_an_operator_needs(corral: Corral) -> None:
    found = corral.up("--client-port", "0")

    roles = sorted(member["role"] for member in found["members"])
    assert roles == ["follower", "follower", "leader"]
    assert found["connect"] == ",".join(member["address"] for member in found["members"])
    for member in found["members"]:
        assert set(member["pids"]) == {
            "telemetry", "broadcast", "election", "processor-0", "snapshotter",
        }  # fmt: skip
        assert member["metrics"].startswith("127.0.0.1:")


def test_one_member_less_is_a_quorum_and_it_comes_back(corral: Corral) -> None:
    found = corral.up("--client-port", "0")
    leader = next(m["id"] for m in found["members"] if m["role"] == "leader")
    other = next(m["id"] for m in found["members"] if m["role"] != "leader")

    assert corral.run("kill", str(leader), "--data", str(corral.data)).returncode == 0
    wait_until(lambda: corral.status()[0] == 0)
    assert corral.status()[1][leader] == "down"
    assert corral.run("stop", str(other), "--data", str(corral.data)).returncode == 0
    wait_until(lambda: corral.status()[0] == 1)
    assert corral.run("start", str(leader), "--data", str(corral.data)).returncode == 0
    assert corral.run("start", str(other), "--data", str(corral.data)).returncode == 0

    wait_until(lambda: corral.status()[0] == 0)
    wait_until(lambda: sorted(corral.status()[1].values()) == ["follower", "follower", "leader"])


def test_in_the_foreground_ctrl_c_stops_everything_cleanly(corral: Corral) -> None:
    process = corral.popen("up", "--data", str(corral.data), "--client-port", "0")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(6)]
    pids = corral.pids()

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=COMMAND_S)

    assert lines[0].split()[:2] == ["ID", "ROLE"]
    assert lines[5] == f"connect: {corral.ensemble().connect}\n"
    assert (process.returncode, errors) == (0, "stopped\n")
    assert len(pids) == 3 * 6
    assert not any(start_ticks_of(pid) for pid in pids)


def test_down_ends_an_up_in_the_foreground(corral: Corral) -> None:
    process = corral.popen("up", "--data", str(corral.data), "--client-port", "0", "--json")
    assert process.stdout is not None
    process.stdout.readline()

    assert corral.run("down", "--data", str(corral.data)).returncode == 0

    process.communicate(timeout=COMMAND_S)
    assert process.returncode == 0


def test_members_stop_when_their_up_is_killed(corral: Corral) -> None:
    process = corral.popen("up", "--data", str(corral.data), "--client-port", "0", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    pids = corral.pids()

    process.kill()
    process.communicate(timeout=COMMAND_S)

    wait_until(lambda: not any(start_ticks_of(pid) for pid in pids))


def test_what_runs_already_is_not_started_again(corral: Corral) -> None:
    corral.up("--client-port", "0", "--members", "1")

    done = corral.run("up", "--data", str(corral.data))

    assert done.returncode == 1
    assert "members 1 run already" in done.stderr
    assert corral.status()[0] == 0


def test_options_that_contradict_the_data_are_refused(corral: Corral) -> None:
    corral.up("--client-port", "0", "--members", "1")
    corral.run("down", "--data", str(corral.data))

    done = corral.run("up", "--members", "5", "--data", str(corral.data))

    assert done.returncode == 78
    assert "has --members 1, not 5" in done.stderr


def test_a_directory_with_something_else_in_it_is_left_alone(corral: Corral) -> None:
    corral.data.mkdir()
    (corral.data / "thesis.txt").write_text("precious")

    done = corral.run("up", "--data", str(corral.data), "--client-port", "0")

    assert done.returncode == 78
    assert "is not empty and holds no ensemble" in done.stderr
    assert [path.name for path in corral.data.iterdir()] == ["thesis.txt"]


def test_a_wrong_setting_leaves_nothing_behind(corral: Corral) -> None:
    done = corral.run("up", "--data", str(corral.data), "--client-port", "0", "--set", "tickTime=x")

    assert done.returncode == 78
    assert "tickTime: 'x' is not a whole number" in done.stderr
    assert list(corral.data.iterdir()) == []


def test_one_member_runs_from_a_standalone_zoo_cfg(corral: Corral, tmp_path: Path) -> None:
    path = tmp_path / "zoo.cfg"
    path.write_text(f"tickTime=2000\ndataDir={tmp_path}/data\nclientPort=0\n")
    assert corral.run("keys", "init", str(path)).returncode == 0

    process = corral.popen("member", str(path))
    try:
        state = load_config(path).config.run_dir / "state.json"  # not below data where that path is long
        wait_until(state.exists)
        (address, *_) = json.loads(state.read_text())["clients"]
        port = address.rpartition(":")[2]
        wait_until(lambda: corral.run("status", f"127.0.0.1:{port}").returncode == 0)
        write(f"127.0.0.1:{port}", "/alone")
    finally:
        process.terminate()
        process.communicate(timeout=COMMAND_S)

    assert process.returncode == 0
    assert not state.exists()


def test_down_stops_members_whose_zoo_cfg_was_broken_meanwhile(corral: Corral) -> None:
    corral.up("--members=1", "--client-port=0")
    pids = corral.pids()
    (corral.data / "m1" / "zoo.cfg").write_text("tickTime=soon\n")

    done = corral.run("down", "--wipe", "--data", str(corral.data))

    assert (done.returncode, done.stderr) == (0, "")
    assert not any(start_ticks_of(pid) for pid in pids)
    assert not corral.data.exists()


@pytest.mark.parametrize("place", ["/proc/x", "/dev/null/x", "/proc"])
def test_a_place_where_nothing_can_be_written_is_refused_with_its_name_and_the_cure(corral: Corral, place: str) -> None:
    done = corral.run("up", "--client-port=0", "--data", place)

    assert done.returncode == 78
    assert done.stderr.startswith(f"Error: {place}: ") or f"{place} is not empty" in done.stderr
    assert "--data DIR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machine_is_refused_with_the_cure(corral: Corral, host: str) -> None:
    done = corral.run("up", "--client-port=0", "--data", str(corral.data), "--host", host)

    assert done.returncode == 78
    assert f"--host {host}: " in done.stderr
    assert "127.0.0.1 or ::1" in done.stderr
    assert not any(corral.data.iterdir())


def test_ps_tells_the_processes_of_a_member_apart(corral: Corral) -> None:
    corral.up("--members=1", "--client-port=0")
    ensemble = corral.ensemble()
    running = ensemble.running(ensemble.members[0])
    assert running is not None

    assert titles(running.pid) == ("m1-supervisor", "corral member 1: supervisor")
    for process in running.processes:
        assert titles(process.pid) == (f"m1-{process.name}"[:15], f"corral member 1: {process.name}")


def titles(pid: int) -> tuple[str, str]:
    """Its short name and its command line."""
    home = Path(f"/proc/{pid}")
    return (home / "comm").read_text().strip(), (home / "cmdline").read_bytes().rstrip(b"\0").decode()


def test_a_clean_stop_leaves_nothing_in_tmp(tmp_path: Path) -> None:
    deep = Corral(tmp_path / ("d" * 80))  # too long for sockets
    deep.data.parent.mkdir()
    deep.up("--members=1", "--client-port=0")
    ensemble = deep.ensemble()
    run_dir = ensemble.run_dir(ensemble.members[0])
    assert run_dir.parent == Path("/tmp")
    assert run_dir.is_dir()

    deep.run("down", "--data", str(deep.data))

    assert not run_dir.exists()


def test_nothing_of_the_directory_one_stands_in_is_run(corral: Corral, tmp_path: Path) -> None:
    """Python would take a file there for a package, in every process that imports it later, too."""
    here = tmp_path / "here"
    here.mkdir()
    for name in ("msgspec", "http", "zstandard"):
        (here / f"{name}.py").write_text("raise SystemExit('run from the current directory')\n")

    done = subprocess.run(
        [str(Path(sys.executable).with_name("corral")), "up", "--detach", "--members=1", "--client-port=0",
         "--data", str(corral.data)],
        cwd=here, env=corral.environment, capture_output=True, text=True, check=False, timeout=COMMAND_S)

    assert (done.returncode, done.stderr) == (0, "")
