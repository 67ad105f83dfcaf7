"""What every role of a member shares: its history and epochs, its promises and grants, and the effects of this step."""

from collections.abc import Collection
from typing import Final

from node.config.servers import is_participant
from node.zab.config import Timing, ZabConfig
from node.zab.effects import (
    Connect,
    Disconnect,
    Effect,
    Initialised,
    Report,
    SaveAcceptedEpoch,
    SaveCurrentEpoch,
    SendLeader,
)
from node.zab.errors import FeatureLevelError, SettingsDifferError
from node.zab.events import RecordsUnreadable, Recovered
from node.zab.history import History
from node.zab.membership import differing_setting, has_vote
from node.zab.quorum import Electorate
from transport.entry import FEATURE_LEVEL, ControlEntry
from transport.messages import Digest, Hello
from transport.zxid import Epoch, MemberId, Zxid

UNKNOWN_LEADER: Final = MemberId(0)
NO_EPOCH: Final = Epoch(0)


class Core:
    def __init__(self, recovered: Recovered, config: ZabConfig) -> None:
        """Raises CannotServeError where this member does not fit the log that it has."""
        self.config = config
        self.timing: Timing = config.timing
        self.me = config.me
        self.history = History(recovered)
        self.accepted_epoch = recovered.accepted_epoch
        self.current_epoch = recovered.current_epoch
        self.incarnation = recovered.incarnation
        self.initial = recovered.initial
        self.now_ms = 0
        self.wall_offset_ms = 0
        self.round = config.generation << 16  # a decision for an earlier life's round never fits
        self.life = 0
        self.failures = 0  # changes of role since this member last served
        self.epoch_floor = 0  # highest accepted epoch heard of: our own next epoch is above it
        self.promised: tuple[MemberId, Epoch] | None = None  # whom the accepted epoch was promised to, in this life
        self.grants: dict[MemberId, int] = {}  # leader -> until when it may still hold a lease of ours
        self.processor_gone_ms: int | None = 0  # since when no processor 0 lives; None: it does
        self.is_draining = False  # see events.Draining
        self.digests: list[Digest] = []  # of own replicas, not yet sent to the leader
        self.refusal = ""  # last reason reported, so that it is said once
        self.summoned_until_ms = 0  # to the leader itself, see source_of
        self.sources_tried = 0  # by an observer that follows a follower, where it may
        self.strangers: set[MemberId] = set()  # whose history comes from another restoration than ours
        self.effects: list[Effect] = []
        self.sync_ms = 0.0  # what a sync of our log takes, as the shell told last
        self._electorate = Electorate(config.voters, (), config.hierarchy)
        self._electorate_by: tuple[ControlEntry | None, bool] = (None, False)  # the entry that says so, if it is open
        self._observers: frozenset[int] | None = None
        self._observers_by: ControlEntry | None = None
        self.check_control(self.history.control)

    # --- effects ---

    def emit(self, *effects: Effect) -> None:
        self.effects.extend(effects)

    def report(self, event: str, *, alarm: bool = False, **fields: object) -> None:
        self.effects.append(Report(event, fields, alarm))

    def take_effects(self) -> list[Effect]:
        effects, self.effects = self.effects, []
        return effects

    # --- configuration ---

    @property
    def electorate(self) -> Electorate:
        """Of the log, once it has a control entry. How it changes: node/zab/reconfiguration.py, node/zab/voters.py."""
        history = self.history
        control = history.control
        is_open = control is not None and bool(control.voters_before) and history.control_zxid > history.committed
        by, was_open = self._electorate_by
        if control is not by or is_open != was_open:
            self._electorate_by = control, is_open
            if control is None:
                self._electorate = Electorate(self.config.voters, (), self.config.hierarchy)
            else:
                self._electorate = Electorate(
                    tuple(MemberId(voter) for voter in control.voters),
                    tuple(MemberId(voter) for voter in control.voters_before) if is_open else (),
                    control.hierarchy, control.hierarchy_before)
        return self._electorate

    @property
    def voters(self) -> tuple[MemberId, ...]:
        """Those to come, while a reconfiguration is not committed."""
        return self.electorate.voters

    @property
    def observers(self) -> Collection[int]:
        """Who follows and is not meant to vote: by the log's server lines, and zoo.cfg's of those that it has not."""
        control = self.history.control
        found = self._observers
        if found is None or control is not self._observers_by:
            self._observers_by = control
            servers = self.config.servers | (control.servers if control else {})
            found = self._observers = frozenset(
                member for member, line in servers.items() if not is_participant(line))
        return found

    @property
    def votes(self) -> bool:
        return self._has_vote(self.electorate.members)

    @property
    def supports(self) -> bool:
        """Whether it may help to elect another, though its own log does not name it: the others' newest log may."""
        return self.me not in self.electorate.members and self.history.last > 0 and self._has_vote((self.me,))

    def _has_vote(self, voters: tuple[MemberId, ...]) -> bool:
        # Most of us have another history: however good our position, the others must not wait for us to lead.
        return not self.electorate.now.has_quorum(self.strangers) and has_vote(
            member=self.me, incarnation=self.incarnation, initial=self.initial,
            last_zxid=self.history.last, control=self.history.control, voters=voters)

    def check_control(self, control: ControlEntry | None) -> None:
        """Raises CannotServeError: a log that this version cannot follow, or other settings than the ensemble's."""
        if control is None:
            return
        if control.feature_level > self.config.feature_level:
            raise FeatureLevelError(
                needed=control.feature_level, supported=self.config.feature_level, version=control.version,
                held=control.feature_level <= FEATURE_LEVEL)
        differing = differing_setting(control.settings, self.config.settings)
        if differing is not None:
            key, ensemble, mine = differing
            raise SettingsDifferError(key=key, ensemble=ensemble, mine=mine)

    @property
    def has_processor(self) -> bool:
        """Whether processor 0 lives, as far as known: a leader without one expires nobody."""
        return self.processor_gone_ms is None

    @property
    def could_inherit(self) -> bool:
        """Whether leadership may be handed over to this member."""
        return self.has_processor and not self.is_draining

    @property
    def stands(self) -> bool:
        """Whether this member may be preferred as leader: its processor 0 lives, or did within syncLimit; no drain."""
        return not (self.is_draining or self.has_no_processor_for_long)

    @property
    def has_no_processor_for_long(self) -> bool:
        gone_ms = self.processor_gone_ms
        return gone_ms is not None and self.now_ms - gone_ms > self.timing.sync_ms

    # --- epochs ---

    def accept_epoch(self, epoch: Epoch) -> None:
        self.accepted_epoch = epoch
        self.emit(SaveAcceptedEpoch(epoch))

    def enter_epoch(self, epoch: Epoch) -> None:
        """Rule 1: only once the epoch's initial history is durable."""
        if self.current_epoch != epoch:
            self.current_epoch = epoch
            self.emit(SaveCurrentEpoch(epoch))

    def on_unreadable(self, event: RecordsUnreadable) -> None:
        """A snapshot makes up for them where it is newer.  Else raises what is wrong: the process ends, others lead."""
        history = self.history
        if event.after >= history.snapshot_zxid:
            raise event.error
        history.log_after = history.snapshot_zxid
        self.report("log_unreadable", alarm=True, after=event.after, reason=str(event.error))

    def on_durable(self) -> None:
        """Called before anything is said about what a flush has made durable."""
        if self.initial and self.history.names(self.me, self.incarnation):
            # Before our first ack that counts: from here on an empty log means a lost one (rule 9).
            self.initial = False
            self.emit(Initialised())

    # --- grants: what keeps two leaders from serving at once, see config.Timing ---

    def grant(self, leader: MemberId) -> None:
        self.grants[leader] = self.now_ms + self.timing.silence_ms

    def remaining_grants(self) -> list[tuple[int, int]]:
        """(leader, ms)"""
        self.grants = {leader: until for leader, until in self.grants.items() if until > self.now_ms}
        return [(leader, until - self.now_ms) for leader, until in sorted(self.grants.items())]

    # --- the stream to a leader ---

    def source_of(self, leader: MemberId) -> MemberId:
        """Whom to follow, that *leader*'s records come: an observer takes one follower after the other, if it may."""
        may = self.config.observer_masters and self.me in self.observers and self.now_ms >= self.summoned_until_ms
        if not (leader and may):
            return leader
        others = [voter for voter in self.electorate.members if voter not in (leader, self.me)]
        first = self.me % len(others) if others else 0
        return [*others[first:], *others[:first], leader][self.sources_tried % (len(others) + 1)]

    def connect(self, leader: MemberId) -> int:
        """Returns the life of the new stream, on which Hello is under way."""
        self.life += 1
        self.emit(Connect(leader, self.life), SendLeader(self._hello()))
        return self.life

    def disconnect(self) -> None:
        self.emit(Disconnect())

    def _hello(self) -> Hello:
        history = self.history
        return Hello(
            member=self.me, ensemble=self.config.ensemble, incarnation=self.incarnation,
            initial=self.initial, generation=self.config.generation,
            accepted_epoch=self.accepted_epoch, current_epoch=self.current_epoch,
            last_zxid=history.last, committed=history.committed, epochs=list(history.epochs),
            feature_level=self.config.feature_level, settings=self.config.settings, restored=history.restored,
            voters=list(self.config.voters), hierarchy=self.config.hierarchy)

    @property
    def position(self) -> tuple[Epoch, Zxid]:
        """What leaders are compared by."""
        return self.current_epoch, self.history.last
