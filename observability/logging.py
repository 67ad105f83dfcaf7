"""The log: one line per change of state, with a name from the table in events.py.

JSON to stderr; on a terminal, lines for people. Where stderr is the journal, each line begins with its priority as
systemd reads it (sd-daemon(3): "<4>"), so that `journalctl -p warning` and alerts on it find what they should.
Nothing is logged per request; what others can cause in any number (refused keys, bad frames) goes through a RateLimit.
"""

import logging
import os
import sys
import time
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from observability.events import level_of

_REMEMBERED_MAX = 1000  # keys of a RateLimit: others choose them
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # of syslog
_SIXTY_FOUR_BITS = (1 << 64) - 1


def configure_logging(level: str = "info") -> None:
    """Before a process's first line; again once the configuration with its corral.logLevel is known."""
    processors: list[structlog.typing.Processor] = [structlog.processors.add_log_level, shown]
    if sys.stderr.isatty():
        processors += [
            structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
            structlog.dev.ConsoleRenderer(pad_event_to=24),
        ]
        factory: Any = structlog.WriteLoggerFactory(sys.stderr)
    else:
        render = _to_journal if is_journal(sys.stderr.fileno(), os.environ.get("JOURNAL_STREAM", "")) else _to_json
        processors += [structlog.processors.format_exc_info, render]
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
    structlog.configure(
        processors=processors, wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory, cache_logger_on_first_use=True)


def get_logger(**bound: object) -> FilteringBoundLogger:
    """A logger whose every line carries *bound*: process, member."""
    logger: FilteringBoundLogger = structlog.get_logger(**bound)
    return logger


def log_event(
    log: FilteringBoundLogger, event: str, fields: Mapping[str, object], *, alarm: bool = False
) -> None:
    """At the level of the table; for those who pass on what a core reports. *alarm*: an operator must look at this."""
    log.log(logging.ERROR if alarm else level_of(event), event, **fields)


def is_journal(descriptor: int, journal_stream: str) -> bool:
    """Whether it is the stream that systemd names in $JOURNAL_STREAM, and not one that was redirected since."""
    stat = os.fstat(descriptor)
    return journal_stream == f"{stat.st_dev}:{stat.st_ino}"


def shown(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Zxids and sessions as everybody writes them, in hex: readers of JSON lose digits beyond 2^53."""
    for name, value in line.items():
        if isinstance(value, int) and (name in _IN_HEX or name.endswith("zxid")):
            line[name] = f"{value & _SIXTY_FOUR_BITS:#x}"
    return line


# Zxids under other names, and session ids.
_IN_HEX = frozenset(
    ["session", "seen", "committed", "point", "common", "after", "log_after", "learner_last", "leader_last"])


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


def _to_json(_logger: WrappedLogger, _method: str, line: EventDict) -> bytes:
    """Time, level and event first: it is what the eye looks for."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    head = {"time": now, "level": line.pop("level"), "event": line.pop("event")}
    return orjson.dumps(
        {**head, **line}, default=repr, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)


def _to_journal(logger: WrappedLogger, method: str, line: EventDict) -> bytes:
    priority = _PRIORITIES[line["level"]]
    return b"<%d>%b" % (priority, _to_json(logger, method, line))
