"""Timelines as OpenTelemetry's spans, with the times that were measured.

This is the one file that knows the SDK's types; it is imported by the exporter's thread only, where an endpoint is
configured. One Resource per member and process: a trace view shows who did what.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from observability.export import Rider
from observability.spans import SPAN_OF, measured_once, place_of, span_id_of, trace_of
from observability.timeline import Stage, Timeline, Write
from transport.errors import Err
from transport.zxid import counter_of, epoch_of

SHARED_MAX = 10_000  # measurements that several writes share, remembered to link them
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
KINDS = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL, "producer": SpanKind.PRODUCER}
Attributes = dict[str, str | bool | int | float]


class _Process(Resource):
    """Hashed once: exporters look up the resource of every span by it, and OpenTelemetry's own writes JSON for that."""

    def __init__(self, attributes: Attributes) -> None:
        super().__init__(attributes)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash


class Traces:
    """*ensemble*, *version*: of the resources. Remembers which span first showed what several writes share."""

    def __init__(self, *, ensemble: str, version: str) -> None:
        self.ensemble = ensemble
        self.version = version
        self._scope = InstrumentationScope("corral", version)
        self._resources: dict[tuple[int, str], Resource] = {}
        self._shown: OrderedDict[tuple[Any, ...], SpanContext] = OrderedDict()

    def spans_of(self, timeline: Timeline, reason: str, riders: Sequence[Rider] = ()) -> list[ReadableSpan]:
        """One trace, and one of each rider. *reason*: why it was kept (sampling.py)."""
        contexts = self._contexts(timeline)
        links = [Link(contexts[0], {"corral.link": "its stages: measured once, for the whole batch"})]
        return self._stages(timeline, reason, contexts) + [self._rider(timeline, each, links) for each in riders]

    def _stages(self, timeline: Timeline, reason: str, contexts: list[SpanContext]) -> list[ReadableSpan]:
        return [
            ReadableSpan(
                name=timeline.write.op or "write" if stage.parent < 0 else stage.name,
                context=contexts[index],
                parent=contexts[stage.parent] if stage.parent >= 0 else _client_context(timeline.write),
                resource=self._resource(stage.member, stage.process),
                attributes=_attributes(timeline, stage, reason),
                events=_events(timeline, stage),
                links=self._links(stage, contexts, index),
                kind=KINDS[SPAN_OF[stage.name].kind],
                status=_status(timeline.write) if stage.parent < 0 else Status(),
                start_time=stage.start_ns,
                end_time=stage.start_ns + stage.duration_ns,
                instrumentation_scope=self._scope,
            )
            for index, stage in enumerate(timeline.stages)
        ]

    def _rider(self, timeline: Timeline, rider: Rider, links: list[Link]) -> ReadableSpan:
        """Its root: what was asked and answered is its own; when, its batch's."""
        stage, write = timeline.stages[0], rider.write
        span_id = span_id_of(self.ensemble, write.zxid, stage, 0)
        return ReadableSpan(
            name=write.op or "write",
            context=SpanContext(trace_of(self.ensemble, write), span_id, is_remote=False, trace_flags=SAMPLED),
            parent=_client_context(write),
            resource=self._resource(stage.member, stage.process),
            attributes=_own_values(stage.values) | _of_write(write) | {
                "corral.sampled_because": rider.reason, "corral.origin": timeline.origin,
                "corral.leader": timeline.leader, "corral.stages_of": f"{timeline.write.zxid:#x}"},
            links=links,
            kind=KINDS[SPAN_OF[stage.name].kind],
            status=_status(write),
            start_time=stage.start_ns,
            end_time=stage.start_ns + stage.duration_ns,
            instrumentation_scope=self._scope,
        )

    def _contexts(self, timeline: Timeline) -> list[SpanContext]:
        write = timeline.write
        trace_id = trace_of(self.ensemble, write)
        seen: Counter[tuple[Any, ...]] = Counter()
        contexts = []
        for stage in timeline.stages:
            place = place_of(stage)
            span_id = span_id_of(self.ensemble, write.zxid, stage, seen[place])
            seen[place] += 1
            contexts.append(SpanContext(trace_id, span_id, is_remote=False, trace_flags=SAMPLED))
        return contexts

    def _resource(self, member: int, process: str) -> Resource:
        resource = self._resources.get((member, process))
        if resource is None:
            resource = self._resources[member, process] = _Process({
                "service.name": f"corral-{process.rstrip('0123456789').rstrip('-')}",
                "service.namespace": self.ensemble,
                "service.instance.id": f"{self.ensemble}/member-{member}/{process}",
                "service.version": self.version,
                "corral.member": member,
                "corral.process": process,
            })
        return resource

    def _links(self, stage: Stage, contexts: list[SpanContext], index: int) -> list[Link]:
        """To the span that showed the same measurement for another write; of a notification, to its cause."""
        links = []
        key = measured_once(stage)
        if key is not None:
            first = self._shown.setdefault(key, contexts[index])
            if len(self._shown) > SHARED_MAX:
                self._shown.popitem(last=False)
            if first != contexts[index]:
                links.append(Link(first, {"corral.link": "measured once, for both"}))
        if stage.name == "notify" and stage.parent >= 0:
            links.append(Link(contexts[stage.parent], {"corral.link": "the change that the watchers were told of"}))
        return links


