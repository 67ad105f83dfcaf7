"""A follower that observers follow in the leader's place: ZooKeeper's observer master (observerMasterPort).

It spares the leader their streams, and a distant data centre all but one copy of each record. An observer gets what is
committed and durable here, so nothing that it gets this way is ever taken back. Its clients' writes go to the leader.

Its lease is the leader's, too: each ping follows one of the leader's, and confirms the last Pong of the observer that
came before the Pong of ours that the leader has heard by then. So the leader led after the observer said it.
"""

from collections import deque
from typing import Final

from node.zab.core import UNKNOWN_LEADER, Core
from node.zab.discovery import refuses
from node.zab.effects import Drop, Send
from node.zab.errors import ProtocolError, UnexpectedMessageError
from node.zab.events import RecordsSent, RecordsUnreadable, SnapshotSent, StreamId
from node.zab.learner_stream import LearnerStream, Phase
from node.zab.synchronisation import plan
from transport.messages import (
    Ack,
    AckEpoch,
    AckNewLeader,
    Differs,
    Digest,
    Hello,
    Message,
    NewEpoch,
    NewLeader,
    Ping,
    Pong,
    Summons,
    UpToDate,
)
from transport.zxid import Epoch, MemberId, Zxid

PONGS_MAX: Final = 64  # of one observer, not yet confirmed
DIGESTS_MAX: Final = 256


class Observed(LearnerStream):
    """The stream of one observer."""

    def __init__(self, stream: StreamId, hello: Hello, *, now_ms: int) -> None:
        super().__init__(stream, hello, has_vote=False, now_ms=now_ms)
        self.pongs: deque[tuple[int, int]] = deque(maxlen=PONGS_MAX)  # when it came; when it was sent, by its clock
        self.confirmed_ms = 0  # by its clock


