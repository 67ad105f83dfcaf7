"""How each kind of row is measured on one ensemble."""

import math
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import procfs
from bench.ensembles import Ensemble, Member
from bench.load import BenchError, Load, value_at
from bench.references import Etcd
from bench.rows import ROWS, Kind, Row, many

FAULT_AFTER_S = 2.0
SET_UP_S = 120.0  # ten thousand sessions, each with a watch
OPEN_PART = 0.5  # of the rate that the first reference reaches
ETCDLOAD = Path(__file__).parent / "peers" / "etcdload"
PIPELINED_SET = next(row for row in ROWS if row.name == "set")
GENERATOR = "generator"  # cores that the load generator took: beside a row's figures


@dataclass(frozen=True)
class Pace:
    """How long things take, in seconds; how many znodes, sessions, watches there are at most."""

    load_s: float
    load_warmup_s: float
    jvm_warmup_s: float  # per kind of warm-up load; a JVM's first 20 s of load count for nothing
    idle_s: float
    kill_s: float
    stop_s: float  # ZooKeeper notices a silent leader after syncLimit × tickTime = 10 s
    rejoin_s: float
    many: int  # znodes of the large ensemble
    fewer: int  # of the footprint: from so many to five times as many
    sessions: int


FULL = Pace(5, 1, 5, 10, 10, 20, 600, 1_000_000, 100_000, 5_000)
QUICK = Pace(1, 0.5, 1, 3, 8, 18, 5, 20_000, 2_000, 300)
WARM_UP_LOADS = (
    ("--op", "mixed:50", "--conns", "10", "--window", "100"),
    ("--op", "multi:10", "--conns", "10", "--window", "100"),
    ("--op", "create", "--conns", "10", "--window", "100", "--cleanup"),
    ("--op", "mixed:50", "--conns", "100"),
)


