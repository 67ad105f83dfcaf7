"""One member of the ensemble: the one door to the ZAB core.

    member = Member(recovered, config)
    effects = member.step(now_ms, event)      # performed by the shell, strictly in order

now_ms is monotonic. A peer that breaks the protocol loses its stream, or this member looks again: that is decided here
and nowhere else. A broken invariant of our own is an AssertionError, and a log or settings that this member cannot
follow a CannotServeError: the process ends.
"""

from dataclasses import dataclass
from typing import Final

from node.zab.config import ZabConfig
from node.zab.core import UNKNOWN_LEADER, Core
from node.zab.effects import Drop, Effect, HandOverFailed
from node.zab.errors import CommittedLossError, ProtocolError, RoleEnded
from node.zab.events import (
    DigestComputed,
    Draining,
    Elected,
    Event,
    Flushed,
    FromLeader,
    FromLearner,
    HandOver,
    LeaderLost,
    LearnerLost,
    ProcessorReady,
    Propose,
    Reconfigure,
    RecordsSent,
    RecordsUnreadable,
    Recovered,
    SnapshotReceived,
    SnapshotSent,
    SnapshotTaken,
    Started,
    SyncTook,
    Tick,
    TurnEnd,
)
from node.zab.follower import Follower
from node.zab.leader import Leader
from node.zab.looking import Looking
from node.zab.observer_master import ObserverMaster
from transport.entry import ControlEntry
from transport.messages import Digest, Hello, NewEpoch, Touches
from transport.zxid import Epoch, MemberId, Zxid

DIGESTS_MAX: Final = 64  # kept for the next Pong


@dataclass(frozen=True, slots=True)
class LearnerStatus:
    """*phase*: of the handshake, by name. *durable*: acked. *unacked_bytes*: sent and not acked."""

    member: MemberId
    phase: str
    mode: str
    votes: bool
    durable: Zxid
    cursor: Zxid
    unacked_bytes: int
    has_processor: bool  # it could take over, as far as that goes
    is_observer: bool = False


