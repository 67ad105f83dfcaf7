"""Broadcast's hold on the disk: lock, recovery, log, epochs, snapshots from the leader; and when to sync.

A sync is done in line as long as the disk is fast: waking a thread and being woken by it costs about as much as a good
disk's fdatasync. On a slow disk, and only when something else waits, a thread does it; one is outstanding at most.
Another thread reads through a snapshot that came from the leader, which takes as long as the snapshot is large.
"""

import contextlib
import os
import secrets
from dataclasses import dataclass
from typing import Final

from node.config.member import MemberConfig
from node.processes.broadcast_worker import Worker
from node.processes.loop import wall_ms
from node.storage.epochs import Epochs
from node.storage.errors import StorageError
from node.storage.files import Handle, RealFiles
from node.storage.identity import DataLock, consume_mark, open_identity
from node.storage.log import Sync
from node.storage.received import ReceivedSnapshot
from node.storage.recovery import recover
from node.storage.snapshots import DamagedSnapshotError, SnapshotReader, snapshot_path
from node.zab import events
from transport.clock import clock_ns
from transport.messages import Message, SnapshotBegin, SnapshotChunk, SnapshotEnd
from transport.zxid import Zxid

SYNC_IN_LINE_S: Final = 0.001  # mean duration up to which a thread does not pay
_WEIGHT: Final = 0.1  # of the newest sync in the mean


@dataclass(slots=True)
class SyncTimes:
    """For metrics and for the choice of the thread."""

    count: int = 0
    total_s: float = 0.0
    mean_s: float = 0.0
    max_s: float = 0.0  # since the last `take_max`

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total_s += seconds
        self.mean_s += _WEIGHT * (seconds - self.mean_s)
        self.max_s = max(self.max_s, seconds)

    def take_max(self) -> float:
        longest, self.max_s = self.max_s, 0.0
        return longest


