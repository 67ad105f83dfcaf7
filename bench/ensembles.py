"""Ensembles of three members to measure: Corral, and genuine ZooKeeper.

Both are driven from outside, by their own commands.  Every process of an ensemble inherits one
environment variable with a value of its own, so that all of them are found, and none is left.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import procfs
from bench.compiled import library
from bench.load import BenchError


class EnsembleError(BenchError):
    """An ensemble does not start, or does not come back: nothing more can be measured."""


MEMBERS = 3
MARKER = "ENSEMBLE_OF_BENCH"
COMMAND_TIMEOUT_S = 90.0
SERVING_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Member:
    """pids: its processes that live, empty while it is down.  role: as its own status tells it."""

    id: int
    address: str
    role: str
    pids: frozenset[int]


class Ensemble(ABC):
    """*settings*: more lines of each member's zoo.cfg."""

    name: str

    def __init__(self, folder: Path, settings: tuple[str, ...] = (), *, count: int = MEMBERS) -> None:
        self.folder = folder
        self.settings = settings
        self.count = count
        self.marker = f"{MARKER}={self.name}-{folder.name}-{os.getpid()}"
        self.environment = os.environ | dict([self.marker.split("=", 1)])

    @abstractmethod
    def prepare(self) -> None:
        """Chooses ports."""

    @abstractmethod
    def addresses(self) -> list[str]:
        """Of all members, once prepared."""

    @abstractmethod
    def start(self, *, is_kept: bool = False) -> None:
        """Returns once a quorum serves.  is_kept: with the data of before."""

    @abstractmethod
    def stop(self, *, is_kept: bool = False) -> None: ...

    @abstractmethod
    def change(self, settings: tuple[str, ...]) -> None:
        """Of members that are stopped."""

    @abstractmethod
    def members(self) -> list[Member]: ...

    @abstractmethod
    def kill(self, member: Member) -> None:
        """SIGKILL to all its processes at once."""

    @abstractmethod
    def restart(self, member: Member) -> None: ...

    @abstractmethod
    def version(self) -> str: ...

    def pids(self) -> set[int]:
        """Every process of the ensemble, supervisors too."""
        return procfs.with_environment(self.marker)

    def leader(self) -> Member:
        return next(m for m in self.wait_serving() if m.role == "leader")

    def wait_serving(self) -> list[Member]:
        """The members, once all serve and one leads."""
        deadline = time.monotonic() + SERVING_TIMEOUT_S
        while True:
            members = self.members()
            roles = [member.role for member in members]
            if sorted(roles) == ["follower"] * (self.count - 1) + ["leader"]:
                return members
            if time.monotonic() > deadline:
                raise EnsembleError(f"{self.name}: roles are {roles} for {SERVING_TIMEOUT_S:.0f} s")
            time.sleep(0.1)

    def hosts(self) -> str:
        """The connect string with the leader last: the first connections go to followers.

        So a single connection pays the way to the leader, as most clients of three members do.
        """
        members = sorted(self.wait_serving(), key=lambda m: m.role == "leader")
        return ",".join(member.address for member in members)

    def run(self, *command: str, check: bool = True) -> str:
        """Standard output of a command.  It may leave daemons, so output goes through files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        output, errors = self.folder / "command.out", self.folder / "command.err"
        with output.open("w") as stdout, errors.open("w") as stderr:
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env=self.environment,
                    timeout=COMMAND_TIMEOUT_S,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise EnsembleError(f"{self.name}: {error}") from error
        if check and done.returncode:
            told = errors.read_text().strip() or output.read_text().strip()
            raise EnsembleError(f"{' '.join(command)}: exit code {done.returncode}: {told[-600:]}")
        return output.read_text()

    @contextmanager
    def running(self) -> Iterator[None]:
        """However it ends, no process and no data of the ensemble is left."""
        with self.ended():
            self.prepare()
            self.start()
            yield

    @contextmanager
    def ended(self) -> Iterator[None]:
        """As running, for those who start it themselves."""
        try:
            yield
        finally:
            # A second Ctrl-C would leave orphans.
            before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)}
            try:
                procfs.send_signal(self.pids(), signal.SIGCONT)
                self.stop()
            except BenchError as error:
                print(f"bench: {error}", file=sys.stderr)
            finally:
                procfs.end(self.marker)
                shutil.rmtree(self.folder, ignore_errors=True)
                for signum, handler in before.items():
                    signal.signal(signum, handler)


class Corral(Ensemble):
    """By its own command, beside this Python."""

    name = "corral"
    command = str(Path(sys.executable).parent / "corral")
    is_compiled = True  # as the wheel has it, and so every host
    port = 0

    def __init__(self, folder: Path, settings: tuple[str, ...] = (), *, count: int = MEMBERS) -> None:
        super().__init__(folder, ("maxClientCnxns=0", *settings), count=count)
        if not Path(self.command).exists():
            raise EnsembleError(f"no {self.command}: run `make` first")
        self.environment["XDG_DATA_HOME"] = str(folder)  # the user's last `corral up` stays theirs
        if self.is_compiled:
            self.environment["PYTHONPATH"] = str(library())

    def corral(self, command: str, *arguments: str, check: bool = True) -> str:
        return self.run(self.command, command, *arguments, check=check)

    @property
    def data(self) -> tuple[str, str]:
        return ("--data", str(self.folder / "data"))

    def prepare(self) -> None:
        self.port = free_ports(range(self.count))

    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{self.port + number}" for number in range(self.count)]

    def start(self, *, is_kept: bool = False) -> None:
        size = ("--members", str(self.count), "--client-port", str(self.port))
        settings = [word for each in self.settings for word in ("--set", each)]
        self.corral("up", "--detach", "--json", *(() if is_kept else (*size, *settings)), *self.data)

    def stop(self, *, is_kept: bool = False) -> None:
        self.corral("down", *(() if is_kept else ("--wipe",)), *self.data, check=False)

    def change(self, settings: tuple[str, ...]) -> None:
        for file in (self.folder / "data").glob("m*/zoo.cfg"):
            keys = {each.partition("=")[0] for each in settings}
            left = [line for line in file.read_text().splitlines() if line.partition("=")[0].strip() not in keys]
            file.write_text("\n".join([*left, *settings]) + "\n")

    def members(self) -> list[Member]:
        """status says by its exit code that no quorum serves: no error here."""
        told = json.loads(self.corral("status", "--json", *self.data, check=False) or "{}")
        return [
            Member(
                id=member["id"],
                address=member["address"],
                role=member["role"],
                pids=self.pids_of(member["id"]),
            )
            for member in told.get("members", [])
        ]

    def pids_of(self, member: int) -> frozenset[int]:
        """All its processes, known by their titles (node/title.py), and what they have started."""
        title = f"corral member {member}: "
        roots = (pid for pid in self.pids() if procfs.command_line(pid).startswith(title))
        return frozenset(procfs.descendants(roots))

    def kill(self, member: Member) -> None:
        self.corral("kill", str(member.id), *self.data)

    def restart(self, member: Member) -> None:
        self.corral("start", str(member.id), *self.data)

    def version(self) -> str:
        python = sys.version.partition(" ")[0]
        return f"{self.corral('--version').strip()}, {'compiled' if self.is_compiled else 'plain'}, Python {python}"


class PlainCorral(Corral):
    """As a work tree runs it, and hosts for which there is no compiler."""

    name = "corral-plain"
    is_compiled = False


def free_ports(offsets: range) -> int:
    """A port P with P + offset free on loopback for each offset, below the ephemeral range."""
    for _ in range(100):
        base = random.randrange(20000, 32000, 32)
        try:
            for offset in offsets:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return base
    raise EnsembleError("no free ports between 20000 and 32000")
