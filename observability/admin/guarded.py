"""Commands that hand out or replace all data: only for who may do everything at the root, one at a time, seldom.

As ZooKeeper 3.9's snapshot and restore: `Authorization: SCHEME CREDENTIALS`, a rate, and a switch for each.
"""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus

import orjson

from observability.endpoint import JSON, Request, Response, Route

Admits = Callable[[Request], bool | None]  # None: nobody can say now


class Guard:
    """Of one command. *work*: what it does, once it may."""

    def __init__(
        self, name: str, admits: Admits, work: Route, *, is_enabled: bool, interval_s: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._admits, self._work, self._is_enabled = name, admits, work, is_enabled
        self._interval_s, self._clock_s = interval_s, clock_s
        self._last_s: float | None = None
        self._lock = threading.Lock()

    def route(self, request: Request) -> Response:
        if not self._is_enabled:
            return self._refused(
                HTTPStatus.SERVICE_UNAVAILABLE, f"{self._name} is disabled (admin.{self._name}.enabled)")
        if " " not in request.headers.get("authorization", "").strip():
            return self._refused(
                HTTPStatus.UNAUTHORIZED, "Auth info is missing for the command: "
                "send Authorization: SCHEME CREDENTIALS, as in digest super:password")
        admitted = self._admits(request)
        if admitted is None:
            return self._refused(HTTPStatus.SERVICE_UNAVAILABLE, "no processor of this member answers")
        if not admitted:
            return self._refused(
                HTTPStatus.FORBIDDEN, "Not authenticated, or without every permission at the root by an entry of its "
                "own in the ACL of /, and no super user")
        if not self._lock.acquire(blocking=False):
            return self._refused(HTTPStatus.TOO_MANY_REQUESTS, "one is under way")
        try:
            return self._at_its_rate(request)
        finally:
            self._lock.release()

    def _at_its_rate(self, request: Request) -> Response:
        now_s = self._clock_s()
        if self._last_s is not None and now_s - self._last_s < self._interval_s:
            wait_s = self._interval_s - (now_s - self._last_s)
            return self._refused(
                HTTPStatus.TOO_MANY_REQUESTS, f"again in {wait_s:.0f} s (admin.rateLimiterIntervalInMS)")
        response = self._work(request)
        if response.status < HTTPStatus.BAD_REQUEST:
            self._last_s = now_s
        return response

    def _refused(self, status: int, reason: str) -> Response:
        return Response(orjson.dumps({"command": self._name, "error": reason}), JSON, status)
