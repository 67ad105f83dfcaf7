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
    SnapshotHeader,
    aside_path,
    list_snapshots,
    put_in_place,
    snapshot_path,
)


class ReceivedSnapshot:
    """Chunks in order, then install(). discard() at any time (rule 4); so does the next start."""

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

    def install(self, *, log_dir: Path) -> SnapshotHeader:
        """Durable on return, and the log is gone; the caller lets its Log restart_after this zxid.

        Raises DamagedSnapshotError: incomplete or damaged; then it is discarded and all is as before.
        """
        assert self._handle is not None
        try:
            with storage_errors("installing", self._aside):
                if self.received != self.size:
                    raise DamagedSnapshotError(self._aside, f"{self.received} of {self.size} bytes came")
                self._files.fdatasync(self._handle)
                snapshot = put_in_place(self._files, self._aside, self._final, zxid=self.zxid)
                finish_installation(self._files, data_dir=self._data_dir, log_dir=log_dir)
                return snapshot.header
        finally:
            self.discard()

    def discard(self) -> None:
        if self._handle is None:
            return
        self._files.close(self._handle)
        self._handle = None
        if self._files.exists(self._aside):
            self._files.unlink(self._aside)


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
