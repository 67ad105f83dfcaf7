"""HTTP for operators: a table of routes, served by threads that may wait for the process's loop.

Who serves something makes a Route for it, and telemetry's shell (node/processes/telemetry.py) puts it into the table.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """*query*: the last value of each name. *accept*: the header of that name."""

    query: Mapping[str, str]
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    body: bytes
    content_type: str = TEXT
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()  # further ones


Route = Callable[[Request], Response]  # called in a thread of its own


class AdminServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str, port: int, routes: Mapping[str, Route]) -> None:
        """*routes*: by path, such as /metrics. Raises OSError: in use, or not an address of this host."""
        infos = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = infos[0][0]
        self.routes = routes
        super().__init__((str(infos[0][4][0]), port), AdminHandler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, name="http", daemon=True).start()


class AdminHandler(BaseHTTPRequestHandler):
    server: AdminServer
    timeout = 10  # a peer that sends nothing does not hold a thread for ever

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        route = self.server.routes.get(target.path)
        if route is None:
            self._answer(Response(f"{' '.join(sorted(self.server.routes))} are here\n".encode(), status=404))
            return
        self._answer(route(Request(dict(parse_qsl(target.query)), self.headers.get("Accept", ""))))

    def _answer(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Scrapes are not events."""


def metrics_route(registry: CollectorRegistry) -> Route:
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.accept)
        return Response(encode(registry), content_type)

    return metrics


def healthz(_: Request) -> Response:
    """The telemetry process itself lives."""
    return Response(b"ok\n")
