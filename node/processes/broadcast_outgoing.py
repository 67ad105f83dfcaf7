"""What the core sends to other members: at once, or as a commit or an ack that can wait a moment."""

from node.processes.broadcast_acks import Acks
from node.processes.broadcast_commits import Commits
from node.processes.broadcast_leader import LeaderStream
from node.processes.broadcast_streams import Streams
from node.processes.broadcast_submit import Submissions
from node.processes.broadcast_timings import BroadcastTimings
from node.processes.loop import now_ms
from node.zab import effects
from node.zab.member import Member
from transport.messages import Ack, Backed, Commit, Ping, Records, Refused


class Outgoing:
    def __init__(
        self, *, member: Member, streams: Streams, leader: LeaderStream, submissions: Submissions, commits: Commits,
        acks: Acks, timings: BroadcastTimings,
    ) -> None:
        self._member, self._streams, self._leader, self._submissions = member, streams, leader, submissions
        self._commits, self._acks, self._timings = commits, acks, timings

    # To learners -------------------------------------------------------------------------------

    def send(self, effect: effects.Send) -> None:
        stream, message = effect.stream, effect.message
        if isinstance(message, Commit):
            if self._commits.hold(stream, self._streams.learners.get(stream, 0), message, now_ms()):
                return
        elif isinstance(message, Backed):
            if not self._commits.is_waited_for(self._streams.learners.get(stream, 0), message):
                return
        elif isinstance(message, (Records, Ping)):
            self._commits.on_told(stream, message.committed)
        self._streams.send(stream, message)

    def send_records(self, effect: effects.SendRecords) -> None:
        self._commits.on_told(effect.stream, effect.committed)
        self._streams.send_records(effect)

    def drop(self, effect: effects.Drop) -> None:
        self._streams.learners.pop(effect.stream, None)
        self._commits.forget(effect.stream)
        self._submissions.forget(effect.stream)
        control = self._member.control
        self._streams.refuse(effect.stream, Refused(
            effect.reason, effect.leader, effect.operator, control.reconfigured if control is not None else {}))

    # To the leader -----------------------------------------------------------------------------

    def send_leader(self, effect: effects.SendLeader) -> None:
        message = effect.message
        if isinstance(message, Ack) and self._acks.hold(message, now_ms(), voters=len(self._member.voters)):
            return
        self._leader.send(message)
        if isinstance(message, Ack):
            self._timings.on_ack_sent(message.zxid)

    def connect(self, effect: effects.Connect) -> None:
        self._acks.forget()
        self._leader.connect(effect.leader, effect.life)

    def disconnect(self) -> None:
        self._acks.forget()
        self._leader.disconnect()

    # Each turn ---------------------------------------------------------------------------------

    def send_due(self, now: int) -> None:
        """What has waited long enough, and what a stream did not take before."""
        for stream, commit in self._commits.take_due(now):
            self._streams.send(stream, commit)
        ack = self._acks.take_due(now)
        if ack is not None:
            self._leader.send(ack)
            self._timings.on_ack_sent(ack.zxid)
        self._streams.pump()

    def timeout_ms(self, timeout_ms: int, now: int) -> int:
        """How long the loop may sleep."""
        return self._streams.timeout_ms(self._acks.timeout_ms(self._commits.timeout_ms(timeout_ms, now), now))