class ObserverMaster:
    """*learners*: the observers that follow this member."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.learners: dict[StreamId, Observed] = {}
        self._leader = UNKNOWN_LEADER  # while this member serves
        self._epoch = Epoch(0)
        self._early: dict[StreamId, tuple[MemberId, Hello]] = {}
        self._digests: list[tuple[int, Digest]] = []

    def begin(self, leader: MemberId, epoch: Epoch) -> None:
        """This member serves."""
        self._leader, self._epoch = leader, epoch
        early, self._early = self._early, {}
        for stream, (member, hello) in early.items():
            self.on_hello(stream, member, hello, leader)

    def leave(self) -> None:
        for stream in (*self.learners, *self._early):
            self.core.emit(Drop(stream, "looking", UNKNOWN_LEADER))

    # --- the handshake ---

    def on_hello(self, stream: StreamId, member: MemberId, hello: Hello, leader: MemberId) -> None:
        """Raises ProtocolError."""
        core = self.core
        if not core.config.observer_masters or member not in core.observers or core.me in core.observers:
            core.emit(Drop(stream, "following", leader))
            return
        refusal = refuses(core, member, hello)
        if refusal:
            core.emit(Drop(stream, refusal, leader, operator=True))
            return
        if not self._epoch:
            self._early[stream] = member, hello
            return
        for old in [each for each in self.learners.values() if each.member == member]:
            self._drop(old, "superseded by a newer stream of the same member")
        if hello.accepted_epoch > self._epoch:
            core.emit(Drop(stream, "it has accepted a later epoch", leader))
            return
        learner = Observed(stream, hello, now_ms=core.now_ms)
        learner.phase = Phase.EPOCH_SENT
        self.learners[stream] = learner
        core.emit(Send(stream, NewEpoch(self._epoch, self._leader)))

    def on_message(self, stream: StreamId, message: Message) -> None:
        """Raises ProtocolError."""
        learner = self.learners.get(stream)
        if learner is None:
            return
        learner.alive_ms = self.core.now_ms
        match message:
            case Ack():
                learner.on_ack(Zxid(message.zxid), self.core.now_ms)
                self._advance(learner)
            case Pong():
                self._on_pong(learner, message)
            case AckEpoch():
                self._synchronise(learner, message)
            case AckNewLeader():
                self._welcome(learner, message)
            case _:
                raise UnexpectedMessageError(message, learner.phase.name)

    def on_lost(self, stream: StreamId) -> None:
        self._early.pop(stream, None)
        learner = self.learners.pop(stream, None)
        if learner is not None:
            self.core.report("learner_lost", member=learner.member)

    def on_protocol_error(self, stream: StreamId, error: ProtocolError) -> None:
        learner = self.learners.get(stream)
        self.core.report("protocol_error", member=learner.member if learner else 0, error=str(error))
        self._early.pop(stream, None)
        if learner is not None:
            self._drop(learner, str(error))
        else:
            self.core.emit(Drop(stream, str(error), UNKNOWN_LEADER))

    def _drop(self, learner: Observed, reason: str) -> None:
        del self.learners[learner.stream]
        self.core.emit(Drop(learner.stream, reason, self._leader))

    # --- history ---

    def _synchronise(self, learner: Observed, ack: AckEpoch) -> None:
        if learner.phase is not Phase.EPOCH_SENT or ack.epoch != self._epoch:
            raise UnexpectedMessageError(ack, learner.phase.name)
        core, history = self.core, self.core.history
        steps = plan(
            leader=history.epochs, log_after=history.log_after, snapshot_zxid=history.snapshot_zxid,
            learner=ack.epochs, learner_last=Zxid(ack.last_zxid))
        if steps.point < ack.committed:
            self._drop(learner, "it knows more to be committed than this member has")
            return
        core.emit(*learner.begin(steps, target=history.released, now_ms=core.now_ms))
        core.report(
            "synchronising", member=learner.member, mode=str(steps.mode), point=steps.point,
            learner_last=ack.last_zxid, leader_last=history.released)
        self._advance(learner)

    def _advance(self, learner: Observed) -> None:
        core, history = self.core, self.core.history
        if learner.phase is Phase.SYNCHRONISATION and learner.is_live and learner.cursor >= learner.target:
            learner.phase = Phase.NEW_LEADER_SENT
            core.emit(self._ping(learner), Send(learner.stream, NewLeader(self._epoch, learner.cursor)))
        if learner.phase >= Phase.SYNCHRONISATION:
            core.emit(*learner.more(
                last=history.released, committed=history.released,
                window=core.config.window_bytes, chunk=core.config.chunk_bytes))

    def _welcome(self, learner: Observed, ack: AckNewLeader) -> None:
        if learner.phase is not Phase.NEW_LEADER_SENT or ack.epoch != self._epoch:
            raise UnexpectedMessageError(ack, learner.phase.name)
        learner.on_ack(Zxid(ack.zxid), self.core.now_ms)
        learner.phase = Phase.SERVING
        self.core.emit(
            self._ping(learner), Send(learner.stream, UpToDate(self._epoch, self.core.history.released)))
        self.core.report("learner_synchronised", member=learner.member, mode=str(learner.mode))
        self._advance(learner)

    def on_sent(self, event: RecordsSent | SnapshotSent) -> None:
        learner = self.learners.get(event.stream)
        if learner is None:
            return
        if isinstance(event, RecordsSent):
            learner.on_records_sent(event.zxid, event.size, self.core.now_ms)
        else:
            learner.on_snapshot_sent(event.zxid, self.core.now_ms)
        self._advance(learner)

    def on_unreadable(self, event: RecordsUnreadable) -> None:
        self.core.on_unreadable(event)
        learner = self.learners.get(event.stream)
        if learner is not None:
            self._drop(learner, "records that it needs cannot be read here: it gets a snapshot when it comes again")

    def on_turn_end(self) -> None:
        released = self.core.history.released
        for learner in self.learners.values():
            if learner.cursor < released:
                self._advance(learner)

    # --- pings, digests ---

    def on_leaders_ping(self, ping: Ping) -> None:
        timing, now_ms = self.core.timing, self.core.now_ms
        for learner in list(self.learners.values()):
            while learner.pongs and learner.pongs[0][0] <= ping.heard_ms:
                learner.confirmed_ms = learner.pongs.popleft()[1]
            limit_ms = timing.sync_ms if learner.phase is Phase.SERVING else timing.init_ms
            if learner.is_stuck(now_ms=now_ms, limit_ms=limit_ms):
                self.core.report("learner_stuck", member=learner.member)
                self._drop(learner, f"no answer or ack within {limit_ms} ms")
            elif learner.phase >= Phase.SYNCHRONISATION:
                self.core.emit(self._ping(learner, digest_wanted=ping.digest_wanted))

    def _ping(self, learner: Observed, *, digest_wanted: bool = False) -> Send:
        return Send(learner.stream, Ping(
            self.core.now_ms, learner.confirmed_ms, self.core.history.released, digest_wanted))

    def _on_pong(self, learner: Observed, pong: Pong) -> None:
        if pong.sent_ms > self.core.now_ms:
            raise UnexpectedMessageError(pong, learner.phase.name)
        learner.has_processor, learner.sync_ms = pong.has_processor, pong.sync_ms
        learner.pongs.append((self.core.now_ms, pong.at_ms))
        self._digests += [(learner.member, digest) for digest in pong.digests]
        del self._digests[:-DIGESTS_MAX]

    def take_digests(self) -> list[tuple[int, Digest]]:
        """Of the observers' replicas, since the last time."""
        digests, self._digests = self._digests, []
        return digests

    def pass_on(self, message: Differs | Summons) -> None:
        self.core.emit(*(
            Send(each.stream, message) for each in self.learners.values() if each.member == message.member))
