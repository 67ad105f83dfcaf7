"""msgpack from a peer or a disk: a value of the type that is wanted, or one kind of error.

msgspec lets two errors through that are not its own: UnicodeDecodeError for a string that is no UTF-8, and
RecursionError for bytes that nest without end. Whoever takes in what others have written must not die of them.
"""

from collections.abc import Callable
from typing import Any

import msgspec


def unpacker(wanted: Any) -> Callable[[bytes | memoryview], Any]:
    """decode(data), which raises nothing but msgspec.DecodeError (ValidationError is one). *wanted*: a type."""
    decode = msgspec.msgpack.Decoder(wanted).decode

    def unpack(data: bytes | memoryview) -> Any:
        try:
            return decode(data)
        except (UnicodeDecodeError, RecursionError) as error:
            raise msgspec.DecodeError(f"{type(error).__name__}: {error}") from None

    return unpack
