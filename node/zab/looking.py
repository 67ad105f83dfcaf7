"""Without a leader: nothing is appended or acked, election is asked for a leader, and peers are asked who leads.

A lost connection starts probing at once: a leader that still leads is rejoined by an empty DIFF, without an epoch. And
while no decision comes, one peer after the other is asked, so that a dead election process keeps nobody out.
"""

from typing import Final

from node.zab.core import NO_EPOCH, UNKNOWN_LEADER, Core
from node.zab.effects import Drop, Look
from node.zab.events import StreamId
from transport.hierarchy import MAJORITY
from transport.messages import Hello, Message, Refused
from transport.zxid import Epoch, MemberId

# For the leader just lost to answer, or its host to say that it is gone, before a decision is followed.
ANSWER_MS: Final = 50
HEIR_RETRY_MS: Final = 5  # for an heir that still follows whoever named it
RETRY_MS: Final = 25  # doubled with every attempt in a row that came to nothing


class Looking:
    role = "looking"
    epoch = NO_EPOCH
    leader = UNKNOWN_LEADER
    serving = False

    def __init__(
        self, core: Core, *, lost: MemberId = UNKNOWN_LEADER, lost_epoch: Epoch = NO_EPOCH, probe: bool = False,
        heir: MemberId = UNKNOWN_LEADER,
    ) -> None:
        """*lost*: the leader until now; *probe*: it may be alive, so it is asked at once, while election is at work.

        *heir*: to whom the leader has handed over: asked first, for a while; if it is us, we lead.
        """
        self.core = core
        # Streams of members that were quicker to see that we shall lead.
        self.waiting: dict[StreamId, tuple[MemberId, Hello]] = {}
        self.probed = UNKNOWN_LEADER
        self.life = 0
        self._look_ms: int | None = core.now_ms + (core.timing.silence_ms // 4 if heir else self._pause_ms())
        self._probe_ms = core.now_ms + core.timing.tick_ms
        self.decision: MemberId | None = None
        self._lost = lost, lost_epoch
        self._answer_ms = core.now_ms + ANSWER_MS if probe else 0
        self._heir = UNKNOWN_LEADER if heir == core.me else heir  # while it is waited for
        if heir == core.me:
            self.decision = heir
        elif heir or probe:
            self._probe(core.source_of(heir or lost))
        self.on_tick()

    def _pause_ms(self) -> int:
        """Attempts that come to nothing must not go round as fast as messages; members differ, so as not to collide."""
        attempts = self.core.failures
        if attempts <= 1:
            return 0
        pause_ms = min(RETRY_MS << min(attempts - 2, 10), self.core.timing.tick_ms)
        return pause_ms + pause_ms * (self.core.me % 8) // 8

    @property
    def deadline_ms(self) -> int:
        due_ms = self._probe_ms if self._look_ms is None else self._look_ms
        if self._heir:
            due_ms = min(due_ms, self._probe_ms)
        return min(due_ms, self._answer_ms) if self.decision is not None else due_ms

    @property
    def has_asked(self) -> bool:
        """Election, for a leader."""
        return self._look_ms is None

    @property
    def awaits_answer(self) -> bool:
        """Of the leader just lost. If it is gone, the next leader need not wait for the end of its lease."""
        return self.probed == self._lost[0] != UNKNOWN_LEADER and self.core.now_ms < self._answer_ms

    def leave(self, leader: MemberId, source: MemberId = UNKNOWN_LEADER) -> None:
        """For *leader*, by way of *source*. Whoever comes next sees to the streams that wait."""
        if self.probed not in (UNKNOWN_LEADER, source or leader):
            self._end_probe()

    def on_tick(self) -> None:
        core = self.core
        if self._look_ms is not None and core.now_ms >= self._look_ms:
            self._look_ms = None
            self._heir = UNKNOWN_LEADER
            core.round += 1
            lost, lost_epoch = self._lost
            electorate, control = core.electorate, core.history.control
            core.emit(Look(
                core.round, *core.position, core.votes, electorate.voters, lost, lost_epoch, core.stands, core.supports,
                electorate.before, control.hierarchy if control else core.config.hierarchy,
                control.hierarchy_before if control else MAJORITY))
        if core.now_ms >= self._probe_ms:
            self._probe_ms = core.now_ms + core.timing.tick_ms
            if self._heir:
                self._probe(self._heir)
            else:
                self._probe_next()

    # --- others that look for us ---

    def on_hello(self, stream: StreamId, member: MemberId, hello: Hello) -> None:
        for old in [each for each, (whose, _) in self.waiting.items() if whose == member]:
            del self.waiting[old]
            self.core.emit(Drop(old, "superseded by a newer stream of the same member", UNKNOWN_LEADER))
        self.waiting[stream] = (member, hello)
        if member == self._heir:
            self._look_ms = self.core.now_ms  # it does not lead
            self.on_tick()

    def on_learner_lost(self, stream: StreamId) -> None:
        self.waiting.pop(stream, None)

    # --- asking others ---

    def _probe(self, member: MemberId) -> None:
        self._end_probe()
        self.probed = member
        self.life = self.core.connect(member)

    def _end_probe(self) -> None:
        if self.probed != UNKNOWN_LEADER:
            self.probed = UNKNOWN_LEADER
            self.core.disconnect()

    def _probe_next(self) -> None:
        voters = self.core.electorate.members
        later = [voter for voter in voters if voter > self.probed and voter != self.core.me]
        others = later or [voter for voter in voters if voter != self.core.me]
        if others:
            self._probe(others[0])

    def on_probe_lost(self, *, gone: bool) -> None:
        if self.probed == UNKNOWN_LEADER:
            return  # we have ended it ourselves
        if gone:
            self.core.grants.pop(self.probed, None)  # the process that held the lease is dead
        self.probed = UNKNOWN_LEADER
        self._give_up_heir()

    def _give_up_heir(self) -> None:
        """It does not lead, nor do we know who does: an election, at once."""
        if self._heir and self.probed == UNKNOWN_LEADER:
            self._look_ms = self.core.now_ms
            self.on_tick()

    def on_message(self, message: Message) -> None:
        """Anything but NewEpoch, which ends looking."""
        if not isinstance(message, Refused):
            return
        refused_by = self.probed
        on_refused(self.core, refused_by, message)
        self._end_probe()
        if self._heir == refused_by and message.leader in (self._lost[0] or self.core.me, self.core.me):
            self._probe_ms = self.core.now_ms + HEIR_RETRY_MS  # it has not heard of it yet
            return
        if message.leader not in (UNKNOWN_LEADER, self.core.me, refused_by):
            self.core.sources_tried += 1
            self._probe(self.core.source_of(MemberId(message.leader)))
        self._give_up_heir()

    def on_turn_end(self) -> None:
        # Flushing goes on: what is in the log may be needed by the next leader, and durable is better.
        self.core.history.end_turn(self.core.effects)


def on_refused(core: Core, by: MemberId, message: Refused) -> None:
    if message.leader != by:
        core.grants.pop(by, None)  # it does not lead, and stopped serving before it said so
    if message.operator and message.reason != core.refusal:
        core.refusal = message.reason  # said once, not at every attempt
        core.report("refused", alarm=True, by=by, reason=message.reason)
