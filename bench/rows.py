"""The rows of `make bench` as a table: what is run, the figures it gives, their targets."""

from dataclasses import dataclass
from enum import Enum, auto

from bench.figures import Figure, Target


class Kind(Enum):
    """How a row is measured, in the order in which the kinds run."""

    MEMORY = auto()  # once, before anything was written
    IDLE = auto()
    LOAD = auto()
    KILL = auto()  # kill -9 of the leader, after all load: it leaves a member with a cold JVM
    STOP = auto()  # SIGSTOP of the leader


@dataclass(frozen=True)
class Row:
    """load: arguments of zkload.  A figure's key is the path of its value in zkload's result."""

    name: str
    kind: Kind
    figures: tuple[Figure, ...]
    load: tuple[str, ...] = ()


def pipelined(operation: str) -> tuple[str, ...]:
    return ("--op", operation, "--conns", "10", "--window", "100", "--value", "100")


def one_in_flight(operation: str, *, conns: int = 1) -> tuple[str, ...]:
    return ("--op", operation, "--conns", str(conns), "--window", "1", "--value", "100")


def rate(title: str, ratio_min: float) -> tuple[Figure, ...]:
    return (Figure("ops_per_sec", title, "ops/s", Target(ratio_min=ratio_min)),)


def latency(quantile: str, title: str, ratio_max: float) -> Figure:
    return Figure(f"latency_us.{quantile}", title, "µs", Target(ratio_max=ratio_max))


def gap(title: str, target: Target) -> tuple[Figure, ...]:
    return (Figure("longest_gap_ms", title, "ms", target),)


ROWS = (
    Row(
        "memory",
        Kind.MEMORY,
        (Figure("pss_mb", "memory of a member, empty (PSS)", "MB", Target(value_below=150)),),
    ),
    Row(
        "idle",
        Kind.IDLE,
        (Figure("cpu_percent", "idle CPU of three members", "% of a core", Target(value_below=2)),),
    ),
    Row("set", Kind.LOAD, rate("set, 10 × 100 in flight", 4), pipelined("set")),
    Row("get", Kind.LOAD, rate("get, 10 × 100 in flight", 6), pipelined("get")),
    Row(
        "create",
        Kind.LOAD,
        rate("create, 10 × 100 in flight", 3),
        (*pipelined("create"), "--cleanup"),
    ),
    Row("multi", Kind.LOAD, rate("multi of 10 set, 10 × 100", 3), pipelined("multi:10")),
    Row(
        "set1",
        Kind.LOAD,
        (latency("p50", "set, one in flight, p50", 1.2), latency("p99", "… p99", 1.0)),
        one_in_flight("set"),
    ),
    Row("get1", Kind.LOAD, (latency("p50", "get, one in flight, p50", 0.7),), one_in_flight("get")),
    Row("set100", Kind.LOAD, rate("set, 100 × 1 in flight", 2), one_in_flight("set", conns=100)),
    Row(
        "kill",
        Kind.KILL,
        gap("gap after kill -9 of the leader", Target(ratio_max=0.5, value_below=1000)),
    ),
    Row("stop", Kind.STOP, gap("gap after SIGSTOP of the leader", Target(ratio_max=0.25))),
)
