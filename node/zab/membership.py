"""Who votes (rule 9), which feature level holds, whose settings: read from the last control entry in the log.

The log names each voter's incarnation: random, made when its directory was initialised. A voter whose disk was lost
comes back with another one, and must not elect away what its old disk had acknowledged: it follows without a vote until
a MEMBERSHIP entry names the new incarnation. That entry is ordered behind everything that the old disk can have
acknowledged, and it is proposed only by an established leader: so who has it durable has all of that too, and from
there on the member's acks count.
"""

from collections.abc import Collection, Mapping
from typing import Final

from node.config.servers import is_participant
from transport.entry import FEATURE_LEVEL_FIRST, LEVEL_OF_RECONFIG, ControlEntry
from transport.hierarchy import MAJORITY, Hierarchy
from transport.zxid import MemberId

FIXED: Final = ("corral.testHooks",)  # settings of the program that executes; the others may change: control.py


def has_vote(
    *, member: int, incarnation: str, initial: bool, last_zxid: int,
    control: ControlEntry | None, voters: tuple[MemberId, ...], only_named: bool = False,
) -> bool:
    """*initial*: explicitly initialised, and not named yet by any control entry that it has. *control*: to go by.

    *only_named*: a member that the entry does not name has no vote yet, whatever its past.
    """
    if member not in voters:
        return False
    recorded = control.incarnations.get(member) if control else None
    if recorded is None:
        # No ack of a record by it has ever counted, and its directory is still the one it was initialised with.
        return initial and not only_named
    # The right name on an empty log: its log was lost, but not its identity.
    return recorded == incarnation and (last_zxid > 0 or initial)


def common_level(
    supported: Mapping[MemberId, int], voters: Collection[MemberId], others: Collection[int] = (),
) -> int:
    """The highest feature level that every voter can follow, as far as all have said; else the first one.

    *others*: who follows without a vote. They hold nothing up, but are not left behind if they have said what they can.
    """
    if any(voter not in supported for voter in voters):
        return FEATURE_LEVEL_FIRST
    return min(level for member, level in supported.items() if member in voters or member in others)


def differing_setting(
    ensemble: Mapping[str, str], mine: Mapping[str, str],
) -> tuple[str, str | None, str | None] | None:
    """The first of FIXED that has not the same value in both: (key, the ensemble's, mine)."""
    for key in FIXED:
        if ensemble.get(key) != mine.get(key):
            return key, ensemble.get(key), mine.get(key)
    return None


def opening_entry(
    before: ControlEntry | None, *, leader: MemberId, voters: tuple[MemberId, ...], settings: dict[str, str],
    feature_level: int, version: str, incarnations: Mapping[MemberId, str], servers: Mapping[int, str] | None = None,
    hierarchy: Hierarchy = MAJORITY,
) -> ControlEntry:
    """Of an epoch: what held before, and who else votes.

    *voters*, *hierarchy*, *settings*, *feature_level*, *version*: of the very first.
    """
    if before is not None:
        return changed_entry(before, leader=leader, incarnations=incarnations, servers=servers)
    return ControlEntry(
        leader=leader, feature_level=feature_level, settings=settings,
        incarnations=dict(sorted(incarnations.items())), voters=list(voters), version=version,
        servers=_named(servers or {}, voters, feature_level), hierarchy=hierarchy)


def changed_entry(
    control: ControlEntry, *, leader: MemberId,
    incarnations: Mapping[MemberId, str] | None = None, feature_level: int | None = None, version: str = "",
    voters: tuple[MemberId, ...] | None = None, servers: Mapping[int, str] | None = None,
    settings: dict[str, str] | None = None,
) -> ControlEntry:
    """*incarnations*: those that are new. *version*: goes with a new feature level.

    *servers*: of the leader's zoo.cfg, which count until a reconfiguration has said who there is.
    """
    level = control.feature_level if feature_level is None else feature_level
    named: list[int] = control.voters if voters is None else [*voters]
    return ControlEntry(
        leader=leader,
        feature_level=level,
        settings=control.settings if settings is None else settings,
        incarnations=dict(sorted((control.incarnations | dict(incarnations or {})).items())),
        voters=named,
        version=control.version if feature_level is None else version,
        restored=control.restored,
        servers=control.servers if control.config_version or servers is None else _named(servers, named, level),
        config_version=control.config_version,
        intent=control.intent,
        hierarchy=control.hierarchy)


def reconfigured_entry(
    control: ControlEntry, *, leader: MemberId, zxid: int, intent: int, servers: Mapping[int, str],
    voters: tuple[MemberId, ...], incarnations: Mapping[MemberId, str], hierarchy: Hierarchy = MAJORITY,
) -> ControlEntry:
    """*zxid*: its own, which is the version of the new configuration. *incarnations*: those that are new."""
    return ControlEntry(
        leader=leader, feature_level=control.feature_level, settings=control.settings,
        incarnations=dict(sorted((control.incarnations | dict(incarnations)).items())), voters=list(voters),
        version=control.version, restored=control.restored, servers=dict(sorted(servers.items())),
        config_version=zxid, intent=intent, voters_before=control.voters, servers_before={
            member: line for member, line in control.servers.items() if member not in servers},
        hierarchy=hierarchy, hierarchy_before=control.hierarchy)


def _named(servers: Mapping[int, str], voters: Collection[int], level: int) -> dict[int, str]:
    """The lines of those that vote, and of observers."""
    if level < LEVEL_OF_RECONFIG:
        return {}
    return {
        member: line for member, line in sorted(servers.items()) if member in voters or not is_participant(line)}
