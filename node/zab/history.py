"""The log as ZAB sees it: where it ends, how much of it is durable and committed, its epochs and control entries.

Positions, each a record's boundary:  released <= committed, durable <= last
"""

import msgspec

from node.zab.effects import Append, Effect, Flush, TruncateLog, Watermark
from node.zab.errors import ProtocolError
from node.zab.events import Recovered
from node.zab.synchronisation import cut_epochs
from transport.entry import FEATURE_LEVEL_FIRST, ControlEntry, Kind, RecordHeader, read_control, record_version
from transport.messages import EpochTable
from transport.zxid import ZERO, Epoch, MemberId, Zxid, epoch_of


class History:
    def __init__(self, recovered: Recovered) -> None:
        self.last = self.durable = recovered.last_zxid
        self.committed = recovered.committed
        self.released = ZERO  # last Watermark
        self.epochs: EpochTable = [(epoch, end) for epoch, end in recovered.epochs]
        self.log_after = recovered.log_after
        self.snapshot_zxid = recovered.snapshot_zxid
        # Ascending; the last committed one and every later one: a truncation goes no further back than that.
        self.controls = [(zxid, read_control(body)) for zxid, body in recovered.controls]
        self._is_flushing = False
        self._flush_is_stale = False  # of records that have been cut off meanwhile

    @property
    def control(self) -> ControlEntry | None:
        """The last control entry in the log, committed or not."""
        return self.controls[-1][1] if self.controls else None

    @property
    def restored(self) -> str:
        """Which restoration from a backup this history comes from; empty: none."""
        return self.controls[-1][1].restored if self.controls else ""

    @property
    def record_version(self) -> int:
        """Of the next record, if we lead."""
        control = self.control
        return record_version(control.feature_level if control else FEATURE_LEVEL_FIRST)

    @property
    def control_zxid(self) -> Zxid:
        return self.controls[-1][0] if self.controls else ZERO

    def names(self, member: MemberId, incarnation: str) -> bool:
        """Whether a durable control entry names this incarnation of the member."""
        return any(
            zxid <= self.durable and entry.incarnations.get(member) == incarnation
            for zxid, entry in self.controls)

    def append(self, record: bytes, header: RecordHeader, entry: ControlEntry | None = None) -> Append:
        """The caller has checked that it follows. *entry*: of a control record."""
        effect = Append(record, self.committed, self.durable)
        self.last = last = header.last_zxid
        epoch = epoch_of(last)
        if self.epochs and self.epochs[-1][0] == epoch:
            self.epochs[-1] = (epoch, last)
        else:
            self.epochs.append((epoch, last))
        if entry is not None:
            self.controls.append((header.first_zxid, entry))
        return effect

    def flush(self) -> list[Effect]:
        """One at a time; what is appended meanwhile waits for the next: group commit."""
        if self._is_flushing or self.durable == self.last:
            return []
        self._is_flushing = True
        return [Flush(self.last)]

    def on_flushed(self, zxid: Zxid) -> None:
        assert self._is_flushing, "a flush that nobody asked for"
        self._is_flushing = False
        if not self._flush_is_stale:
            self.durable = max(self.durable, zxid)
        self._flush_is_stale = False

    def commit(self, zxid: int) -> None:
        """*zxid* is committed, and so is all before it; our own log may not have come so far."""
        committed = Zxid(min(zxid, self.last))
        if committed <= self.committed:
            return
        self.committed = committed
        while len(self.controls) > 1 and self.controls[1][0] <= committed:
            del self.controls[0]

    def release(self) -> list[Effect]:
        # Rule 2: a commit may overtake our own flush, and nobody sees what is not on this disk.
        ready = min(self.committed, self.durable)
        if ready <= self.released:
            return []
        self.released = ready
        return [Watermark(ready)]

    def end_turn(self, effects: list[Effect]) -> None:
        """What has become ready to be seen, and to be made durable."""
        if self.released < self.committed and self.released < self.durable:
            effects += self.release()
        if self.durable != self.last:
            effects += self.flush()

    def truncate(self, zxid: Zxid) -> TruncateLog:
        assert self.committed <= zxid <= self.last
        self.last = zxid
        self.durable = min(self.durable, zxid)
        self._flush_is_stale = self._is_flushing
        self.epochs = cut_epochs(self.epochs, zxid)
        while self.controls and self.controls[-1][0] > zxid:
            del self.controls[-1]
        return TruncateLog(zxid)

    def replace(self, zxid: Zxid, epochs: EpochTable, control: bytes) -> None:
        """A snapshot has taken the place of the log."""
        assert zxid >= self.committed
        self.last = self.durable = self.committed = self.log_after = self.snapshot_zxid = zxid
        self._flush_is_stale = self._is_flushing
        self.epochs = [(epoch, end) for epoch, end in epochs]
        self.controls = [(zxid, read_control(control))] if control else []

    @property
    def last_epoch(self) -> Epoch:
        return epoch_of(self.last)


def read_entry(record: bytes, header: RecordHeader) -> ControlEntry | None:
    """Raises ProtocolError: a control record that is none."""
    if header.kind == Kind.BATCHES:
        return None
    try:
        return read_control(record[-header.length:] if header.length else b"")
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"control record {header.first_zxid:#x}: {error}") from error
