"""What any replica shows is on the disks of a quorum: a committed record is one that no minority can lose."""

from collections.abc import Callable
from typing import Any

import msgspec

from tests.simulation.checkers.checker import Checker
from tests.simulation.ordered import Batch
from transport.entry import RECORD, Kind, RecordHeader
from transport.zxid import show


class QuorumDurable(Checker):
    """*ends*: per member, the durable end of its log; of one that lost its disk afterwards, what it had.

    Every quorum of the voters that the log names must have a member with the record: from a control entry on, of
    those in it. (What was proposed just before a voter comes in may be committed by the new ones: any quorum of the
    old ones meets theirs.)
    """

    name = "quorum durable"

    def __init__(self, ends: Callable[[], dict[int, int]]) -> None:
        self.ends = ends
        self.voters: list[int] = []
        self.hierarchy: dict[str, dict[int, Any]] = {}

    def ordered(self, header: RecordHeader, record: bytes, batches: list[Batch]) -> None:
        if header.kind != Kind.BATCHES:
            entry = msgspec.msgpack.decode(record[RECORD.size:])
            self.voters, self.hierarchy = entry["voters"], entry["hierarchy"]
            # A reconfiguration needs a quorum of both.
            self.judge(header, entry.get("voters_before") or [], entry["hierarchy_before"])
        self.judge(header, self.voters, self.hierarchy)

    def judge(self, header: RecordHeader, voters: list[int], hierarchy: dict[str, dict[int, Any]]) -> None:
        ends = self.ends()
        holding = sorted(voter for voter in voters if ends[voter] >= header.last_zxid)
        if is_quorum([voter for voter in voters if voter not in holding], voters, hierarchy):
            self.violated(f"{show(header.last_zxid)} is executed, and durable on {holding} of {voters} {hierarchy}")


def is_quorum(members: list[int], voters: list[int], hierarchy: dict[str, dict[int, Any]]) -> bool:
    """By the rule as it is written, not by the code under test."""
    groups, weights = hierarchy.get("groups"), hierarchy.get("weights", {})
    if not groups:
        return len(members) > len(voters) / 2
    shares = []
    for group in groups.values():
        whole = sum(weights[each] for each in group)
        if whole:
            shares.append(sum(weights[each] for each in group if each in members) / whole)
    return sum(share > 1 / 2 for share in shares) > len(shares) / 2
