"""One row of the table of keys (node/config/table.py), and how rows are written."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """What Corral makes of a key."""

    HONOURED = "honoured"
    WITHOUT_EFFECT = "without effect"  # Corral works otherwise: nothing to set
    NOT_BUILT = "not built yet"  # the key asks for something that is lost
    REFUSED = "refused"  # starting without what it asks for would be unsafe


class Kind(StrEnum):
    TEXT = "text"
    INT = "whole number"
    BOOL = "true or false"
    PATH = "path"
    HOST = "address"
    WORDS = "words, comma separated"


@dataclass(frozen=True, slots=True)
class Key:
    """One key, or a family: N stands for a number, * for anything.

    loss: what an operator who sets it does not get.  harmless: a pattern of values that lose
    nothing; the default always is one.  least, most: bounds of an INT that is honoured.  is_live: `corral config
    reload` changes it in a running member.
    """

    name: str
    standing: Standing
    meaning: str
    default: str = ""
    loss: str = ""
    harmless: str = ""
    kind: Kind = Kind.TEXT
    least: int = 0
    most: int = 2**31 - 1
    is_live: bool = False

    def loses(self, value: str) -> bool:
        """Whether this value asks for something that Corral does not do."""
        if self.standing is Standing.HONOURED or value.lower() == self.default.lower():
            return False
        return not (self.harmless and re.fullmatch(self.harmless, value.lower()))


def honoured(
    name: str, default: str, meaning: str, kind: Kind, least: int = 0, most: int = 2**31 - 1, *, live: bool = False
) -> Key:
    return Key(name, Standing.HONOURED, meaning, default, kind=kind, least=least, most=most, is_live=live)


def ignored(name: str, default: str, meaning: str, loss: str, harmless: str = "") -> Key:
    return Key(name, Standing.WITHOUT_EFFECT, meaning, default, loss, harmless)


def unbuilt(name: str, default: str, meaning: str, loss: str, harmless: str = "") -> Key:
    return Key(name, Standing.NOT_BUILT, meaning, default, loss, harmless)


def refused(name: str, default: str, meaning: str, loss: str, harmless: str = "") -> Key:
    return Key(name, Standing.REFUSED, meaning, default, loss, harmless)
