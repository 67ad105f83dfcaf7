"""How each kind of row is measured on one ensemble."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import procfs
from bench.ensembles import Ensemble, Member
from bench.load import BenchError, Load, value_at
from bench.rows import Kind, Row

FAULT_AFTER_S = 2.0


@dataclass(frozen=True)
class Pace:
    """How long things take, in seconds."""

    load_s: float
    load_warmup_s: float
    jvm_warmup_s: float  # per kind of warm-up load; a JVM's first 20 s of load count for nothing
    idle_s: float
    kill_s: float
    stop_s: float  # ZooKeeper notices a silent leader after syncLimit × tickTime = 10 s


FULL = Pace(5, 1, 5, 10, 10, 20)
QUICK = Pace(1, 0.5, 1, 3, 8, 18)
WARM_UP_LOADS = (
    ("--op", "mixed:50", "--conns", "10", "--window", "100"),
    ("--op", "multi:10", "--conns", "10", "--window", "100"),
    ("--op", "create", "--conns", "10", "--window", "100", "--cleanup"),
    ("--op", "mixed:50", "--conns", "100"),
)


class Bench:
    def __init__(self, zkload: Path, pace: Pace) -> None:
        self.zkload = zkload
        self.pace = pace

    def load(self, hosts: str, arguments: Sequence[str], *, warmup_s: float, s: float) -> Load:
        times = ("--warmup", str(warmup_s), "--duration", str(s))
        return Load(self.zkload, ("--hosts", hosts, *arguments, *times), seconds=s + warmup_s)

    def warm_up(self, ensemble: Ensemble) -> None:
        for arguments in WARM_UP_LOADS:
            hosts = ensemble.hosts()
            with self.load(hosts, arguments, warmup_s=0, s=self.pace.jvm_warmup_s) as load:
                load.result()

    def measure(self, row: Row, ensemble: Ensemble) -> dict[str, float]:
        """The row's figures by key.  Raises BenchError: it failed, or a reply was wrong."""
        match row.kind:
            case Kind.MEMORY:
                members = ensemble.wait_serving()
                return {"pss_mb": max(procfs.pss_mb(processes_of(ensemble, member)) for member in members)}
            case Kind.IDLE:
                return {"cpu_percent": self.idle_cpu_percent(ensemble)}
            case Kind.LOAD:
                return self.under_load(row, ensemble)
            case Kind.KILL | Kind.STOP:
                return self.outage(row, ensemble)

    def idle_cpu_percent(self, ensemble: Ensemble) -> float:
        pids = ensemble.pids()
        before, started = procfs.cpu_seconds(pids), time.monotonic()
        time.sleep(self.pace.idle_s)
        after, ended = procfs.cpu_seconds(pids), time.monotonic()
        if ensemble.pids() != pids:
            raise BenchError(f"{ensemble.name}: processes came or went while it was idle")
        return 100 * (after - before) / (ended - started)

    def under_load(self, row: Row, ensemble: Ensemble) -> dict[str, float]:
        pace = self.pace
        times = {"warmup_s": pace.load_warmup_s, "s": pace.load_s}
        with self.load(ensemble.hosts(), row.load, **times) as load:
            result = load.result()
        return {figure.key: value_at(result, figure.key) for figure in row.figures}

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


def processes_of(ensemble: Ensemble, member: Member) -> frozenset[int]:
    """Raises BenchError: none is found, and what is measured of none is nothing."""
    if not member.pids:
        raise BenchError(f"{ensemble.name}: found no processes of member {member.id}")
    return member.pids
