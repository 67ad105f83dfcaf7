"""A member's ports, looked at before any process starts: in use, not ours, or still to be chosen.

Processors share the client port by SO_REUSEPORT, which would hide that somebody else has it; so
the supervisor probes it without, and then holds it, bound and not listening, while the member runs.
Without a supervisor a process that starts again finds the port with its siblings, and cannot tell them from others of
the same user by that: so broadcast holds a name that stands for the port, in the same network namespace.
"""

import dataclasses
import errno
import os
import socket
from dataclasses import dataclass

from node.config.address import Address
from node.config.member import MemberConfig

_ABSENT = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_TRIES = 20  # to find one port that is free in both families
_MEMBER_PORTS = {"broadcast": "quorum_port", "election": "election_port"}


class PortError(Exception):
    """A port cannot be had.  key: of zoo.cfg."""

    def __init__(self, key: str, address: Address, text: str, cure: str) -> None:
        super().__init__(f"{key}: {address} {text} — {cure}")
        self.key, self.address, self.text, self.cure = key, address, text, cure


@dataclass(frozen=True, slots=True)
class Ports:
    """config: with the ports and addresses that count.  held: keep these open until the end."""

    config: MemberConfig
    held: tuple[socket.socket, ...]


def claim_ports(config: MemberConfig) -> Ports:
    """Check every port of the member, choose the dynamic ones.  Raises PortError."""
    if len(config.members) > 1:
        for key, port in _member_ports(config):
            for host in _quorum_hosts(config):
                _probe(key, Address(host, port))
    metrics_port = config.metrics_port or _free_port(config.metrics_address)
    _probe("corral.metricsPort", Address(config.metrics_address, metrics_port))
    hosts = _client_hosts(config)
    port = config.client_port or _free_port_everywhere(hosts)
    for host in hosts:
        _probe("clientPort", Address(host, port))
    held = tuple(_hold(Address(host, port)) for host in hosts)
    config = _with_secure_hosts(config)
    secure = _secure_addresses(config)
    for address in secure:
        _probe("secureClientPort", address)
    held += tuple(map(_hold, secure))
    return Ports(
        dataclasses.replace(
            config, client_addresses=hosts, client_port=port, metrics_port=metrics_port
        ),
        held,
    )


def claim_own_ports(config: MemberConfig, role: str) -> Ports:
    """Of one process without a supervisor: check those that *role* will bind.  Raises PortError.

    A port that is to be chosen is chosen by whoever binds it.
    """
    if role in _MEMBER_PORTS and len(config.members) > 1:
        port = getattr(config.me, _MEMBER_PORTS[role])
        for host in _quorum_hosts(config):
            _probe(f"server.{config.id}", Address(host, port))
    if role == "telemetry" and config.metrics_port:
        _probe("corral.metricsPort", Address(config.metrics_address, config.metrics_port))
    hosts = _client_hosts(config)
    config = _with_secure_hosts(config)
    is_shared = config.processors > 1
    if role == "processor":
        if is_shared and not config.client_port:
            cure = "give a port; only a supervisor (`corral member`) can choose one for all"
            raise PortError("clientPort", Address(hosts[0], 0), "would be another for each processor", cure)
        if not is_shared and config.client_port:
            for host in hosts:
                _probe("clientPort", Address(host, config.client_port))
        if not is_shared:
            for address in _secure_addresses(config):
                _probe("secureClientPort", address)
    held = (_hold_name(Address(hosts[0], config.client_port)),) if role == "broadcast" and is_shared else ()
    return Ports(dataclasses.replace(config, client_addresses=hosts), held)


def _hold_name(address: Address) -> socket.socket:
    """Of the client port, for whose sake no other member of this user starts."""
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(f"\0corral-client-port-{os.getuid()}-{address.port}")
    except OSError as error:
        held.close()
        raise _port_error("clientPort", address, error) from None
    return held


def _member_ports(config: MemberConfig) -> list[tuple[str, int]]:
    key = f"server.{config.id}"
    return [(key, port) for port in (config.me.quorum_port, config.me.election_port) if port]


def _quorum_hosts(config: MemberConfig) -> tuple[str, ...]:
    return ("0.0.0.0",) if config.quorum_listen_on_all_ips else (config.me.host,)


def _with_secure_hosts(config: MemberConfig) -> MemberConfig:
    tls = config.security.tls
    if tls is None or not tls.port:
        return config
    hosts = _hosts("secureClientPortAddress", tls.addresses, tls.port)
    security = dataclasses.replace(config.security, tls=dataclasses.replace(tls, addresses=hosts))
    return dataclasses.replace(config, security=security)


def _secure_addresses(config: MemberConfig) -> list[Address]:
    tls = config.security.tls
    return [Address(host, tls.port) for host in tls.addresses] if tls is not None and tls.port else []


def _client_hosts(config: MemberConfig) -> tuple[str, ...]:
    return _hosts("clientPortAddress", config.client_addresses, config.client_port)


def _hosts(key: str, names: tuple[str, ...], port: int) -> tuple[str, ...]:
    """Addresses instead of names; a wildcard of a family that this host lacks is left out."""
    hosts: dict[str, None] = {}
    for host in names:
        for family, address in _resolve(key, Address(host, port)):
            is_optional = len(names) > 1 or host == "localhost"
            if not is_optional or _has_address(family, address):
                hosts[address] = None
    return tuple(hosts)


def _resolve(key: str, address: Address) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        cure = "correct the name, or give an address of this host"
        raise PortError(key, address, f"cannot be resolved: {error.strerror}", cure) from None
    return [(family, str(name[0])) for family, _, _, _, name in found]


def _has_address(family: int, address: str) -> bool:
    try:
        with _socket(family) as probe:
            probe.bind((address, 0))
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise
    return True


def _probe(key: str, address: Address) -> None:
    for family, host in _resolve(key, address):
        try:
            with _socket(family) as probe:
                probe.bind((host, address.port))
        except OSError as error:
            raise _port_error(key, address, error) from None


def _port_error(key: str, address: Address, error: OSError) -> PortError:
    if error.errno == errno.EADDRINUSE:
        cure = f"see who has it: ss -ltnp 'sport = :{address.port}', or give another port"
        return PortError(key, address, "is in use", cure)
    if error.errno in _ABSENT:
        is_server = key.startswith("server.")
        cure = (
            "correct the line or myid, or set quorumListenOnAllIPs=true"
            if is_server
            else "correct it"
        )
        return PortError(key, address, "is no address of this host", cure)
    return PortError(key, address, f"cannot be bound: {error.strerror}", "correct it")


def _free_port(host: str) -> int:
    family, address = _resolve("corral.metricsAddress", Address(host, 0))[0]
    with _socket(family) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _free_port_everywhere(hosts: tuple[str, ...]) -> int:
    for _ in range(_TRIES):
        port = _free_port(hosts[0])
        try:
            for host in hosts[1:]:
                _probe("clientPort", Address(host, port))
        except PortError:
            continue
        return port
    raise PortError("clientPort", Address(hosts[0], 0), "no port is free", "give one")


def _hold(address: Address) -> socket.socket:
    family, host = _resolve("clientPort", address)[0]
    held = _socket(family)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, address.port))
    return held


def _socket(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made
