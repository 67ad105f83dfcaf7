"""The leader's side of discovery, synchronisation and broadcast.

Records go to the learners before they go to the own log: the leader's own ack waits for its own disk
like any other, and the disks work at the same time.
"""

from collections import deque
from enum import StrEnum

from node.zab.control import Change, ControlEntries
from node.zab.core import UNKNOWN_LEADER, Core
from node.zab.discovery import Discovery, is_stranger, refuses
from node.zab.effects import AcceptBatches, Drop, Lease, Send, Settle, ToProcessor
from node.zab.errors import ProtocolError, RoleEnded, UnexpectedMessageError
from node.zab.events import Propose, Reconfigure, RecordsSent, RecordsUnreadable, SnapshotSent, StreamId
from node.zab.handover import Handover
from node.zab.heartbeat import Heartbeat
from node.zab.learner_stream import LearnerStream
from node.zab.learner_stream import Phase as LearnerPhase
from node.zab.membership import has_vote
from node.zab.synchronisation import common_point, plan
from transport.entry import (
    DIGEST_POINT,
    ControlEntry,
    Kind,
    RecordHeader,
    pack_control,
    pack_record,
    read_record_header,
)
from transport.messages import (
    Ack,
    AckEpoch,
    AckNewLeader,
    Backed,
    Commit,
    HandedOver,
    Hello,
    Message,
    NewEpoch,
    NewLeader,
    Pong,
    Records,
    Touches,
    UpToDate,
)
from transport.zxid import COUNTER_MASK, Epoch, MemberId, Zxid, counter_of, make_zxid

# An epoch of so many requests ends: its zxids must not run into the next one's. What is left lasts beyond any tick.
COUNTER_END = COUNTER_MASK - (1 << 32)


class Phase(StrEnum):
    DISCOVERY = "discovery"  # waiting for a quorum's Hello
    EPOCH_PROPOSED = "epoch proposed"  # waiting for a quorum's AckEpoch
    SYNCHRONISATION = "synchronisation"  # waiting for a quorum's AckNewLeader
    BROADCAST = "broadcast"  # established


