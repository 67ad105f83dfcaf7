"""The stream to the leader that this member follows or tries: one life after the other."""

from collections.abc import Iterator
from typing import Final

from node.processes.keyring import Keyring
from node.processes.peers import Peers
from node.zab import events
from transport.endpoints import is_refused
from transport.messages import Message, Refused, decode_peer, encode
from transport.poller import Poller
from transport.sockets import Sockets, Stream
from transport.zxid import MemberId

NOBODY: Final = MemberId(0)


class LeaderStream:
    def __init__(self, sockets: Sockets, poller: Poller, keyring: Keyring, peers: Peers) -> None:
        self._sockets, self._poller, self._keyring, self._peers = sockets, poller, keyring, peers
        self.stream: Stream | None = None
        self.leader = NOBODY
        self._life = 0
        self._was_open = False
        self._hung_up = NOBODY  # whose end closed a connection of ours last, and has not been reached since

    def connect(self, leader: MemberId, life: int) -> None:
        """Nowhere, where zoo.cfg or the keys do not name *leader*: nobody answers, and the core goes on in its time."""
        self.disconnect()
        self.leader, self._life, self._was_open = leader, life, False
        if not self._peers.knows(leader) or not self._keyring.key_of(leader):
            return
        self.stream = self._sockets.stream(
            self._peers.endpoint(leader, life), keys=self._keyring.own,
            server_key=self._keyring.key_of(leader))
        self._poller.add(self.stream)

    def disconnect(self) -> None:
        if self.stream is not None:
            self._poller.remove(self.stream)
            self.stream.close()
            self.stream = None

    def send(self, message: Message) -> None:
        """What a lost stream does not take is gone: LeaderLost follows."""
        if self.stream is not None:
            self.stream.send(encode(message))

    def receive(self, messages_max: int) -> Iterator[events.FromLeader | events.LeaderLost]:
        """All that waits; stops where the handling of an event has changed the stream.

        Raises StreamGapError, msgspec.MsgspecError: the stream must end.
        """
        stream, life = self.stream, self._life
        for _ in range(messages_max):
            if stream is None or stream is not self.stream:
                return
            payload = stream.receive()
            if payload is None:
                if stream.is_open and not self._was_open:
                    self._was_open, self._hung_up = True, NOBODY
                if stream.is_lost:
                    yield self.lost()
                return
            message = decode_peer(payload)
            if isinstance(message, Refused) and message.servers:
                self._peers.meet(message.servers)  # it may know of somebody who leads, and of whom we have never heard
            yield events.FromLeader(life, message)

    def lost(self) -> events.LeaderLost:
        """End this life. *gone* only where that end itself hung up on us, and its host now says that nobody listens.

        A refusal alone may come from a firewall, while the leader lives and serves.
        """
        assert self.stream is not None
        is_gone = not self._was_open and self._hung_up == self.leader and is_refused(self.stream.endpoint)
        if self._was_open:
            self._hung_up = self.leader
        self.disconnect()
        return events.LeaderLost(self._life, is_gone)
