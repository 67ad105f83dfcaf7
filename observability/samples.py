"""The newest figures of each process of this member, and for how long they count."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from observability.procfs import ProcessReader
from transport.messages import Sample, Timings

Figures = dict[str, Any]  # by the names of observability/metrics.py
STALE_S = 15.0  # the slowest sender reports every 5 s


@dataclass(slots=True)
class _Process:
    """One name over all its lives. *dropped_before*: by its earlier lives."""

    sample: Sample | None = None
    pid: int = 0
    taken_s: float = 0.0
    restarts: int = 0
    dropped: int = 0
    dropped_before: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    bytes: int = 0


class Samples:
    """Written by telemetry's loop, read by scrapes in other threads: what is read is replaced whole.

    *expected*: names of the processes that a member has; *pids*: of those that send no samples, and the restarts as
    they are counted elsewhere, which outlive telemetry and leave out those that were asked for: (name -> pid, name ->
    restarts). *living*: name -> pid, also of processes that /proc does not show us (units see only their own).
    """

    def __init__(
        self, expected: Sequence[str] = (), *,
        pids: Callable[[], tuple[Mapping[str, int], Mapping[str, int]]] = lambda: ({}, {}),
        living: Callable[[], Mapping[str, int]] = dict,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._expected = expected
        self._pids, self._living = pids, living
        self._clock_s = clock_s
        self._processes: dict[str, _Process] = {}
        self._providers: dict[str, Callable[[], object]] = {}
        self._reader = ProcessReader()

    # Written by telemetry ----------------------------------------------------------------------

    def take(self, message: Sample | Timings, size: int = 0) -> None:
        """*size*: bytes of the message as it came."""
        process = self._processes.setdefault(message.process, _Process())
        if process.pid != message.pid:
            process.restarts += process.pid != 0
            process.dropped_before += process.dropped
            process.pid, process.sample = message.pid, None
        process.dropped = message.dropped
        kind = "sample" if isinstance(message, Sample) else "notes"
        process.messages[kind] = process.messages.get(kind, 0) + 1
        process.bytes += size
        if isinstance(message, Sample):
            process.sample, process.taken_s = message, self._clock_s()

    def provide(self, figure: str, read: Callable[[], object]) -> None:
        """A figure of telemetry's own. *read* is called at each scrape, in another thread; None: there is none."""
        self._providers[figure] = read

    # Read by scrapes ---------------------------------------------------------------------------

    def figures(self) -> dict[str, Figures]:
        """Process -> its figures. Of one that is dead or silent only what is known without it is left."""
        pids, restarts = self._pids()
        living = self._living()
        found = {
            name: self._figures_of(process, living.get(name, 0)) for name, process in list(self._processes.items())}
        for name in self._expected:
            figures = found.setdefault(name, {"up": 0})
            figures["restarts"] = restarts.get(name, figures.get("restarts", 0))
        for name, pid in pids.items():
            if pid and "pid" not in found.get(name, {}):
                found.setdefault(name, {}).update(self._reader.read(pid) or {})
        found.setdefault("telemetry", {}).update(self._own())
        return found

    def _figures_of(self, process: _Process, living_pid: int) -> Figures:
        figures: Figures = {
            "up": 0, "restarts": process.restarts, "telemetry_dropped": process.dropped_before + process.dropped,
            "telemetry_messages": dict(process.messages), "telemetry_bytes": process.bytes}
        sample = process.sample
        if sample is None:
            return figures
        age_s = self._clock_s() - process.taken_s
        seen = self._reader.read(sample.pid)
        if seen is None and sample.pid == living_pid:
            seen = {}  # hidden from us: what it says of itself must do
        if seen is None or age_s > STALE_S:
            return figures | (seen or {})
        return {**sample.values, **figures, **seen, "up": 1, "sample_age_s": age_s}

    def _own(self) -> Figures:
        figures: Figures = {"up": 1, "sample_age_s": 0.0}
        for figure, read in list(self._providers.items()):
            value = read()
            if value is not None:
                figures[figure] = value
        return figures
