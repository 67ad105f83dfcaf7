"""Log lines that others can cause, a client or a peer: once a minute per event, with how many were left out since."""

from structlog.typing import FilteringBoundLogger

from observability.logging import RateLimit, log_event


class LimitedLog:
    """*count_as*: the field that tells how many lines were left out."""

    def __init__(self, log: FilteringBoundLogger, count_as: str) -> None:
        self._log, self._count_as = log, count_as
        self._rate = RateLimit()

    def log_limited(self, event: str, **fields: object) -> None:
        left_out = self._rate.admit(event)  # not by its reason: that may have numbers in it
        if left_out is not None:
            log_event(self._log, event, {self._count_as: left_out, **fields})
