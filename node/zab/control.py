"""The control entries of an established leader: what opens its epoch, and what changes while it lasts.

One at a time, each committed before the next: the quorums of two configurations in a row intersect.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from node.zab.core import Core
from node.zab.learner_stream import LearnerStream, Phase
from node.zab.membership import changed_entry, common_level, opening_entry
from node.zab.quorum import verifier
from node.zab.reconfiguration import Reconfiguration, joining
from node.zab.voters import next_voters
from transport.entry import ControlEntry, Kind
from transport.messages import Hello
from transport.zxid import MemberId


@dataclass(frozen=True, slots=True)
class Change:
    """*admitted*: those whose acks count from this entry on (rule 9)."""

    kind: Kind
    entry: ControlEntry
    admitted: tuple[LearnerStream, ...] = ()


class ControlEntries:
    def __init__(self, core: Core) -> None:
        self.core = core
        self.reconfiguration = Reconfiguration(core)
        self._supported = {core.me: core.config.feature_level}

    def heard(self, member: MemberId, hello: Hello) -> None:
        self._supported[member] = hello.feature_level

    def opening(self, learners: Iterable[LearnerStream]) -> Change:
        core = self.core
        named = {each.member: each.hello.incarnation for each in learners if each.has_vote}
        return Change(Kind.EPOCH, opening_entry(
            core.history.control, leader=core.me, voters=core.config.voters, settings=core.config.settings,
            feature_level=self._level(core.config.servers), version=core.config.version,
            incarnations=named | {core.me: core.incarnation}, servers=core.config.servers,
            hierarchy=core.config.hierarchy))

    def _level(self, servers: Mapping[int, str]) -> int:
        return common_level(self._supported, self.core.voters, servers)

    def next(self, learners: Iterable[LearnerStream]) -> Change | None:
        """Nothing while the last entry is not committed."""
        core, history = self.core, self.core.history
        control = history.control
        if control is None or history.control_zxid > history.committed:
            return None
        learners = list(learners)
        change = (
            self._reconfiguration(control, learners) or self._admission(control, learners)
            or self._voters(control, learners) or self._settings(control, learners))
        if change is not None:
            return change
        level = self._level(control.servers)
        if level > control.feature_level:
            core.report("feature_level", risen_to=level)
            return Change(Kind.FEATURE_LEVEL, changed_entry(
                control, leader=core.me, feature_level=level, version=core.config.version,
                servers=core.config.servers))
        return None

    def _reconfiguration(self, control: ControlEntry, learners: list[LearnerStream]) -> Change | None:
        entry = self.reconfiguration.take(control, learners)
        if entry is None:
            return None
        voters = verifier(entry.voters, entry.hierarchy).voters
        return Change(Kind.RECONFIG, entry, joining(learners, voters))

    def _admission(self, control: ControlEntry, learners: Iterable[LearnerStream]) -> Change | None:
        core = self.core
        admitted = tuple(
            each for each in learners
            if not each.has_vote and each.member in core.voters and each.phase >= Phase.SYNCHRONISED)
        if admitted:
            for learner in admitted:
                core.report("readmitted", member=learner.member)
            incarnations = {learner.member: learner.hello.incarnation for learner in admitted}
            entry = changed_entry(control, leader=core.me, incarnations=incarnations)
            return Change(Kind.MEMBERSHIP, entry, admitted)
        return None

    def _settings(self, control: ControlEntry, learners: list[LearnerStream]) -> Change | None:
        """Once the zoo.cfg of all that follow, every voter among them, have come to say something else than the log."""
        core = self.core
        wanted = core.config.settings
        if wanted == control.settings or any(each.hello.settings != wanted for each in learners):
            return None
        if not {core.me, *(each.member for each in learners if each.phase >= Phase.SYNCHRONISED)} >= {*core.voters}:
            return None
        core.report("settings_changed", before=control.settings, after=wanted)
        return Change(Kind.SETTINGS, changed_entry(control, leader=core.me, settings=wanted))

    def _voters(self, control: ControlEntry, learners: Iterable[LearnerStream]) -> Change | None:
        core = self.core
        if control.config_version or control.hierarchy.groups or core.config.hierarchy.groups:
            return None  # from the first reconfiguration on, and where groups decide, only another one changes them
        synchronised = {each.member: each for each in learners if each.phase >= Phase.SYNCHRONISED}
        voters = next_voters(
            now=core.voters, wanted=core.config.voters, me=core.me,
            told={each.member: each.hello.voters for each in learners}, synchronised=synchronised)
        if voters is None:
            return None
        core.report("voters_changed", before=list(core.voters), after=list(voters))
        arriving = tuple(synchronised[each] for each in voters if each not in core.voters)
        entry = changed_entry(
            control, leader=core.me, incarnations={each.member: each.hello.incarnation for each in arriving},
            voters=voters, servers=core.config.servers)
        return Change(Kind.MEMBERSHIP, entry, arriving)
