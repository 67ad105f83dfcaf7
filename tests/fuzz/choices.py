"""Decisions drawn from bytes: any input is a story, and a changed byte is a changed story."""

from collections.abc import Sequence
from typing import TypeVar

from tests.fuzz.edits import NUMBERS

T = TypeVar("T")


class Choices:
    """Zeros once the bytes are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def has_more(self) -> bool:
        return self._at < len(self._data)

    def below(self, bound: int) -> int:
        size = 1 if bound <= 256 else 2
        drawn = int.from_bytes(self.bytes(size), "big")
        return drawn % bound

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def number(self, near: Sequence[int] = ()) -> int:
        """One of *near*, or close to it; one that is known for trouble; or any of 64 bits, and negative ones."""
        kind = self.below(8)
        if near and kind < 5:
            return self.pick(near) + (0, 0, 0, 1, -1)[kind]
        if kind < 7:
            return self.pick(NUMBERS) * (-1 if kind == 6 else 1)
        return int.from_bytes(self.bytes(8), "big", signed=True)

    def bytes(self, size: int) -> bytes:
        """Fewer at the end."""
        found = self._data[self._at:self._at + size]
        self._at += size
        return found
