"""Traces, and what telemetry itself takes in and loses."""

from observability.metric import Metric

_TELEMETRY = ("telemetry",)
_SENDERS = ("broadcast", "processor", "election", "snapshotter")

TRACING: tuple[Metric, ...] = (
    Metric("corral_telemetry_dropped_total", "counter", "Messages to telemetry that a process could not send.",
           "telemetry_dropped", _SENDERS, "Telemetry is dead, stopped or starved of CPU; clients notice nothing. "
           "Traces and /explain have gaps."),
    Metric("corral_telemetry_messages_total", "counter", "Messages that telemetry took in, by kind.",
           "telemetry_messages", _SENDERS, "About ten a second per busy process.", labels=("kind",)),
    Metric("corral_telemetry_received_bytes_total", "counter", "Their bytes.", "telemetry_bytes", _SENDERS,
           "The cost of seeing every write."),
    Metric("corral_notes_total", "counter", "Notes of what happened when (transport/timings.py) that a process wrote.",
           "notes", _SENDERS, "Some per record and batch, none per request."),
    Metric("corral_notes_sent_total", "counter", "Messages of notes sent to telemetry.", "notes_messages", _SENDERS,
           "At most ten a second."),
    Metric("corral_notes_sent_bytes_total", "counter", "Bytes of them.", "notes_bytes", _SENDERS, "As above."),
    Metric("corral_notes_dropped_total", "counter", "Messages of notes that a process could not send.",
           "notes_dropped", _SENDERS, "As corral_telemetry_dropped_total: traces and /explain have gaps."),
    Metric("corral_relays_total", "counter", "Questions and answers between members' telemetry passed on.", "relays",
           ("broadcast",), "Some per trace."),
    Metric("corral_relays_dropped_total", "counter", "Those not passed on, for there were too many.",
           "relays_dropped", ("broadcast",), "More than a hundred a second: traces lack other members' parts."),
    Metric("corral_traceparents_malformed_total", "counter", "Auth packets of scheme traceparent that say no context.",
           "traceparents_malformed", ("processor",), "Ignored; the client's tracing is at fault."),
    Metric("corral_ring_writes", "gauge", "Writes that /explain can tell of.", "ring_writes", _TELEMETRY,
           "Up to corral.traceRing."),
    Metric("corral_traces_total", "counter", "Writes chosen to become a trace, by reason.", "traces", _TELEMETRY,
           "slow and election past the budget; client: its own context said so; sampled: within the budget.",
           labels=("reason",)),
    Metric("corral_traces_dropped_total", "counter", "Writes that did not become a trace, by reason.",
           "traces_dropped", _TELEMETRY, "budget, ratio: as configured (corral.traceBudget, corral.traceRatio); "
           "others: telemetry could not keep up.", labels=("reason",)),
    Metric("corral_spans_exported_total", "counter", "Spans that the collector took.", "spans_exported", _TELEMETRY,
           "0 without corral.otlpEndpoint."),
    Metric("corral_span_export_failures_total", "counter", "Spans that the collector did not take.",
           "span_export_failures", _TELEMETRY, "Look at corral.otlpEndpoint and the collector; telemetry's log names "
           "the reason once a minute."),
    Metric("corral_peer_questions_total", "counter", "Questions to other members' telemetry, by outcome.",
           "peer_questions", _TELEMETRY, "missing: no answer in time; unreachable: not even asked; "
           "malformed: dropped. Traces then lack that member's part.",
           labels=("outcome",)),
)
