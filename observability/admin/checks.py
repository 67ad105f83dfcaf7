"""/livez and /readyz, after the fashion of Kubernetes and etcd: named checks, ok or 503 with the ones that failed.

Live: the member's processes run; whoever restarts it when this fails does no harm. Ready: it serves clients now, so a
load balancer may send them here.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from observability.endpoint import Request, Response, Route

Figures = Mapping[str, Mapping[str, Any]]  # process -> figures, as observability/samples.py has them
Check = Callable[[Figures], str]  # what is wrong; empty: nothing


def _processes(found: Figures) -> str:
    down = sorted(name for name, figures in found.items() if figures.get("up") == 0)
    return f"down: {', '.join(down)}" if down else ""


def _quorum(found: Figures) -> str:
    return "" if found.get("broadcast", {}).get("is_serving") else "it looks for a leader"


def _agreement(found: Figures) -> str:
    return "its state differs from the majority's" if found.get("broadcast", {}).get("differs") else ""


def _processors(found: Figures) -> str:
    lags = [each.get("apply_lag_zxids", 0) for name, each in found.items() if name.startswith("processor")]
    lag = max(lags, default=0)
    return f"{lag} writes behind what is committed" if lag > LAG_MAX else ""


def _room(found: Figures) -> str:
    free = found.get("telemetry", {}).get("disk_free_bytes")
    least = min(free.values(), default=FREE_BYTES_MIN) if isinstance(free, Mapping) else FREE_BYTES_MIN
    return f"{least} bytes are left on a disk" if least < FREE_BYTES_MIN else ""


LAG_MAX = 10_000
FREE_BYTES_MIN = 64 << 20  # less than a segment of the log

LIVE: dict[str, Check] = {"processes": _processes}
READY: dict[str, Check] = {
    "processes": _processes, "quorum": _quorum, "agreement": _agreement, "lag": _processors, "room": _room}


def check_routes(figures: Callable[[], Figures]) -> dict[str, Route]:
    return {"/livez": _route(LIVE, figures), "/readyz": _route(READY, figures)}


def _route(checks: Mapping[str, Check], figures: Callable[[], Figures]) -> Route:
    def answer(request: Request) -> Response:
        left_out = set(request.query.get("exclude", "").split(","))
        found = figures()
        results = {name: check(found) for name, check in checks.items() if name not in left_out}
        wrong = any(results.values())
        lines = [f"[-]{name} failed: {result}" if result else f"[+]{name} ok" for name, result in results.items()]
        if not wrong and request.query.get("verbose") is None:
            lines = ["ok"]
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return Response(("\n".join(lines) + "\n").encode(), status=status, headers=(("Cache-Control", "no-store"),))

    return answer
