"""How a learner's log is made a prefix of the leader's: by DIFF, TRUNC or SNAP (rule 11).

All records of one epoch stem from one leader, and every log that holds one of them holds that leader's history up to
it: so two logs agree up to the smaller end of the largest epoch that both have, and that end is a record's boundary.
"""

from dataclasses import dataclass
from enum import StrEnum

from transport.messages import EpochTable
from transport.zxid import ZERO, Zxid, epoch_of


class Mode(StrEnum):
    DIFF = "DIFF"
    TRUNC = "TRUNC"
    SNAP = "SNAP"


@dataclass(frozen=True, slots=True)
class Plan:
    """*point*: where both histories still agree. Records are sent from *start* on."""

    mode: Mode
    point: Zxid
    start: Zxid


def common_point(mine: EpochTable, theirs: EpochTable) -> Zxid:
    """Up to where two logs agree, given (epoch, last zxid) of each; 0: they have nothing in common."""
    ends = dict(theirs)
    for epoch, end in reversed(mine):
        if epoch in ends:
            return Zxid(min(end, ends[epoch]))
    return ZERO


def plan(
    *, leader: EpochTable, log_after: Zxid, snapshot_zxid: Zxid, learner: EpochTable, learner_last: Zxid,
) -> Plan:
    """*log_after*, *snapshot_zxid*: what the leader has in files: records after the one, a snapshot at the other."""
    point = common_point(leader, learner)
    if point < log_after:
        assert snapshot_zxid >= log_after > point, "a log that begins later than its snapshot"
        return Plan(Mode.SNAP, point, snapshot_zxid)
    if learner_last > point:
        return Plan(Mode.TRUNC, point, point)
    return Plan(Mode.DIFF, point, point)


def cut_epochs(epochs: EpochTable, point: Zxid) -> EpochTable:
    """The table of a log truncated after *point*, one of its record boundaries."""
    return [(epoch, min(end, point)) for epoch, end in epochs if epoch <= epoch_of(point)]
