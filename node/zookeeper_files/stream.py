"""The bytes of a snapshot file, unpacked, with the running Adler-32 that its seals hold."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast
from zlib import adler32

from node.zookeeper_files import snappy
from node.zookeeper_files.errors import DamagedFileError, EndsEarlyError

CHUNK_BYTES: Final = 1 << 20


class Stream:
    """*buffer* from *at* on is what comes next; `need` makes it long enough."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._checksum = 1  # of what has left the buffer
        self._summed = 0  # so much of the buffer is in the checksum
        self.buffer = b""
        self.at = 0

    def need(self, size: int) -> None:
        """Raises EndsEarlyError: so many bytes do not come."""
        while self.at + size > len(self.buffer):
            chunk = next(self._chunks, b"")
            if not chunk:
                raise EndsEarlyError
            self.checksum()
            self.buffer = self.buffer[self.at:] + chunk
            self.at = self._summed = 0

    def take(self, size: int) -> bytes:
        self.need(size)
        self.at += size
        return self.buffer[self.at - size:self.at]

    def checksum(self) -> int:
        """Of all that was taken."""
        self._checksum = adler32(self.buffer[self._summed:self.at], self._checksum)
        self._summed = self.at
        return self._checksum

    @property
    def is_at_end(self) -> bool:
        try:
            self.need(1)
        except EndsEarlyError:
            return True
        return False


@contextmanager
def open_stream(path: Path) -> Iterator[Stream]:
    """Raises DamagedFileError, also for what is wrong with the packing while it is read; OSError."""
    with path.open("rb") as file:
        try:
            yield Stream(_chunks(file, path.suffix))
        except (EndsEarlyError, EOFError):
            raise DamagedFileError(path, "it ends too early") from None
        except (gzip.BadGzipFile, zlib.error, ValueError) as error:
            raise DamagedFileError(path, f"it does not unpack: {error}") from None


def _chunks(file: BinaryIO, suffix: str) -> Iterator[bytes]:
    if suffix == ".snappy":
        return snappy.unpacked(file)
    source = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if suffix == ".gz" else file
    return iter(lambda: source.read(CHUNK_BYTES), b"")