@dataclass
class Bench:
    """rate: of the open loop, in requests per second; 0 until it has been found."""

    zkload: Path
    pace: Pace
    rate: float = field(default=0.0)

    def load(self, hosts: str, arguments: Sequence[str], *, warmup_s: float, s: float, set_up_s: float = 0.0) -> Load:
        times = ("--warmup", str(warmup_s), "--duration", str(s))
        return Load(self.zkload, ("--hosts", hosts, *arguments, *times), seconds=set_up_s + s + warmup_s)

    def warm_up(self, ensemble: Ensemble) -> None:
        if isinstance(ensemble, Etcd):
            return
        for arguments in WARM_UP_LOADS:
            hosts = ensemble.hosts()
            with self.load(hosts, arguments, warmup_s=0, s=self.pace.jvm_warmup_s) as load:
                load.result()

    def measure(self, row: Row, ensemble: Ensemble) -> dict[str, float]:
        """The row's figures by key, and the generator's CPU.  Raises BenchError: it failed, or a reply was wrong."""
        match row.kind:
            case Kind.MEMORY:
                members = ensemble.wait_serving()
                return {"pss_mb": max(procfs.pss_mb(processes_of(ensemble, member)) for member in members)}
            case Kind.IDLE:
                return {"cpu_percent": self.idle_cpu_percent(ensemble)}
            case Kind.LOAD:
                return self.under_load(row, ensemble)
            case Kind.OPEN:
                return self.figures(row, self.run(ensemble, row, "--rate", f"{self.rate:.0f}"))
            case Kind.REJOIN:
                return {"rejoin_s": self.rejoin(ensemble)}
            case Kind.KILL | Kind.STOP:
                return self.outage(row, ensemble)
        raise AssertionError(f"{row.name}: an ensemble of its own measures it: bench/solitary.py")

    def idle_cpu_percent(self, ensemble: Ensemble) -> float:
        pids = ensemble.pids()
        before, started = procfs.cpu_seconds(pids), time.monotonic()
        time.sleep(self.pace.idle_s)
        after, ended = procfs.cpu_seconds(pids), time.monotonic()
        if ensemble.pids() != pids:
            raise BenchError(f"{ensemble.name}: processes came or went while it was idle")
        return 100 * (after - before) / (ended - started)

    def run(self, ensemble: Ensemble, row: Row, *more: str) -> dict[str, Any]:
        seconds = self.pace.load_s * row.times_longer
        with self.load(
            ensemble.hosts(), (*row.load, *more), warmup_s=self.pace.load_warmup_s, s=seconds, set_up_s=SET_UP_S,
        ) as load:
            return load.result()

    def under_load(self, row: Row, ensemble: Ensemble) -> dict[str, float]:
        if isinstance(ensemble, Etcd):
            return self.under_etcdload(row, ensemble)
        return self.figures(row, self.run(ensemble, row))

    @staticmethod
    def figures(row: Row, result: dict[str, Any]) -> dict[str, float]:
        """Raises BenchError: what was to be measured did not happen."""
        found = {figure.key: value_at(result, figure.key) for figure in row.figures}
        if not all(found.values()):
            raise BenchError(f"{row.name}: nothing came to its end while it was measured")
        return found | {GENERATOR: result["cpu_seconds"] / result["seconds"]}

    def under_etcdload(self, row: Row, ensemble: Etcd) -> dict[str, float]:
        seconds, warmup_s = math.ceil(self.pace.load_s), math.ceil(self.pace.load_warmup_s)
        hosts = ensemble.hosts()
        arguments = (
            str(ETCDLOAD), "--hosts", hosts, *row.etcd, "--duration", str(seconds), "--warmup", str(warmup_s))
        with Load(Path(sys.executable), arguments, seconds=seconds + warmup_s) as load:
            result = load.result()
        generators = min(hosts.count(",") + 1, result["conns"])  # it runs one for each member
        found = {figure.key: value_at(result, figure.key) for figure in row.figures}
        return found | {GENERATOR: result["cpu_seconds"] / (seconds + warmup_s) / generators}

    def find_rate(self, ensemble: Ensemble) -> None:
        self.rate = OPEN_PART * float(self.run(ensemble, PIPELINED_SET)["ops_per_sec"])

    def rejoin(self, ensemble: Ensemble) -> float:
        """Seconds from a follower's start to its first served request, after load that it has missed."""
        follower = next(member for member in ensemble.wait_serving() if member.role == "follower")
        others = [member.address for member in ensemble.members() if member.id != follower.id]
        ensemble.kill(follower)
        arguments = (*many("set"), "--rate", f"{self.rate:.0f}")
        try:
            with self.load(",".join(others), arguments, warmup_s=0, s=self.pace.rejoin_s) as load:
                load.result()
        finally:
            waiting = ("--ready", "--hosts", follower.address, "--duration", "120")
            with Load(self.zkload, waiting, seconds=120) as ready:
                ensemble.restart(follower)
                served = ready.result()["served_after_seconds"]
        return float(served[follower.address])

    def outage(self, row: Row, ensemble: Ensemble) -> dict[str, float]:
        """Sessions on the survivors write without pause while the leader is killed or stopped."""
        leader = ensemble.leader()
        survivors = [m.address for m in ensemble.members() if m.id != leader.id]
        is_kill = row.kind is Kind.KILL
        seconds = self.pace.kill_s if is_kill else self.pace.stop_s
        arguments = ("--outage", "--conns", str(len(survivors)))
        with self.load(",".join(survivors), arguments, warmup_s=0, s=seconds) as load:
            time.sleep(FAULT_AFTER_S)
            if is_kill:
                ensemble.kill(leader)
            else:
                procfs.send_signal(processes_of(ensemble, leader), signal.SIGSTOP)
            try:
                result = load.result()
            finally:
                if is_kill:
                    ensemble.restart(leader)
                else:
                    procfs.send_signal(leader.pids, signal.SIGCONT)
        ensemble.wait_serving()
        return {figure.key: value_at(result, figure.key) for figure in row.figures}


def is_comparable(row: Row, *, is_etcd: bool) -> bool:
    """Whether such an ensemble has what the row measures."""
    if not is_etcd:
        return True
    return bool(row.etcd) if row.kind is Kind.LOAD else row.kind in (Kind.MEMORY, Kind.IDLE)


def estimate_s(row: Row, pace: Pace) -> float:
    """About how long one measurement takes."""
    load_s = pace.load_s * row.times_longer + pace.load_warmup_s + 1.5
    seconds = {
        Kind.START: 6.0, Kind.FOOTPRINT: 60 + pace.fewer / 1_500, Kind.LARGE: 60 + pace.many / 8_000,
        Kind.MEMORY: 0.5, Kind.IDLE: pace.idle_s, Kind.LOAD: load_s, Kind.OPEN: load_s,
        Kind.REJOIN: pace.rejoin_s + 10, Kind.KILL: pace.kill_s + 4, Kind.STOP: pace.stop_s + 2,
    }
    return seconds[row.kind]


def processes_of(ensemble: Ensemble, member: Member) -> frozenset[int]:
    """Raises BenchError: none is found, and what is measured of none is nothing."""
    if not member.pids:
        raise BenchError(f"{ensemble.name}: found no processes of member {member.id}")
    return member.pids


