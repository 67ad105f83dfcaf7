"""The leader: discovery, synchronisation and broadcast, as phases of one ensemble.

What each of them is about has a file of its own: admission.py, discovery.py, learner_master.py, proposals.py,
control.py. This one says when.
"""

from enum import StrEnum
from typing import Final

from node.zab.admission import ends_reconfiguration, is_stranger, refuses, votes
from node.zab.control import ControlEntries
from node.zab.core import UNKNOWN_LEADER, Core
from node.zab.discovery import Discovery
from node.zab.effects import AcceptBatches, Drop, Lease, Send, Settle, ToProcessor
from node.zab.errors import RoleEnded, UnexpectedMessageError
from node.zab.events import Propose, Reconfigure, RecordsSent, SnapshotSent, StreamId
from node.zab.handover import Handover
from node.zab.heartbeat import Heartbeat
from node.zab.learner_master import LearnerMaster
from node.zab.learner_stream import LearnerStream
from node.zab.learner_stream import Phase as LearnerPhase
from node.zab.proposals import Proposals
from transport.entry import DIGEST_POINT
from transport.messages import (
    Ack,
    AckEpoch,
    AckNewLeader,
    HandedOver,
    Hello,
    Message,
    NewEpoch,
    Pong,
    Touches,
    UpToDate,
)
from transport.zxid import COUNTER_MASK, MemberId, Zxid, counter_of

# An epoch of so many requests ends: its zxids must not run into the next one's. What is left lasts beyond any tick.
COUNTER_END: Final = COUNTER_MASK - (1 << 32)


class Phase(StrEnum):
    DISCOVERY = "discovery"  # waiting for a quorum's Hello
    EPOCH_PROPOSED = "epoch proposed"  # waiting for a quorum's AckEpoch
    SYNCHRONISATION = "synchronisation"  # waiting for a quorum's AckNewLeader
    BROADCAST = "broadcast"  # established


