"""The first phase of a leader: a quorum says hello, an epoch above all that they accepted, a quorum accepts it.

Zab (Junqueira, Reed, Serafini, DSN 2011), phase 1; steps are cited by their names there.
"""

from collections.abc import Collection, Iterable

from node.zab.core import Core
from node.zab.errors import RoleEnded, check_epoch
from node.zab.learner_stream import LearnerStream
from node.zab.quorum import Verifier
from transport.messages import AckEpoch
from transport.zxid import EPOCH_MAX, Epoch, MemberId


class Discovery:
    def __init__(self, core: Core) -> None:
        self.core = core
        self._position = core.position
        # member -> leader -> until when, by our clock, the leader may hold a lease that the member granted
        self._grants = {core.me: self._until(core.remaining_grants())}

    def proposed(self, learners: Iterable[LearnerStream]) -> Epoch | None:
        """The epoch to propose, once a quorum has said hello."""
        core = self.core
        said_hello = [learner for learner in learners if learner.has_vote]
        if not core.electorate.has_quorum({core.me, *(learner.member for learner in said_hello)}):
            return None
        accepted = max(
            [core.accepted_epoch, core.epoch_floor, *(each.hello.accepted_epoch for each in said_hello)])
        assert accepted < EPOCH_MAX, "epochs are used up"
        return Epoch(accepted + 1)

    def check_accepted(self, learner: LearnerStream, epoch: Epoch) -> None:
        """Raises RoleEnded: it has promised itself to a later epoch, and only a still later one can win it back.

        Raises ProtocolError: an epoch that cannot be.
        """
        accepted = learner.hello.accepted_epoch
        check_epoch(accepted, known=self.core.accepted_epoch)
        self.core.epoch_floor = max(self.core.epoch_floor, accepted)
        if epoch and accepted > epoch:
            raise RoleEnded(f"member {learner.member} has accepted epoch {accepted}, after {epoch}")

    def on_ack_epoch(self, learner: LearnerStream, ack: AckEpoch, *, decided: bool) -> None:
        """Raises RoleEnded: a member of the quorum is ahead of us, so our history may lack what is committed.

        Once a quorum has accepted the epoch (*decided*) nothing is committed that the quorum does not have.
        """
        learner.ack_epoch = ack
        if not learner.has_vote:
            return
        if ack.counts and not decided and (ack.current_epoch, ack.last_zxid) > self._position:
            raise RoleEnded(f"member {learner.member} is ahead of us")
        self._grants[learner.member] = self._until(ack.grants)

    def _until(self, grants: list[tuple[int, int]]) -> dict[int, int]:
        return {leader: self.core.now_ms + ms for leader, ms in grants}

    def is_accepted(self, learners: Iterable[LearnerStream]) -> bool:
        acked = {each.member for each in learners if each.has_vote and each.ack_epoch and each.ack_epoch.counts}
        return self.core.electorate.has_quorum({self.core.me, *acked})

    def others_lease_until_ms(self, synchronised: Iterable[MemberId], following: Iterable[MemberId]) -> int:
        """Until when an earlier leader may still serve: see config.Timing. Not one that follows us by now.

        That is, until a quorum of *synchronised* and us has no grant left: any lease stands on one of its members.
        """
        ours = {self.core.me, *following}
        if ours >= set(self.core.electorate.members):
            return 0  # nobody is left who could lead
        there = {self.core.me, *synchronised}
        return max(
            self._free_ms([each for each in there if each in verifier.voters], verifier, ours)
            for verifier in self.core.electorate.sets)

    def _free_ms(self, members: list[MemberId], verifier: Verifier, ours: Collection[MemberId]) -> int:
        """When a quorum of *members* has no grant left, but to *ours*; when all have, if they are none."""
        free_ms = {
            member: max((until for leader, until in self._grants[member].items() if leader not in ours), default=0)
            for member in members}
        earliest = verifier.value({member: -until for member, until in free_ms.items()})
        return max(free_ms.values(), default=0) if earliest is None else -earliest
