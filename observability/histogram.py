"""Histograms of the hot processes, and the figures by which telemetry gets them.

A histogram is a figure of a Sample (transport/messages.py) like any other, with a dictionary as its value:
{"first": exponent of the lowest bound, "buckets": counts, "sum": of all values}. The counts are not cumulative; the
last is of what is above every bound. `bounds` gives the bounds. Units: nanoseconds, or plain numbers.

    of the leader's broadcast
    stage_queue         ns, weighted by requests: a batch was taken → its record was proposed
    stage_commit        ns, weighted by requests: proposed → a quorum has it
    ack                 ns, {member: histogram}: a record was sent → that follower's ack of it came
    batch_requests      requests in a record
    of every broadcast
    stage_append        ns, weighted by requests: proposed, or received by a follower → durable here
    stage_publish       ns, weighted by requests: known to be committed → told to the member's processes, which
                        includes waiting for the own disk
    fsync               ns: each fdatasync of the log
    record_bytes        bytes of a record, as appended
    of a processor
    stage_collect       ns, weighted by requests: a batch's first request was read → the batch was sent to the leader
    stage_order         ns, weighted by requests: an own batch was sent → it is executed here
    stage_apply_wait    ns, weighted by requests: the watermark was sent → execution of a record begins
    stage_apply         ns, weighted by requests: execution of a record
    stage_reply         ns, weighted by requests: an own batch is executed → its answers are written
    request_write       ns, weighted by requests: an own batch's first request was read → its answers are written
    request_read        ns, weighted by reads: from its bytes to its output
    read_stage_park     ns, of reads behind a write of their session that was under way: read → that write is answered
    read_stage_answer   ns, weighted by reads: the turn that answered them, from its first bytes to its output
    plain counters of all of them
    stalls, stall_ns    how often the loop did not run for STALL_NS when it should have, and for how long in sum
    notes, notes_bytes, notes_messages, notes_dropped
                        notes written, bytes and messages of them sent, messages of them lost
"""

from bisect import bisect_left
from typing import Any

FIRST_NS = 10  # 1.024 µs
LAST_NS = 36  # 68.7 s
FIRST_COUNT = 0
LAST_COUNT = 26


def bounds(first: int, counts: int) -> list[float]:
    """The upper bounds of *counts* buckets but for the last, which has none: 2^first, 1.5·2^first, 2^(first+1), …"""
    return [2.0 ** (first + at // 2) * (1.5 if at % 2 else 1.0) for at in range(counts - 1)]


class Histogram:
    """*counts*, not cumulative: a value is in the first bucket whose bound is not below it."""

    __slots__ = ("_bounds", "counts", "first", "sum")

    def __init__(self, first: int = FIRST_NS, last: int = LAST_NS) -> None:
        """The bounds are from 2^first to 2^last."""
        self.first = first
        self.counts = [0] * (2 * (last - first) + 2)
        # Whole numbers where they can be: comparing those takes half the time.
        self._bounds = [int(bound) if bound.is_integer() else bound for bound in bounds(first, len(self.counts))]
        self.sum = 0

    def observe(self, value: int, n: int = 1) -> None:
        """*n* times the same."""
        self.sum += value * n
        self.counts[bisect_left(self._bounds, value)] += n

    def figure(self) -> dict[str, Any]:
        """As a Sample has it."""
        return {"first": self.first, "buckets": self.counts, "sum": self.sum}


def count_histogram() -> Histogram:
    """Of plain numbers: requests, bytes."""
    return Histogram(FIRST_COUNT, LAST_COUNT)