class Disk:
    """Made once per life of the process; holds the lock until `close`."""

    def __init__(self, config: MemberConfig, ensemble: str, files: RealFiles | None = None) -> None:
        """Raises RefusedError, CorruptionError, StorageError."""
        self.files = files or RealFiles()
        self.data_dir = config.data_dir / "corral"
        self.log_dir = config.log_dir / "corral"
        self._lock = DataLock(
            self.files, data_dir=self.data_dir, log_dir=self.log_dir, pid=os.getpid())
        identity = open_identity(
            self.files, data_dir=self.data_dir, log_dir=self.log_dir, ensemble=ensemble,
            member=config.id, alone=config.is_standalone, new_incarnation=lambda: secrets.token_hex(8))
        self.epochs = Epochs(self.files, self.data_dir, first_generation=wall_ms())
        recovery = recover(
            self.files, data_dir=self.data_dir, log_dir=self.log_dir, identity=identity, epochs=self.epochs,
            new_id=lambda: secrets.randbits(64))
        self.recovered = recovery.recovered
        self.torn_bytes, self.damaged = recovery.torn_bytes, recovery.damaged
        self.log = recovery.log
        self.boot = self.epochs.next_generation()
        self.times = SyncTimes()
        self.synced = (0, 0)  # when the last sync ended, and how long it took: ns
        self.flush_wanted = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._syncer, self._verifier = Worker("sync", self._wake), Worker("verify", self._wake)
        self._outstanding: Sync | None = None
        self._receiving: ReceivedSnapshot | None = None
        self._verifying: ReceivedSnapshot | None = None
        self._is_abandoned = False  # what is being verified

    # Syncing -----------------------------------------------------------------------------------

    @property
    def is_fast(self) -> bool:
        return self.times.mean_s < SYNC_IN_LINE_S

    @property
    def is_syncing(self) -> bool:
        return self._outstanding is not None

    def fileno(self) -> int:
        """Readable when a thread has finished: look at `finish_sync` and `finish_receive`."""
        return self._wake

    def sync(self) -> Zxid:
        """In line: durable up to what it returns."""
        self.flush_wanted = False
        began_ns = clock_ns()
        durable = self.log.sync()
        self._took(began_ns, clock_ns())
        return durable

    def begin_sync(self) -> None:
        """In the thread."""
        self.flush_wanted = False
        self._outstanding = self.log.begin_sync()
        self._syncer.begin(self._outstanding.run)

    def finish_sync(self) -> Zxid | None:
        """After `fileno` woke us: durable up to here; None: it was finished already, or is not yet."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        return self._end_sync() if self._outstanding is not None and self._syncer.is_done else None

    def await_sync(self) -> Zxid | None:
        """Wait for a sync in the thread, if there is one."""
        return self._end_sync() if self._outstanding is not None else None

    def _end_sync(self) -> Zxid:
        """Raises StorageError: it failed, and is over."""
        outstanding, self._outstanding = self._outstanding, None
        assert outstanding is not None
        self._took(*self._syncer.end())
        self.log.end_sync(outstanding)
        return self.log.durable

    def _took(self, began_ns: int, ended_ns: int) -> None:
        self.synced = (ended_ns, ended_ns - began_ns)
        self.times.add((ended_ns - began_ns) / 1e9)

    # Snapshots from the leader -----------------------------------------------------------------

    def receive(self, message: Message) -> None:
        """One part of a snapshot; after the last one `finish_receive` puts it in place, once it has been read through.

        Raises DamagedSnapshotError: all is as before.
        """
        if isinstance(message, SnapshotBegin):
            self.discard_received()
            self._end_abandoned()
            self._receiving = ReceivedSnapshot(
                self.files, self.data_dir, zxid=message.zxid, size=message.size)
            return
        receiving = self._receiving
        if receiving is None:
            raise DamagedSnapshotError(self.data_dir, f"{type(message).__name__} before its begin")
        if isinstance(message, SnapshotChunk):
            receiving.write(message.offset, message.data)
            return
        assert isinstance(message, SnapshotEnd)
        self._receiving, self._verifying = None, receiving
        self._verifier.begin(receiving.verify)

    @property
    def may_install(self) -> bool:
        """What was received has been read through: `finish_receive`, once nothing is under way on the log."""
        if self._is_abandoned and self._verifier.is_done:
            self._end_abandoned()
        return self._verifying is not None and self._verifier.is_done

    def finish_receive(self) -> events.SnapshotReceived:
        """It stands in place of everything else, durably.

        Raises DamagedSnapshotError: it was discarded, all is as before; StorageError.
        """
        verified, self._verifying = self._verifying, None
        assert verified is not None
        try:
            self._verifier.end()
        except DamagedSnapshotError:
            verified.discard()
            raise
        header = verified.install(log_dir=self.log_dir)
        self.log.restart_after(header.zxid)
        return events.SnapshotReceived(header.zxid, header.epochs, header.control)

    def discard_received(self) -> None:
        """Nothing of it is ever installed, also if it is being read at this moment."""
        if self._receiving is not None:
            self._receiving.discard()
            self._receiving = None
        if self._verifying is not None and not self._is_abandoned:
            self._is_abandoned = True
            self._verifying.abandon()

    def _end_abandoned(self) -> None:
        """Waits for the end of its reading. What it met there is nothing to us: its file has been removed under it."""
        if self._is_abandoned:
            abandoned, self._verifying, self._is_abandoned = self._verifying, None, False
            assert abandoned is not None
            with contextlib.suppress(DamagedSnapshotError, StorageError):
                self._verifier.end()
            abandoned.close()

    # Snapshots to learners ---------------------------------------------------------------------

    def open_snapshot(self, zxid: Zxid) -> tuple[SnapshotBegin, Handle]:
        """The caller closes the handle. Raises FileNotFoundError, DamagedSnapshotError."""
        path = snapshot_path(self.data_dir, zxid)
        reader = SnapshotReader(self.files, path)
        epochs = reader.header.epochs
        reader.close()
        handle = self.files.open(path)
        return SnapshotBegin(zxid, self.files.size(handle), epochs), handle

    # The rest ----------------------------------------------------------------------------------

    def consume_mark(self) -> None:
        consume_mark(self.files, self.data_dir)

    def close(self) -> None:
        """Nothing that was not synced is.  Raises StorageError: a sync that was under way has failed; all is closed."""
        try:
            self.await_sync()
        finally:
            self._syncer.stop()
            self.discard_received()
            self._end_abandoned()
            self._verifier.stop()
            os.close(self._wake)
            self.log.close()
            self._lock.release()
