"""Where the other members are: their host resolved, its addresses taken in turn."""

import contextlib
import time
from collections.abc import Mapping
from typing import Final, Literal

from node.config.address import parse_server
from node.config.member import MemberConfig
from transport.endpoints import connect_endpoints

_REMEMBERED_S: Final = 30.0  # addresses of a name may change; asking again may block


class Peers:
    def __init__(self, config: MemberConfig, port: Literal["quorum", "election"]) -> None:
        self._port = port
        self._named: dict[int, tuple[str, int]] = {
            each.id: (each.host, each.quorum_port if port == "quorum" else each.election_port)
            for each in config.members.values()}
        self._found: dict[int, tuple[float, list[str]]] = {}

    def knows(self, member: int) -> bool:
        """Whether zoo.cfg or a reconfiguration names it. The log may name voters that no file does yet."""
        return member in self._named

    def members(self) -> list[int]:
        return list(self._named)

    def follow(self, servers: Mapping[int, str]) -> None:
        """The server lines of a reconfiguration, which go before those of zoo.cfg."""
        for member, line in servers.items():
            server = parse_server(line)
            place = server.host, server.quorum_port if self._port == "quorum" else server.election_port
            if self._named.get(member) != place:
                self._named[member] = place
                self._found.pop(member, None)

    def meet(self, servers: Mapping[int, str]) -> None:
        """What another member says of those that are not known here: it may be older than what is, or nonsense."""
        with contextlib.suppress(ValueError):
            self.follow({member: line for member, line in servers.items() if member not in self._named})

    def endpoint(self, member: int, attempt: int = 0) -> str:
        """tcp://…; the next address at each attempt. May ask the resolver, which may block."""
        endpoints = self._endpoints(member)
        return endpoints[attempt % len(endpoints)]

    def _endpoints(self, member: int) -> list[str]:
        now_s = time.monotonic()
        asked_s, endpoints = self._found.get(member, (0.0, []))
        if endpoints and now_s - asked_s < _REMEMBERED_S:
            return endpoints
        host, port = self._named[member]
        try:
            endpoints = connect_endpoints(host, port)
        except OSError:
            # An old answer, or the name itself: then libzmq asks, in its own thread.
            endpoints = endpoints or [f"tcp://{host}:{port}"]
        self._found[member] = (now_s, endpoints)
        return endpoints
