"""What a member takes on disk, what is left for it, and when that will be gone."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WINDOW_S = 600.0  # over which growth is looked at
STEP_S = 10.0  # between two points of it
FIRST_S = 60.0  # from less nothing is foretold
FAR_S = 365 * 86400.0
REREAD_S = 5.0
SNAPSHOT = "snapshot."
SEGMENT = "log."


class Trend:
    """When a falling figure is 0, by the straight line that fits its points best."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, value: float) -> None:
        points = self._points
        if points and now_s - points[-1][0] < STEP_S:
            return
        points.append((now_s, value))
        while now_s - points[0][0] > WINDOW_S:
            points.popleft()

    def zero_in_s(self) -> float:
        """At most FAR_S, which also stands for never, and for not known yet."""
        points = self._points
        if len(points) < 2 or points[-1][0] - points[0][0] < FIRST_S:
            return FAR_S
        mean_s = sum(at for at, _ in points) / len(points)
        mean = sum(value for _, value in points) / len(points)
        slope = sum((at - mean_s) * (value - mean) for at, value in points) / sum(
            (at - mean_s) ** 2 for at, _ in points)
        return min(max(points[-1][1] / -slope, 0.0), FAR_S) if slope < 0 else FAR_S


class Space:
    """Figures by the names of observability/tables/storage.py, read when somebody scrapes them.

    *directories*: "data" and "log", as they lie on disk.
    """

    def __init__(self, directories: dict[str, Path], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._directories = directories
        self._clock_s = clock_s
        self._trends = {name: Trend() for name in directories}
        self._read_s = float("-inf")
        self._figures: dict[str, Any] = {}

    def look(self) -> None:
        now_s = self._clock_s()
        if now_s - self._read_s >= REREAD_S:
            self._read_s = now_s
            self._figures = self._read(now_s)

    def figure(self, name: str) -> Callable[[], Any]:
        """A reader of it, for Samples.provide."""
        def read() -> Any:
            self.look()
            return self._figures.get(name)

        return read

    def _read(self, now_s: float) -> dict[str, Any]:
        figures: dict[str, Any] = {
            "directory_bytes": {}, "disk_free_bytes": {}, "disk_size_bytes": {}, "disk_full_in_s": {}}
        for name, directory in self._directories.items():
            try:
                system = os.statvfs(directory)
            except OSError:
                continue  # not made yet
            free = system.f_bavail * system.f_frsize
            self._trends[name].add(now_s, free)
            figures["disk_free_bytes"][name] = free
            figures["disk_size_bytes"][name] = system.f_blocks * system.f_frsize
            figures["disk_full_in_s"][name] = self._trends[name].zero_in_s()
            kinds = (SNAPSHOT,) if name == "data" else (SEGMENT,)
            together = len(set(self._directories.values())) == 1
            figures["directory_bytes"][name] = sum(
                stat.st_blocks * 512 for file, stat in _files(directory)
                if not together or file.startswith(kinds))
        return figures | self._snapshot() | self._segments()

    def _snapshot(self) -> dict[str, Any]:
        found = [stat for name, stat in _files(self._directories["data"]) if _is_numbered(name, SNAPSHOT)]
        newest = max(found, key=lambda stat: stat.st_mtime, default=None)
        if newest is None:
            return {}
        return {"snapshot_age_s": max(time.time() - newest.st_mtime, 0.0), "snapshot_bytes": newest.st_size}

    def _segments(self) -> dict[str, Any]:
        return {"log_segments": sum(_is_numbered(name, SEGMENT) for name, _ in _files(self._directories["log"]))}


def _files(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    try:
                        yield entry.name, entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # purged meanwhile
    except OSError:
        return


def _is_numbered(name: str, start: str) -> bool:
    """A file in place, named by its zxid; not one that is being written."""
    return name.startswith(start) and len(name) == len(start) + 16
