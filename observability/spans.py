"""The table of spans: every stage that a Timeline (timeline.py) may name, and every value that a stage may carry.

`Stage.name` is a name of SPANS, and the keys of `Stage.values` are names of VALUES: a test holds the assembly to it.
As an attribute of an OTLP span a value is called "corral." and its name. Ids of traces and spans are computed from
what they stand for, so that every member gives the same write the same ids, and a trace sent twice is one trace.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

from observability.timeline import Stage, Write


@dataclass(frozen=True)
class Span:
    """*parent*: the name of the stage it stands in; empty: the client's span, or none. *meaning*: from, to, by whom."""

    name: str
    kind: Literal["server", "internal", "producer"]
    parent: str
    meaning: str


SPANS: tuple[Span, ...] = (
    Span("request", "server", "", "the origin's processor: the batch's first request was read, to the answers written"),
    Span("forward", "internal", "request", "from there until the leader's broadcast had the batch"),
    Span("election", "internal", "forward", "nobody led: from the batch's first request to the new epoch"),
    Span("propose", "internal", "request", "the leader's broadcast: the batch came, to the record that it joined"),
    Span("commit", "internal", "request", "the leader's broadcast: the record was stamped, to a quorum that has it"),
    Span("append", "internal", "commit", "one member's broadcast: it had the record, to the record on its disk"),
    Span("fsync", "internal", "append", "one member's broadcast: the fdatasync alone"),
    Span("ack", "internal", "commit", "the leader's broadcast: sent to one follower, to that follower's ack"),
    Span("apply", "internal", "request", "one member's processor: the watermark that shows it, to its execution"),
    Span("reply", "internal", "request", "the origin's processor: executed, to the answers written"),
    Span("notify", "producer", "request", "one member's processor told the watchers of what the write changed"),
)

SPAN_OF = {span.name: span for span in SPANS}


@dataclass(frozen=True)
class Value:
    """*shared*: it says how many requests share what the stage measured."""

    name: str
    meaning: str


VALUES: tuple[Value, ...] = (
    Value("collect_s", "the batch was being collected for so long before it left the processor"),
    Value("times_sent", "how often the batch was sent: more than once means a lost link or leader"),
    Value("uncertainty_s", "the duration spans two machines' clocks; true within ± so much"),
    Value("queue_s", "it waited for so long at most while the process was busy with other things"),
    Value("batch_requests", "requests of the batch"),
    Value("record_requests", "requests of the record that the batch joined"),
    Value("record_bytes", "bytes of that record"),
    Value("shared_by", "so many requests share what was measured here: it is not this write's alone"),
    Value("first_zxid", "the first zxid that shares it"),
    Value("last_zxid", "the last zxid that shares it: with process and name, it is what was measured once"),
    Value("completed_by", "the member whose copy completed the quorum"),
    Value("leader_s", "the leader had counted a quorum only after so long: the client's own member knew before it"),
    Value("needed", "whether the quorum needed this one, or had been complete without it"),
    Value("follower", "whose ack"),
    Value("network_s", "both ways together: the whole less what the follower says it kept it"),
    Value("residence_s", "from receiving to sending the ack, by the follower's clock"),
    Value("follower_queue_s", "the part of queue_s that is the follower's"),
    Value("held_s", "the follower had it on its disk, and kept the ack back for so long"),
    Value("learned_s", "a quorum had it and this member's disk too, but its processes were not told yet"),
    Value("wait_s", "from the watermark to the beginning of the execution"),
    Value("unattended", "the processor had no clients: such a one is told of writes at intervals, it is meant to wait"),
    Value("execute_s", "the execution of the record"),
    Value("watchers", "how many were told"),
    Value("epoch", "the epoch that began"),
    Value("leader", "who leads it"),
    Value("stalled_s", "the process did not run for so long meanwhile"),
    Value("stalled_member", "whose process that was, where the stage is one of two"),
    Value("stalled_process", "and which"),
)

VALUE_NAMES = frozenset(value.name for value in VALUES)


def trace_id_of(ensemble: str, zxid: int) -> int:
    """Of a write whose client sent no context: 128 bits, never 0."""
    return int.from_bytes(blake2b(f"{ensemble}/{zxid}".encode(), digest_size=16).digest(), "big") or 1


def trace_of(ensemble: str, write: Write) -> int:
    """The client's, or the write's own."""
    return int(write.trace_id, 16) if write.trace_id else trace_id_of(ensemble, write.zxid)


def span_id_of(ensemble: str, zxid: int, stage: Stage, ordinal: int) -> int:
    """64 bits, never 0. *ordinal*: among the stages with the same `place_of`."""
    text = f"{ensemble}/{zxid}/{place_of(stage)}/{ordinal}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") or 1


def place_of(stage: Stage) -> tuple[str, int, str, int]:
    """What, and where."""
    return stage.name, stage.member, stage.process, stage.values.get("follower", 0)


def measured_once(stage: Stage) -> tuple[Any, ...] | None:
    """What names the thing measured, alike in the timelines of all that share it; None: it is the write's own."""
    if stage.values.get("shared_by", 1) <= 1 or "last_zxid" not in stage.values:
        return None
    return *place_of(stage), stage.values["last_zxid"]
