"""Processes of one member as systemd starts them, with the test in its place."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from node.config.member import MemberConfig
from node.config.read import load_config
from node.keys import init_ensemble
from tests.processes.small_ensemble import free_ports
from tests.systemd.listener import DEADLINE_S, Listener
from tests.waiting import wait_until

WATCHDOG_S = 4.0
# SIGUSR2 makes a loop of this process go round in circles, as a bug would.
BUSY = """
import runpy, signal, sys
def circle(number, frame):
    while True:
        pass
signal.signal(signal.SIGUSR2, circle)
runpy.run_module("node.processes", run_name="__main__", alter_sys=True)
"""


class Unit:
    """One process of a member.  log: of this life of it alone."""

    def __init__(self, config: MemberConfig, role: str, index: int, *, log: Path) -> None:
        self.listener = Listener(None)
        self.log = log
        environment = {
            **os.environ, "NOTIFY_SOCKET": self.listener.address, "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", BUSY, role, str(config.file), str(index)],
                stdin=subprocess.DEVNULL, stderr=stderr, env={**environment, "PYTHONPATH": str(Path.cwd())})

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait(DEADLINE_S)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.listener.close()

    @property
    def text(self) -> str:
        return self.log.read_text()


class Host:
    """A directory with the configuration of one member, of an ensemble of *members*, and what was started there."""

    def __init__(self, directory: Path, *, members: int = 1, text: str = "") -> None:
        self.run_dir = Path(tempfile.mkdtemp(prefix="corral-unit-"))  # short enough for sockets
        self.directory = directory
        ports = iter(free_ports(2 * members))
        servers = "".join(f"server.{i}=127.0.0.1:{next(ports)}:{next(ports)}\n" for i in range(1, members + 1))
        configs = [self._write(i, f"{text}\n{servers if members > 1 else ''}") for i in range(1, members + 1)]
        init_ensemble(configs)
        self.config = configs[0]
        self.units: list[Unit] = []

    def _write(self, member: int, text: str) -> MemberConfig:
        home = self.directory / f"m{member}"
        home.mkdir()
        (home / "myid").write_text(f"{member}\n")
        has_port = "clientPort=" in text
        (home / "zoo.cfg").write_text(
            f"tickTime=500\n{'' if has_port else 'clientPort=0'}\ncorral.metricsPort=0\ndataDir={home}\n"
            f"corral.runDir={self.run_dir}/{member}\n{text}")
        return load_config(home / "zoo.cfg").config

    def start(self, role: str, index: int = 0) -> Unit:
        unit = Unit(self.config, role, index, log=self.directory / f"{len(self.units)}-{role}.log")
        self.units.append(unit)
        return unit

    def started(self, *roles: str) -> list[Unit]:
        """In this order, each once the one before it is ready, as the units' After= has it."""
        units = []
        for role in roles:
            units.append(self.start(role))
            units[-1].listener.wait_ready()
        return units

    def close(self) -> None:
        for unit in self.units:
            unit.close()
        shutil.rmtree(self.run_dir, ignore_errors=True)


@contextlib.contextmanager
def held_back(path: Path) -> Iterator["Hold"]:
    """Whoever opens the file waits, up to 45 s (fs.lease-break-time), until the context ends."""
    with path.open("r+b") as file:
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # how the kernel says that somebody waits
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        try:
            yield Hold(file.fileno())
        finally:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            signal.signal(signal.SIGIO, before)


class Hold:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def wait_met(self) -> None:
        """Until somebody waits for the file, and so does nothing else."""
        wait_until(
            lambda: fcntl.fcntl(self._descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK, seconds=DEADLINE_S,
            what="somebody opens the file")
