"""The rows of `make bench` as a table: what is run, the figures it gives, their targets."""

from dataclasses import dataclass
from enum import Enum, auto

from bench.figures import NO_TARGET, Figure, Target


class Kind(Enum):
    """How a row is measured, in the order in which the kinds run. Those up to LARGE start an ensemble of their own."""

    START = auto()  # an empty ensemble, from nothing to its first served request
    FOOTPRINT = auto()  # memory at two sizes of everything
    LARGE = auto()  # a million znodes: starting with them, and snapshots of them under load
    MEMORY = auto()  # once, before anything was written
    IDLE = auto()
    LOAD = auto()
    OPEN = auto()  # at half of the rate that the first reference reaches
    REJOIN = auto()  # a follower comes back after load without it
    KILL = auto()  # kill -9 of the leader, after all load: it leaves a member with a cold JVM
    STOP = auto()  # SIGSTOP of the leader


OF_THEIR_OWN = (Kind.START, Kind.FOOTPRINT, Kind.LARGE)
ONCE = (Kind.FOOTPRINT, Kind.LARGE, Kind.MEMORY, Kind.REJOIN)  # one round: they take minutes, and are steady


@dataclass(frozen=True)
class Row:
    """load: arguments of zkload.  etcd: those of etcdload, where it has a like operation.

    A figure's key is the path of its value in zkload's result.
    """

    name: str
    group: str
    kind: Kind
    figures: tuple[Figure, ...]
    load: tuple[str, ...] = ()
    etcd: tuple[str, ...] = ()
    times_longer: float = 1.0  # than other rows, to meet what is rare


def many(operation: str, *, conns: int = 10, window: int = 100, value: int = 100) -> tuple[str, ...]:
    return ("--op", operation, "--conns", str(conns), "--window", str(window), "--value", str(value))


def pipelined(operation: str) -> tuple[str, ...]:
    return many(operation)


def one_in_flight(operation: str, *, conns: int = 1) -> tuple[str, ...]:
    return many(operation, conns=conns, window=1)


def at_least(ratio: float) -> Target:
    return Target(ratio_min=ratio)


def at_most(ratio: float) -> Target:
    return Target(ratio_max=ratio)


def rate(title: str, target: Target = NO_TARGET, goal: Target = NO_TARGET) -> Figure:
    return Figure("ops_per_sec", title, "ops/s", target, goal)


def latency(quantile: str, title: str, target: Target = NO_TARGET, goal: Target = NO_TARGET) -> Figure:
    return Figure(f"latency_us.{quantile}", title, "µs", target, goal)


def load(
    name: str, arguments: tuple[str, ...], *found: Figure, etcd: tuple[str, ...] = (), group: str = "core",
    kind: Kind = Kind.LOAD, times_longer: float = 1.0,
) -> Row:
    return Row(name, group, kind, found, arguments, etcd, times_longer)


def growth(name: str, title: str, unit: str = "bytes") -> Figure:
    return Figure(name, title, unit, goal=at_most(1))


CORE = (
    load("set1", one_in_flight("set"),
         latency("p50", "set, one in flight, p50", at_most(1.2), at_most(0.8)),
         latency("p99", "… p99", at_most(1), at_most(0.5)), etcd=one_in_flight("put")),
    load("get1", one_in_flight("get"), latency("p50", "get, one in flight, p50", at_most(0.7), at_most(0.5)),
         etcd=one_in_flight("get-local")),
    load("sync-get1", one_in_flight("sync-get"), latency("p50", "sync and get, one in flight, p50"),
         etcd=one_in_flight("get")),
    load("set", pipelined("set"), rate("set, 10 × 100 in flight", at_least(4), at_least(8)), etcd=many("put")),
    load("set-100", many("set", conns=100), rate("set, 100 × 100", goal=at_least(6)), etcd=many("put", conns=100)),
    load("get", pipelined("get"), rate("get, 10 × 100", at_least(6), at_least(15)), etcd=many("get-local")),
    load("get-100", many("get", conns=100), rate("get, 100 × 100", goal=at_least(8)),
         etcd=many("get-local", conns=100)),
    load("sync-get", pipelined("sync-get"), rate("sync and get (linearizable), 10 × 100"), etcd=many("get")),
    load("mixed", pipelined("mixed:70"), rate("70 % get, 30 % set, 10 × 100", goal=at_least(8))),
    load("create", (*pipelined("create"), "--cleanup"), rate("create, 10 × 100", at_least(3), at_least(8))),
    load("create-100", (*many("create", conns=100), "--cleanup"), rate("create, 100 × 100", goal=at_least(6))),
    load("set100", one_in_flight("set", conns=100), rate("set, 100 × 1", at_least(2), at_least(3)),
         etcd=one_in_flight("put", conns=100)),
    load("set1000", one_in_flight("set", conns=1000), rate("set, 1,000 × 1, rate", goal=at_least(2)),
         latency("p99", "… p99", goal=at_most(0.5)), etcd=one_in_flight("put", conns=1000)),
    # Last: after hundreds of MB a disk may take its time over each sync for seconds.
    load("multi", pipelined("multi:10"), rate("multi of 10 set, 10 × 100", at_least(3), at_least(3))),
    load("multi-100", many("multi:100", window=10), rate("multi of 100 set, 10 × 10")),
)

