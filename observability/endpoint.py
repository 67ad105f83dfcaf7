"""HTTP for operators: a table of routes, served by threads that may wait for the process's loop.

Who serves something makes a Route for it, and telemetry's shell (node/processes/telemetry.py) puts it into the table.
"""

import errno
import io
import ipaddress
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from observability.https import Caller, Https, PlainRefusedError, caller_of, say_goodbye

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
HANDLERS_MAX = 64  # requests at once: each holds a thread and a descriptor
READ_S = 10.0  # for all of a request, from when it was accepted
WRITE_S = 30.0  # for all of an answer
FILE_S = 600.0  # for a file
PIECE_BYTES = 1 << 18
BODY_MAX = 2 << 20  # bytes of a POST
REST_S = 0.2  # between attempts to accept where there is no descriptor for one
# Scrapes and probes come by whatever name, and there are only figures.
ANY_HOST = frozenset(("/metrics", "/healthz", "/livez", "/readyz"))
_NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


@dataclass(frozen=True, slots=True)
class Request:
    """*query*: the last value of each name. *headers*: by name in lower case, the last of each. *body*: of a POST.

    *upload*, *length*: of a POST to a route of uploads: what follows, up to its end, and how much that is.
    """

    query: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: Caller = field(default=Caller())
    upload: BinaryIO | None = None
    length: int = 0

    @property
    def accept(self) -> str:
        return self.headers.get("accept", "")


@dataclass(frozen=True, slots=True)
class Response:
    """*file*: sent in place of *body*, up to its end, and closed."""

    body: bytes
    content_type: str = TEXT
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()  # further ones
    file: BinaryIO | None = None


Route = Callable[[Request], Response]  # called in a thread of its own
Complain = Callable[[str, BaseException | None], None]  # a reason, and what was raised; in any thread


def _tell_nobody(_reason: str, _error: BaseException | None) -> None:
    pass


class AdminServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, address: str, port: int, routes: Mapping[str, Route], *, posts: Mapping[str, Route] | None = None,
        uploads: Mapping[str, Route] | None = None, complain: Complain = _tell_nobody, hosts: Collection[str] = (),
        https: Https | None = None,
    ) -> None:
        """*routes*: by path, such as /metrics; *posts*: those that change something, by POST alone.

        *hosts*: names in Host that are answered besides this host's; *: any.

        *uploads*: of POST, too, of what is long. *https*: None: nobody speaks it. Raises OSError: in use, or
        no address of this host.
        """
        infos = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = infos[0][0]
        self.routes, self.posts, self.uploads = routes, posts or {}, uploads or {}
        self.https = https
        self.complain = complain
        self.handlers = 0
        own = socket.gethostname()
        self._hosts = frozenset(map(_plain, ("localhost", address, own, own.partition(".")[0], *hosts)))
        self._lock = threading.Lock()
        super().__init__((str(infos[0][4][0]), port), AdminHandler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, name="http", daemon=True).start()

    def serves(self, host: str) -> bool:
        """Whether *host*, as browsers write it, is one of ours. A page that gave its own name our address (DNS
        rebinding) would otherwise read paths and sessions in the browser of whoever looks at it."""
        name = _name_of(host)
        return name is not None and ("*" in self._hosts or name in self._hosts or _is_address(name))

    # As socketserver calls them ------------------------------------------------------------------

    def get_request(self) -> tuple[Any, Any]:
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in _NO_ROOM:
                self.complain(f"no connection can be accepted: {error.strerror}", None)
                _rest(REST_S)  # it would be tried again at once
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            has_room = self.handlers < HANDLERS_MAX
            self.handlers += has_room
        if not has_room:
            self.complain(f"more than {HANDLERS_MAX} requests at once", None)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._leave()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._leave()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Of what was raised just now. Who hangs up, or is too slow, is no event."""
        error = sys.exception()
        if isinstance(error, ssl.SSLError):
            self.complain(f"HTTPS with {client_address[0]}: {error.reason or error}", None)
        elif not isinstance(error, (ConnectionError, TimeoutError)):
            self.complain(f"a request of {client_address[0]}: {error!r}", error)

    def _leave(self) -> None:
        with self._lock:
            self.handlers -= 1


class AdminHandler(BaseHTTPRequestHandler):
    server: AdminServer
    timeout = WRITE_S

    def setup(self) -> None:
        self._is_refused = False
        if self.server.https is not None:
            try:
                self.request = self.server.https.secured(self.request, READ_S)
            except PlainRefusedError:
                self._is_refused = True
        super().setup()
        self.rfile.close()
        self._incoming = _Incoming(self.connection, READ_S)
        self.rfile = io.BufferedReader(self._incoming)

    def finish(self) -> None:
        super().finish()
        say_goodbye(self.connection)

    def do_GET(self) -> None:
        self._answer(self._response())

    def do_HEAD(self) -> None:
        self._answer(self._response())

    def do_POST(self) -> None:
        self._answer(self._response())

    def _response(self) -> Response:
        if self._is_refused:
            return problem(HTTPStatus.BAD_REQUEST, "this port speaks nothing but HTTPS (admin.forceHttps)")
        try:
            target = urlsplit(self.path)
            query = dict(parse_qsl(target.query))
        except ValueError as error:
            return problem(HTTPStatus.BAD_REQUEST, f"no request: {error}")
        for host in self.headers.get_all("Host", ()):
            if target.path not in ANY_HOST and not self.server.serves(host):
                return problem(
                    HTTPStatus.FORBIDDEN, f"{host!r} is not known as a name of this member",
                    cure="go by the address, or put the name into corral.adminHosts of zoo.cfg")
        route = self._route(target.path)
        if isinstance(route, Response):
            return route
        try:
            return route(self._request(target.path, query))
        except _RefusedError as error:
            self.close_connection = True  # what was not read stands before the next request
            return problem(error.status, str(error))
        except Exception as error:  # noqa: BLE001 - nobody can make telemetry end, or write what is no line of the log
            self.server.complain(f"{target.path}: {error!r}", error)
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this went wrong; the log of telemetry says how")

    def _route(self, path: str) -> Route | Response:
        """What answers, or that nothing does. What changes something is not taken from another site's page."""
        ours, others = self.server.routes, {**self.server.posts, **self.server.uploads}
        if self.command == "POST":
            ours, others = others, ours
            origin = self.headers.get("Origin")
            if origin is not None and urlsplit(origin).netloc != self.headers.get("Host"):
                return problem(HTTPStatus.FORBIDDEN, f"{origin} is another site than this")
        if (route := ours.get(path)) is not None:
            return route
        if path in others:
            allowed = "GET, HEAD" if self.command == "POST" else "POST"
            return Response(f"{allowed} only\n".encode(), status=HTTPStatus.METHOD_NOT_ALLOWED,
                            headers=(("Allow", allowed),))
        known = " ".join(sorted((*ours, *others)))
        return Response(f"{known} are here\n".encode(), status=HTTPStatus.NOT_FOUND)

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _body(self) -> bytes:
        if self.command != "POST":
            return b""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "Content-Length says how long it is")
        if int(length) > BODY_MAX:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {BODY_MAX} bytes")
        return self.rfile.read(int(length))

    def _request(self, path: str, query: Mapping[str, str]) -> Request:
        """Raises _RefusedError."""
        caller = caller_of(self.connection, str(self.client_address[0]))
        if self.command != "POST" or path not in self.server.uploads:
            return Request(query, self._headers(), self._body(), caller)
        length = int(self.headers.get("Content-Length", "") or 0)
        self._incoming.extend(FILE_S)
        return Request(
            query, self._headers(), caller=caller, upload=io.BufferedReader(_Part(self.rfile, length)), length=length)

    def _answer(self, response: Response) -> None:
        self.connection.settimeout(WRITE_S)
        size = len(response.body)
        if response.file is not None:
            size = response.file.seek(0, io.SEEK_END)
            response.file.seek(0)
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(size))
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._write(response)
        elif response.file is not None:
            response.file.close()

    def _write(self, response: Response) -> None:
        if response.file is None:
            self.wfile.write(response.body)
            return
        until_s = time.monotonic() + FILE_S
        with response.file as file:
            while piece := file.read(PIECE_BYTES):
                self.connection.settimeout(max(until_s - time.monotonic(), 0.01))
                self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Scrapes are not events."""


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Incoming(io.RawIOBase):
    """What a client sends, all of it within *seconds*; raises TimeoutError after that."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self.extend(seconds)

    def extend(self, seconds: float) -> None:
        """So long from now on."""
        self._until_s = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left_s)
        return self._connection.recv_into(buffer)


class _Part(io.RawIOBase):
    """So many bytes of a file; raises ConnectionError where it ends before."""

    def __init__(self, file: Any, length: int) -> None:
        self._file, self._left = file, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._file.read1(min(self._left, len(buffer)))
        if not piece and self._left:
            raise ConnectionAbortedError("the body is cut off")
        buffer[:len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


def problem(status: int, reason: str, **more: object) -> Response:
    return Response(orjson.dumps({"reason": reason, **more}), JSON, status)


def _name_of(host: str) -> str | None:
    """Of a Host header, without its port; None: it is none."""
    name, colon, port = host.strip().rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host.strip(), "0"
    return _plain(name) if port.isdecimal() and name else None


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        if name.startswith("["):
            ipaddress.IPv6Address(name.removeprefix("[").removesuffix("]"))
        else:
            ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def _rest(seconds: float) -> None:
    time.sleep(seconds)


def metrics_route(registry: CollectorRegistry) -> Route:
    def metrics(request: Request) -> Response:
        try:
            encode, content_type = choose_encoder(request.accept)
        except (ValueError, TypeError):
            return problem(HTTPStatus.BAD_REQUEST, "Accept asks for a version that is no number")
        return Response(encode(registry), content_type)

    return metrics


def healthz(_: Request) -> Response:
    """The telemetry process itself lives."""
    return Response(b"ok\n")