def _client_context(write: Write) -> SpanContext | None:
    if not write.parent_id:
        return None
    flags = SAMPLED if write.client_sampled else TraceFlags(TraceFlags.DEFAULT)
    return SpanContext(int(write.trace_id, 16), int(write.parent_id, 16), is_remote=True, trace_flags=flags)


def _attributes(timeline: Timeline, stage: Stage, reason: str) -> Attributes:
    attributes = _own_values(stage.values)
    if stage.parent < 0:
        attributes |= _of_write(timeline.write) | _of_whole(timeline, reason)
    if stage.member != timeline.origin:
        for clock in timeline.clocks:
            if clock.member == stage.member:
                attributes["corral.clock.offset_s"] = clock.offset_ns / 1e9
                attributes["corral.clock.uncertainty_s"] = clock.uncertainty_ns / 1e9
    return attributes


def _own_values(values: Mapping[str, Any]) -> Attributes:
    """A zxid in hex: backends keep numbers as JSON does, and lose digits beyond 2^53."""
    return {
        f"corral.{name}": f"{value:#x}" if name.endswith("_zxid") else value
        for name, value in values.items() if value is not None
    }


def _of_write(write: Write) -> Attributes:
    attributes: Attributes = {
        "corral.zxid": f"{write.zxid:#x}",
        "corral.zxid.epoch": epoch_of(write.zxid),
        "corral.zxid.counter": counter_of(write.zxid),
        "corral.log.known": write.known,
    }
    if write.known:
        attributes |= {
            "corral.op": write.op, "corral.session": f"{write.session & (1 << 64) - 1:#x}", "corral.xid": write.xid,
            "corral.path": write.path, "corral.bytes": write.bytes,
        }
    if write.error:
        attributes["error.type"] = _error_name(write.error)
    return attributes


def _of_whole(timeline: Timeline, reason: str) -> Attributes:
    attributes: Attributes = {
        "corral.sampled_because": reason, "corral.origin": timeline.origin, "corral.leader": timeline.leader}
    if timeline.missing:
        attributes["corral.members_missing"] = ",".join(map(str, timeline.missing))
    verdict = timeline.verdict
    if verdict is not None:
        attributes |= {
            "corral.slowest.member": verdict.member, "corral.slowest.stage": verdict.stage,
            "corral.slowest.seconds": verdict.seconds, "corral.slowest.delayed": verdict.delayed,
            "corral.verdict": verdict.sentence,
        }
    return attributes


def _error_name(code: int) -> str:
    return Err(code).name if code in Err._value2member_map_ else str(code)


def _status(write: Write) -> Status:
    """A refused request (no node, bad version, …) is an answer; only what Corral failed at is an error."""
    if write.error is not None and Err.API_ERROR < write.error < 0:
        return Status(StatusCode.ERROR, _error_name(write.error))
    return Status()


def _events(timeline: Timeline, stage: Stage) -> list[Event]:
    member = stage.values.get("completed_by", 0)
    if stage.name != "commit" or not member:
        return []
    return [Event("quorum", {"corral.completed_by": member}, stage.start_ns + stage.duration_ns)]
