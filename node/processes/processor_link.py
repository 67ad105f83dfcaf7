"""A processor's way to the leader's broadcast: where to, over which stream, and when to try again.

In the leader's own member that is the local stream; elsewhere a stream of its own to the leader's peer port. Each new
link says SubmitHello and waits for Accepting, which tells what the leader took before.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from node.keys import MemberKeys
from node.requests.reconfigs import Reconfigs
from node.requests.submissions import Submissions
from transport.curve import CurveKeys
from transport.messages import (
    Accepting,
    Lease,
    Message,
    ReconfigAnswer,
    ReconfigWanted,
    Refused,
    Submit,
    SubmitHello,
    Touches,
    decode_peer,
    encode,
)
from transport.sockets import Sockets, Stream, StreamGapError

RETRY_MS: Final = 50
ANSWER_MS: Final = 1000


class LeaderLink:
    """*send_local*: over the member's own local stream; *retry*: have `follow` called again in RETRY_MS."""

    def __init__(
        self, *, member: int, processor: int, ensemble: str, keys: MemberKeys, sockets: Sockets,
        submissions: Submissions, reconfigs: Reconfigs, send_local: Callable[[Message], bool],
        watch: Callable[[Stream], None], unwatch: Callable[[Stream], None], retry: Callable[[], None],
    ) -> None:
        self.member, self.processor, self.ensemble = member, processor, ensemble
        self.keys, self.sockets, self.submissions, self.reconfigs = keys, sockets, submissions, reconfigs
        self.send_local, self.watch, self.unwatch, self.retry = send_local, watch, unwatch, retry
        self.stream: Stream | None = None
        self.is_local = False
        self.target: tuple[int, int] = (0, 0)  # (epoch, leader)
        self.hello_ms: int | None = None
        self.retry_ms = 0
        self.touch_complete = True  # the next report of touches must name every session

    def follow(self, lease: Lease, now_ms: int) -> None:
        """Go where the lease says; what is said there waits until that epoch's start has been executed here."""
        if (lease.epoch, lease.leader) != self.target:
            self.drop()
            self.target = (lease.epoch, lease.leader)
            self.retry_ms = 0
        submissions = self.submissions
        if not lease.leader or submissions.linked or now_ms < self.retry_ms or not submissions.generation:
            return
        if self.hello_ms is not None:
            if now_ms - self.hello_ms > ANSWER_MS:
                self.lost(now_ms)
            return
        self.is_local = lease.leader == self.member
        if not self.is_local and self.stream is None:
            self.stream = self.sockets.stream(
                lease.leader_address, server_key=lease.leader_key,
                keys=CurveKeys(self.keys.public.decode(), self.keys.secret.decode()))
            self.watch(self.stream)
        if lease.epoch != submissions.epoch:
            return
        hello = SubmitHello(
            member=self.member, ensemble=self.ensemble, processor=self.processor,
            generation=submissions.generation, epoch=lease.epoch)
        if self.send(hello):
            self.hello_ms = now_ms
        else:
            self.lost(now_ms)

    def send(self, message: Message) -> bool:
        if self.is_local:
            return self.send_local(message)
        return self.stream is not None and self.stream.send(encode(message))

    def submit(self, batches: list[bytes], now_ms: int) -> None:
        for batch in batches:
            if not self.send(Submit(batch)):
                self.lost(now_ms)  # the next link resends from what the leader took
                return

    def ask_reconfigs(self) -> None:
        """All that wait: to ask again does no harm, and on another link nobody knows of them."""
        if not self.submissions.linked:
            return
        self.reconfigs.is_changed = False
        for intent, each in self.reconfigs.waiting.items():
            self.send(ReconfigWanted(
                intent, each.prepared.version, each.prepared.servers, each.prepared.hierarchy))

    def touches(self, message: Touches) -> bool:
        return self.submissions.linked and self.send(message)

    def on_message(self, message: Message, now_ms: int) -> None:
        if isinstance(message, Accepting):
            self.hello_ms = None
            self.touch_complete = True
            self.submissions.accepting(epoch=message.epoch, sequence=message.sequence)
            if not self.submissions.linked:
                self.lost(now_ms)
            self.ask_reconfigs()
        elif isinstance(message, ReconfigAnswer):
            self.reconfigs.on_refused(message.intent, message.err)
        elif isinstance(message, Refused):
            self.lost(now_ms)

    def has_message(self) -> bool:
        """From a leader elsewhere. Asked after sending, which may swallow the wake-up of what has come meanwhile."""
        return self.stream is not None and (self.stream.is_lost or self.stream.has_message())

    def receive(self, now_ms: int) -> bool:
        """Take all that came from a leader elsewhere. Whether there was anything."""
        got = False
        while self.stream is not None:
            try:
                payload = self.stream.receive()
                message = None if payload is None else decode_peer(payload)
            except (StreamGapError, msgspec.DecodeError):
                self.lost(now_ms)
                return True
            if message is None:
                if self.stream.is_lost:
                    self.lost(now_ms)
                return got
            got = True
            self.on_message(message, now_ms)
        return got

    def lost(self, now_ms: int) -> None:
        self.drop()
        self.retry_ms = now_ms + RETRY_MS
        self.retry()

    def drop(self) -> None:
        self.submissions.unlinked()
        self.hello_ms = None
        if self.stream is not None:
            self.unwatch(self.stream)
            self.stream.close()
            self.stream = None
