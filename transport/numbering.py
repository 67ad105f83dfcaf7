"""The messages of a stream are numbered from 1, in 8 bytes before each: a stream is whole, or it ends."""

import struct
from typing import Final

StreamId = bytes

_NUMBER: Final = struct.Struct("<Q")
_NUMBER_BYTES: Final = _NUMBER.size
pack_number, _read_number = _NUMBER.pack, _NUMBER.unpack_from


class StreamGapError(Exception):
    """The numbers of a stream are not contiguous: it must end."""

    def __init__(self, *, stream: StreamId, expected: int, received: int) -> None:
        super().__init__(f"message {received} came instead of {expected}")
        self.stream, self.expected, self.received = stream, expected, received


class Peer:
    """The other end of a stream. *member*: whom its key belongs to; 0: nobody's, or not known."""

    __slots__ = ("is_dropped", "member", "received", "sent")

    def __init__(self, member: int) -> None:
        self.member = member
        self.received = self.sent = 0
        self.is_dropped = False


def check_number(stream: StreamId, peer: Peer, message: bytes) -> memoryview:
    """The payload, without its number."""
    number = _read_number(message)[0] if len(message) >= _NUMBER_BYTES else 0
    peer.received = expected = peer.received + 1
    if number != expected:
        raise StreamGapError(stream=stream, expected=expected, received=number)
    return memoryview(message)[_NUMBER_BYTES:]
