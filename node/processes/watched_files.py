"""Files that tell of each step of work on them: how a start that takes long shows that it goes on (node/notify.py)."""

from collections.abc import Callable, Sequence

from node.storage.files import Handle, RealFiles


class WatchedFiles(RealFiles):
    """*on_step* is called before each read, write and sync."""

    def __init__(self, on_step: Callable[[], None]) -> None:
        self._on_step = on_step

    def pread(self, handle: Handle, size: int, offset: int) -> bytes:
        self._on_step()
        return super().pread(handle, size, offset)

    def pwrite(self, handle: Handle, buffers: Sequence[bytes | memoryview], offset: int) -> None:
        self._on_step()
        super().pwrite(handle, buffers, offset)

    def fdatasync(self, handle: Handle) -> None:
        self._on_step()
        super().fdatasync(handle)
