"""TCP to clients: bytes in, bytes out, no decisions.

One ClientSocket per connection tells its owner what came; the owner calls `send`, `pause`, `resume`, `finish`.
"""

import asyncio
import errno
import socket
from collections.abc import Sequence
from typing import Final, Protocol, cast

OUTPUT_BYTES_HIGH: Final = 1 << 20  # beyond it the client's requests are not read, until it has taken half
OUTPUT_BYTES_LOW: Final = OUTPUT_BYTES_HIGH // 2


class Owner(Protocol):
    """What a ClientSocket reports to."""

    def on_open(self, client: "ClientSocket") -> None: ...
    def on_bytes(self, client: "ClientSocket", data: bytes) -> None: ...
    def on_blocked(self, client: "ClientSocket", *, blocked: bool) -> None: ...
    def on_close(self, client: "ClientSocket") -> None: ...


class ClientSocket(asyncio.Protocol):
    __slots__ = ("blocked", "connection", "lingers", "owner", "port", "received_address", "transport")

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.transport: asyncio.Transport | None = None
        self.received_address = ""
        self.port = 0
        self.blocked = False
        self.lingers = False  # to finish, only say that nothing more comes: see `finish`
        self.connection: object = None  # the owner's

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        name = transport.get_extra_info("peername") or ("", 0)
        address = str(name[0]).partition("%")[0]
        # A v4 client of a dual-stack socket is the v4 address that ACLs and limits name.
        self.received_address = address.removeprefix("::ffff:") if "." in address else address
        self.port = int(name[1])
        transport.set_write_buffer_limits(high=OUTPUT_BYTES_HIGH, low=OUTPUT_BYTES_LOW)
        self.owner.on_open(self)

    def data_received(self, data: bytes) -> None:
        self.owner.on_bytes(self, data)

    def pause_writing(self) -> None:
        self.blocked = True
        self.owner.on_blocked(self, blocked=True)

    def resume_writing(self) -> None:
        self.blocked = False
        self.owner.on_blocked(self, blocked=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.owner.on_close(self)

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def pause(self) -> None:
        if self.transport is not None and not self.transport.is_closing() and self.transport.is_reading():
            self.transport.pause_reading()

    def resume(self) -> None:
        if (self.transport is not None and not self.transport.is_closing()
                and not self.transport.is_reading()):
            self.transport.resume_reading()

    def finish(self) -> None:
        """Close once the output has been taken.

        Where it lingers, the client closes: to close a socket with unread input makes the kernel tell the client
        at once, which then may lose the last answers.
        """
        if self.transport is None:
            return
        if self.lingers:
            self.transport.write_eof()
        else:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class PortInUseError(Exception):
    """The address cannot be bound; the text names it and the cure."""


def bind_client_port(
    addresses: Sequence[str], port: int, *, shared: bool, backlog: int = 4096
) -> list[socket.socket]:
    """Listening sockets for every address, both families for a name; port 0: the first one's choice for all.

    *shared*: several processors of this member listen on the port (SO_REUSEPORT). Raises PortInUseError.
    """
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            for family, host in _resolved(address):
                bound = _bind(family, host, port, shared=shared, backlog=backlog)
                if bound is not None:
                    sockets.append(bound)
                    port = bound.getsockname()[1]
    except OSError as error:
        for each in sockets:
            each.close()
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be bound ({error.strerror})"
        raise PortInUseError(
            f"client port {port} {reason}: stop what listens there (ss -ltnp 'sport = :{port}' names it), "
            f"or set another clientPort or clientPortAddress") from error
    if not sockets:
        raise PortInUseError(f"no address of {', '.join(addresses)} can be bound on this host")
    return sockets


def _resolved(address: str) -> list[tuple[int, str]]:
    infos = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(info[0]), str(info[4][0])) for info in infos))


def _bind(family: int, host: str, port: int, *, shared: bool, backlog: int) -> socket.socket | None:
    try:
        bound = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return None  # a host without IPv6
        raise
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen(backlog)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL and host == "::":
            return None
        raise
    return bound
