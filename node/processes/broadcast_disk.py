"""Broadcast's hold on the disk: lock, recovery, log, epochs, snapshots from the leader; and when to sync.

A sync is done in line as long as the disk is fast: waking a thread and being woken by it costs about as much as a good
disk's fdatasync. On a slow disk, and only when something else waits, a thread does it; one is outstanding at most.
"""

import os
import secrets
import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue

from node.config.member import MemberConfig
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
from transport.messages import Message, SnapshotBegin, SnapshotChunk, SnapshotEnd
from transport.zxid import Zxid

SYNC_IN_LINE_S = 0.001  # mean duration up to which a thread does not pay
_WEIGHT = 0.1  # of the newest sync in the mean


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

    def __init__(self, config: MemberConfig, ensemble: str) -> None:
        """Raises RefusedError, CorruptionError, StorageError."""
        self.files = RealFiles()
        self.data_dir = config.data_dir / "corral"
        self.log_dir = config.log_dir / "corral"
        self._lock = DataLock(
            self.files, data_dir=self.data_dir, log_dir=self.log_dir, pid=os.getpid())
        identity = open_identity(
            self.files, data_dir=self.data_dir, log_dir=self.log_dir, ensemble=ensemble,
            member=config.id, alone=len(config.members) == 1, new_incarnation=lambda: secrets.token_hex(8))
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
        self._thread = _SyncThread()
        self._outstanding: Sync | None = None
        self._receiving: ReceivedSnapshot | None = None

    # Syncing -----------------------------------------------------------------------------------

    @property
    def is_fast(self) -> bool:
        return self.times.mean_s < SYNC_IN_LINE_S

    @property
    def is_syncing(self) -> bool:
        return self._outstanding is not None

    def fileno(self) -> int:
        """Readable when the thread has finished a sync."""
        return self._thread.fileno()

    def sync(self) -> Zxid:
        """In line: durable up to what it returns."""
        self.flush_wanted = False
        began_ns = time.monotonic_ns()
        durable = self.log.sync()
        self._took(began_ns, time.monotonic_ns())
        return durable

    def begin_sync(self) -> None:
        """In the thread."""
        self.flush_wanted = False
        self._outstanding = self.log.begin_sync()
        self._thread.begin(self._outstanding)

    def finish_sync(self) -> Zxid | None:
        """After `fileno` woke us: durable up to here; None: it was finished already."""
        self._thread.clear()
        return self._end_sync() if self._outstanding is not None else None

    def await_sync(self) -> Zxid | None:
        """Wait for a sync in the thread, if there is one."""
        return self._end_sync() if self._outstanding is not None else None

    def _end_sync(self) -> Zxid:
        assert self._outstanding is not None
        self._took(*self._thread.end())
        self.log.end_sync(self._outstanding)
        self._outstanding = None
        return self.log.durable

    def _took(self, began_ns: int, ended_ns: int) -> None:
        self.synced = (ended_ns, ended_ns - began_ns)
        self.times.add((ended_ns - began_ns) / 1e9)

    # Snapshots from the leader -----------------------------------------------------------------

    def receive(self, message: Message) -> events.SnapshotReceived | None:
        """One part of a snapshot; the last one puts it in place of everything else, durably.

        Raises DamagedSnapshotError: it was discarded, all is as before.
        """
        if isinstance(message, SnapshotBegin):
            self.discard_received()
            self._receiving = ReceivedSnapshot(
                self.files, self.data_dir, zxid=message.zxid, size=message.size)
            return None
        receiving = self._receiving
        if receiving is None:
            raise DamagedSnapshotError(self.data_dir, f"{type(message).__name__} before its begin")
        if isinstance(message, SnapshotChunk):
            receiving.write(message.offset, message.data)
            return None
        assert isinstance(message, SnapshotEnd)
        self._receiving = None
        header = receiving.install(log_dir=self.log_dir)
        self.log.restart_after(header.zxid)
        return events.SnapshotReceived(header.zxid, header.epochs, header.control)

    def discard_received(self) -> None:
        if self._receiving is not None:
            self._receiving.discard()
            self._receiving = None

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
        """Nothing that was not synced is."""
        self.await_sync()
        self._thread.stop()
        self.discard_received()
        self.log.close()
        self._lock.release()


class _SyncThread:
    """Runs one sync at a time; started when it is first wanted."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Sync | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[int, int] | StorageError] = SimpleQueue()
        self._eventfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread: threading.Thread | None = None

    def fileno(self) -> int:
        return self._eventfd

    def begin(self, sync: Sync) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
            self._thread.start()
        self._jobs.put(sync)

    def end(self) -> tuple[int, int]:
        """When it began and ended, in ns; waits for it. Raises StorageError."""
        outcome = self._done.get()
        if isinstance(outcome, StorageError):
            raise outcome
        return outcome

    def clear(self) -> None:
        try:
            os.eventfd_read(self._eventfd)
        except BlockingIOError:
            return

    def stop(self) -> None:
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        os.close(self._eventfd)

    def _run(self) -> None:
        while (sync := self._jobs.get()) is not None:
            began_ns = time.monotonic_ns()
            try:
                sync.run()
                self._done.put((began_ns, time.monotonic_ns()))
            except StorageError as error:
                self._done.put(error)
            os.eventfd_write(self._eventfd, 1)
