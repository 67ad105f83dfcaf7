"""What a check finds."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """In the order of the command's exit codes."""

    OK = 0
    WARNING = 1  # to be mended before it harms
    FAILURE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """*evidence*: what was seen, with its numbers. *cure*: empty where there is nothing to do."""

    check: str
    level: Level
    evidence: str
    cure: str = ""
