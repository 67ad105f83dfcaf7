"""The admin HTTP, and those who do not mean well by it."""

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from observability import endpoint
from observability.endpoint import AdminServer, Request, Response, healthz, metrics_route
from tests.waiting import wait_until

HOST = "127.0.0.1"
DEADLINE_S = 20


@dataclass
class Admin:
    """*complaints*: what it would log."""

    server: AdminServer
    complaints: list[tuple[str, BaseException | None]] = field(default_factory=list)

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.server.port), timeout=DEADLINE_S)

    def ask(self, request: bytes) -> bytes:
        """All that comes back, until it closes."""
        with self.connect() as connection:
            connection.sendall(request)
            return received(connection)

    def get(self, target: str, *headers: str) -> bytes:
        return self.ask("\r\n".join((f"GET {target} HTTP/1.1", *headers, "", "")).encode())


def received(connection: socket.socket) -> bytes:
    found = b""
    try:
        while chunk := connection.recv(1 << 16):
            found += chunk
    except ConnectionResetError:
        pass
    return found


def status_of(answer: bytes) -> int:
    return int(answer.split()[1])


def broken(_: Request) -> Response:
    raise RuntimeError("nobody foresaw this")


def private(_: Request) -> Response:
    return Response(b"paths and sessions")


@pytest.fixture
def admin() -> Iterator[Admin]:
    complaints: list[tuple[str, BaseException | None]] = []
    routes = {
        "/metrics": metrics_route(CollectorRegistry()), "/healthz": healthz, "/broken": broken, "/status": private}
    server = AdminServer(
        HOST, 0, routes, complain=lambda reason, error: complaints.append((reason, error)), hosts=("zk1.example.com",))
    server.start()
    try:
        yield Admin(server, complaints)
    finally:
        server.shutdown()
        server.server_close()


def test_a_target_that_is_none_is_refused_and_no_traceback_is_written(
    admin: Admin, capfd: pytest.CaptureFixture[str],
) -> None:
    assert status_of(admin.get("http://[/")) == 400
    assert capfd.readouterr().err == ""
    assert admin.complaints == []


def test_a_version_that_is_none_is_refused_and_no_traceback_is_written(
    admin: Admin, capfd: pytest.CaptureFixture[str],
) -> None:
    answer = admin.get("/metrics", "Accept: application/openmetrics-text;version=abc.def")

    assert status_of(answer) == 400
    assert capfd.readouterr().err == ""


def test_a_route_that_fails_is_an_error_for_who_asked_and_a_line_of_the_log(
    admin: Admin, capfd: pytest.CaptureFixture[str],
) -> None:
    assert status_of(admin.get("/broken")) == 500
    ((reason, error),) = admin.complaints
    assert "/broken" in reason
    assert isinstance(error, RuntimeError)
    assert capfd.readouterr().err == ""


def test_who_hangs_up_is_no_line_of_the_log(admin: Admin, capfd: pytest.CaptureFixture[str]) -> None:
    connection = admin.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
    connection.close()  # with a reset

    assert status_of(admin.get("/healthz")) == 200
    wait_until(lambda: admin.server.handlers == 0, what="the thread has ended")
    assert admin.complaints == []
    assert capfd.readouterr().err == ""


def test_head_is_get_without_a_body(admin: Admin) -> None:
    head, _, body = admin.ask(b"HEAD /healthz HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")

    assert status_of(head) == 200
    assert b"Content-Length: 3" in head
    assert body == b""


def test_a_request_that_comes_byte_by_byte_is_given_up_in_time(
    admin: Admin, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "READ_S", 0.5)

    with admin.connect() as connection:
        connection.settimeout(0.05)  # a byte each time that nothing comes

        def is_closed() -> bool:
            try:
                connection.sendall(b"G")
                return connection.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(is_closed, seconds=DEADLINE_S, what="it is closed")


def test_beyond_so_many_at_once_connections_are_closed_and_the_rest_served(admin: Admin) -> None:
    held = [admin.connect() for _ in range(endpoint.HANDLERS_MAX)]
    try:
        wait_until(lambda: admin.server.handlers == endpoint.HANDLERS_MAX, what="all have a thread")
        with admin.connect() as one_more:
            assert received(one_more) == b""
        assert len(admin.complaints) == 1
        held[0].sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert status_of(received(held[0])) == 200
    finally:
        for connection in held:
            connection.close()
    wait_until(lambda: admin.server.handlers == 0, what="the threads have ended")
    assert status_of(admin.get("/healthz")) == 200


def test_without_open_files_it_rests_between_attempts_to_accept(
    admin: Admin, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    rests: list[float] = []
    monkeypatch.setattr(endpoint, "_rest", rests.append)
    monkeypatch.setattr(endpoint.ThreadingHTTPServer, "get_request", lambda _: fail())

    with admin.connect():
        wait_until(lambda: bool(rests), what="it rests")
    assert admin.complaints[0][0].startswith("no connection can be accepted")


@pytest.mark.parametrize("host", [
    "", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[::1]", "10.1.2.3", "localhost", "LocalHost:80", "localhost.",
    "zk1.example.com:9000", socket.gethostname()])
def test_addresses_and_names_of_its_own_are_answered(admin: Admin, host: str) -> None:
    assert status_of(admin.get("/status", *([f"Host: {host}"] if host else []))) == 200


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:9000", "localhost.evil.example", "127.0.0.1.evil.example", "[::1].evil.example",
    "[x]", "localhost@evil.example", "evil.example:", "127.0.0.1\r\nHost: evil.example"])
def test_a_name_that_somebody_elses_page_was_loaded_by_is_refused_with_the_cure(admin: Admin, host: str) -> None:
    answer = admin.get("/status", f"Host: {host}")

    assert status_of(answer) == 403
    assert b"corral.adminHosts" in answer
    assert b"paths" not in answer


@pytest.mark.parametrize("target", ["/metrics", "/healthz"])
def test_scrapes_may_come_by_any_name(admin: Admin, target: str) -> None:
    assert status_of(admin.get(target, "Host: prometheus-knows-me-as.example:9000")) == 200


def test_a_star_is_any_name() -> None:
    server = AdminServer(HOST, 0, {"/status": private}, hosts=("*",))
    server.start()
    try:
        assert status_of(Admin(server).get("/status", "Host: corral.example")) == 200
    finally:
        server.shutdown()
        server.server_close()
