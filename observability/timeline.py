"""The story of one write: what every member did for it, when, and who was slowest.

Put together by telemetry of one member from its own notes (transport/timings.py) and those that it asked the other
members for. Spans (observability/spans.py), `corral trace`, `/explain` and the page of the admin HTTP show this, and
nothing else. As JSON the keys are the names below.
"""

from typing import Any

import msgspec


class Write(msgspec.Struct, frozen=True):
    """What the log says of it. *path* and the rest are empty where the log is purged: *known* is False then.

    *error*: 0, or ZooKeeper's negative code; None where the processor's note is lost. *trace_id*, *parent_id*: hex, as
    the client sent them by an auth packet of scheme traceparent, or empty; *client_sampled*: its sampled flag.
    """

    zxid: int
    session: int
    xid: int
    op: str
    path: str
    bytes: int
    error: int | None
    known: bool
    trace_id: str = ""
    parent_id: str = ""
    client_sampled: bool = False


class Stage(msgspec.Struct, frozen=True):
    """One stage on one member. *name*: a key of observability/spans.py.

    *start_ns*: Unix time by the origin's clock, moved there by the Clock of its member. *duration_ns* is measured in
    one process, or between two of one machine by its one clock; where it spans two members (forward), *values* has
    "uncertainty_s". *parent*: index in Timeline.stages, −1 for the root. *values*: attributes of the span.
    """

    name: str
    member: int
    process: str
    start_ns: int
    duration_ns: int
    parent: int
    values: dict[str, Any]


class Clock(msgspec.Struct, frozen=True):
    """*offset_ns*: what was added to this member's wall clock to get the origin's; true within ± *uncertainty_ns*."""

    member: int
    offset_ns: int
    uncertainty_ns: int


class Verdict(msgspec.Struct, frozen=True):
    """The slowest member and stage. *delayed*: whether the client waited for it (a slow minority delays nobody)."""

    member: int
    stage: str
    seconds: float
    delayed: bool
    sentence: str


class Timeline(msgspec.Struct, frozen=True):
    """*origin*: the member whose processor answered the client. *missing*: members without an answer or notes.

    *total_ns*: from reading the request to writing the reply, as the origin measured it; None while unknown.
    """

    write: Write
    origin: int
    processor: int
    leader: int
    completed_by: int
    total_ns: int | None
    stages: list[Stage]
    clocks: list[Clock]
    missing: list[int]
    verdict: Verdict | None
