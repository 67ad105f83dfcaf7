"""An OTLP endpoint that takes everything and keeps nothing, in a process of its own: what it costs is not counted.

    with sink() as endpoint: ...
"""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc  # type: ignore[import-untyped]  # has no types of its own

from bench.load import BenchError

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
ALL_TAKEN = b""  # a response without fields


@contextmanager
def sink() -> Iterator[str]:
    """Raises BenchError: it does not start."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.otlp_sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise BenchError("the OTLP endpoint does not start")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()


def main() -> None:
    """Until its standard input ends."""
    discard = grpc.unary_unary_rpc_method_handler(lambda _request, _context: ALL_TAKEN)
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[grpc.method_handlers_generic_handler(SERVICE, {"Export": discard})])
        print(server.add_insecure_port("127.0.0.1:0"), flush=True)
        server.start()
        sys.stdin.read()
        server.stop(None).wait()


if __name__ == "__main__":
    main()
