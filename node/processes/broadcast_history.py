"""This member's history as the core wants it: records appended and synced, the log cut or replaced by a snapshot."""

from collections import deque

from structlog.typing import FilteringBoundLogger

from node.processes.broadcast_disk import Disk
from node.processes.broadcast_leader import LeaderStream
from node.processes.broadcast_lease import MemberLease
from node.processes.broadcast_records import Records
from node.processes.broadcast_streams import Streams
from node.processes.broadcast_timings import BroadcastTimings
from node.storage.snapshots import DamagedSnapshotError
from node.zab import effects, events
from node.zab.events import Event
from transport.zxid import Zxid


class History:
    """*made*: events for the core that come of it."""

    def __init__(
        self, *, disk: Disk, records: Records, streams: Streams, leader: LeaderStream, lease: MemberLease,
        timings: BroadcastTimings, made: deque[Event], log: FilteringBoundLogger,
    ) -> None:
        self._disk, self._records, self._streams, self._leader, self._lease = disk, records, streams, leader, lease
        self._timings, self._made, self._log = timings, made, log

    def append(self, effect: effects.Append) -> None:
        self._timings.on_append(
            effect.record, leads=self._lease.newest.role == "leader", has_learners=bool(self._streams.learners))
        self._disk.log.append(effect.record, committed=effect.committed, durable_upto=effect.durable_upto)

    def flush(self, _: effects.Flush) -> None:
        self._disk.flush_wanted = True

    def on_synced(self, durable: Zxid, *, in_line: bool) -> events.Flushed:
        self._timings.on_synced(durable, *self._disk.synced, in_line=in_line)
        return events.Flushed(durable)

    def truncate(self, effect: effects.TruncateLog) -> None:
        self._settle()
        self._disk.log.truncate(effect.zxid)
        self._records.forget_all()

    def receive_snapshot(self, effect: effects.ReceiveSnapshot) -> None:
        try:
            self._disk.receive(effect.message)
        except DamagedSnapshotError as error:
            self._refuse_snapshot(error)

    def install_snapshot(self) -> None:
        """It has been read through meanwhile, and the core still waits for it."""
        self._settle()
        try:
            self._made.append(self._disk.finish_receive())
            self._records.forget_all()
        except DamagedSnapshotError as error:
            self._refuse_snapshot(error)

    def _settle(self) -> None:
        """Before the log is cut or replaced: nothing may be under way on it."""
        durable = self._disk.await_sync()
        if durable is None and self._disk.flush_wanted:
            durable = self._disk.sync()
        if durable is not None:
            self._made.append(self.on_synced(durable, in_line=True))

    def _refuse_snapshot(self, error: DamagedSnapshotError) -> None:
        self._log.error("snapshot_damaged", reason=str(error))
        if self._leader.stream is not None:
            self._made.append(self._leader.lost())
