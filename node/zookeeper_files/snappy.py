"""Snappy, as far as reading `snapshot.<zxid>.snappy` takes it: xerial's framing of blocks, and the two kinds of
elements in a block, a literal and a copy of what came before."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from node.zookeeper_files.errors import EndsEarlyError

MAGIC: Final = b"\x82SNAPPY\0"
_VERSIONS_BYTES: Final = 8
_SIZE = struct.Struct(">i")


def unpacked(file: BinaryIO) -> Iterator[bytes]:
    """The blocks of a file in xerial's framing.  Raises EndsEarlyError, ValueError: not one."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("no snappy")
    file.read(_VERSIONS_BYTES)
    while head := file.read(_SIZE.size):
        if head == MAGIC[:_SIZE.size]:  # streams may follow one another
            file.read(len(MAGIC) - _SIZE.size + _VERSIONS_BYTES)
            continue
        if len(head) < _SIZE.size:
            raise EndsEarlyError
        (size,) = _SIZE.unpack(head)
        block = file.read(size)
        if len(block) < size:
            raise EndsEarlyError
        yield unpacked_block(block)


def unpacked_block(block: bytes) -> bytes:
    """Raises EndsEarlyError, ValueError."""
    size, at = _varint(block)
    out = bytearray()
    while at < len(block):
        tag = block[at]
        at += 1
        if tag & 3 == 0:
            length, at = _literal_length(block, tag, at)
            out += block[at:at + length]
            at += length
        else:
            length, offset, at = _copy(block, tag, at)
            _repeat(out, offset, length)
    if len(out) != size:
        raise EndsEarlyError
    return bytes(out)


def _varint(block: bytes) -> tuple[int, int]:
    value = shift = 0
    for at, byte in enumerate(block[:5]):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at + 1
    raise EndsEarlyError


def _literal_length(block: bytes, tag: int, at: int) -> tuple[int, int]:
    length = tag >> 2
    if length < 60:
        return length + 1, at
    extra = length - 59
    return int.from_bytes(block[at:at + extra], "little") + 1, at + extra


def _copy(block: bytes, tag: int, at: int) -> tuple[int, int, int]:
    """Length, offset back, where the next element begins."""
    if tag & 3 == 1:
        if at >= len(block):
            raise EndsEarlyError
        return (tag >> 2 & 7) + 4, (tag >> 5) << 8 | block[at], at + 1
    extra = 2 if tag & 3 == 2 else 4
    return (tag >> 2) + 1, int.from_bytes(block[at:at + extra], "little"), at + extra


def _repeat(out: bytearray, offset: int, length: int) -> None:
    if not 0 < offset <= len(out):
        raise ValueError("a copy from before the beginning")
    begin = len(out) - offset
    if offset >= length:
        out += out[begin:begin + length]
        return
    piece = bytes(out[begin:])  # it repeats itself
    out += (piece * (length // offset + 1))[:length]