class Leader(LearnerMaster[LearnerStream]):
    role = "leader"

    def __init__(self, core: Core) -> None:
        super().__init__(core, core.me)
        self.phase = Phase.DISCOVERY
        self.discovery = Discovery(core)
        self.heartbeat = Heartbeat(core, self.learners)
        self.handover = Handover(core, self.learners, self.heartbeat)
        self.proposals = Proposals(core, self.learners)
        self.controls = ControlEntries(core)
        self._is_ready = False  # our own ack of NEWLEADER: history durable, currentEpoch saved
        self._phase_until_ms = core.now_ms + core.timing.discovery_ms
        self._quorum_seen_ms = core.now_ms

    def start(self) -> None:
        """Raises RoleEnded: elected, but without a vote."""
        if not self.core.votes:
            raise RoleEnded("elected without a vote")
        self._discover()

    def leave(self, heir: MemberId = UNKNOWN_LEADER) -> None:
        """*heir*: handed over to; it is told first, since the others will come to it."""
        self.core.emit(
            Lease(0, self.epoch, UNKNOWN_LEADER, "looking"), AcceptBatches(self.epoch, accept=False))
        for learner in sorted(self.learners.values(), key=lambda each: each.member != heir):
            if heir and learner.ack_epoch is not None:
                # It ends the stream itself: what is sent last is lost at times, where this end does.
                self.core.emit(Send(learner.stream, HandedOver(self.epoch, heir)))
            else:
                self.core.emit(Drop(learner.stream, "looking", heir))

    @property
    def serving(self) -> bool:
        return self.phase is Phase.BROADCAST

    @property
    def may_propose(self) -> bool:
        return (
            self.phase is Phase.BROADCAST
            and self.proposals.uncommitted_bytes < self.core.config.uncommitted_bytes_max
            and self.core.now_ms < self.heartbeat.lease_until_ms
            and not self.handover.holds_proposals)

    @property
    def deadline_ms(self) -> int:
        if self.phase is Phase.BROADCAST:
            due_ms = min(self.heartbeat.ping_due_ms, self.heartbeat.lease_until_ms)
            return min(due_ms, self.handover.until_ms) if self.handover.is_active else due_ms
        if self.phase is Phase.SYNCHRONISATION:
            others_ms = self._others_lease_ms()
            ping_ms = self.heartbeat.ping_due_ms
            return min(ping_ms, others_ms) if others_ms > self.core.now_ms else ping_ms
        return self._phase_until_ms

    # --- discovery ---

    def on_hello(self, stream: StreamId, member: MemberId, hello: Hello) -> None:
        core = self.core
        refusal = refuses(core, member, hello)
        if refusal:
            if is_stranger(core, hello):
                core.strangers.add(member)
            core.emit(Drop(stream, refusal, core.me, operator=True))
            return
        core.strangers.discard(member)
        self.supersede(member)
        is_established = self.phase is Phase.BROADCAST
        if not is_established and ends_reconfiguration(core, hello):  # of this epoch we are the first to know
            core.history.commit(core.history.control_zxid)
            self._end_votes()
        learner = LearnerStream(
            stream, hello, now_ms=core.now_ms, has_vote=votes(core, hello, established=is_established))
        if is_established:
            learner.votes_from = core.history.control_zxid
        self.learners[stream] = learner
        self.controls.heard(member, hello)
        self.discovery.check_accepted(learner, self.epoch)
        if self.phase is Phase.DISCOVERY:
            self._discover()
        else:
            self._propose_epoch(learner)

    def _discover(self) -> None:
        """Zab, step l.1.1: an epoch later than any that a quorum has accepted."""
        core = self.core
        epoch = self.discovery.proposed(self.learners.values())
        if epoch is None:
            return
        self.epoch = epoch
        self.phase = Phase.EPOCH_PROPOSED
        self._phase_until_ms = core.now_ms + core.timing.discovery_ms
        core.accept_epoch(epoch)
        core.promised = (core.me, epoch)
        core.emit(Settle(core.round, core.me, epoch))
        core.report("leading", epoch=epoch)
        for learner in self.learners.values():
            self._propose_epoch(learner)
        self._check_epoch()

    def _propose_epoch(self, learner: LearnerStream) -> None:
        learner.phase = LearnerPhase.EPOCH_SENT
        self.core.emit(Send(learner.stream, NewEpoch(self.epoch)))

    def _on_ack_epoch(self, learner: LearnerStream, ack: AckEpoch) -> None:
        if learner.phase is not LearnerPhase.EPOCH_SENT or ack.epoch != self.epoch:
            raise UnexpectedMessageError(ack, learner.phase.name)
        decided = self.phase is not Phase.EPOCH_PROPOSED
        self.discovery.on_ack_epoch(learner, ack, decided=decided)
        learner.phase = LearnerPhase.EPOCH_ACKED
        if decided:
            self.synchronise(learner, ack)
        else:
            self._check_epoch()

    def _check_epoch(self) -> None:
        if not self.discovery.is_accepted(self.learners.values()):
            return
        self.phase = Phase.SYNCHRONISATION
        self._progressed()
        for learner in list(self.learners.values()):
            if learner.ack_epoch is not None:
                self.synchronise(learner, learner.ack_epoch)
        self.on_flushed()

    # --- synchronisation ---

    def end(self) -> Zxid:
        return self.core.history.last

    def committed(self) -> Zxid:
        return self.core.history.committed

    def ping(self, learner: LearnerStream, *, digest_wanted: bool = False) -> Send:
        return self.heartbeat.ping(learner, digest_wanted=digest_wanted)

    def on_diverging(self, learner: LearnerStream, ack: AckEpoch, point: Zxid) -> None:
        self.core.report(
            "histories_diverge", alarm=True, member=learner.member, common=point, committed=ack.committed)
        self.drop(learner, "its history has committed records that the leader's lacks", operator=True)

    def on_sent(self, event: RecordsSent | SnapshotSent) -> None:
        if event.stream in self.learners:
            self._progressed()
        super().on_sent(event)

    def _progressed(self) -> None:
        self._phase_until_ms = self.core.now_ms + self.core.timing.init_ms

    def _on_ack_new_leader(self, learner: LearnerStream, ack: AckNewLeader) -> None:
        if learner.phase is not LearnerPhase.NEW_LEADER_SENT or ack.epoch != self.epoch:
            raise UnexpectedMessageError(ack, learner.phase.name)
        self.proposals.on_ack(learner, Zxid(ack.zxid))
        learner.phase = LearnerPhase.SYNCHRONISED
        self.advance(learner)
        if self.phase is Phase.BROADCAST:
            self._welcome(learner)
            self._commit()
            self._propose_control()
        else:
            self._establish()

    def _establish(self) -> None:
        """Zab, step l.2.2: a quorum is in the epoch, so the history it began with is committed."""
        core = self.core
        if self.phase is not Phase.SYNCHRONISATION or not self._is_ready:
            return
        synchronised = {
            each.member for each in self.learners.values()
            if each.has_vote and each.phase >= LearnerPhase.SYNCHRONISED}
        if not core.electorate.has_quorum({core.me, *synchronised}):
            return
        if core.now_ms < self._others_lease_ms():
            return  # asked again at that time
        if self.heartbeat.granted_until_ms() <= core.now_ms:
            return  # asked again at the next Pong
        self.phase = Phase.BROADCAST
        core.failures = 0
        core.history.commit(self.proposals.initial_end)
        self._end_votes()
        core.report("established", epoch=self.epoch, quorum=sorted({core.me, *synchronised}))
        for learner in self.learners.values():
            if learner.phase is LearnerPhase.SYNCHRONISED:
                self._welcome(learner)
        self.proposals.propose_control(self.controls.opening(self.learners.values()), self.epoch)
        self.heartbeat.renew(self.epoch)
        core.emit(AcceptBatches(self.epoch, accept=True))

    def _others_lease_ms(self) -> int:
        """Until when an earlier leader may serve, by the grants of those that are synchronised."""
        learners = self.learners.values()
        return self.discovery.others_lease_until_ms(
            [each.member for each in learners if each.has_vote and each.phase >= LearnerPhase.SYNCHRONISED],
            [each.member for each in learners if each.ack_epoch is not None])

    def _welcome(self, learner: LearnerStream) -> None:
        learner.phase = LearnerPhase.SERVING
        committed = self.core.history.committed
        learner.told_committed = committed
        # The ping comes first: with what it has heard the learner may serve at once.
        self.core.emit(
            self.ping(learner),
            Send(learner.stream, UpToDate(self.epoch, committed)))
        self.core.report("learner_synchronised", member=learner.member, mode=str(learner.mode))

    # --- control entries ---

    def on_reconfigure(self, event: Reconfigure) -> None:
        self.controls.reconfiguration.ask(event)
        self._propose_control()

    def _propose_control(self) -> None:
        if self.phase is Phase.BROADCAST:
            change = self.controls.next(self.learners.values())
            if change is not None:
                self.proposals.propose_control(change, self.epoch)

    # --- broadcast ---

    def on_propose(self, event: Propose) -> None:
        assert self.phase is Phase.BROADCAST, "batches without leading"
        self.proposals.propose(event, flags=DIGEST_POINT if self.heartbeat.is_digest_point() else 0)

    def _on_ack(self, learner: LearnerStream, ack: Ack) -> None:
        """Zab, step l.3.2."""
        if learner.phase < LearnerPhase.SYNCHRONISATION:
            raise UnexpectedMessageError(ack, learner.phase.name)
        self.proposals.on_ack(learner, Zxid(ack.zxid))
        if learner.cursor < self.core.history.last:
            self.advance(learner)
        if self.phase is not Phase.BROADCAST:
            self._progressed()
            return
        self._commit()
        if self.handover.is_active:
            self.handover.check()

    def on_flushed(self) -> None:
        """history.durable has risen: our own ack, by the same rules (rule 1)."""
        core = self.core
        core.on_durable()
        if self.phase is Phase.BROADCAST:
            self._commit()
        elif (
            self.phase is Phase.SYNCHRONISATION
            and not self._is_ready and core.history.durable >= self.proposals.initial_end
        ):
            core.enter_epoch(self.epoch)
            self._is_ready = True
            self._establish()

    def _commit(self) -> None:
        if self.proposals.commit():
            self._on_control_committed()

    def _end_votes(self) -> None:
        """Of those that a reconfiguration, now committed, has voted out."""
        for learner in self.learners.values():
            learner.has_vote = learner.has_vote and learner.member in self.core.voters

    def _on_control_committed(self) -> None:
        """Who was voted out counts no more, and what needed both quorums needs one."""
        control = self.core.history.control
        if control is not None and control.voters_before:
            self._end_votes()
            self._commit()
            self.handover.check()
        self._propose_control()

    # --- messages ---

    def on_message(self, stream: StreamId, message: Message) -> None:
        learner = self.learners.get(stream)
        if isinstance(message, Touches):
            self.core.emit(ToProcessor(message))
            return
        if learner is None:
            return  # dropped: it will notice
        learner.alive_ms = self.core.now_ms
        match message:
            case Ack():
                self._on_ack(learner, message)
            case Pong():
                self.heartbeat.on_pong(learner, message)
                if self.phase is Phase.BROADCAST:
                    self.heartbeat.renew(self.epoch)
                    if self.handover.is_active:
                        self.handover.check()
                else:
                    self._establish()
            case AckEpoch():
                self._on_ack_epoch(learner, message)
            case AckNewLeader():
                self._on_ack_new_leader(learner, message)
            case _:
                raise UnexpectedMessageError(message, learner.phase.name)

    def on_lost(self, stream: StreamId) -> bool:
        is_learner = super().on_lost(stream)
        if is_learner:
            if self.handover.is_active:
                self.handover.check()
            self._propose_control()  # it may be who held a change of the voters up
        return is_learner

    def drop(self, learner: LearnerStream, reason: str, *, operator: bool = False) -> None:
        super().drop(learner, reason, operator=operator)
        self._propose_control()

    # --- time ---

    def on_turn_end(self) -> None:
        self.proposals.tell()
        self.core.history.end_turn(self.core.effects)

    def on_tick(self) -> None:
        now_ms = self.core.now_ms
        if self.phase is Phase.BROADCAST:
            self.heartbeat.renew(self.epoch)
            if now_ms >= self.heartbeat.lease_until_ms:
                raise RoleEnded("no quorum has answered within the lease")
            if counter_of(self.core.history.last) > COUNTER_END:
                raise RoleEnded("the zxids of this epoch are used up")
            self.handover.check()
        else:
            self._check_progress()
        self.drop_stuck()
        if now_ms >= self.heartbeat.ping_due_ms:
            self.heartbeat.ping_all(serving=self.serving)

    def _check_progress(self) -> None:
        now_ms = self.core.now_ms
        if now_ms >= self._phase_until_ms:
            raise RoleEnded(f"no quorum in time while {self.phase}")
        if self.phase is Phase.SYNCHRONISATION:
            live = {each.member for each in self.learners.values() if each.has_vote}
            if self.core.electorate.has_quorum({self.core.me, *live}):
                self._quorum_seen_ms = now_ms
            elif now_ms - self._quorum_seen_ms > self.core.timing.discovery_ms:
                raise RoleEnded("the quorum has gone while synchronising")
            self._establish()