class Leader:
    role = "leader"

    def __init__(self, core: Core) -> None:
        self.core = core
        self.phase = Phase.DISCOVERY
        self.epoch = Epoch(0)
        self.learners: dict[StreamId, LearnerStream] = {}
        self.discovery = Discovery(core)
        self.heartbeat = Heartbeat(core, self.learners)
        self.handover = Handover(core, self.learners, self.heartbeat)
        self.initial_end = core.history.last  # the history that this epoch begins with
        self.uncommitted_bytes = 0
        self._uncommitted: deque[tuple[Zxid, int]] = deque()
        self._ends: set[Zxid] = set()  # where these records end
        self._acked = Zxid(0)  # the highest ack of any learner
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
    def leader(self) -> MemberId:
        return self.core.me

    @property
    def may_propose(self) -> bool:
        return (
            self.phase is Phase.BROADCAST
            and self.uncommitted_bytes < self.core.config.uncommitted_bytes_max
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
        for old in [each.stream for each in self.learners.values() if each.member == member]:
            del self.learners[old]
            core.emit(Drop(old, "superseded by a newer stream of the same member", core.me))
        self._hear_of_committed(hello)
        control = core.history.control
        learner = LearnerStream(
            stream, hello, now_ms=core.now_ms,
            has_vote=self._has_vote(hello))
        if control is not None and self.phase is Phase.BROADCAST:
            learner.votes_from = core.history.control_zxid
        self.learners[stream] = learner
        self.controls.heard(member, hello)
        self.discovery.check_accepted(learner, self.epoch)
        if self.phase is Phase.DISCOVERY:
            self._discover()
        else:
            self._propose_epoch(learner)

    def _hear_of_committed(self, hello: Hello) -> None:
        """Ends a reconfiguration that our log leaves open, where another knows that it is committed.

        Who was voted out by it may have been sent more than our own disk kept, and be ahead of us for good. Nothing of
        that is committed without us.
        """
        history = self.core.history
        if self.phase is Phase.BROADCAST or not self.core.electorate.before:
            return  # of this epoch we are the first to know
        shared = common_point(history.epochs, hello.epochs)
        if min(shared, hello.committed) >= history.control_zxid:
            history.commit(history.control_zxid)
            self._end_votes()

    def _has_vote(self, hello: Hello) -> bool:
        core = self.core
        control = core.history.control
        if control is None and hello.voters and (
            set(hello.voters) != set(core.config.voters) or hello.hierarchy != core.config.hierarchy
        ):
            # Nothing is logged yet, so files say who votes: with another one, its quorums are not ours.
            core.report(
                "voters_differ", alarm=True, member=hello.member, configured=list(core.config.voters),
                told=list(hello.voters))
            return False
        # Once the epoch's own entry stands in the log, it or a later one must name whose acks count.
        established = self.phase is Phase.BROADCAST
        return has_vote(
            member=hello.member, incarnation=hello.incarnation, last_zxid=hello.last_zxid,
            initial=hello.initial, control=control, voters=core.electorate.members, only_named=established)

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
            self._synchronise(learner, ack)
        else:
            self._check_epoch()

    # --- synchronisation ---

    def _check_epoch(self) -> None:
        if not self.discovery.is_accepted(self.learners.values()):
            return
        self.phase = Phase.SYNCHRONISATION
        self.initial_end = self.core.history.last
        self._progressed()
        for learner in list(self.learners.values()):
            if learner.ack_epoch is not None:
                self._synchronise(learner, learner.ack_epoch)
        self.on_flushed()

    def _progressed(self) -> None:
        self._phase_until_ms = self.core.now_ms + self.core.timing.init_ms

    def _synchronise(self, learner: LearnerStream, ack: AckEpoch) -> None:
        """Rule 11.  A learner that knows more to be committed than we share with it is not cut back (rule 2)."""
        core, history = self.core, self.core.history
        steps = plan(
            leader=history.epochs, log_after=history.log_after, snapshot_zxid=history.snapshot_zxid,
            learner=ack.epochs, learner_last=Zxid(ack.last_zxid))
        if steps.point < ack.committed:
            core.report(
                "histories_diverge", alarm=True, member=learner.member, common=steps.point, committed=ack.committed)
            self._drop(learner, "its history has committed records that the leader's lacks", operator=True)
            return
        core.emit(*learner.begin(steps, target=history.last, now_ms=core.now_ms))
        core.report(
            "synchronising", member=learner.member, mode=str(steps.mode), point=steps.point,
            learner_last=ack.last_zxid, leader_last=history.last)
        self._advance(learner)

    def _advance(self, learner: LearnerStream) -> None:
        """As far as its credit goes; NewLeader goes out at the exact place where its history is complete."""
        core, history = self.core, self.core.history
        if (
            learner.phase is LearnerPhase.SYNCHRONISATION
            and learner.is_live and learner.cursor >= learner.target
        ):
            learner.phase = LearnerPhase.NEW_LEADER_SENT
            # The ping comes first, so that its echo, which the lease needs, is here before the ack.
            core.emit(
                self.heartbeat.ping(learner),
                Send(learner.stream, NewLeader(self.epoch, learner.cursor)))
        if learner.phase >= LearnerPhase.SYNCHRONISATION:
            core.emit(*learner.more(
                last=history.last, committed=history.committed,
                window=core.config.window_bytes, chunk=core.config.chunk_bytes))

    def on_records_sent(self, event: RecordsSent) -> None:
        learner = self.learners.get(event.stream)
        if learner is not None:
            learner.on_records_sent(event.zxid, event.size, self.core.now_ms)
            self._progressed()
            self._advance(learner)

    def on_records_unreadable(self, event: RecordsUnreadable) -> None:
        self.core.on_unreadable(event)
        learner = self.learners.get(event.stream)
        if learner is not None:
            self._drop(learner, "records that it needs cannot be read here: it gets a snapshot when it comes again")

    def on_snapshot_sent(self, event: SnapshotSent) -> None:
        learner = self.learners.get(event.stream)
        if learner is not None:
            learner.on_snapshot_sent(event.zxid, self.core.now_ms)
            self._progressed()
            self._advance(learner)

    def _on_ack_new_leader(self, learner: LearnerStream, ack: AckNewLeader) -> None:
        if learner.phase is not LearnerPhase.NEW_LEADER_SENT or ack.epoch != self.epoch:
            raise UnexpectedMessageError(ack, learner.phase.name)
        self._take_ack(learner, Zxid(ack.zxid))
        learner.phase = LearnerPhase.SYNCHRONISED
        self._advance(learner)
        if self.phase is Phase.BROADCAST:
            self._welcome(learner)
            self._count()
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
        core.history.commit(self.initial_end)
        self._end_votes()
        core.report("established", epoch=self.epoch, quorum=sorted({core.me, *synchronised}))
        for learner in self.learners.values():
            if learner.phase is LearnerPhase.SYNCHRONISED:
                self._welcome(learner)
        self._log_control(self.controls.opening(self.learners.values()))
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
            self.heartbeat.ping(learner),
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
                self._log_control(change)

    def _log_control(self, change: Change) -> None:
        core = self.core
        zxid = make_zxid(epoch=self.epoch, counter=0) if change.kind is Kind.EPOCH else core.history.last + 1
        record = pack_control(
            zxid=zxid, kind=change.kind, time_ms=core.now_ms + core.wall_offset_ms, entry=change.entry,
            version=core.history.record_version)
        self._log(record, read_record_header(record), change.entry)
        for learner in change.admitted:
            learner.has_vote = True
            learner.votes_from = core.history.control_zxid

    # --- broadcast ---

    def on_propose(self, event: Propose) -> None:
        """Zab, step l.3.1."""
        core = self.core
        assert self.phase is Phase.BROADCAST, "batches without leading"
        flags = DIGEST_POINT if self.heartbeat.is_digest_point() else 0
        first_zxid, version = Zxid(core.history.last + 1), core.history.record_version
        record = pack_record(
            first_zxid=first_zxid, count=event.count, time_ms=event.time_ms, body=event.body, flags=flags,
            version=version)
        self._log(record, RecordHeader(
            first_zxid, event.count, Kind.BATCHES, version, flags, event.time_ms, len(event.body)))

    def _log(self, record: bytes, header: RecordHeader, entry: ControlEntry | None = None) -> None:
        core, history = self.core, self.core.history
        after, last, now_ms = history.last, header.last_zxid, core.now_ms
        window = core.config.window_bytes
        records = Records(record, history.committed)  # one object for all: the shell encodes it once
        for learner in self.learners.values():
            if learner.push(records, last=last, window=window, now_ms=now_ms, after=after):
                core.effects.append(Send(learner.stream, records))
        core.effects.append(history.append(record, header, entry))
        self.uncommitted_bytes += len(record)
        self._uncommitted.append((last, len(record)))
        self._ends.add(last)

    def _on_ack(self, learner: LearnerStream, ack: Ack) -> None:
        """Zab, step l.3.2."""
        if learner.phase < LearnerPhase.SYNCHRONISATION:
            raise UnexpectedMessageError(ack, learner.phase.name)
        self._take_ack(learner, Zxid(ack.zxid))
        if learner.cursor < self.core.history.last:
            self._advance(learner)
        if self.phase is not Phase.BROADCAST:
            self._progressed()
            return
        self._count()
        if self.handover.is_active:
            self.handover.check()

    def _take_ack(self, learner: LearnerStream, zxid: Zxid) -> None:
        """Raises ProtocolError: of what it was never sent, or of a part of a record, of which nothing is committed."""
        if zxid not in self._ends and zxid > max(self.core.history.committed, self.initial_end):
            raise ProtocolError(f"member {learner.member} acks {zxid:#x}, where no record ends")
        learner.on_ack(zxid, self.core.now_ms)
        self._acked = max(self._acked, learner.durable)

    def on_flushed(self) -> None:
        """history.durable has risen: our own ack, by the same rules (rule 1)."""
        core = self.core
        core.on_durable()
        if self.phase is Phase.BROADCAST:
            self._count()
        elif (
            self.phase is Phase.SYNCHRONISATION
            and not self._is_ready and core.history.durable >= self.initial_end
        ):
            core.enter_epoch(self.epoch)
            self._is_ready = True
            self._establish()

    def _count(self) -> None:
        """Commit what a quorum has durable. Only records of this epoch get here: all count from its start on."""
        history = self.core.history
        zxid = self.core.electorate.committed(self._acks(), changed_at=history.control_zxid)
        before = history.committed
        if zxid is None or zxid <= before:
            return
        history.commit(zxid)
        uncommitted = self._uncommitted
        while uncommitted and uncommitted[0][0] <= zxid:
            end, size = uncommitted.popleft()
            self.uncommitted_bytes -= size
            self._ends.discard(end)
        if before < history.control_zxid <= history.committed:
            self._on_control_committed()

    def _acks(self, *, but: LearnerStream | None = None) -> dict[MemberId, int]:
        """What each has durable that counts; *but*: leave this one out."""
        acks: dict[MemberId, int] = {self.core.me: self.core.history.durable}
        for learner in self.learners.values():
            ack = learner.counted_ack()
            if ack is not None and learner is not but:
                acks[learner.member] = ack
        return acks

    def _end_votes(self) -> None:
        """Of those that a reconfiguration, now committed, has voted out."""
        for learner in self.learners.values():
            learner.has_vote = learner.has_vote and learner.member in self.core.voters

    def _on_control_committed(self) -> None:
        """Who was voted out counts no more, and what needed both quorums needs one."""
        control = self.core.history.control
        if control is not None and control.voters_before:
            self._end_votes()
            self._count()
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

    def on_learner_lost(self, stream: StreamId) -> None:
        learner = self.learners.pop(stream, None)
        if learner is not None:
            self.core.report("learner_lost", member=learner.member)
            if self.handover.is_active:
                self.handover.check()
            self._propose_control()  # it may be who held a change of the voters up

    def on_protocol_error(self, stream: StreamId, error: ProtocolError) -> None:
        learner = self.learners.get(stream)
        self.core.report("protocol_error", member=learner.member if learner else 0, error=str(error))
        if learner is not None:
            self._drop(learner, str(error))
        else:
            self.core.emit(Drop(stream, str(error), self.core.me))

    def _drop(self, learner: LearnerStream, reason: str, *, operator: bool = False) -> None:
        del self.learners[learner.stream]
        self.core.emit(Drop(learner.stream, reason, self.core.me, operator))
        self._propose_control()

    # --- time ---

    def on_turn_end(self) -> None:
        core, history = self.core, self.core.history
        committed = history.committed
        # Nothing more is backed than somebody has durable.
        may_be_backed = (
            history.last > committed < max(history.durable, self._acked) and not core.electorate.before)
        for learner in self.learners.values():
            if learner.told_committed < committed and learner.phase is LearnerPhase.SERVING:
                learner.told_committed = committed
                core.effects.append(Send(learner.stream, Commit(committed)))
            elif may_be_backed:
                self._tell_backed(learner)
        history.end_turn(core.effects)

    def _tell_backed(self, learner: LearnerStream) -> None:
        """A member that learns of a commit by itself (design, section 2).

        Its ack, once durable, counts here for certain: it has the epoch persisted and an identical prefix.
        """
        if learner.phase is not LearnerPhase.SERVING or learner.counted_ack() is None:
            return
        backed = Zxid(self.core.electorate.now.backed(self._acks(but=learner), learner.member))
        if backed > max(learner.told_backed, learner.told_committed):
            learner.told_backed = backed
            self.core.emit(Send(learner.stream, Backed(backed)))

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
        self._drop_stuck()
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

    def _drop_stuck(self) -> None:
        """Within syncLimit; within initLimit while it takes our history, which may be a large snapshot."""
        timing = self.core.timing
        for learner in list(self.learners.values()):
            limit_ms = timing.sync_ms if learner.phase is LearnerPhase.SERVING else timing.init_ms
            if learner.phase > LearnerPhase.HELLO and learner.is_stuck(now_ms=self.core.now_ms, limit_ms=limit_ms):
                self.core.report("learner_stuck", member=learner.member)
                self._drop(learner, f"no answer or ack within {limit_ms} ms")
