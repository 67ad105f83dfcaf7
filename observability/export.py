"""Traces to an OTLP endpoint, from a thread of its own: telemetry's loop never waits for a collector.

OpenTelemetry is imported here, on the first start only: a member without an endpoint does not carry it. Headers, TLS,
compression and timeouts come from the environment, as OpenTelemetry names them (OTEL_EXPORTER_OTLP_HEADERS, …).
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from observability.timeline import Timeline, Write

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

    from observability.traces import Traces

QUEUE_STORIES_MAX = 1024
BATCH_STORIES_MAX = 32  # of a message: some 1,000 spans
GATHER_S = 0.2  # so long a first trace waits for others
COMPLAINT_INTERVAL_S = 60.0

PROTOCOLS = ("grpc", "http/protobuf")


class Rider(NamedTuple):
    """A write of the same batch as the one whose story is told: a trace of its own with a root and no more."""

    write: Write
    reason: str


class _Told(NamedTuple):
    timeline: Timeline
    reason: str
    riders: Sequence[Rider]


@dataclass
class ExportCounts:
    """Since the start. *dropped*: traces that found the queue full; *failed*: the endpoint did not take them."""

    exported: int = 0
    exported_spans: int = 0
    failed: int = 0
    failed_spans: int = 0
    dropped: int = 0


class Export:
    """*protocol*: one of PROTOCOLS.

    *complain*: called with a reason and how many traces were lost for it, once a minute at most, by the thread.
    """

    def __init__(
        self, *, endpoint: str, protocol: str, ensemble: str, version: str, complain: Callable[[str, int], None],
    ) -> None:
        self.endpoint = endpoint
        self.protocol = protocol
        self.ensemble = ensemble
        self.version = version
        self.counts = ExportCounts()
        self._complain = complain
        self._complained_s = -COMPLAINT_INTERVAL_S
        self._lost = 0
        self._waiting: deque[_Told] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, timeline: Timeline, reason: str, riders: Sequence[Rider] = ()) -> None:
        """Never waits: where the queue is full the traces are dropped and counted."""
        with self._changed:
            if len(self._waiting) >= QUEUE_STORIES_MAX:
                self.counts.dropped += 1 + len(riders)
                return
            self._waiting.append(_Told(timeline, reason, riders))
            self._changed.notify()

    def stop(self, seconds: float) -> None:
        """What waits is sent, if the endpoint takes it in so long."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(seconds)

    # --- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        from observability.traces import Traces

        traces = Traces(ensemble=self.ensemble, version=self.version)
        heard = _LastWords()
        exporter = _exporter(self.endpoint, self.protocol, heard)
        while batch := self._gather():
            self._send(exporter, heard, traces, batch)
        exporter.shutdown()

    def _gather(self) -> list[_Told]:
        """What has come within a moment of the first; empty: stopping, and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            self._changed.wait_for(lambda: len(self._waiting) >= BATCH_STORIES_MAX or self._stopping, GATHER_S)
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_STORIES_MAX))]

    def _send(
        self, exporter: "SpanExporter", heard: "_LastWords", traces: "Traces", batch: list[_Told],
    ) -> None:
        spans: Sequence[ReadableSpan] = [span for told in batch for span in traces.spans_of(*told)]
        count = len(batch) + sum(len(told.riders) for told in batch)
        if exporter.export(spans).value == 0:  # SpanExportResult.SUCCESS
            self.counts.exported += count
            self.counts.exported_spans += len(spans)
            return
        self.counts.failed += count
        self.counts.failed_spans += len(spans)
        self._lost += count
        now_s = time.monotonic()
        if now_s - self._complained_s >= COMPLAINT_INTERVAL_S:
            self._complain(heard.text or "the endpoint did not take them", self._lost)
            self._complained_s = now_s
            self._lost = 0


class _LastWords(logging.Handler):
    """OpenTelemetry's exporters give their reasons to the log only, and often: the last is kept, none printed.

    What they gave up for is an error; why they had tried again before, which is the reason, a warning.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._tried = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.ERROR:
            self._tried = record.getMessage()
        else:
            self.text = " ".join(filter(None, (record.getMessage(), self._tried)))
            self._tried = ""


def _exporter(endpoint: str, protocol: str, heard: _LastWords) -> "SpanExporter":
    logger = logging.getLogger("opentelemetry")
    logger.addHandler(heard)
    logger.propagate = False
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
            OTLPSpanExporter as GrpcExporter,
        )
        return GrpcExporter(endpoint)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
        OTLPSpanExporter as HttpExporter,
    )
    return HttpExporter(http_endpoint(endpoint))


def http_endpoint(endpoint: str) -> str:
    """As OTEL_EXPORTER_OTLP_ENDPOINT: a base, which the path of traces is added to, unless there is a path."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"
