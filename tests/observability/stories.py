"""A Timeline made by hand: a setData of a client of member 2, led by member 1; member 3's disk is slow."""

from typing import Any

from observability.timeline import Clock, Stage, Timeline, Verdict, Write
from transport.zxid import make_zxid

ZXID = make_zxid(epoch=5, counter=77)
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
SHARED = {"shared_by": 4, "first_zxid": ZXID - 1, "last_zxid": ZXID + 2}


def write(**changes: Any) -> Write:
    fields: dict[str, Any] = {
        "zxid": ZXID, "session": 0x0200000000000123, "xid": 9, "op": "setData", "path": "/a/b", "bytes": 41,
        "error": 0, "known": True} | changes
    return Write(**fields)


def stage(
    name: str, member: int, process: str, start_ms: float, ms: float, parent: int, **values: Any,
) -> Stage:
    return Stage(name, member, process, START_NS + int(start_ms * MS), int(ms * MS), parent, values)


def timeline(**changes: Any) -> Timeline:
    """*changes*: of the Write."""
    stages = [
        stage("request", 2, "processor-0", 0, 5, -1),
        stage("forward", 2, "processor-0", 0, 0.5, 0, collect_s=0.0002, times_sent=1, uncertainty_s=0.0001),
        stage("propose", 1, "broadcast", 0.5, 0.3, 0, queue_s=0.0001, record_requests=4, record_bytes=300, **SHARED),
        stage("commit", 1, "broadcast", 0.8, 3, 0, completed_by=2, **SHARED),
        stage("append", 1, "broadcast", 0.8, 1, 3, needed=True, **SHARED),
        stage("fsync", 1, "broadcast", 0.9, 0.8, 4, **SHARED),
        stage("append", 2, "broadcast", 1.0, 1.5, 3, needed=True, **SHARED),
        stage("fsync", 2, "broadcast", 1.1, 1.2, 6, **SHARED),
        stage("append", 3, "broadcast", 1.0, 52, 3, needed=False, **SHARED),
        stage("fsync", 3, "broadcast", 1.1, 50, 8, **SHARED),
        stage("ack", 1, "broadcast", 0.9, 2.5, 3, follower=2, network_s=0.0005, residence_s=0.002, **SHARED),
        stage("ack", 1, "broadcast", 0.9, 53, 3, follower=3, network_s=0.0005, residence_s=0.0525, **SHARED),
        *(stage("apply", member, "processor-0", 4, 0.4, 0, wait_s=0.0003, execute_s=0.0001, **SHARED)
          for member in (1, 2, 3)),
        stage("reply", 2, "processor-0", 4.4, 0.6, 0, shared_by=2, first_zxid=ZXID, last_zxid=ZXID + 1),
        stage("notify", 3, "processor-0", 54, 0, 0, watchers=3),
    ]
    verdict = Verdict(3, "fsync", 0.05, False, "member 3 was slowest: fsync took 50.0 ms; the client did not wait")
    return Timeline(
        write=write(**changes), origin=2, processor=0, leader=1, completed_by=2, total_ns=5 * MS, stages=stages,
        clocks=[Clock(1, 1500, 40_000), Clock(3, -2000, 60_000)], missing=[], verdict=verdict)
