"""The door to the disk: everything that storage asks of an operating system, so that a simulated disk can stand in."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

Handle = int
_IOV_MAX: Final = 1024


class Files(Protocol):
    """Every method raises OSError as the operating system would.

    Nothing is durable before fdatasync (content and size) or fsync_dir (names in a directory).
    """

    def open(self, path: Path, *, create: bool = False, write: bool = False) -> Handle:
        """create: also if it is there already; implies write."""
        ...

    def close(self, handle: Handle) -> None: ...

    def pread(self, handle: Handle, size: int, offset: int) -> bytes:
        """Fewer than *size* bytes only at the end of the file."""
        ...

    def pwrite(self, handle: Handle, buffers: Sequence[bytes | memoryview], offset: int) -> None:
        """All of the buffers, one after the other, as one write where the system can."""
        ...

    def fdatasync(self, handle: Handle) -> None: ...

    def size(self, handle: Handle) -> int: ...

    def truncate(self, handle: Handle, size: int) -> None: ...

    def rename(self, old: Path, new: Path) -> None:
        """Replaces *new* atomically."""
        ...

    def unlink(self, path: Path) -> None:
        """Open handles go on reading."""
        ...

    def listdir(self, directory: Path) -> list[str]:
        """Names in ascending order; none where there is no such directory."""
        ...

    def exists(self, path: Path) -> bool: ...

    def mkdir(self, directory: Path) -> None:
        """With its parents, durable, mode 0700; nothing happens where it exists."""
        ...

    def fsync_dir(self, directory: Path) -> None: ...

    def lock_exclusive(self, handle: Handle) -> bool:
        """Whether the lock was got; never waits. Locks go with their handle and with the process."""
        ...

    def lock_shared(self, handle: Handle) -> bool: ...


class RealFiles:
    """Linux."""

    def open(self, path: Path, *, create: bool = False, write: bool = False) -> Handle:
        flags = os.O_CLOEXEC | (os.O_RDWR if write or create else os.O_RDONLY)
        return os.open(path, flags | (os.O_CREAT if create else 0), 0o600)

    def close(self, handle: Handle) -> None:
        os.close(handle)

    def pread(self, handle: Handle, size: int, offset: int) -> bytes:
        data = os.pread(handle, size, offset)
        if len(data) == size or not data:
            return data
        parts = [data]
        got = len(data)
        while got < size and (more := os.pread(handle, size - got, offset + got)):
            parts.append(more)
            got += len(more)
        return b"".join(parts)

    def pwrite(self, handle: Handle, buffers: Sequence[bytes | memoryview], offset: int) -> None:
        if len(buffers) == 1:
            data: bytes | memoryview = buffers[0]
            written = os.pwrite(handle, data, offset)
            if written == len(data):
                return
        elif len(buffers) <= _IOV_MAX:
            written = os.pwritev(handle, buffers, offset)
            if written == sum(map(len, buffers)):
                return
            data = b"".join(buffers)
        else:
            data, written = b"".join(buffers), 0
        view = memoryview(data)
        while written < len(view):
            written += os.pwrite(handle, view[written:], offset + written)

    def fdatasync(self, handle: Handle) -> None:
        os.fdatasync(handle)

    def size(self, handle: Handle) -> int:
        return os.fstat(handle).st_size

    def truncate(self, handle: Handle, size: int) -> None:
        os.ftruncate(handle, size)

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def listdir(self, directory: Path) -> list[str]:
        try:
            return sorted(each.name for each in directory.iterdir())
        except FileNotFoundError:
            return []

    def exists(self, path: Path) -> bool:
        return path.exists()

    def mkdir(self, directory: Path) -> None:
        if directory.is_dir():
            return
        if directory.parent != directory:
            self.mkdir(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
        self.fsync_dir(directory.parent)

    def fsync_dir(self, directory: Path) -> None:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def lock_exclusive(self, handle: Handle) -> bool:
        return _lock(handle, fcntl.LOCK_EX)

    def lock_shared(self, handle: Handle) -> bool:
        return _lock(handle, fcntl.LOCK_SH)


def _lock(handle: Handle, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
