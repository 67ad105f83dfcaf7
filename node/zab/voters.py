"""Who is to vote next, where the members' zoo.cfg names other voters than the log does.

Who votes stands in the log alone. The leader changes it once its own zoo.cfg and that of every member that follows it
agree, a quorum of the voters among them; one voter at a time, each change committed before the next, since any majority
of N voters and any of N±1 share a member. A voter comes in once it has the whole history, and goes once it is stopped.
So wherever a rolling change of the files stops half-way, one configuration holds: the log's.
"""

from collections.abc import Collection, Mapping

from node.zab.quorum import is_quorum
from transport.zxid import MemberId


def next_voters(
    *, now: Collection[MemberId], wanted: Collection[MemberId], me: MemberId,
    told: Mapping[MemberId, Collection[int]], synchronised: Collection[MemberId],
) -> tuple[MemberId, ...] | None:
    """The voters to order next; None: nothing to change, or not yet.

    *told*: of each member that follows, whom its zoo.cfg names. *synchronised*: those of them with the whole history.
    """
    before, after = set(now), set(wanted)
    if before == after or me not in after or any(set(each) != after for each in told.values()):
        return None
    if not is_quorum({me, *told}, before):
        return None
    steps = [before | {each} for each in sorted(after - before) if each in synchronised]
    steps += [before - {each} for each in sorted(before - after) if each not in told]
    return next((tuple(sorted(step)) for step in steps if is_quorum({me, *synchronised}, step)), None)
