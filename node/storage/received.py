"""A snapshot that comes from the leader in chunks, and its installation in place of everything else.

Installation must be whole: a snapshot beside a log of another history would be recovered as a mix of both. So the
received file is verified and synced under a name of its own, `snapshot.<zxid>.received`: the point of no return.
Whoever finds it removes the log and the other snapshots, then gives it its final name.
"""

from pathlib import Path

from node.storage.errors import StorageError
from node.storage.files import Files, Handle
from node.storage.segments import list_segments, remove_segments, storage_errors
from node.storage.snapshots import (
    RECEIVED,
    DamagedSnapshotError,
    Snapshot,
    SnapshotHeader,
    aside_path,
    list_snapshots,
    snapshot_path,
    verify_snapshot,
)


class ReceivedSnapshot:
    """Chunks in order, then verify(), in whatever thread, then install(). abandon() at any time (rule 4).

    So does the next start.
    """

    def __init__(self, files: Files, data_dir: Path, *, zxid: int, size: int) -> None:
        self.zxid = zxid
        self.size = size
        self.received = 0
        self._files = files
        self._data_dir = data_dir
        path = snapshot_path(data_dir, zxid)
        self._final = path.with_name(path.name + RECEIVED)
        self._aside = aside_path(self._final)
        self._handle: Handle | None = None
        self._verified: Snapshot | None = None
        with storage_errors("receiving a snapshot into", self._aside):
            self._handle = files.open(self._aside, create=True)
            files.truncate(self._handle, 0)

    def write(self, offset: int, data: bytes) -> None:
        """Raises DamagedSnapshotError: not the next chunk, or beyond the announced size."""
        if offset != self.received or offset + len(data) > self.size:
            raise DamagedSnapshotError(
                self._aside, f"chunk at {offset} where {self.received} of {self.size} were expected")
        assert self._handle is not None
        try:
            self._files.pwrite(self._handle, [data], offset)
        except OSError as error:
            raise StorageError(file=self._aside, action="receiving", error=error) from error
        self.received += len(data)

    def verify(self) -> None:
        """Sync the file, and read all of it: what takes time with its size, and changes nothing else.

        Raises DamagedSnapshotError: incomplete or damaged; StorageError.
        """
        assert self._handle is not None
        with storage_errors("verifying", self._aside):
            if self.received != self.size:
                raise DamagedSnapshotError(self._aside, f"{self.received} of {self.size} bytes came")
            self._files.fdatasync(self._handle)
            self._verified = verify_snapshot(self._files, self._aside, zxid=self.zxid, unpack=True)

    def install(self, *, log_dir: Path) -> SnapshotHeader:
        """Durable on return, and the log is gone; the caller lets its Log restart_after this zxid."""
        assert self._verified is not None, "not verified"
        with storage_errors("installing", self._aside):
            self._files.rename(self._aside, self._final)
            self._files.fsync_dir(self._final.parent)
            finish_installation(self._files, data_dir=self._data_dir, log_dir=log_dir)
        self.close()
        return self._verified.header

    def abandon(self) -> None:
        """All is as before. What a verification finds that is under way does not count; then comes close()."""
        if self._files.exists(self._aside):
            self._files.unlink(self._aside)

    def close(self) -> None:
        """Once no verification is under way any more."""
        if self._handle is not None:
            self._files.close(self._handle)
            self._handle = None

    def discard(self) -> None:
        if self._handle is not None:
            self.abandon()
            self.close()


def finish_installation(files: Files, *, data_dir: Path, log_dir: Path) -> None:
    """Nothing happens where no received snapshot waits."""
    waiting = [n for n in files.listdir(data_dir) if n.endswith(RECEIVED)]
    for name in waiting:
        remove_segments(files, log_dir, list_segments(files, log_dir))
        for zxid in list_snapshots(files, data_dir):
            files.unlink(snapshot_path(data_dir, zxid))
        files.fsync_dir(data_dir)
        files.rename(data_dir / name, data_dir / name.removesuffix(RECEIVED))
        files.fsync_dir(data_dir)
