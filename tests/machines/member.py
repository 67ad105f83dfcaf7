"""One member on a machine of its own: a namespace, a disk, a wall clock, and the processes that run there."""

import contextlib
import mmap
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

from node.config.address import Address
from node.running import read_running
from tests.machines import clock
from tests.machines.clock import Clock
from tests.machines.disk import Disk
from tests.machines.fabric import Place
from tests.machines.namespaces import run
from tests.waiting import wait_until

CLIENT_PORT: Final = 2181
END_S: Final = 20.0
STATE: Final = struct.Struct("ii")  # preloaded.c: errno, ms


LIE: Final = -1  # instead of an errno: the sync says that it is done, and does nothing


class Syncs:
    """What fsync and fdatasync do on the member's machine."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(bytes(mmap.PAGESIZE))

    def be(self, *, error: int = 0, delay_ms: int = 0) -> None:
        with self.file.open("r+b") as state:
            state.write(STATE.pack(error, delay_ms))


class Member:
    """directory: of what is not on its disk: zoo.cfg, and what it prints."""

    def __init__(self, place: Place, directory: Path, libraries: list[Path]) -> None:
        self.place, self.id, self.directory = place, place.number, directory
        self.disk = Disk(directory / "disk", directory / "disk.img")
        self.config_file, self.log_file = directory / "zoo.cfg", directory / "log"
        directory.mkdir()
        self.syncs, self.clock = Syncs(directory / "syncs"), Clock(directory / "clock")
        self._libraries = libraries
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        return self.disk.mount / "data"

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def address(self) -> Address:
        """As this machine's operator reaches it."""
        return Address(self.place.v4, CLIENT_PORT)

    def make(self, settings: dict[str, str]) -> None:
        """Its disk and its zoo.cfg; keys are the ensemble's affair."""
        self.disk.make()
        self.data_dir.mkdir(mode=0o700)
        (self.data_dir / "myid").write_text(f"{self.id}\n")
        lines = {**settings, "dataDir": str(self.data_dir)}
        self.config_file.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        run("sync", "--file-system", str(self.disk.mount))

    # Its processes -------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns at once."""
        assert not self.runs, f"member {self.id} runs"
        if self._supervisor is not None:  # it has ended by itself
            self.clock.forget(self._supervisor.pid)
        environment = {**os.environ, **self.clock.environment(), "LD_PRELOAD": ":".join(map(str, self._libraries)),
                       "CORRAL_TEST_SYNCS": str(self.syncs.file)}
        command = [*self.place.inside(), sys.executable, "-P", "-m", "node.supervisor", str(self.config_file),
                   f"--die-with={os.getpid()}"]
        with self.log_file.open("ab") as log:
            self._supervisor = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    @property
    def runs(self) -> bool:
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._supervisor is None else self._supervisor.poll()

    def pids(self) -> dict[str, int]:
        """Those that run now: {"supervisor": …, "broadcast": …, …}."""
        running = read_running(self.run_dir)
        if running is None:
            return {}
        return {"supervisor": running.pid, **{each.name: each.pid for each in running.processes if each.pid}}

    def inside(self) -> list[int]:
        """All that runs in its namespace, zombies apart."""
        return [int(pid) for pid in run("ip", "netns", "pids", self.place.namespace).split()]

    def signal(self, number: signal.Signals, process: str = "") -> None:
        """To the named process if it runs, or to all."""
        pids = [self.pids().get(process, 0)] if process else self.inside()
        for pid in pids:
            signal_if_there(pid, number)

    def kill(self) -> None:
        """All at once; returns when they are gone."""
        self.signal(signal.SIGKILL)
        if self._supervisor is not None:
            self._supervisor.wait(END_S)
            self.clock.forget(self._supervisor.pid)
            self._supervisor = None
        wait_until(lambda: not self.inside(), seconds=END_S, what=f"the processes of member {self.id} are gone")

    def terminate(self) -> None:
        """In order, as systemd stops it; killed where that takes too long."""
        if self._supervisor is None:
            return
        self._supervisor.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._supervisor.wait(END_S)
        self.kill()

    def mend_disk(self) -> None:
        """After its power was cut and the member killed: as at the next boot."""
        self.disk.detach()
        self.disk.attach()

    def remove(self) -> None:
        self.kill()
        self.disk.remove()

    # What it says --------------------------------------------------------------------------------

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""


def signal_if_there(pid: int, number: signal.Signals) -> None:
    """pid: 0 is none."""
    with contextlib.suppress(ProcessLookupError):
        if pid:
            os.kill(pid, number)


def preloaded(directory: Path) -> list[Path]:
    """What every member's processes are started with."""
    made, source = directory / "preloaded.so", Path(__file__).with_name("preloaded.c")
    command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(made), str(source), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    faked = clock.library()
    return [made, *([faked] if faked else [])]