VALUES = (
    load("set-1k", many("set", value=1024), rate("set of 1 KiB, 10 × 100"), etcd=many("put", value=1024),
         group="values"),
    load("get-1k", many("get", value=1024), rate("get of 1 KiB, 10 × 100"), etcd=many("get-local", value=1024),
         group="values"),
    load("set-64k", (*many("set", window=10, value=65536), "--keys", "100"), rate("set of 64 KiB, 10 × 10"),
         etcd=many("put", window=10, value=65536), group="values"),
    load("get-64k", (*many("get", window=10, value=65536), "--keys", "100"), rate("get of 64 KiB, 10 × 10"),
         etcd=many("get-local", window=10, value=65536), group="values"),
)

OPEN = (
    load("set-open", many("set", conns=100), latency("p50", "set at half of ZooKeeper's maximum, p50"),
         latency("p99", "… p99", goal=at_most(0.5)), latency("p99_9", "… p99.9", goal=at_most(0.5)),
         group="open", kind=Kind.OPEN),
)

SESSIONS = (
    load("sessions", ("--connect", "--conns", "20"),
         Figure("sessions_per_sec", "sessions created and closed, 20 at a time", "per s", goal=at_least(3)),
         group="sessions"),
    load("watch-1k", ("--watch", "--conns", "1000"),
         Figure("last_notification_us.p50", "1,000 watchers of one change, last told", "µs", goal=at_most(0.5)),
         group="sessions"),
    load("watch-10k", ("--watch", "--conns", "10000", "--timeout", "60000"),
         Figure("last_notification_us.p50", "10,000 watchers of one change, last told", "µs", goal=at_most(0.5)),
         group="sessions", times_longer=4),
)

MEMORY = (
    Row("memory", "memory", Kind.MEMORY, (
        Figure("pss_mb", "memory of a member, empty (PSS)", "MB", Target(value_below=150), Target(value_below=100)),)),
    Row("idle", "memory", Kind.IDLE, (
        Figure("cpu_percent", "idle CPU of three members", "% of a core", Target(value_below=2),
               Target(value_below=0.9)),)),
    Row("footprint", "memory", Kind.FOOTPRINT, (
        Figure("znodes_mb", "memory of a member with 100,000 znodes (PSS)", "MB", goal=at_most(1)),
        growth("per_znode", "memory per znode of 100 B, in a member"),
        growth("per_session", "memory per session, in a member"),
        growth("per_watch", "memory per watch, in all members"),
        growth("per_connection", "memory per idle connection and its session, in all members"))),
)

RECOVERY = (
    Row("start", "recovery", Kind.START, (
        Figure("first_served_s", "start of an empty ensemble to its first served request", "s", goal=at_most(1)),)),
    Row("large", "recovery", Kind.LARGE, (
        Figure("first_served_s", "start with 1,000,000 znodes to the first served request", "s", goal=at_most(0.5)),
        Figure("snapshot_p99_ratio", "p99 of set while they are snapshotted, against p99 without", "×",
               goal=Target(value_below=1.2)))),
    Row("rejoin", "recovery", Kind.REJOIN, (
        Figure("rejoin_s", "rejoin of a follower after 10 minutes of load without it", "s"),)),
    Row("kill", "recovery", Kind.KILL, (
        Figure("longest_gap_ms", "gap after kill -9 of the leader", "ms", Target(ratio_max=0.5, value_below=1000),
               Target(ratio_max=0.3, value_below=300)),)),
    Row("stop", "recovery", Kind.STOP, (
        Figure("longest_gap_ms", "gap after SIGSTOP of the leader", "ms", at_most(0.25), at_most(0.3)),)),
)

ROWS = (*CORE, *VALUES, *OPEN, *SESSIONS, *MEMORY, *RECOVERY)
GROUPS = tuple(dict.fromkeys(row.group for row in ROWS))


def chosen(text: str) -> list[Row]:
    """text: names of rows and groups, with commas between, in any order; the rows in theirs.

    Raises ValueError: no row and no group has this name.
    """
    words = text.split(",")
    if unknown := sorted(set(words) - set(GROUPS) - {row.name for row in ROWS}):
        raise ValueError(f"no row or group {', '.join(unknown)}")
    return [row for row in ROWS if row.name in words or row.group in words]
