"""TLS of the admin HTTP: a connection that says hello in it, made a secure one before its request is read."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

HANDSHAKE = 22  # the type of a TLS client's first record; a request in plain text never begins so
ContextOf = Callable[[], ssl.SSLContext]  # the newest: certificates may have been renewed


class PlainRefusedError(Exception):
    """A request in plain text, where nothing but HTTPS is taken."""


@dataclass(frozen=True, slots=True)
class Https:
    """*refuses_plain*: else the port takes both."""

    context_of: ContextOf
    refuses_plain: bool = False

    def secured(self, connection: socket.socket, seconds: float) -> socket.socket:
        """What to read the request from, after a handshake that may take so long; the same where it is plain.

        Raises PlainRefusedError; OSError, of which ssl.SSLError is one, and TimeoutError.
        """
        connection.settimeout(seconds)
        first = connection.recv(1, socket.MSG_PEEK)
        if first and first[0] == HANDSHAKE:
            return self.context_of().wrap_socket(connection, server_side=True)
        if self.refuses_plain and first:
            raise PlainRefusedError
        return connection


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. *address*: its own. *certificate*: verified, as DER; empty: it showed none. *names*: its alternative
    ones, by kind."""

    address: str = ""
    certificate: bytes = b""
    names: tuple[tuple[str, str], ...] = field(default=())
    is_tls: bool = False


def caller_of(connection: socket.socket, address: str) -> Caller:
    if not isinstance(connection, ssl.SSLSocket):
        return Caller(address)
    found: dict[str, object] = dict(connection.getpeercert() or {})
    names = found.get("subjectAltName", ())
    assert isinstance(names, tuple)
    return Caller(address, connection.getpeercert(binary_form=True) or b"", names, is_tls=True)


def say_goodbye(connection: socket.socket) -> None:
    """Of TLS, without waiting for the other's."""
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(0)
        with contextlib.suppress(OSError, ValueError):
            connection.unwrap()
        connection.close()
