#!/usr/bin/env python3
"""An unmodified kazoo client whose writes appear inside its own traces.

    python examples/traced_kazoo.py 127.0.0.1:2181 http://127.0.0.1:4318

The second argument is an OTLP collector over HTTP; Corral sends its spans to the same one (corral.otlpEndpoint).
Needs kazoo, opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http. Prints the id of the trace.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kazoo.client import KazooClient
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


@contextmanager
def traced(client: KazooClient) -> Iterator[None]:
    """The writes of *client* in this block are children of the current span.

    The context is the connection's: one block at a time per client. It costs one small packet at each end, and waits
    for no answer. On a new connection kazoo says again what it was told; what is over is taken from its memory.
    """
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    told = ("traceparent", carrier.get("traceparent", ""))
    client.add_auth_async(*told)
    try:
        yield
    finally:
        client.add_auth_async("traceparent", "")
        client.auth_data -= {told, ("traceparent", "")}


def main(hosts: str, collector: str) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "orders"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector}/v1/traces")))
    tracer = provider.get_tracer("traced_kazoo")
    client = KazooClient(hosts)
    client.start()
    try:
        client.ensure_path("/orders")
        with tracer.start_as_current_span("place order") as span, traced(client):
            path = client.create("/orders/order-", b"2 apples", sequence=True)
            client.set(path, b"3 apples")
        client.set(path, b"delivered")  # outside: a trace of its own, or none
        print(trace.format_trace_id(span.get_span_context().trace_id))
    finally:
        client.stop()
        client.close()
        provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
