"""Inputs made of others: the same edits make the same input, so that a failing one can be shrunk edit by edit."""

import random
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

INPUT_BYTES_MAX = 1 << 16
NUMBERS = (
    0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0xFFFFF, 0x100000, 0x7FFFFFFF, 0x80000000,
    0xFFFFFFFB, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 40, (1 << 53) + 1, (1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
SNIPPETS = (
    b"\xff\xfe", b"\0" * 16, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\x91" * 3000,
    b"\x81\xa0" * 3000, b"\xc1", b"\xcb\x7f\xf8\0\0\0\0\0\0", b"/" * 300, b"/a/../b", b"/\0", b"\xed\xa0\x80")


class Kind(IntEnum):
    FLIP = 0
    NUMBER = 1  # of 1, 2, 4 or 8 bytes, either end first
    CUT = 2
    REPEAT = 3
    SNIPPET = 4
    SPLICE = 5  # the rest comes from another input
    END = 6  # all behind it is gone


class Edit(NamedTuple):
    """*at*: a place, as a part of 65536 of the input. *value*: what it means depends on *kind*."""

    kind: int
    at: int
    value: int


def edited(data: bytes, edits: Sequence[Edit], others: Sequence[bytes]) -> bytes:
    """*others*: inputs to splice with."""
    for edit in edits:
        data = _edited(data, edit, others)[:INPUT_BYTES_MAX]
    return data


def _edited(data: bytes, edit: Edit, others: Sequence[bytes]) -> bytes:
    at, value = edit.at * (len(data) + 1) >> 16, edit.value
    match Kind(edit.kind % len(Kind)):
        case Kind.FLIP if at < len(data):
            return data[:at] + bytes((data[at] ^ 1 << value % 8,)) + data[at + 1:]
        case Kind.NUMBER:
            width = (1, 2, 4, 8)[value % 4]
            number = NUMBERS[value // 8 % len(NUMBERS)] & (1 << 8 * width) - 1
            return data[:at] + number.to_bytes(width, "big" if value & 4 else "little") + data[at + width:]
        case Kind.CUT:
            return data[:at] + data[at + 1 + value % 64:]
        case Kind.REPEAT:
            piece = data[at:at + 1 + value % 64]
            return data[:at] + piece * (2 + value // 64 % 20) + data[at:]
        case Kind.SNIPPET:
            return data[:at] + SNIPPETS[value % len(SNIPPETS)] + data[at:]
        case Kind.SPLICE if others:
            other = others[value % len(others)]
            return data[:at] + other[value * (len(other) + 1) >> 16:]
        case Kind.END:
            return data[:at]
        case _:
            return data


def random_edits(rng: random.Random) -> list[Edit]:
    count = 1 + min(int(rng.expovariate(0.5)), 12)
    return [Edit(rng.randrange(len(Kind)), rng.randrange(1 << 16), rng.randrange(1 << 16)) for _ in range(count)]
