"""What is measured on an ensemble that is started for it, alone on the machine, and gone afterwards."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import procfs
from bench.ensembles import MEMBERS, Ensemble, EnsembleError
from bench.load import BenchError, Load
from bench.measure import Pace
from bench.references import Maker
from bench.rows import Kind, Row, many

SETTINGS: dict[str, dict[Kind, tuple[str, ...]]] = {
    "corral": {Kind.FOOTPRINT: ("corral.processors=1",)},
}
LONG_SESSIONS = "maxSessionTimeout=3600000"
START_S = 300.0
FILL_S = 900.0
SETTLED_CORES = 0.1  # less than this is at rest
SETTLE_S = 120.0
TIMES_AS_MANY = 5  # of the larger size of a footprint against the smaller
SNAPSHOT_RATE = 1_000  # writes per second
# So that one follows the other; Corral counts requests only once there is a quarter of so much log.
SNAPSHOTS = ("snapCount=5000", "corral.snapshotBytes=2097152")
WATCH_CONNECTIONS = MEMBERS


class Solitary:
    """One ensemble, made anew in *folder*."""

    def __init__(self, zkload: Path, pace: Pace, make: Maker, folder: Path) -> None:
        self.zkload = zkload
        self.pace = pace
        self.make = make
        self.folder = folder
        self.version = ""

    def measure(self, row: Row) -> dict[str, float]:
        """Raises BenchError."""
        name = getattr(self.make, "name", "").partition("-")[0]
        settings = SETTINGS.get(name, {}).get(row.kind, ())
        if row.kind is Kind.FOOTPRINT:
            settings = (*settings, LONG_SESSIONS)
        ensemble = self.make(self.folder, settings)
        with ensemble.ended():
            ensemble.prepare()
            match row.kind:
                case Kind.START:
                    return {"first_served_s": self.start(ensemble)}
                case Kind.FOOTPRINT:
                    return self.footprint(ensemble)
                case Kind.LARGE:
                    return self.large(ensemble)
        raise AssertionError(f"{row.name} is measured on an ensemble that runs already")

    def start(self, ensemble: Ensemble, *, is_kept: bool = False) -> float:
        """Seconds until the first member serves a request, from before any of its processes is started."""
        hosts = ensemble.addresses()
        waiting = ("--ready", "--hosts", ",".join(hosts), "--duration", str(START_S))
        with Load(self.zkload, waiting, seconds=START_S) as ready:
            ensemble.start(is_kept=is_kept)
            served: dict[str, float] = ready.result()["served_after_seconds"]
        ensemble.wait_serving()
        return min(served.values())

    def run(self, ensemble: Ensemble, *arguments: str, seconds: float = FILL_S) -> dict[str, Any]:
        with Load(self.zkload, ("--hosts", ensemble.hosts(), *arguments), seconds=seconds) as load:
            return load.result()

    def fill(self, ensemble: Ensemble, znodes: int) -> None:
        """Each with 100 bytes of data; those that are there already stay."""
        self.run(ensemble, "--keys", str(znodes), "--value", "100", "--duration", "0", "--timeout", "60000")

    # --- a large tree ---------------------------------------------------------------------------------------

    def large(self, ensemble: Ensemble) -> dict[str, float]:
        ensemble.start()
        self.fill(ensemble, self.pace.many)
        settle(ensemble)
        calm = self.open_p99_us(ensemble)
        ensemble.stop(is_kept=True)
        ensemble.change(SNAPSHOTS)
        served_s = self.start(ensemble, is_kept=True)
        settle(ensemble)
        before = snapshots(ensemble)
        busy = self.open_p99_us(ensemble)
        if snapshots(ensemble) <= before:
            raise BenchError(f"{ensemble.name}: no snapshot was taken under load")
        return {"first_served_s": served_s, "snapshot_p99_ratio": busy / calm}

    def open_p99_us(self, ensemble: Ensemble) -> float:
        seconds = max(4 * self.pace.load_s, 10.0)
        result = self.run(
            ensemble, *many("set", conns=20), "--rate", str(SNAPSHOT_RATE), "--warmup", str(self.pace.load_s),
            "--duration", str(seconds), seconds=2 * seconds)
        return float(result["latency_us"]["p99"])

    # --- memory ---------------------------------------------------------------------------------------------

    def footprint(self, ensemble: Ensemble) -> dict[str, float]:
        ensemble.start()
        few, more = self.pace.fewer, TIMES_AS_MANY * self.pace.fewer
        self.fill(ensemble, few)
        small_mb = at_rest_mb(ensemble)
        self.fill(ensemble, more)
        figures = {
            "znodes_mb": small_mb / MEMBERS,
            "per_znode": bytes_per(at_rest_mb(ensemble) - small_mb, (more - few) * MEMBERS),
        }
        figures["per_watch"] = self.per_watch(ensemble, few)
        figures["per_connection"] = self.per_connection(ensemble)
        figures["per_session"] = self.per_session(ensemble)
        return figures

    def per_watch(self, ensemble: Ensemble, watches: int) -> float:
        connections = ("--conns", str(WATCH_CONNECTIONS))
        sizes = (watches // TIMES_AS_MANY, watches)
        found = []
        for size in sizes:
            with self.held(ensemble, *connections, "--watches", str(size)):
                found.append(at_rest_mb(ensemble))
        return bytes_per(found[1] - found[0], (sizes[1] - sizes[0]) * WATCH_CONNECTIONS)

    def per_connection(self, ensemble: Ensemble) -> float:
        """Its session is in the tree of every member."""
        sizes = (self.pace.sessions // TIMES_AS_MANY, self.pace.sessions)
        found = []
        for size in sizes:
            with self.held(ensemble, "--conns", str(size)):
                found.append(at_rest_mb(ensemble))
        return bytes_per(found[1] - found[0], sizes[1] - sizes[0])

    def per_session(self, ensemble: Ensemble) -> float:
        """Without a connection. They stay: this comes last."""
        found = []
        for size in (self.pace.sessions, (TIMES_AS_MANY - 1) * self.pace.sessions):
            self.abandon(ensemble, size)
            found.append(at_rest_mb(ensemble))
        return bytes_per(found[1] - found[0], (TIMES_AS_MANY - 1) * self.pace.sessions * MEMBERS)

    def abandon(self, ensemble: Ensemble, sessions: int) -> None:
        while sessions > 0:  # some at a time: a process has no more than so many files
            part = min(sessions, self.pace.sessions)
            self.run(
                ensemble, "--hold", "--abandon", "--conns", str(part), "--session-timeout", "3600000",
                "--duration", "60", seconds=60)
            sessions -= part

    @contextmanager
    def held(self, ensemble: Ensemble, *arguments: str) -> Iterator[None]:
        """While sessions and watches are there."""
        command = (
            str(self.zkload), "--hosts", ensemble.hosts(), "--hold", *arguments, "--duration", str(FILL_S),
            "--timeout", "60000", "--session-timeout", "60000")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                if process.stdout.readline().strip() != "held":
                    raise BenchError(f"{ensemble.name}: zkload --hold {' '.join(arguments)} failed")
                yield
            finally:
                process.terminate()


def bytes_per(megabytes: float, count: int) -> float:
    """Never below 1: where memory of before is used again, it has no ratio."""
    return max(megabytes * 1e6 / count, 1.0)


def settle(ensemble: Ensemble) -> None:
    """Until its processes have next to nothing to do: snapshots are written, garbage is collected."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        pids = ensemble.pids()
        before = procfs.cpu_seconds(pids)
        time.sleep(1)
        if ensemble.pids() == pids and procfs.cpu_seconds(pids) - before < SETTLED_CORES:
            return
    raise EnsembleError(f"{ensemble.name}: not at rest within {SETTLE_S:.0f} s: is the machine busy?")


def at_rest_mb(ensemble: Ensemble) -> float:
    """Memory of all members' processes."""
    settle(ensemble)
    return procfs.pss_mb(pid for member in ensemble.members() for pid in member.pids)


def snapshots(ensemble: Ensemble) -> float:
    """When the newest was written."""
    files = (ensemble.folder / "data").rglob("snapshot.*")
    return max((file.stat().st_mtime for file in files), default=0.0)
