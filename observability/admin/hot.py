"""/hot: which paths and sessions the newest writes were of, counted in the log."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson

from observability.admin.explain import Teller
from observability.endpoint import JSON, Request, Response, Route, problem
from observability.timeline import Write
from transport.zxid import show

WRITES = 2000  # of the log's end that are counted
COUNT, COUNT_MAX = 10, 100


def hot_route(teller: Teller) -> Route:
    def hot(request: Request) -> Response:
        try:
            count = max(1, min(int(request.query.get("n", str(COUNT))), COUNT_MAX))
        except ValueError:
            return problem(400, "/hot?n=10: how many paths and sessions")
        writes = teller.recent(WRITES, "", 0)
        if writes is None:
            return problem(503, "telemetry is too busy to answer: try again")
        return Response(orjson.dumps(counted(writes, count)), JSON)

    return hot


def counted(writes: Iterable[Write], count: int) -> dict[str, Any]:
    """The most written first; those without a path, as of sessions, are left out among the paths."""
    paths: Counter[str] = Counter()
    sessions: Counter[int] = Counter()
    path_bytes: Counter[str] = Counter()
    zxids = [0, 0]
    total = 0
    for write in writes:
        total += 1
        zxids = [write.zxid, zxids[1] or write.zxid]
        if write.path:
            paths[write.path] += 1
            path_bytes[write.path] += write.bytes
        sessions[write.session] += 1
    return {
        "writes": total, "from": show(zxids[0]), "to": show(zxids[1]),
        "paths": [{"path": path, "writes": n, "bytes": path_bytes[path]} for path, n in paths.most_common(count)],
        "sessions": [{"session": f"0x{session % (1 << 64):x}", "writes": n}
                     for session, n in sessions.most_common(count)]}
