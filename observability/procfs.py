"""What the kernel knows of a process: CPU, memory, files, by its pid; or of this one.

Units do not see each other's processes (ProtectProc=, PrivateUsers=), so each tells telemetry of itself, too.
"""

import os
import re
import resource
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_REREAD_S = 5.0  # what costs the kernel a walk: mappings, open files
_RECOUNT_S = 30.0  # of its own open files: a process has better things to do
_SWITCHES = re.compile(r"^(voluntary|nonvoluntary)_ctxt_switches:\s+(\d+)$", re.MULTILINE)


def _boot_time_s() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


class ProcessReader:
    """Figures by the names of observability/tables/machine.py. Other users' processes show less."""

    def __init__(self) -> None:
        self._costly: dict[int, tuple[float, dict[str, Any]]] = {}

    def read(self, pid: int) -> dict[str, Any] | None:
        """None: there is no such process, or it is dead."""
        proc = Path(f"/proc/{pid}")
        try:
            stat = (proc / "stat").read_text()
            status = (proc / "status").read_text()
        except OSError:
            self._costly.pop(pid, None)
            return None
        fields = _fields(stat)
        if fields[0] in "ZX":
            return None
        return {"pid": pid, **_figures(fields, status), **self._read_costly(pid, proc)}

    def _read_costly(self, pid: int, proc: Path) -> dict[str, Any]:
        now_s = time.monotonic()
        known = self._costly.get(pid)
        if known is not None and now_s - known[0] < _REREAD_S:
            return known[1]
        figures: dict[str, Any] = {}
        try:
            figures["open_fds"] = len(os.listdir(proc / "fd"))  # noqa: PTH208 - a name each is enough
            figures["max_fds"] = _soft_limit((proc / "limits").read_text())
            figures["proportional_bytes"] = _proportional((proc / "smaps_rollup").read_text())
        except OSError:
            pass  # gone meanwhile, or not ours
        self._costly[pid] = (now_s, figures)
        return figures


def own_figures() -> dict[str, Any]:
    """Of this process, once a second and cheaply: an idle member does little else. What costs a walk is read rarely."""
    used, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        _, resident, shared, *_ = _read_own("statm").split()
        rare = _own_rare(int(time.monotonic() / _RECOUNT_S))
    except OSError:
        return {}  # no descriptor left, or no /proc
    return {
        "pid": os.getpid(),
        "cpu_s": {"user": used.ru_utime + children.ru_utime, "system": used.ru_stime + children.ru_stime},
        "context_switches": {"voluntary": used.ru_nvcsw, "involuntary": used.ru_nivcsw},
        "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208 - a name each is enough
        "resident_bytes": int(resident) * _PAGE_BYTES,
        # A process that nobody forked shares little but the pages of files.
        "proportional_bytes": (int(resident) - int(shared)) * _PAGE_BYTES,
        **rare,
    }


@lru_cache(maxsize=1)
def _own_rare(_period: int) -> dict[str, Any]:
    fields = _fields(_read_own("stat").decode())
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return {
        "start_time_s": _boot_time_s() + int(fields[19]) / _TICKS,
        "open_fds": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a name each is enough
        "max_fds": -1 if soft == resource.RLIM_INFINITY else soft,
    }


def _read_own(name: str) -> bytes:
    with open(f"/proc/self/{name}", "rb", buffering=0) as file:
        return file.read()


def _fields(stat: str) -> list[str]:
    """From the third on, in the words of proc(5)."""
    return stat.rpartition(")")[2].split()


def _figures(fields: list[str], status: str) -> dict[str, Any]:
    user, system, children_user, children_system = (int(each) / _TICKS for each in fields[11:15])
    return {
        "cpu_s": {"user": user + children_user, "system": system + children_system},
        "threads": int(fields[17]),
        "start_time_s": _boot_time_s() + int(fields[19]) / _TICKS,
        "resident_bytes": int(fields[21]) * _PAGE_BYTES,
        "context_switches": {
            kind.replace("nonvoluntary", "involuntary"): int(count) for kind, count in _SWITCHES.findall(status)},
    }


def _soft_limit(limits: str) -> int:
    line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    soft = line.split()[3]
    return -1 if soft == "unlimited" else int(soft)


def _proportional(rollup: str) -> int:
    line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024
