"""The log: one line per change of state, JSON to stderr; on a terminal, lines for people.

Under systemd stderr is the journal. Nothing is logged per request; what others can cause in any
number (refused keys, bad frames) goes through a RateLimit.
"""

import sys
import time
from collections.abc import Hashable
from typing import Any

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

_REMEMBERED_MAX = 1000  # keys of a RateLimit: others choose them


def configure_logging() -> None:
    """Once per process, before the first line."""
    if sys.stderr.isatty():
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
                structlog.dev.ConsoleRenderer(pad_event_to=24),
            ],
            wrapper_class=structlog.make_filtering_bound_logger("info"),
            logger_factory=structlog.WriteLoggerFactory(sys.stderr),
            cache_logger_on_first_use=True,
        )
        return
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def get_logger(**bound: object) -> FilteringBoundLogger:
    """A logger whose every line carries *bound*: process, member."""
    logger: FilteringBoundLogger = structlog.get_logger(**bound)
    return logger


class RateLimit:
    """Lets one line per key and interval through."""

    def __init__(self, interval_s: float = 60.0) -> None:
        self._interval_s = interval_s
        self._last_s: dict[Hashable, float] = {}
        self._suppressed: dict[Hashable, int] = {}

    def admit(self, key: Hashable) -> int | None:
        """None: stay silent; else how many were silent since the last line with this key."""
        now_s = time.monotonic()
        last_s = self._last_s.get(key)
        if last_s is not None and now_s - last_s < self._interval_s:
            self._suppressed[key] = self._suppressed.get(key, 0) + 1
            return None
        if len(self._last_s) >= _REMEMBERED_MAX:
            self._last_s.clear()
            self._suppressed.clear()
        self._last_s[key] = now_s
        return self._suppressed.pop(key, 0)


def _to_json(line: dict[str, Any], **_: object) -> bytes:
    return orjson.dumps(
        {"time": time.time(), **line}, default=repr,
        option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)
