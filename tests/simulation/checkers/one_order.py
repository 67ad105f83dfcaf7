"""Every replica's records are a prefix of one sequence (Zab, section III-A: total order, agreement)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.checkers.checker import Checker, ReplicaView
from tests.simulation.ordered import Batch, batches_of
from transport.entry import RecordHeader, follows
from transport.zxid import show

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble


class OneOrder(Checker):
    name = "one order"

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.last_zxid = 0
        self.requests = 0
        self.index_after: dict[int, int] = {0: 0}  # last zxid of a record -> how many records up to it
        self.on_ordered: Callable[[RecordHeader, bytes, list[Batch]], None] = lambda *_its: None

    def begin_after(self, zxid: int) -> None:
        """The history does not begin with nothing."""
        self.last_zxid = zxid
        self.index_after = {0: 0, zxid: 0}  # who lost its disk begins with nothing, and waits for a snapshot

    def restored(self, replica: ReplicaView) -> None:
        if replica.zxid not in self.index_after:
            self.violated(f"{replica.name} starts from {show(replica.zxid)}, where no executed record ends")
        replica.index = self.index_after[replica.zxid]

    def executed(self, replica: ReplicaView, header: RecordHeader, record: bytes) -> None:
        index = replica.index
        replica.index += 1
        replica.zxid = header.last_zxid
        if index == len(self.records):
            self.add(replica, header, record)
        elif self.records[index] != record:
            self.violated(
                f"{replica.name} executed another record at {show(header.first_zxid)} than was executed before "
                f"in its place")

    def add(self, replica: ReplicaView, header: RecordHeader, record: bytes) -> None:
        if not follows(header.first_zxid, self.last_zxid):
            self.violated(
                f"{replica.name} executed {show(header.first_zxid)} after {show(self.last_zxid)}")
        self.records.append(record)
        self.last_zxid = header.last_zxid
        self.requests += header.count
        self.index_after[self.last_zxid] = len(self.records)
        self.on_ordered(header, record, batches_of(header, record))

    def finish(self, ensemble: "Ensemble") -> None:
        for replica in ensemble.replicas():
            if replica.index != len(self.records):
                self.violated(
                    f"{replica.name} ends at {show(replica.zxid)}, others at {show(self.last_zxid)}: "
                    "a committed record is lost, or never came")
