"""A leader's pings, the lease that their echoes give (rule 6), and the digests that come with them."""

from typing import Final

from node.zab.core import Core
from node.zab.digests import Differing, Digests
from node.zab.effects import Lease, Send, ToProcessor
from node.zab.errors import UnexpectedMessageError
from node.zab.events import StreamId
from node.zab.learner_stream import LearnerStream, Phase
from transport.messages import Differs, Digest, DigestWanted, Ping, Pong
from transport.zxid import Epoch, MemberId

DIGEST_MS: Final = 1000  # between digest points while there are writes
IDLE_DIGEST_MS: Final = 2000  # between recomputations while there are none


class Heartbeat:
    """*learners*: the leader's own table."""

    def __init__(self, core: Core, learners: dict[StreamId, LearnerStream]) -> None:
        self.core = core
        self.learners = learners
        self.lease_until_ms = 0
        self.ping_due_ms = core.now_ms
        self._told_ms = 0
        self._digests = Digests()
        self._digest_ms = core.now_ms
        self._record_ms = core.now_ms

    # --- lease ---

    def granted_until_ms(self) -> int:
        """By the send time of pings that a quorum, we among it, has echoed. 0: none has."""
        echoed = {self.core.me: self.core.now_ms}
        for each in self.learners.values():
            if each.has_vote and each.echoed_ms is not None:
                echoed[each.member] = each.echoed_ms
        heard_ms = self.core.electorate.value(echoed)
        return 0 if heard_ms is None else heard_ms + self.core.timing.lease_ms

    def renew(self, epoch: Epoch) -> None:
        """The lease never shrinks: a grant once given holds, even if the stream that brought it is lost."""
        core = self.core
        self.lease_until_ms = max(self.lease_until_ms, self.granted_until_ms())
        if self.lease_until_ms - self._told_ms >= core.timing.ping_ms // 2:
            self._told_ms = self.lease_until_ms
            core.emit(Lease(self.lease_until_ms, epoch, core.me, "leader"))

    # --- pings ---

    def ping(self, learner: LearnerStream, *, digest_wanted: bool = False) -> Send:
        core = self.core
        return Send(learner.stream, Ping(
            core.now_ms, learner.pong_at_ms, core.history.committed, digest_wanted))

    def ping_all(self, *, serving: bool) -> None:
        core, now_ms = self.core, self.core.now_ms
        self.ping_due_ms = now_ms + core.timing.ping_ms
        is_idle = serving and now_ms - self._record_ms >= DIGEST_MS
        digest_wanted = is_idle and now_ms - self._digest_ms >= IDLE_DIGEST_MS
        if digest_wanted:
            self._digest_ms = now_ms
            core.emit(ToProcessor(DigestWanted()))
        core.emit(*(
            self.ping(learner, digest_wanted=digest_wanted) for learner in self.learners.values()
            if learner.phase >= Phase.EPOCH_ACKED))

    def on_pong(self, learner: LearnerStream, pong: Pong) -> None:
        """Raises ProtocolError: it answers what was not sent yet."""
        if pong.sent_ms > self.core.now_ms:
            raise UnexpectedMessageError(pong, learner.phase.name)
        learner.echoed_ms = max(learner.echoed_ms or 0, pong.sent_ms)
        learner.pong_at_ms = max(learner.pong_at_ms, pong.at_ms)
        learner.has_processor = pong.has_processor
        learner.sync_ms = pong.sync_ms
        for digest in pong.digests:
            self.on_digest(learner.member, digest)
        for observer, digest in pong.others:
            if observer in self.core.observers:
                self.on_digest(MemberId(observer), digest)

    # --- digests ---

    def is_digest_point(self) -> bool:
        """Whether the record that is being proposed is one."""
        now_ms = self._record_ms = self.core.now_ms
        if now_ms - self._digest_ms < DIGEST_MS:
            return False
        self._digest_ms = now_ms
        return True

    def on_digest(self, member: MemberId, digest: Digest) -> None:
        found = self._digests.on_digest(
            member, digest, now_ms=self.core.now_ms, alive_ms=self.core.timing.sync_ms)
        for differing in found:
            self._on_differing(differing)

    def _on_differing(self, differing: Differing) -> None:
        core = self.core
        if not differing.process:
            core.report("digests_without_majority", alarm=True, zxid=differing.zxid)
            return
        core.report(
            "digest_differs", alarm=True, member=differing.member, process=differing.process, zxid=differing.zxid)
        message = Differs(differing.process, differing.zxid)
        if differing.member == core.me:
            core.emit(ToProcessor(message))
            return
        learners = list(self.learners.values())
        own = [each for each in learners if each.member == differing.member]
        if not own:  # an observer, and whom it follows is for its follower to know
            message = Differs(differing.process, differing.zxid, differing.member)
        core.emit(*(Send(learner.stream, message) for learner in own or learners))
