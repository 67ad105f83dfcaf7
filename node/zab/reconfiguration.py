"""A leader's part of a reconfiguration: checks before it is proposed, then the control entry that makes it.

From that entry on, records need a quorum of the voters until now and one of those to come; once it is committed, one of
the latter (docs/decisions/0015). It is ordered only if a quorum of those to come could commit it at once: reached, with
the whole history, on disks that are not slow. Else it is refused, with the reason of each that could not.
"""

from collections.abc import Iterable
from typing import Final

from node.config.servers import participants
from node.zab.core import Core
from node.zab.effects import ReconfigRefused, Send
from node.zab.events import Reconfigure
from node.zab.learner_stream import LearnerStream, Phase
from node.zab.membership import reconfigured_entry
from node.zab.quorum import verifier
from transport.entry import LEVEL_OF_RECONFIG, ControlEntry
from transport.errors import Err
from transport.messages import Summons
from transport.zxid import MemberId, Zxid

NEAR_BYTES: Final = 4 << 20  # not acked yet by a member that still counts as having the whole history


class Reconfiguration:
    def __init__(self, core: Core) -> None:
        self.core = core
        self._wish: Reconfigure | None = None  # kept until the control entry before it is committed

    def ask(self, wish: Reconfigure) -> None:
        control = self.core.history.control
        if control is not None and wish.intent == control.intent:
            return  # it has been ordered: who asks again will see
        refusal = self._refusal(wish, control)
        if refusal is not None:
            self._refuse(wish, *refusal)
        else:
            self._wish = wish

    def _refusal(self, wish: Reconfigure, control: ControlEntry | None) -> tuple[Err, str] | None:
        """In ZooKeeper's order, what does not depend on the other members."""
        config = self.core.config
        if not config.reconfig_enabled and not wish.is_operators:
            return Err.RECONFIG_DISABLED, "reconfigEnabled=true stands in another member's zoo.cfg, not in the leader's"
        if control is None or control.feature_level < LEVEL_OF_RECONFIG:
            return Err.RECONFIG_DISABLED, f"the feature level is below {LEVEL_OF_RECONFIG}: upgrade every member"
        if self._wish not in (None, wish) or self.core.electorate.before or wish.version != control.config_version:
            return Err.RECONFIG_IN_PROGRESS, "another reconfiguration was first"
        voters = participants(wish.servers)
        if wish.hierarchy is None and control.hierarchy.groups and list(voters) != control.voters:
            return Err.BAD_ARGUMENTS, (
                "votes count by groups: reconfig must name all members, groups and weights (docs/members.md)")
        if len(voters) < (2 if config.standalone_enabled else 1):
            return Err.BAD_ARGUMENTS, (
                f"{len(voters)} voters are too few" + (", while standaloneEnabled is true" if voters else ""))
        return None

    def take(self, control: ControlEntry, learners: list[LearnerStream]) -> ControlEntry | None:
        """The entry to order now, as the next record; None: nothing is wanted, or it has been refused."""
        wish, self._wish = self._wish, None
        if wish is None:
            return None
        participating = participants(wish.servers)
        hierarchy = control.hierarchy if wish.hierarchy is None else wish.hierarchy
        to_come = verifier(participating, hierarchy)
        voters = to_come.voters
        there = {each.member: each for each in learners}
        unfit = {voter: why for voter in voters if (why := self._unfitness(voter, there.get(voter)))}
        if not to_come.has_quorum([each for each in voters if each not in unfit]):
            self._summon([voter for voter in unfit if voter not in there], learners)
            reasons = "; ".join(f"member {voter} {why}" for voter, why in unfit.items())
            self._refuse(wish, Err.NEW_CONFIG_NO_QUORUM, f"no quorum of the new voters is ready: {reasons}")
            return None
        core = self.core
        core.report("reconfigured", before=list(core.voters), after=list(participating), version=core.history.last + 1)
        return reconfigured_entry(
            control, leader=core.me, zxid=Zxid(core.history.last + 1), intent=wish.intent, servers=wish.servers,
            voters=participating, hierarchy=hierarchy, incarnations={
                each.member: each.hello.incarnation for each in joining(there.values(), voters)})

    def _unfitness(self, voter: MemberId, learner: LearnerStream | None) -> str:
        """Why it could not commit at once; "" if it could."""
        if voter == self.core.me:
            return _slowness(self.core.sync_ms, self.core.timing.silence_ms)
        if learner is None:
            observes = self.core.config.observer_masters and voter in self.core.observers
            return "is not connected" + (" (it has been called from its follower: ask again)" if observes else "")
        if learner.phase < Phase.SYNCHRONISED:
            return f"is being synchronised ({learner.phase.name.lower()})"
        if learner.cursor < self.core.history.last or learner.unacked_bytes > NEAR_BYTES:
            return f"lacks {max(self.core.history.last - learner.durable, 0)} requests"
        return _slowness(learner.sync_ms, self.core.timing.silence_ms)

    def _summon(self, voters: list[MemberId], learners: list[LearnerStream]) -> None:
        """They may observe behind a follower, and only here can be seen how far they are."""
        core = self.core
        core.emit(*(
            Send(learner.stream, Summons(voter)) for voter in voters if voter in core.observers
            for learner in learners if learner.phase is Phase.SERVING and learner.member not in core.observers))

    def _refuse(self, wish: Reconfigure, err: Err, reason: str) -> None:
        self.core.report("reconfig_refused", err=err.name, reason=reason)
        self.core.emit(ReconfigRefused(wish.intent, int(err), reason))


def joining(learners: Iterable[LearnerStream], voters: tuple[MemberId, ...]) -> tuple[LearnerStream, ...]:
    """Those whose acks count from the entry on."""
    return tuple(
        each for each in learners
        if each.member in voters and not each.has_vote and each.phase >= Phase.SYNCHRONISED)


def _slowness(sync_ms: float, silence_ms: int) -> str:
    """A disk that stands still for longer than a leader may be silent keeps no ensemble alive."""
    return f"takes {sync_ms:.0f} ms for a sync of its disk" if sync_ms > silence_ms else ""
