"""What comes from other members on the peer port: of learners, processors and telemetry."""

from collections.abc import Callable

import msgspec

from node.processes.broadcast_commits import Commits
from node.processes.broadcast_lease import MemberLease
from node.processes.broadcast_local import Local
from node.processes.broadcast_reconfig import Reconfigs
from node.processes.broadcast_relay import Relays
from node.processes.broadcast_streams import Streams
from node.processes.broadcast_submit import Submissions
from node.processes.broadcast_timings import BroadcastTimings
from node.processes.limited_log import LimitedLog
from node.sessions.expiry import TOUCH
from node.zab import events
from node.zab.events import Event, StreamId
from transport.messages import (
    Ack,
    Hello,
    Message,
    Pong,
    ReconfigWanted,
    Refused,
    Relay,
    Submit,
    SubmitHello,
    Touches,
    decode_peer,
)
from transport.sockets import Listener, StreamGapError
from transport.zxid import MemberId


class PeerMessages:
    """*step*: hands an event to the core."""

    def __init__(
        self, listener: Listener, *, step: Callable[[Event], None], streams: Streams, submissions: Submissions,
        commits: Commits, relays: Relays, reconfigs: Reconfigs, local: Local, lease: MemberLease,
        timings: BroadcastTimings, log: LimitedLog,
    ) -> None:
        self._listener, self._step, self._reconfigs = listener, step, reconfigs
        self._streams, self._submissions, self._commits, self._relays = streams, submissions, commits, relays
        self._local, self._lease, self._timings, self._log = local, lease, timings, log

    def receive(self, messages_max: int) -> None:
        for _ in range(messages_max):
            try:
                received = self._listener.receive()
                if received is None:
                    break
                stream, member, payload = received
                message = decode_peer(payload)
            except StreamGapError as gap:
                self._drop(gap.stream, str(gap))
                continue
            except msgspec.MsgspecError as error:
                self._drop(stream, f"unreadable message: {error}")
                continue
            self._on_message(stream, member, message)
        for stream in self._listener.take_lost():
            self._on_lost(stream)

    def end_failed(self) -> None:
        """Streams that could not be sent to as they must be."""
        while self._streams.failed:
            stream, reason = self._streams.failed.pop()
            self._drop(stream, reason)

    def _on_message(self, stream: StreamId, member: int, message: Message) -> None:
        match message:
            case Submit():
                self._commits.on_taken(member)
                self._submissions.submit(
                    stream, member, message, self._streams.send, self._lease.newest.leader)
            case SubmitHello():
                self._submissions.hello(stream, member, message, self._streams.send, self._lease.newest.leader)
            case Touches():
                if len(message.entries) % TOUCH.size:
                    self._drop(stream, "touches that are cut short")
                elif self._lease.newest.role == "leader" and message.member == member:
                    self._local.pass_to_processor(message)
            case Relay():
                self._relays.relay(member, message)
            case ReconfigWanted():
                if self._submissions.is_linked(stream):
                    self._reconfigs.on_wanted(message, lambda answer: self._streams.send(stream, answer))
            case _:
                if isinstance(message, Hello):
                    self._streams.learners[stream] = member
                elif isinstance(message, Pong):
                    self._streams.on_pong(stream, message.sent_ms)
                self._step(events.FromLearner(stream, MemberId(member), message))
                if isinstance(message, Ack):
                    self._timings.on_acked(member, message.zxid)

    def _drop(self, stream: StreamId, reason: str) -> None:
        self._log.log_limited("stream_ended", reason=reason)
        self._streams.refuse(stream, Refused(reason, self._lease.newest.leader))
        self._on_lost(stream)

    def _on_lost(self, stream: StreamId) -> None:
        self._streams.forget(stream)
        self._submissions.forget(stream)
        self._commits.forget(stream)
        if self._streams.learners.pop(stream, None) is not None:
            self._step(events.LearnerLost(stream))
