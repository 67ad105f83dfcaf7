"""A leader without its processor 0 hands on: nobody expires sessions there.

Whoever has one, and all that we have, wins the election that our end begins, as of equal positions one that stands
leads (Core.stands). So nothing is proposed for a moment, until such a member has caught up; if none does in time, or
none has a processor 0, this member leads on: it is the least bad, and only expiry waits.
"""

from node.zab.core import Core
from node.zab.errors import RoleEnded
from node.zab.events import StreamId
from node.zab.learner_stream import LearnerStream, Phase


class Handover:
    """*learners*: the leader's own table."""

    def __init__(self, core: Core, learners: dict[StreamId, LearnerStream]) -> None:
        self.core = core
        self.learners = learners
        self._until_ms = 0  # nothing is proposed before
        self._again_ms = 0  # no other attempt before
        self._is_told = False  # that nobody stands

    @property
    def is_under_way(self) -> bool:
        return self.core.now_ms < self._until_ms

    def check(self) -> None:
        """Of an established leader.  Raises RoleEnded: somebody else is to lead, and can."""
        core = self.core
        if core.stands:
            self._until_ms, self._is_told = 0, False
            return
        heirs = [
            each for each in self.learners.values()
            if each.has_processor and each.phase is Phase.SERVING and each.counted_ack() is not None]
        for heir in heirs:
            if heir.durable >= core.history.last:
                core.report("handed_over", to=heir.member)
                raise RoleEnded("no processor 0 within syncLimit")
        if heirs and core.now_ms >= self._again_ms:
            self._until_ms = core.now_ms + core.timing.silence_ms
            self._again_ms = self._until_ms + core.timing.sync_ms
        elif not heirs and not self._is_told:
            self._is_told = True
            core.report("no_member_stands", alarm=True, reason="no processor 0 within syncLimit: no session expires")
