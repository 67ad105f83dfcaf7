"""Processes of this machine as /proc shows them: which belong together, CPU time, memory."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def processes() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat after the name: 0 is the state, 1 the parent; [] if it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    fields = stat_fields(pid)
    return bool(fields) and fields[0] != "Z"


def command_line(pid: int) -> str:
    """Its arguments with spaces between; empty if it is gone."""
    try:
        arguments = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return arguments.replace(b"\0", b" ").decode(errors="replace")


def with_environment(entry: str) -> set[int]:
    """Every living process that was started with this NAME=VALUE, however deep below."""
    wanted = entry.encode()
    found = set()
    for pid in processes():
        try:
            environment = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:  # gone, or another user's
            continue
        if wanted in environment and pid != os.getpid() and is_alive(pid):
            found.add(pid)
    return found


def descendants(roots: Iterable[int]) -> set[int]:
    """The roots that live, and all below them."""
    children: dict[int, list[int]] = {}
    for pid in processes():
        if fields := stat_fields(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found: set[int] = set()
    waiting = [pid for pid in roots if is_alive(pid)]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of the living ones."""
    ticks = 0
    for pid in pids:
        if fields := stat_fields(pid):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_SECOND


def pss_mb(pids: Iterable[int]) -> float:
    """Proportional set size in MB (10^6 bytes): of a page that n processes share, each has 1/n."""
    kib = 0
    for pid in pids:
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kib += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return kib * 1024 / 1e6


def send_signal(pids: Iterable[int], signum: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            continue


def end(marker: str, *, patience_s: float = 5.0) -> None:
    """SIGKILL to every process with this NAME=VALUE, until none is left."""
    deadline = time.monotonic() + patience_s
    while (left := with_environment(marker)) and time.monotonic() < deadline:
        send_signal(left, signal.SIGKILL)
        time.sleep(0.05)
