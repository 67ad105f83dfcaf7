"""state.json of a member: which of its processes run, for `corral status`, `stop` and tests.

The supervisor replaces the file at every change and removes it when all have stopped. After a crash
it lies there still, so a reader asks `is_running`, which a pid used again does not fool.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

STATE_FILE: Final = "state.json"


class RunningProcess(msgspec.Struct, frozen=True):
    """One process.  pid: 0 while it waits for its restart.  restarts: since the member started."""

    name: str
    pid: int
    restarts: int


class RunningMember(msgspec.Struct, frozen=True):
    """One member.  start_ticks: the supervisor's, clock ticks since boot.  Addresses: host:port."""

    member: int
    config: str
    pid: int
    start_ticks: int
    clients: list[str]
    metrics: str
    processes: list[RunningProcess]

    @property
    def is_running(self) -> bool:
        return self.pid > 0 and start_ticks_of(self.pid) == self.start_ticks

    @property
    def pids(self) -> list[int]:
        """The supervisor's first, then those of the processes."""
        return [self.pid, *(process.pid for process in self.processes if process.pid)]


def write_running(run_dir: Path, running: RunningMember) -> None:
    """Replace the file whole; not synced, since nothing of it matters after a power cut."""
    aside = run_dir / f"{STATE_FILE}.new"
    aside.write_bytes(msgspec.json.encode(running))
    aside.replace(run_dir / STATE_FILE)


def read_running(run_dir: Path) -> RunningMember | None:
    """What the supervisor wrote last; None where no member runs."""
    try:
        running = msgspec.json.decode((run_dir / STATE_FILE).read_bytes(), type=RunningMember)
    except (OSError, msgspec.DecodeError):
        return None
    return running if running.is_running else None


def start_ticks_of(pid: int) -> int:
    """When a process started, clock ticks since boot; 0 if there is none, or only its zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()  # the name before may hold blanks and brackets
    return 0 if fields[0] in "ZX" else int(fields[19])


def own_start_ticks() -> int:
    return start_ticks_of(os.getpid())
