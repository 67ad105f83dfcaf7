"""Addresses in a configuration: host:port with IPv4, [IPv6] or a name, and server.N lines."""

import re
from dataclasses import dataclass
from enum import StrEnum

MEMBER_ID_MAX = 254  # the top byte of a session id; 0 and 255 would make ids that clients misread
WILDCARDS = ("0.0.0.0", "::")  # all addresses of this machine, by each family

_HOST_PORT = re.compile(r"(?:(?P<host>\[[^\]\s]+\]|[^:\[\]\s]+):)?(?P<port>\d{1,5})")
_SERVER = re.compile(
    r"(?P<host>\[[^\]\s]+\]|[^:\[\]\s]+):(?P<quorum>\d{1,5})(?::(?P<election>\d{1,5}))?"
    r"(?::(?P<role>[A-Za-z]+))?"
)


class Role(StrEnum):
    PARTICIPANT = "participant"
    OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect or listen.  host: an address without brackets, or a name, unresolved."""

    host: str
    port: int

    def __str__(self) -> str:
        return format_address(self.host, self.port)


@dataclass(frozen=True, slots=True)
class ServerLine:
    """The value of server.N.  more: addresses after a |, which are not used yet."""

    host: str
    quorum_port: int
    election_port: int
    role: Role
    client: Address | None
    more: tuple[str, ...]


def format_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(text: str, *, default_host: str = "") -> Address:
    """`host:port`, `[v6]:port` or, with a default host, only `port`.  Raises ValueError."""
    match = _HOST_PORT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not host:port (an IPv6 address stands in brackets)")
    host = match["host"] or default_host
    if not host:
        raise ValueError(f"{text!r} lacks a host")
    return Address(strip_brackets(host), _port(match["port"]))


def parse_server(text: str) -> ServerLine:
    """host:quorumPort:electionPort[:role][|host:…][;[clientHost:]clientPort].

    Raises ValueError with what is wrong.
    """
    servers, _, client = text.partition(";")
    first, *more = [part.strip() for part in servers.split("|")]
    match = _SERVER.fullmatch(first)
    if match is None:
        raise ValueError(
            f"{text!r} is not host:quorumPort:electionPort[:role][;[clientHost:]clientPort] "
            "(an IPv6 host stands in brackets)"
        )
    if match["election"] is None:
        raise ValueError(f"{text!r} lacks the election port, the second after the host")
    return ServerLine(
        host=strip_brackets(match["host"]),
        quorum_port=_port(match["quorum"]),
        election_port=_port(match["election"]),
        role=_role(match["role"]),
        client=parse_address(client, default_host="0.0.0.0") if client.strip() else None,
        more=tuple(more),
    )


def format_server(server: ServerLine) -> str:
    """As ZooKeeper writes it into /zookeeper/config."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    client = f";{server.client}" if server.client else ""
    return f"{host}:{server.quorum_port}:{server.election_port}:{server.role}{client}"


def strip_brackets(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _port(digits: str) -> int:
    port = int(digits)
    if port > 65535:
        raise ValueError(f"port {port} is over 65535")
    return port


def _role(word: str | None) -> Role:
    try:
        return Role((word or "participant").lower())
    except ValueError:
        raise ValueError(f"role {word!r} is neither participant nor observer") from None
