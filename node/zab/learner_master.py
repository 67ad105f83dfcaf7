"""Whom learners follow: the leader, or for observers a follower in its place (ZooKeeper's LearnerMaster).

How a learner is brought to the history that this member has, and how it is let go.
"""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from node.zab.core import Core
from node.zab.effects import Drop, Send
from node.zab.errors import ProtocolError
from node.zab.events import RecordsSent, RecordsUnreadable, SnapshotSent, StreamId
from node.zab.learner_stream import LearnerStream, Phase
from node.zab.synchronisation import plan
from transport.messages import AckEpoch, NewLeader
from transport.zxid import Epoch, MemberId, Zxid

Stream = TypeVar("Stream", bound=LearnerStream)


class LearnerMaster(ABC, Generic[Stream]):
    """*learners*: who has said hello. *leader*: whom they are told; *epoch*: its, 0 while there is none."""

    def __init__(self, core: Core, leader: MemberId) -> None:
        self.core = core
        self.leader = leader
        self.epoch = Epoch(0)
        self.learners: dict[StreamId, Stream] = {}

    @abstractmethod
    def end(self) -> Zxid:
        """Up to where learners are sent records."""

    @abstractmethod
    def committed(self) -> Zxid:
        """What they are told is."""

    @abstractmethod
    def ping(self, learner: Stream, *, digest_wanted: bool = False) -> Send:
        """As it is due, or before what needs its echo."""

    @abstractmethod
    def on_diverging(self, learner: Stream, ack: AckEpoch, point: Zxid) -> None:
        """It knows more to be committed than we share with it, which is up to *point*."""

    # --- synchronisation ---

    def synchronise(self, learner: Stream, ack: AckEpoch) -> None:
        """Rule 11.  A learner that knows more to be committed than we share with it is not cut back (rule 2)."""
        core, history = self.core, self.core.history
        steps = plan(
            leader=history.epochs, log_after=history.log_after, snapshot_zxid=history.snapshot_zxid,
            learner=ack.epochs, learner_last=Zxid(ack.last_zxid))
        if steps.point < ack.committed:
            self.on_diverging(learner, ack, steps.point)
            return
        core.emit(*learner.begin(steps, target=self.end(), now_ms=core.now_ms))
        core.report(
            "synchronising", member=learner.member, mode=str(steps.mode), point=steps.point,
            learner_last=ack.last_zxid, leader_last=self.end())
        self.advance(learner)

    def advance(self, learner: Stream) -> None:
        """As far as its credit goes; NewLeader goes out at the exact place where its history is complete."""
        core = self.core
        if (
            learner.phase is Phase.SYNCHRONISATION
            and learner.is_live and learner.cursor >= learner.target
        ):
            learner.phase = Phase.NEW_LEADER_SENT
            # The ping comes first, so that its echo, which the lease needs, is here before the ack.
            core.emit(self.ping(learner), Send(learner.stream, NewLeader(self.epoch, learner.cursor)))
        if learner.phase >= Phase.SYNCHRONISATION:
            core.emit(*learner.more(
                last=self.end(), committed=self.committed(),
                window=core.config.window_bytes, chunk=core.config.chunk_bytes))

    def on_sent(self, event: RecordsSent | SnapshotSent) -> None:
        learner = self.learners.get(event.stream)
        if learner is None:
            return
        if isinstance(event, RecordsSent):
            learner.on_records_sent(event.zxid, event.size, self.core.now_ms)
        else:
            learner.on_snapshot_sent(event.zxid, self.core.now_ms)
        self.advance(learner)

    def on_unreadable(self, event: RecordsUnreadable) -> None:
        self.core.on_unreadable(event)
        learner = self.learners.get(event.stream)
        if learner is not None:
            self.drop(learner, "records that it needs cannot be read here: it gets a snapshot when it comes again")

    # --- the end of a stream ---

    def supersede(self, member: MemberId) -> None:
        """Its older stream, if there is one."""
        for old in [each.stream for each in self.learners.values() if each.member == member]:
            del self.learners[old]
            self.core.emit(Drop(old, "superseded by a newer stream of the same member", self.leader))

    def drop(self, learner: Stream, reason: str, *, operator: bool = False) -> None:
        del self.learners[learner.stream]
        self.core.emit(Drop(learner.stream, reason, self.leader, operator))

    def drop_stuck(self) -> None:
        """Within syncLimit; within initLimit while it takes our history, which may be a large snapshot."""
        timing = self.core.timing
        for learner in list(self.learners.values()):
            limit_ms = timing.sync_ms if learner.phase is Phase.SERVING else timing.init_ms
            if learner.phase > Phase.HELLO and learner.is_stuck(now_ms=self.core.now_ms, limit_ms=limit_ms):
                self.core.report("learner_stuck", member=learner.member)
                self.drop(learner, f"no answer or ack within {limit_ms} ms")

    def on_lost(self, stream: StreamId) -> bool:
        """Whether it was a learner's."""
        learner = self.learners.pop(stream, None)
        if learner is None:
            return False
        self.core.report("learner_lost", member=learner.member)
        return True

    def on_protocol_error(self, stream: StreamId, error: ProtocolError) -> None:
        learner = self.learners.get(stream)
        self.core.report("protocol_error", member=learner.member if learner else 0, error=str(error))
        if learner is not None:
            self.drop(learner, str(error))
        else:
            self.core.emit(Drop(stream, str(error), self.leader))
