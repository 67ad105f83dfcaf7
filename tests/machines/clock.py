"""A member's wall clock, which can be wrong, by libfaketime. Its monotonic clocks stay right, as in a real machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

LIBRARIES: Final = "usr/lib/*/faketime/libfaketime.so.1"
SHARED: Final = Path("/dev/shm")
PACKAGE: Final = "libfaketime"


def library() -> Path | None:
    return next(Path("/").glob(LIBRARIES), None)


class Clock:
    """*file*: says how wrong it is; read again at every look at the clock."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.be_wrong_by(0)

    def be_wrong_by(self, seconds: int) -> None:
        aside = self.file.with_suffix(".new")
        aside.write_text(f"{seconds:+d}\n")
        aside.replace(self.file)

    @staticmethod
    def forget(pid: int) -> None:
        """What the library has left in shared memory under a process that was killed."""
        for left in SHARED.glob(f"*faketime*_{pid}"):
            left.unlink()

    def environment(self) -> Mapping[str, str]:
        return {"FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
