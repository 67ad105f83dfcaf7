"""What a bench ran on, in a few words: figures mean nothing without it."""

import os
import platform
from pathlib import Path

from bench.load import fsync_p50_us


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def file_system(folder: Path) -> str:
    """Type of the file system that holds an existing folder."""
    wanted, best, kind = folder.resolve(), Path("/"), "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, mounted_kind, *_ = line.split()
        if wanted.is_relative_to(mount) and Path(mount).is_relative_to(best):
            best, kind = Path(mount), mounted_kind
    return kind


def describe(programs: Path, folder: Path) -> dict[str, str]:
    """programs: where the tools are built.  folder: where the ensembles keep their data."""
    return {
        "cpu": f"{os.cpu_count()} × {cpu_model()}",
        "memory": f"{memory_gb():.0f} GB",
        "kernel": platform.release(),
        "disk": f"{file_system(folder)}, fdatasync p50 {fsync_p50_us(programs, folder):.0f} µs",
        "load average before": f"{os.getloadavg()[0]:.2f}",
    }
