"""OTLP receivers for tests, of OpenTelemetry's own protocol files: over HTTP and over gRPC, on free ports."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class Span:
    """As it came over the wire; ids in hex, *parent_id* empty for none."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: list[tuple[str, int, dict[str, Any]]]
    links: list[tuple[str, str]]

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9


@dataclass
class Received:
    """*fails*: answer with an error from now on. *headers*: of the last message."""

    endpoint: str = ""
    protocol: str = ""
    fails: bool = False
    messages: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    _spans: list[Span] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: ExportTraceServiceRequest, headers: dict[str, str]) -> None:
        with self._lock:
            self.messages += 1
            self.headers = headers
            self._spans += spans_of(request)

    @property
    def spans(self) -> list[Span]:
        with self._lock:
            return list(self._spans)

    @property
    def traces(self) -> dict[str, list[Span]]:
        """By trace id. A span that came twice counts once."""
        traces: dict[str, dict[str, Span]] = {}
        for span in self.spans:
            traces.setdefault(span.trace_id, {})[span.span_id] = span
        return {trace_id: list(spans.values()) for trace_id, spans in traces.items()}

    def of_path(self, path: str) -> list[list[Span]]:
        """The traces of writes of this path, each with its root first."""
        found = []
        for spans in self.traces.values():
            ids = {span.span_id for span in spans}
            roots = [span for span in spans if span.parent_id not in ids]
            if any(root.attributes.get("corral.path") == path for root in roots):
                found.append(roots + [span for span in spans if span not in roots])
        return found


def spans_of(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        Span(
            name=span.name, trace_id=span.trace_id.hex(), span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(), kind=span.kind, start_ns=span.start_time_unix_nano,
            end_ns=span.end_time_unix_nano, status=span.status.code, attributes=values(span.attributes),
            resource=values(group.resource.attributes),
            events=[(event.name, event.time_unix_nano, values(event.attributes)) for event in span.events],
            links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links])
        for group in request.resource_spans for scope in group.scope_spans for span in scope.spans
    ]


def values(attributes: Sequence[KeyValue]) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in attributes}


@contextlib.contextmanager
def http_receiver() -> Iterator[Received]:
    received = Received(protocol="http/protobuf")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/v1/traces" or received.fails:
                self.answer(400)
                return
            received.take(ExportTraceServiceRequest.FromString(body),
                          {name.lower(): value for name, value in self.headers.items()})
            self.answer(200)

        def answer(self, status: int) -> None:
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    received.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def grpc_receiver() -> Iterator[Received]:
    received = Received(protocol="grpc")

    class Servicer(TraceServiceServicer):
        def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802
            if received.fails:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no more")
            received.take(request, dict(context.invocation_metadata()))
            return ExportTraceServiceResponse()

    pool = ThreadPoolExecutor(4)
    server = grpc.server(pool)
    add_TraceServiceServicer_to_server(Servicer(), server)
    received.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()
        pool.shutdown()


RECEIVERS = {"http/protobuf": http_receiver, "grpc": grpc_receiver}
