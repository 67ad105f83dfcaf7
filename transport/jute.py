"""Jute, ZooKeeper's encoding: a record's annotations are its codec.

    class DeleteRequest(Record):
        path: UString
        version: Int

    encode(DeleteRequest(b"/a", -1))          -> bytes
    decode(DeleteRequest, body)               -> DeleteRequest; as Java does, ignores bytes left over
    decode_exact(DeleteRequest, body)         -> the same, but raises LeftOverError

Big-endian throughout; a length of -1 is null for strings, buffers and vectors. Strings stay UTF-8 `bytes`, as on
the wire: execution compares them and never needs their characters.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

INT = struct.Struct(">i")
LONG = struct.Struct(">q")


class JuteError(ValueError):
    """The bytes are not the record that they should be: ZooKeeper answers -5."""


class TruncatedError(JuteError):
    """The input ends inside of a field."""


class LengthError(JuteError):
    """A length below -1."""


class LeftOverError(JuteError):
    """More bytes than the record takes."""


Reader = Callable[[bytes, int, int], tuple[Any, int]]  # (buffer, offset, end) -> (value, offset after it)
Writer = Callable[[list[bytes], Any], None]


class Codec(NamedTuple):
    read: Reader
    write: Writer


def _fixed(layout: struct.Struct) -> Codec:
    size, unpack_from, pack = layout.size, layout.unpack_from, layout.pack

    def read(buffer: bytes, at: int, end: int) -> tuple[Any, int]:
        if at + size > end:
            raise TruncatedError
        return unpack_from(buffer, at)[0], at + size

    def write(parts: list[bytes], value: Any) -> None:
        parts.append(pack(value))

    return Codec(read, write)


def _read_length(buffer: bytes, at: int, end: int) -> int:
    if at + 4 > end:
        raise TruncatedError
    length: int = INT.unpack_from(buffer, at)[0]
    if length < -1:
        raise LengthError(length)
    return length


def _read_buffer(buffer: bytes, at: int, end: int) -> tuple[bytes | None, int]:
    length = _read_length(buffer, at, end)
    at += 4
    if length == -1:
        return None, at
    if at + length > end:
        raise TruncatedError
    return bytes(buffer[at:at + length]), at + length


def _write_buffer(parts: list[bytes], value: bytes | None) -> None:
    if value is None:
        parts.append(INT.pack(-1))
    else:
        parts.append(INT.pack(len(value)))
        parts.append(value)


BUFFER_CODEC = Codec(_read_buffer, _write_buffer)

Int = Annotated[int, _fixed(INT)]
Long = Annotated[int, _fixed(LONG)]
Bool = Annotated[bool, _fixed(struct.Struct(">?"))]
UString = Annotated[bytes | None, BUFFER_CODEC]
Buffer = Annotated[bytes | None, BUFFER_CODEC]

T = TypeVar("T")
R = TypeVar("R", bound="Record")


class Vector:
    """`Annotated[list[X] | None, Vector]`: X is a Record or one of the types above."""


@dataclass_transform(frozen_default=True)
class Record:
    """Base of all records; its subclasses become frozen dataclasses."""

    FIELDS: ClassVar[tuple[tuple[str, Codec], ...]] = ()

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)
        hints = get_type_hints(cls, include_extras=True)
        cls.FIELDS = tuple(
            (name, _codec_of(hint)) for name, hint in hints.items()
            if get_origin(hint) is not ClassVar)


def _codec_of(hint: Any) -> Codec:
    if isinstance(hint, type) and issubclass(hint, Record):
        return _record_codec(hint)
    if get_origin(hint) is Annotated:
        base, mark = get_args(hint)[:2]
        if isinstance(mark, Codec):
            return mark
        if mark is Vector:
            items = next(each for each in get_args(base) if get_origin(each) is list)
            return _vector_codec(_codec_of(get_args(items)[0]))
    raise TypeError(f"no jute codec for {hint}")


def _record_codec(cls: type[R]) -> Codec:
    def read(buffer: bytes, at: int, end: int) -> tuple[R, int]:
        values = []
        for _name, codec in cls.FIELDS:
            value, at = codec.read(buffer, at, end)
            values.append(value)
        return cls(*values), at

    def write(parts: list[bytes], record: R) -> None:
        for name, codec in cls.FIELDS:
            codec.write(parts, getattr(record, name))

    return Codec(read, write)


def _vector_codec(item: Codec) -> Codec:
    def read(buffer: bytes, at: int, end: int) -> tuple[list[Any] | None, int]:
        if at + 4 > end:
            raise TruncatedError
        count = INT.unpack_from(buffer, at)[0]
        at += 4
        if count == -1:
            return None, at
        values = []
        for _ in range(count):  # a count below -1 is an empty vector, as in Java's BinaryIndex
            value, at = item.read(buffer, at, end)
            values.append(value)
        return values, at

    def write(parts: list[bytes], values: list[Any] | None) -> None:
        if values is None:
            parts.append(INT.pack(-1))
            return
        parts.append(INT.pack(len(values)))
        for value in values:
            item.write(parts, value)

    return Codec(read, write)


def encode(record: Record) -> bytes:
    parts: list[bytes] = []
    for name, codec in record.FIELDS:
        codec.write(parts, getattr(record, name))
    return b"".join(parts)


def decode_from(cls: type[R], buffer: bytes, at: int, end: int) -> tuple[R, int]:
    """The record at *at* and the offset after it. Raises JuteError."""
    values = []
    for _name, codec in cls.FIELDS:
        value, at = codec.read(buffer, at, end)
        values.append(value)
    return cls(*values), at


def decode(cls: type[R], body: bytes) -> R:
    """Raises TruncatedError or LengthError; bytes left over are ignored, as Java does."""
    return decode_from(cls, body, 0, len(body))[0]


def decode_exact(cls: type[R], body: bytes) -> R:
    """Raises JuteError, LeftOverError among them."""
    record, at = decode_from(cls, body, 0, len(body))
    if at != len(body):
        raise LeftOverError(len(body) - at)
    return record
