"""A server process on this machine, remembered in a pid file between runs of a script."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


def start_ticks(pid: int) -> int | None:
    """When process pid started, to tell it from a later one with the same pid; None if gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


class LocalProcess:
    """Its directory holds the pid file, the log and whatever the server itself keeps."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def pid(self) -> int | None:
        """Pid while it runs, or None."""
        try:
            pid, started = map(int, (self.home / "pid").read_text().split())
        except (OSError, ValueError):
            return None
        return pid if start_ticks(pid) == started else None

    def spawn(self, command: Sequence[str]) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                start_new_session=True,
            )
        (self.home / "pid").write_text(f"{process.pid} {start_ticks(process.pid)}")

    def signal(self, signum: int) -> None:
        if pid := self.pid():
            os.kill(pid, signum)

    def rss_kib(self) -> int | None:
        """Resident memory, or None while it does not run."""
        try:
            lines = Path(f"/proc/{self.pid()}/status").read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), None)


def stop_all(processes: Sequence[LocalProcess], patience_s: float = 10.0) -> None:
    """SIGTERM to all, then SIGKILL to what is left after `patience_s`."""
    for process in processes:
        process.signal(signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while any(p.pid() for p in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in processes:
        process.signal(signal.SIGKILL)
