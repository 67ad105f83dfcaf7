"""Any message of a union, with any values: what a member with a valid key may send.

The types say which fields there are; values are near those of the ensemble that is attacked, or absurd.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from tests.fuzz.choices import Choices
from transport.entry import pack_record
from transport.messages import Message, encode

NAMES = ("zoo", "", "x", "1-first", "2-first", "3-first", "processor-0", "snapshotter", "looking", "leading",
         "following", "corral.testHooks", "\0", "é" * 40, "n" * 5000)
ITEMS_MAX = 4


@dataclass
class Facts:
    """*numbers*: zxids, epochs, times and ids as they are; *records*: bytes that are records."""

    numbers: Sequence[int]
    records: Sequence[bytes] = ()


def classes_of(union: Any) -> list[type[Message]]:
    """Of a union of messages, or the one that it is."""
    return list(getattr(union, "__args__", (union,)))


def drawn(choices: Choices, kinds: Sequence[type[Message]], facts: Facts) -> Message:
    """Not every one of them could be sent: see `received`."""
    kind = choices.pick(kinds)
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return kind(*(_value(choices, field.type, facts) for field in info.fields))


def received(message: Message, decode: Callable[[bytes], Any]) -> Any:
    """As the other side gets it; None: the stream ends there, or no encoder makes it."""
    try:
        payload = encode(message)
    except (OverflowError, UnicodeEncodeError):
        return None
    try:
        return decode(payload)
    except msgspec.DecodeError:
        return None


def _value(choices: Choices, wanted: inspect.Type, facts: Facts) -> Any:
    match wanted:
        case inspect.BoolType():
            return bool(choices.below(2))
        case inspect.IntType():
            return choices.number(facts.numbers)
        case inspect.StrType():
            return choices.pick(NAMES)
        case inspect.BytesType():
            return _data(choices, facts)
        case inspect.ListType():
            return [_value(choices, wanted.item_type, facts) for _ in range(choices.below(ITEMS_MAX))]
        case inspect.TupleType():
            return tuple(_value(choices, each, facts) for each in wanted.item_types)
        case inspect.DictType():
            return {
                _value(choices, wanted.key_type, facts): _value(choices, wanted.value_type, facts)
                for _ in range(choices.below(ITEMS_MAX))}
        case inspect.StructType():
            return wanted.cls(*(_value(choices, field.type, facts) for field in wanted.fields))
        case _:
            return None


def _data(choices: Choices, facts: Facts) -> bytes:
    """A record with a head of its own, one that is there, or anything."""
    kind = choices.below(4)
    if kind == 0 and facts.records:
        return choices.pick(facts.records)
    if kind == 3:
        return choices.bytes(choices.below(64))
    mask = (1 << 64) - 1
    return pack_record(
        first_zxid=choices.number(facts.numbers) & mask, count=choices.number((1, 2)) & 0xFFFFFFFF, time_ms=1,
        kind=choices.below(7), version=choices.pick((1, 1, 1, 0, 2, 255)), flags=choices.below(2),
        body=choices.bytes(choices.below(32)))
