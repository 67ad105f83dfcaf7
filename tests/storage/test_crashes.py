"""Random lives of a log with crashes anywhere, against a naive twin.

The twin: a list of records and a mark. Below `synced` everything was promised durable; above it may be lost, from the
end on, never from the middle, and nothing else may turn up.
"""

import os
from pathlib import Path
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.storage.segments import prepare_segment
from tests.simulation.disk import PowerCutError, SimulatedDisk
from tests.storage.member import epoch_record, everything, open_log, record
from transport.entry import read_record_header
from transport.zxid import counter_of, epoch_of

DIRECTORY = Path("/data/corral")
LIVES = 3000 if os.environ.get("CORRAL_TEST_ALL") else 150


def last_zxid_of(records: list[bytes]) -> int:
    return read_record_header(records[-1]).last_zxid if records else 0


class LogLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.disk = SimulatedDisk()
        self.records: list[bytes] = []
        self.synced = 0  # so many of them are durable
        self.epoch = 0
        self.cutting_to: int | None = None

    @initialize()
    def start(self) -> None:
        self.files = self.disk.process()
        self.log = open_log(self.files, DIRECTORY, young_bytes=8 << 10).log

    # What a member does ------------------------------------------------------------------------

    @rule(size=st.sampled_from((0, 10, 300, 3000, 20_000)), requests=st.integers(1, 5), seed=st.integers(0, 255))
    def append(self, size: int, requests: int, seed: int) -> None:
        last = last_zxid_of(self.records)
        if not self.records or epoch_of(last) < self.epoch:
            new = epoch_record(max(self.epoch, 1))
            self.epoch = max(self.epoch, 1)
        else:
            new = record(
                self.epoch, counter_of(last) + 1, requests=requests, body=bytes([seed]) * size)
        self.records.append(new)
        durable = self.log.durable
        if not self.attempt(lambda: self.log.append(new, committed=0, durable_upto=durable)):
            return
        self.synced = max(self.synced, self.count_upto(self.log.durable))

    @rule()
    def new_epoch(self) -> None:
        self.epoch += 1

    @rule()
    def write_out(self) -> None:
        self.attempt(self.log.write_out)

    @rule()
    def sync(self) -> None:
        if self.attempt(lambda: self.log.sync()):
            self.synced = len(self.records)

    @precondition(lambda self: self.records)
    @rule(data=st.data())
    def truncate(self, data: st.DataObject) -> None:
        keep = data.draw(st.integers(0, len(self.records)))
        if keep == 0 and epoch_of(last_zxid_of(self.records)) == self.epoch:
            self.epoch += 1
        zxid = last_zxid_of(self.records[:keep])
        self.cutting_to = keep
        if self.attempt(lambda: self.log.truncate(zxid)):
            del self.records[keep:]
            self.synced = keep
            self.cutting_to = None

    @rule(size=st.sampled_from((8 << 10, 30 << 10)))
    def prepare_spare(self, size: int) -> None:
        self.attempt(lambda: prepare_segment(self.files, DIRECTORY, size))

    # What happens to it ------------------------------------------------------------------------

    @rule(operations=st.integers(0, 12))
    def power_will_fail(self, operations: int) -> None:
        self.disk.cut_power_after(operations)

    @rule(seed=st.integers(0, 2**32))
    def power_cut(self, seed: int) -> None:
        self.disk.power_cut(Random(seed))
        self.reopen()

    @rule()
    def process_crash(self) -> None:
        self.files.crash()
        self.reopen()

    def attempt(self, action: object) -> bool:
        """Whether it went through; otherwise the power went, and came back."""
        assert callable(action)
        try:
            action()
        except PowerCutError:
            self.disk.power_cut(Random(self.disk.operations))
            self.reopen()
            return False
        return True

    def reopen(self) -> None:
        """Recovery itself may be cut off too."""
        while True:
            self.files = self.disk.process()
            try:
                self.log = open_log(self.files, DIRECTORY, young_bytes=8 << 10).log
                break
            except PowerCutError:
                self.disk.power_cut(Random(self.disk.operations))
        found = everything(self.log)
        assert found == self.records[:len(found)], "something else turned up"
        least = self.synced if self.cutting_to is None else min(self.synced, self.cutting_to)
        assert len(found) >= least, "something durable is gone"
        self.records = found
        self.synced = len(found)
        self.cutting_to = None
        self.epoch = max(self.epoch, epoch_of(last_zxid_of(found))) + 1

    @invariant()
    def the_log_holds_what_was_appended(self) -> None:
        if hasattr(self, "log"):
            assert self.log.last_zxid == last_zxid_of(self.records)

    def count_upto(self, zxid: int) -> int:
        return sum(read_record_header(r).last_zxid <= zxid for r in self.records)


TestLogLife = LogLife.TestCase
TestLogLife.settings = settings(max_examples=LIVES, stateful_step_count=50, deadline=None)
