"""What is wrong with a configuration: every problem names its file, line and key, and the cure."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong or lost.  line: from 1; 0 where the fault is the absence of a line."""

    file: Path
    line: int
    key: str
    text: str
    cure: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        subject = f"{self.key}: " if self.key else ""
        return f"{place}: {subject}{self.text}" + (f" — {self.cure}" if self.cure else "")


class ConfigError(Exception):
    """The configuration cannot be used.  problems: all of them, in the order of the lines."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
