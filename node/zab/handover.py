"""A leader hands on: because it is asked to, drains or votes no more, or for want of a processor 0 for its duties.

The heir is a serving voter that could inherit (its last Pong says so). It is asked whether it lives; then nothing is
proposed for a moment, and once it has acked the whole log the leader steps down and names it to everybody. That saves
the election: the heir leads at once, the others come to it. Nothing rests on it (docs/decisions/0009): discovery checks
who leads as ever, and what goes wrong ends in an election.

Who does not get there in time does not hold up writes for longer than `Handover.hold_ms`. If nobody can inherit, this
member leads on: it is the least bad.
"""

from enum import StrEnum
from typing import Final, NoReturn

from node.zab.core import UNKNOWN_LEADER, Core
from node.zab.effects import HandOverFailed
from node.zab.errors import RoleEnded
from node.zab.events import HandOver, StreamId
from node.zab.heartbeat import Heartbeat
from node.zab.learner_stream import LearnerStream
from node.zab.learner_stream import Phase as LearnerPhase

NEAR_BYTES: Final = 4 << 20  # not acked yet by an heir for whom proposals may be held
HOLD_MS_MIN: Final = 100


class Phase(StrEnum):
    NONE = "none"
    ASKED = "asked"  # followers are pinged; who answers and is near is waited for
    HOLDING = "holding"  # nothing is proposed until one has acked all


class Handover:
    """*learners*: the leader's own table."""

    def __init__(self, core: Core, learners: dict[StreamId, LearnerStream], heartbeat: Heartbeat) -> None:
        self.core = core
        self.learners = learners
        self.heartbeat = heartbeat
        self.phase = Phase.NONE
        self.until_ms = 0  # of this phase
        self.hold_ms = max(core.timing.silence_ms // 4, HOLD_MS_MIN)
        self._wish: HandOver | None = None
        self._asked_ms = 0
        self._again_ms = 0  # no other attempt of its own before
        self._is_told = self._is_alarmed = False  # that nobody can inherit

    @property
    def is_active(self) -> bool:
        return self.phase is not Phase.NONE

    @property
    def holds_proposals(self) -> bool:
        return self.phase is Phase.HOLDING and self.core.now_ms < self.until_ms

    def ask(self, wish: HandOver) -> None:
        """Raises RoleEnded, as check."""
        self._wish = wish
        self.phase = Phase.NONE
        self.check()

    def renew(self) -> None:
        """A reason to hand on is told anew: what has failed before counts no more. Raises RoleEnded, as check."""
        self._is_told, self._again_ms = False, 0
        self.check()

    def check(self) -> None:
        """Of an established leader, whenever something may have changed. Raises RoleEnded: somebody else is to lead."""
        core = self.core
        is_voter = core.me in core.electorate.members
        if self._wish is None and core.stands and is_voter:
            self.phase, self._is_told, self._is_alarmed = Phase.NONE, False, False
            return
        heirs = self._heirs()
        if not heirs:
            self._on_nobody()
            return
        self._is_told = self._is_alarmed = False
        if self.phase is Phase.NONE:
            if self._wish is None and core.now_ms < self._again_ms:
                return
            self._begin()
        # An answer to what was sent since: it lives now, and knows whether it is about to end itself.
        alive = [each for each in heirs if (each.echoed_ms or 0) >= self._asked_ms]
        for heir in alive:
            if heir.durable >= core.history.last:
                self._hand_over(heir)
        if core.now_ms >= self.until_ms:
            self._fail("no follower has all of the log in time")
        elif self.phase is Phase.ASKED and any(self._is_near(each) for each in alive):
            self.phase = Phase.HOLDING
            self.until_ms = core.now_ms + self.hold_ms

    def _heirs(self) -> list[LearnerStream]:
        asked = self._wish.heir if self._wish else UNKNOWN_LEADER
        return [
            each for each in self.learners.values()
            if each.has_processor and each.phase is LearnerPhase.SERVING and each.counted_ack() is not None
            and each.member in self.core.voters and asked in (UNKNOWN_LEADER, each.member)]

    def _begin(self) -> None:
        core = self.core
        self.phase = Phase.ASKED
        self._asked_ms = core.now_ms
        self.until_ms = core.now_ms + (self._wish.within_ms if self._wish else core.timing.sync_ms)
        self.heartbeat.ping_all(serving=True)

    def _is_near(self, heir: LearnerStream) -> bool:
        return heir.cursor >= self.core.history.last and heir.unacked_bytes <= NEAR_BYTES

    def _hand_over(self, heir: LearnerStream) -> NoReturn:
        core = self.core
        is_removed = core.me not in core.electorate.members
        reason = (
            "asked to" if self._wish else "drains" if core.is_draining else "votes no more" if is_removed
            else "no processor 0 within syncLimit")
        core.report("handed_over", to=heir.member, reason=reason)
        is_planned = self._wish is not None or core.is_draining or is_removed
        raise RoleEnded(f"handed over to {heir.member}" if is_planned else reason, heir=heir.member)

    def _on_nobody(self) -> None:
        core = self.core
        asked = self._wish.heir if self._wish else UNKNOWN_LEADER
        self.phase = Phase.NONE
        if self._wish is not None or not self._is_told:
            self._fail(f"member {asked} cannot take over" if asked else "no other member can take over")
        self._is_told = True
        if core.has_no_processor_for_long and not self._is_alarmed:
            self._is_alarmed = True
            core.report("no_member_stands", alarm=True, reason="no processor 0 within syncLimit: no session expires")

    def _fail(self, reason: str) -> None:
        core = self.core
        self.phase, self._wish = Phase.NONE, None
        self._again_ms = core.now_ms + core.timing.sync_ms
        core.emit(HandOverFailed(reason))
