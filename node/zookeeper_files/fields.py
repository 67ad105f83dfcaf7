"""Jute fields, one after the other, from the bytes of a log entry."""

import struct

from node.tree.acl import Acl, shared
from node.zookeeper_files.errors import EndsEarlyError

_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")


class Fields:
    """*at*: offset of the next one.  Everything raises EndsEarlyError."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def read_int(self) -> int:
        try:
            (value,) = _INT.unpack_from(self.data, self.at)
        except struct.error:
            raise EndsEarlyError from None
        self.at += 4
        return int(value)

    def read_long(self) -> int:
        try:
            (value,) = _LONG.unpack_from(self.data, self.at)
        except struct.error:
            raise EndsEarlyError from None
        self.at += 8
        return int(value)

    def read_bool(self) -> bool:
        if not self.left:
            raise EndsEarlyError
        self.at += 1
        return self.data[self.at - 1] != 0

    def buffer(self) -> bytes | None:
        """Null is None."""
        size = self.read_int()
        if size < 0:
            return None
        if size > self.left:
            raise EndsEarlyError
        self.at += size
        return self.data[self.at - size:self.at]

    def string(self) -> bytes:
        """UTF-8; null is empty."""
        return self.buffer() or b""

    def strings(self) -> list[bytes]:
        return [self.string() for _ in range(self.count(least_bytes=4))]

    def acl(self) -> Acl:
        entries = [(self.read_int(), self.string(), self.string()) for _ in range(self.count(least_bytes=12))]
        return shared(tuple(entries))

    def count(self, *, least_bytes: int) -> int:
        """Of a vector whose elements have so many bytes at least; null is empty."""
        count = self.read_int()
        if count * least_bytes > self.left:
            raise EndsEarlyError
        return max(count, 0)
