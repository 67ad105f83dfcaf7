"""Votes on the wire: one listener, and one stream to each other member that there is something to say to.

Only the newest vote for a member counts: it replaces one that has not gone out. A lost stream is opened again, with
jittered back-off, while a vote waits for it; nobody is called who need not hear anything.
"""

import random
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from node.config.member import MemberConfig
from node.processes.keyring import Keyring
from node.processes.loop import now_ms
from node.processes.peers import Peers
from transport.endpoints import bind_endpoints
from transport.messages import Vote, decode_vote, encode
from transport.poller import Poller
from transport.sockets import Sockets, Stream, StreamGapError

RETRY_MS_MIN = 20
RETRY_MS_MAX = 1000


@dataclass(frozen=True, slots=True)
class PeerOpened:
    """Our stream to *member* was made, or has ended after it had been made."""

    member: int
    is_open: bool


class _Peer:
    """*vote*: waits to be sent. *retry_ms*: not before then is a stream opened. *was_open*: its present stream."""

    __slots__ = ("attempts", "delay_ms", "retry_ms", "stream", "vote", "was_open")

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.vote: bytes | None = None
        self.was_open = False
        self.attempts = 0
        self.delay_ms = RETRY_MS_MIN
        self.retry_ms = 0


class VoteLinks:
    def __init__(self, config: MemberConfig, sockets: Sockets, poller: Poller, keyring: Keyring) -> None:
        """Binds. Raises EndpointError."""
        self._sockets, self._poller, self._keyring = sockets, poller, keyring
        self._addresses = Peers(config, "election")
        self._me = config.id
        self._servers: dict[int, str] = {}
        self.heard: dict[int, str] = {}  # server lines that came with votes
        self._peers = {member: _Peer() for member in config.members if member != config.id}
        endpoints: list[str] = []
        if not config.is_standalone:
            keyring.guard(sockets)
            endpoints = bind_endpoints(
                config.me.host, config.me.election_port, all_addresses=config.quorum_listen_on_all_ips)
        self._changes: deque[PeerOpened] = deque()
        self.listener = sockets.listener(endpoints, keys=keyring.own)
        poller.add(self.listener)

    @property
    def members(self) -> list[int]:
        """All others."""
        return sorted(self._peers)

    def follow(self, servers: dict[int, str]) -> None:
        """The server lines of a reconfiguration, which go along with each vote."""
        self._servers = servers
        self._addresses.follow(servers)
        self._add()

    def meet(self, servers: Mapping[int, str]) -> None:
        """Of one that another member knows of."""
        self.heard.update(servers)
        self._addresses.meet(servers)
        self._add()

    def _add(self) -> None:
        for member in self._addresses.members():
            if member != self._me and member not in self._peers:
                self._peers[member] = _Peer()

    def send(self, member: int, vote: Vote) -> None:
        peer = self._peers.get(member)
        if peer is not None:
            peer.vote = encode(msgspec.structs.replace(vote, servers=self._servers) if self._servers else vote)
            self._advance(member, peer, now_ms())

    def receive(self) -> Iterator[tuple[int, Vote] | PeerOpened]:
        """After each wake-up: votes, with the member whose key it is; and changes of our own streams."""
        now = now_ms()
        for member, peer in self._peers.items():
            self._advance(member, peer, now)
        while self._changes:
            yield self._changes.popleft()
        while True:
            try:
                received = self.listener.receive()
                if received is None:
                    break
                stream, member, payload = received
                vote = decode_vote(payload)
            except StreamGapError as error:
                self.listener.drop(error.stream)
                continue
            except msgspec.MsgspecError:
                self.listener.drop(stream)
                continue
            sender = self._peers.get(member)
            if sender is not None:  # it lives: no need to wait before calling it
                sender.delay_ms, sender.retry_ms = RETRY_MS_MIN, 0
            yield member, vote
        self.listener.take_lost()

    def timeout_ms(self, timeout_ms: int) -> int:
        if self._changes:
            return 0
        now = now_ms()
        for peer in self._peers.values():
            if peer.vote is not None and peer.stream is None:
                timeout_ms = min(timeout_ms, max(peer.retry_ms - now, 0))
        return timeout_ms

    def _advance(self, member: int, peer: _Peer, now: int) -> None:
        stream = peer.stream
        if stream is not None:
            _drain(stream)
            stream.maintain()
            if stream.is_lost:
                self._close(member, peer, now)
            elif stream.is_open:
                peer.delay_ms = RETRY_MS_MIN
                if not peer.was_open:
                    peer.was_open = True
                    self._changes.append(PeerOpened(member, is_open=True))
                if peer.vote is not None and stream.send(peer.vote):
                    peer.vote = None
        if peer.stream is None and peer.vote is not None and now >= peer.retry_ms:
            self._open(member, peer)

    def _open(self, member: int, peer: _Peer) -> None:
        key = self._keyring.key_of(member)
        if not key:
            peer.vote = None  # nobody we know yet: `corral keys add`, and the next vote finds it
            return
        peer.stream = self._sockets.stream(
            self._addresses.endpoint(member, peer.attempts), keys=self._keyring.own, server_key=key)
        peer.attempts += 1
        self._poller.add(peer.stream)

    def _close(self, member: int, peer: _Peer, now: int) -> None:
        assert peer.stream is not None
        if peer.was_open:
            peer.was_open = False
            self._changes.append(PeerOpened(member, is_open=False))
        self._poller.remove(peer.stream)
        peer.stream.close()
        peer.stream = None
        peer.retry_ms = now + int(peer.delay_ms * (0.5 + random.random() / 2))
        peer.delay_ms = min(peer.delay_ms * 2, RETRY_MS_MAX)


def _drain(stream: Stream) -> None:
    """The other end sends probes only, to find out who is gone; what is left unread would wake us for ever."""
    try:
        while stream.receive() is not None:
            pass
    except StreamGapError:
        stream.is_lost = True
