"""Who may follow a leader, and whether it votes: by its Hello, against the log and zoo.cfg."""

from node.zab.core import Core
from node.zab.errors import ProtocolError
from node.zab.membership import differing_setting, has_vote
from node.zab.synchronisation import common_point
from transport.entry import LEVEL_OF_RECONFIG
from transport.messages import Hello
from transport.zxid import EPOCH_MAX, MemberId


def refuses(core: Core, member: MemberId, hello: Hello) -> str:
    """Why this Hello is refused, for an operator; "" if it is not.  Raises ProtocolError: it is not who it says."""
    if hello.member != member or not 0 <= hello.accepted_epoch < EPOCH_MAX:
        raise ProtocolError(f"Hello of {hello.member} by {member}, accepted epoch {hello.accepted_epoch}")
    if hello.ensemble != core.config.ensemble:
        return f"member {member} belongs to ensemble {hello.ensemble}, this is {core.config.ensemble}"
    is_named = member in core.electorate.members or member in core.config.voters or member in core.observers
    control = core.history.control
    # A new member follows before a reconfiguration brings it in; its key was let in by an operator.
    if not is_named and (control is None or control.feature_level < LEVEL_OF_RECONFIG):
        return f"member {member} is not in the configuration of the ensemble: {list(core.voters)}"
    if control is not None and hello.feature_level < control.feature_level:
        return (
            f"the ensemble is at feature level {control.feature_level}, member {member} supports only "
            f"{hello.feature_level}: install Corral {control.version or 'of the others'} there")
    if is_stranger(core, hello):
        ours = _origin(core.history.restored)
        return (
            f"member {member}'s data {_origin(hello.restored)}, those of the ensemble {ours}: restore the same backup, "
            "with the same --epoch, on every member, or move that member's data and log directories away and start it, "
            "so that it takes a snapshot from the leader")
    differing = differing_setting(control.settings if control else core.config.settings, hello.settings)
    if differing is not None:
        key, wanted, theirs = differing
        return f"{key} is {theirs!r} at member {member}, but {wanted!r} in the ensemble"
    return ""


def is_stranger(core: Core, hello: Hello) -> bool:
    """Whether its history comes from another restoration than ours, or from none. Who has no data is none."""
    return bool(hello.last_zxid) and hello.restored != core.history.restored


def _origin(restored: str) -> str:
    return f"come from restoration {restored}" if restored else "were never restored from a backup"


def votes(core: Core, hello: Hello, *, established: bool) -> bool:
    """Whether its acks are to count. *established*: by this leader."""
    control = core.history.control
    if control is None and hello.voters and (
        set(hello.voters) != set(core.config.voters) or hello.hierarchy != core.config.hierarchy
    ):
        # Nothing is logged yet, so files say who votes: with another one, its quorums are not ours.
        core.report(
            "voters_differ", alarm=True, member=hello.member, configured=list(core.config.voters),
            told=list(hello.voters))
        return False
    # Once the epoch's own entry stands in the log, it or a later one must name whose acks count.
    return has_vote(
        member=hello.member, incarnation=hello.incarnation, last_zxid=hello.last_zxid,
        initial=hello.initial, control=control, voters=core.electorate.members, only_named=established)


def ends_reconfiguration(core: Core, hello: Hello) -> bool:
    """Whether a reconfiguration that our log leaves open is committed: it knows that.

    Who was voted out by it may have been sent more than our own disk kept, and be ahead of us for good. Nothing of
    that is committed without us.
    """
    if not core.electorate.before:
        return False
    shared = common_point(core.history.epochs, hello.epochs)
    return min(shared, hello.committed) >= core.history.control_zxid
