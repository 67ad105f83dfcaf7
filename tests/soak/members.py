"""The members' processes as /proc shows them: memory of their own, open descriptors."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.corral import Ensemble

PROC = Path("/proc")
KB_PER_PAGE = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True)
class Process:
    """*kb*: resident and shared with nobody's file. *files*: open descriptors; *sockets*: those of them."""

    member: int
    name: str
    pid: int
    kb: int
    files: int
    sockets: int


def processes(ensemble: Ensemble, members: range) -> list[Process]:
    """Those that run now."""
    found = []
    for member in members:
        for name, pid in ensemble.pids(member).items():
            try:
                found.append(_look_at(member, name, pid))
            except OSError:  # it has ended meanwhile
                continue
    return found


def _look_at(member: int, name: str, pid: int) -> Process:
    _, resident, shared, *_ = map(int, (PROC / str(pid) / "statm").read_text().split())
    targets = []
    for each in (PROC / str(pid) / "fd").iterdir():
        try:
            targets.append(str(each.readlink()))
        except OSError:  # closed meanwhile
            continue
    sockets = sum(target.startswith("socket:") for target in targets)
    return Process(member, name, pid, (resident - shared) * KB_PER_PAGE, len(targets), sockets)
