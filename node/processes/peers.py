"""Where the other members are: their host resolved, its addresses taken in turn."""

import time
from typing import Literal

from node.config.member import MemberConfig
from transport.endpoints import connect_endpoints

_REMEMBERED_S = 30.0  # addresses of a name may change; asking again may block


class Peers:
    def __init__(self, config: MemberConfig, port: Literal["quorum", "election"]) -> None:
        self._config = config
        self._port = port
        self._found: dict[int, tuple[float, list[str]]] = {}

    def knows(self, member: int) -> bool:
        """Whether zoo.cfg names it. The log may name voters that a file does not yet, or no more."""
        return member in self._config.members

    def endpoint(self, member: int, attempt: int = 0) -> str:
        """tcp://…; the next address at each attempt. May ask the resolver, which may block."""
        endpoints = self._endpoints(member)
        return endpoints[attempt % len(endpoints)]

    def _endpoints(self, member: int) -> list[str]:
        now_s = time.monotonic()
        asked_s, endpoints = self._found.get(member, (0.0, []))
        if endpoints and now_s - asked_s < _REMEMBERED_S:
            return endpoints
        peer = self._config.members[member]
        port = peer.quorum_port if self._port == "quorum" else peer.election_port
        try:
            endpoints = connect_endpoints(peer.host, port)
        except OSError:
            # An old answer, or the name itself: then libzmq asks, in its own thread.
            endpoints = endpoints or [f"tcp://{peer.host}:{port}"]
        self._found[member] = (now_s, endpoints)
        return endpoints