class Member:
    def __init__(self, recovered: Recovered, config: ZabConfig) -> None:
        """Raises CannotServeError."""
        self._core = Core(recovered, config)
        self._role: Looking | Follower | Leader | None = None

    # --- what shell and status may ask ---

    @property
    def role(self) -> str:
        """looking, follower, observer or leader; see is_serving."""
        return self._role.role if self._role else "looking"

    @property
    def is_serving(self) -> bool:
        """An established leader, or a follower that is up to date."""
        return self._role is not None and self._role.serving

    @property
    def epoch(self) -> Epoch:
        """Of the leader led by or being; else the last one entered."""
        return (self._role.epoch if self._role else Epoch(0)) or self._core.current_epoch

    @property
    def leader(self) -> MemberId:
        """0: nobody, as far as known."""
        return self._role.leader if self._role else UNKNOWN_LEADER

    @property
    def learns_from(self) -> MemberId:
        """Whose stream brings the records: the leader's, or that of a follower that observers follow. 0: nobody's."""
        return self._role.source if isinstance(self._role, Follower) else UNKNOWN_LEADER

    @property
    def last_zxid(self) -> Zxid:
        return self._core.history.last

    @property
    def durable(self) -> Zxid:
        return self._core.history.durable

    @property
    def committed(self) -> Zxid:
        return self._core.history.committed

    @property
    def accepted_epoch(self) -> Epoch:
        return self._core.accepted_epoch

    @property
    def current_epoch(self) -> Epoch:
        return self._core.current_epoch

    @property
    def voters(self) -> tuple[MemberId, ...]:
        return self._core.voters

    @property
    def votes(self) -> bool:
        """Whether this member has a vote, by its own log (rule 9)."""
        return self._core.votes

    @property
    def stands(self) -> bool:
        """Whether this member could do all of a leader's duties: its processor 0 lives."""
        return self._core.stands

    @property
    def control(self) -> ControlEntry | None:
        """The last control entry in the log."""
        return self._core.history.control

    @property
    def may_propose(self) -> bool:
        return isinstance(self._role, Leader) and self._role.may_propose

    @property
    def deadline_ms(self) -> int:
        """When the next Tick is due, by the clock of step()."""
        return self._role.deadline_ms if self._role else self._core.now_ms

    @property
    def uncommitted_bytes(self) -> int:
        return self._role.proposals.uncommitted_bytes if isinstance(self._role, Leader) else 0

    @property
    def learners(self) -> list[LearnerStatus]:
        """At a leader: every learner that has said hello; at a follower the observers that follow it."""
        master = self._master
        return [
            LearnerStatus(
                each.member, each.phase.name.lower(), str(each.mode or ""), each.has_vote,
                each.durable, each.cursor, each.unacked_bytes, each.has_processor,
                each.member in self._core.observers)
            for each in (master.learners.values() if master else ())]

    @property
    def _master(self) -> Leader | ObserverMaster | None:
        """Whom learners follow here."""
        role = self._role
        return role.observers if isinstance(role, Follower) else role if isinstance(role, Leader) else None

    @property
    def quorum_slack(self) -> int:
        """At a leader: how many more of the voters that follow may fail; negative: not established."""
        serving = {each.member for each in self.learners if each.votes and each.phase == "serving"}
        if self.is_serving:
            serving.add(self._core.me)
        return min(each.slack(serving) for each in self._core.electorate.sets)

    # --- the door ---

    def step(self, now_ms: int, event: Event) -> list[Effect]:
        """Raises CannotServeError, AssertionError, what RecordsUnreadable has: the process ends."""
        core = self._core
        core.now_ms = max(core.now_ms, now_ms)
        try:
            self._dispatch(event)
        except ProtocolError as error:
            self._on_protocol_error(event, error)
        except RoleEnded as end:
            self._look(end.reason, probe=end.probe, alarm=end.alarm, heir=MemberId(end.heir))
        history = core.history
        assert history.released <= history.committed <= history.last
        assert history.durable <= history.last
        return core.take_effects()

    def _dispatch(self, event: Event) -> None:
        core, role = self._core, self._role
        match event:
            case FromLearner():
                self._on_learner(event)
            case FromLeader():
                self._on_leader(event)
            case Flushed():
                core.history.on_flushed(event.zxid)
                if isinstance(role, Follower | Leader):
                    role.on_flushed()
                else:
                    core.on_durable()
            case Propose():
                assert isinstance(role, Leader), "batches without leading"
                role.on_propose(event)
            case TurnEnd():
                if role is not None:
                    role.on_turn_end()
            case Tick():
                self._on_wall(event.wall_ms)
                if role is not None:
                    role.on_tick()
                self._follow_decision()
            case RecordsSent() | SnapshotSent():
                if master := self._master:
                    master.on_sent(event)
            case RecordsUnreadable():
                if master := self._master:
                    master.on_unreadable(event)
            case LearnerLost():
                if master := self._master:
                    master.on_lost(event.stream)
                elif isinstance(role, Looking):
                    role.on_learner_lost(event.stream)
            case LeaderLost():
                self._on_leader_lost(event)
            case Elected():
                self._on_elected(event)
            case DigestComputed():
                self._on_digest(Digest(event.zxid, event.process, event.digest))
            case ProcessorReady():
                self._on_processor(event)
            case Draining():
                core.is_draining = event.on
                if isinstance(role, Leader) and role.serving:
                    role.handover.renew()
                self._on_standing()
            case HandOver():
                if isinstance(role, Leader) and role.serving:
                    role.handover.ask(event)
                else:
                    core.emit(HandOverFailed("this member does not lead"))
            case Reconfigure():
                if isinstance(role, Leader) and role.serving:
                    role.on_reconfigure(event)
            case SyncTook():
                core.sync_ms = event.ms
            case SnapshotTaken():
                core.history.snapshot_zxid, core.history.log_after = event.zxid, event.log_after
            case SnapshotReceived():
                assert isinstance(role, Follower), "a snapshot without a leader"
                role.on_snapshot_received(event)
            case Started():
                self._on_started(event)

    def _on_protocol_error(self, event: Event, error: ProtocolError) -> None:
        if isinstance(event, FromLearner):
            if master := self._master:
                master.on_protocol_error(event.stream, error)
            else:
                self._core.emit(Drop(event.stream, str(error), UNKNOWN_LEADER))
        else:
            self._look(str(error), probe=False, alarm=isinstance(error, CommittedLossError))

    # --- changes of role ---

    def _on_started(self, event: Started) -> None:
        core = self._core
        assert self._role is None, "started twice"
        self._on_wall(event.wall_ms)
        if core.processor_gone_ms is not None:
            core.processor_gone_ms = core.now_ms
        if core.current_epoch:
            # Before we died we may have heard from some leader: see config.Timing.
            core.grant(UNKNOWN_LEADER)
        core.report(
            "recovered", last_zxid=core.history.last, committed=core.history.committed,
            accepted_epoch=core.accepted_epoch, current_epoch=core.current_epoch, votes=core.votes)
        control = core.history.control
        if control and not control.config_version and (
            set(control.voters) != set(core.config.voters) or control.hierarchy != core.config.hierarchy
        ):
            core.report("voters_differ", alarm=True, log=control.voters, configured=list(core.config.voters))
        if control and control.settings != core.config.settings:
            core.report("settings_differ", log=control.settings, configured=core.config.settings)
        core.emit(*core.history.release())
        self._role = Looking(core)

    def _look(
        self, reason: str, *, probe: bool, alarm: bool = False, heir: MemberId = UNKNOWN_LEADER,
    ) -> None:
        core, role = self._core, self._role
        lost, lost_epoch = UNKNOWN_LEADER, Epoch(0)
        if isinstance(role, Leader):
            role.leave(heir)
        elif isinstance(role, Follower):
            role.leave()
            if role.epoch:
                lost, lost_epoch = role.leader, role.epoch
        if heir not in core.voters or (heir == core.me and not (core.votes and core.could_inherit)):
            heir = UNKNOWN_LEADER
        core.failures += not heir
        core.report("looking", alarm=alarm, reason=reason, round=core.round + 1)
        self._role = Looking(
            core, lost=lost, lost_epoch=lost_epoch, probe=probe and lost != UNKNOWN_LEADER, heir=heir)
        self._follow_decision()

    def _on_elected(self, event: Elected) -> None:
        """Rule 10: a decision counts only for the position that election was told last."""
        core, role = self._core, self._role
        if not isinstance(role, Looking) or not role.has_asked or event.round != core.round:
            return
        role.decision = event.leader
        self._follow_decision()

    def _follow_decision(self) -> None:
        core, role = self._core, self._role
        if not isinstance(role, Looking) or role.decision is None:
            return
        leader_id = role.decision
        if role.awaits_answer and role.probed != leader_id:
            return
        source = core.source_of(leader_id)
        role.leave(leader_id, source)
        if leader_id != core.me:
            life = role.life if role.probed == source else core.connect(source)
            self._follow(role, source, life)
            return
        leader = self._role = Leader(core)
        leader.start()
        for stream, (member, hello) in role.waiting.items():
            try:
                leader.on_hello(stream, member, hello)
            except ProtocolError as error:
                leader.on_protocol_error(stream, error)

    def _follow(self, looking: Looking, source: MemberId, life: int) -> Follower:
        """Observers that wait may follow us."""
        role = self._role = Follower(self._core, source, life)
        for stream, (member, hello) in looking.waiting.items():
            try:
                role.observers.on_hello(stream, member, hello, source)
            except ProtocolError as error:
                role.observers.on_protocol_error(stream, error)
        return role

    def _on_leader_lost(self, event: LeaderLost) -> None:
        role = self._role
        if isinstance(role, Follower) and event.life == role.life:
            if event.gone:
                self._core.grants.pop(role.source, None)
            raise RoleEnded(f"the stream to leader {role.source} has ended", probe=not event.gone)
        if isinstance(role, Looking) and event.life == role.life:
            role.on_probe_lost(gone=event.gone)
            self._follow_decision()

    # --- messages ---

    def _on_leader(self, event: FromLeader) -> None:
        role = self._role
        if isinstance(role, Looking) and role.probed and event.life == role.life:
            if not isinstance(event.message, NewEpoch):
                role.on_message(event.message)
                self._follow_decision()
                return
            # It leads: no election is needed.
            role.leave(role.probed)
            role = self._follow(role, role.probed, event.life)
        if isinstance(role, Follower) and event.life == role.life:
            role.on_message(event.message)

    def _on_learner(self, event: FromLearner) -> None:
        role, message = self._role, event.message
        if isinstance(message, Hello):
            if isinstance(role, Leader | Looking):
                role.on_hello(event.stream, event.member, message)
            elif role is not None:
                role.observers.on_hello(event.stream, event.member, message, self.leader)
        elif isinstance(role, Leader):
            role.on_message(event.stream, message)
        elif isinstance(role, Follower) and event.stream in role.observers.learners:
            role.observers.on_message(event.stream, message)
        elif isinstance(role, Follower) and not isinstance(message, Touches):
            self._core.emit(Drop(event.stream, "following", self.leader))

    # --- the rest ---

    def _on_wall(self, wall_ms: int) -> None:
        if wall_ms:
            self._core.wall_offset_ms = wall_ms - self._core.now_ms

    def _on_digest(self, digest: Digest) -> None:
        if isinstance(self._role, Leader):
            self._role.heartbeat.on_digest(self._core.me, digest)
            return
        self._core.digests.append(digest)
        del self._core.digests[:-DIGESTS_MAX]

    def _on_processor(self, event: ProcessorReady) -> None:
        core = self._core
        if event.alive:
            core.processor_gone_ms = None
        elif core.processor_gone_ms is None:
            core.processor_gone_ms = core.now_ms - event.silent_ms
        self._on_standing()

    def _on_standing(self) -> None:
        """Whether this member may lead, or could, has changed: whoever leads hears of it."""
        role = self._role
        if isinstance(role, Follower):
            role.tell_standing()
        elif isinstance(role, Leader) and role.serving:
            role.handover.check()
