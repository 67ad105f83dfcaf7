"""A point in an ensemble's history, as people say it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from transport.zxid import Zxid, parse_zxid, show

_AGO = re.compile(r"(\d+)\s*(s|m|h|d)(?: ago)?")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
FORMS: Final = (
    "a zxid (4:17, 0x40000000011), a time (2026-11-22T17:30, in UTC unless it says another), or an age (90s, 15m, 2h, "
    "3d)")


@dataclass(frozen=True, slots=True)
class Point:
    """*zxid*, or *time_ms* since 1970: the other one is None."""

    zxid: Zxid | None = None
    time_ms: int | None = None

    def __str__(self) -> str:
        return show(self.zxid) if self.zxid is not None else when(self.time_ms or 0)


def parse_point(text: str, now_ms: int) -> Point:
    """Raises ValueError."""
    age = _AGO.fullmatch(text)
    if age is not None:
        return Point(time_ms=now_ms - int(age[1]) * _SECONDS[age[2]] * 1000)
    try:
        return Point(zxid=parse_zxid(text))
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is none of: {FORMS}") from None
    return Point(time_ms=int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000))


def when(time_ms: int) -> str:
    """With milliseconds, in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
