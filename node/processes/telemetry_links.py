"""Telemetry's way to that of the other members: over their broadcast, which passes some messages a second on."""

from collections.abc import Mapping

from node.config.member import MemberConfig
from node.processes.keyring import Keyring
from node.processes.loop import now_ms
from node.processes.peers import Peers
from transport.messages import Relay, encode
from transport.poller import Poller
from transport.sockets import Sockets, Stream, StreamGapError

RETRY_MS = 500
RETRY_MS_MAX = 10_000


class Links:
    """A stream to each other member, made when something is to be sent, and kept."""

    def __init__(self, config: MemberConfig, sockets: Sockets, poller: Poller) -> None:
        """Raises KeysError."""
        self._sockets, self._poller = sockets, poller
        self._keyring = Keyring(config, "telemetry")
        self._peers = Peers(config, "quorum")
        self._streams: dict[int, Stream] = {}
        self._attempts: dict[int, int] = {}
        self._retry_ms: dict[int, int] = {}

    def follow(self, servers: Mapping[int, str]) -> None:
        """The server lines of a reconfiguration."""
        self._peers.follow(servers)

    def send(self, member: int, payload: bytes) -> bool:
        """False: it cannot be reached now. What a stream that breaks then does not bring is lost."""
        stream = self._streams.get(member)
        if stream is None:
            stream = self._open(member)
        return stream is not None and stream.send(encode(Relay(payload)))

    def receive(self, source: object) -> None:
        """After a poll said that *source* is ready: nothing comes on these streams but their end."""
        for member, stream in self._streams.items():
            if stream is source:
                self._receive(member, stream)
                return

    def _receive(self, member: int, stream: Stream) -> None:
        try:
            while stream.receive() is not None:
                pass
        except StreamGapError:
            self._close(member)
            return
        if stream.is_lost:
            self._close(member)
        elif stream.is_open:
            self._attempts[member] = 0

    def _open(self, member: int) -> Stream | None:
        key = self._keyring.key_of(member)
        # A new member may ask before this process has read where it is.
        if not key or not self._peers.knows(member) or now_ms() < self._retry_ms.get(member, 0):
            return None
        endpoint = self._peers.endpoint(member, self._attempts.get(member, 0))
        stream = self._streams[member] = self._sockets.stream(endpoint, keys=self._keyring.own, server_key=key)
        self._poller.add(stream)
        return stream

    def _close(self, member: int) -> None:
        stream = self._streams.pop(member)
        self._poller.remove(stream)
        stream.close()
        attempts = self._attempts[member] = self._attempts.get(member, 0) + 1
        self._retry_ms[member] = now_ms() + min(RETRY_MS << min(attempts - 1, 10), RETRY_MS_MAX)
