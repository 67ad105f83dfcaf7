"""/explain, /slow and /recent: the story of a write, the slowest writes, the newest of a path or a session; as JSON."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
import orjson

from observability.endpoint import JSON, Request, Response, Route, problem
from observability.slowest import Slow
from observability.stories import Story
from observability.timeline import Timeline, Write
from transport.zxid import parse_session, parse_zxid, show

COUNT = 20
COUNT_MAX = 200
VERDICTS_MAX = 20  # of an answer: each asks every member


class Teller(Protocol):
    """What the routes ask of telemetry's loop. Every method waits for it; None: it did not answer in time."""

    def explain(self, zxid: int) -> Story | None: ...

    def slow(self, count: int, path: str, session: int) -> list[tuple[Slow, Write | None]] | None: ...

    def recent(self, count: int, path: str, session: int) -> list[Write] | None: ...


def explain_routes(teller: Teller) -> dict[str, Route]:
    return {
        "/explain": lambda request: _explain(teller, request),
        "/slow": lambda request: _slow(teller, request),
        "/recent": lambda request: _recent(teller, request),
    }


def _explain(teller: Teller, request: Request) -> Response:
    try:
        zxid = parse_zxid(request.query.get("zxid", ""))
    except ValueError:
        return problem(400, "say which write: /explain?zxid=0x…, or decimal, or epoch:counter")
    story = teller.explain(zxid)
    if story is None:
        return problem(503, "telemetry is too busy to answer: try again")
    if story.timeline is None:
        return problem(404, not_there(story), oldest=story.oldest, newest=story.newest)
    return _json(timeline_json(story.timeline))


def not_there(story: Story) -> str:
    if not story.newest:
        return f"{show(story.zxid)}: nothing has been noted yet; try again in a second"
    kept = f"notes are kept of {show(story.oldest)} to {show(story.newest)}"
    if story.zxid > story.newest:
        return f"{show(story.zxid)} has not been written; {kept}"
    if story.zxid < story.oldest:
        return f"{show(story.zxid)} was too long ago; {kept} (corral.traceRing says how many)"
    return f"{show(story.zxid)} is no write of this ensemble; {kept}"


def _slow(teller: Teller, request: Request) -> Response:
    try:
        count, path, session = _selection(request.query)
    except ValueError:
        return problem(400, "/slow?n=20&path=/a&session=0x…&verdict=1: a number is none")
    found = teller.slow(count, path, session)
    if found is None:
        return problem(503, "telemetry is too busy to answer: try again")
    writes: list[dict[str, Any]] = []
    explained = VERDICTS_MAX if request.query.get("verdict") == "1" else 0
    for slow, write in found:
        zxid = slow.batch.first_zxid if write is None else write.zxid
        line = {
            **zxid_json(zxid), "total_s": slow.latency_ns / 1e9, "processor": slow.process,
            "batch_requests": slow.batch.requests, "was_kept_up": slow.batch.was_kept_up,
            "write": None if write is None else write_json(write)}
        if request.query.get("verdict") == "1":
            story = teller.explain(zxid) if len(writes) < explained else None
            explained = explained if story is not None else 0  # too busy: the next would wait as long
            timeline = story.timeline if story is not None else None
            verdict = timeline.verdict if timeline is not None else None
            line["verdict"] = None if verdict is None else msgspec.to_builtins(verdict)
        writes.append(line)
    return _json({"writes": writes})


def _recent(teller: Teller, request: Request) -> Response:
    try:
        count, path, session = _selection(request.query)
    except ValueError:
        return problem(400, "/recent?path=/a or /recent?session=0x…: a number is none")
    if not path and not session:
        return problem(400, "say whose writes: /recent?path=/a or /recent?session=0x…")
    found = teller.recent(count, path, session)
    if found is None:
        return problem(503, "telemetry is too busy to answer: try again")
    return _json({"writes": [write_json(write) for write in found]})


def _selection(query: Mapping[str, str]) -> tuple[int, str, int]:
    count = int(query.get("n", str(COUNT)))
    session = parse_session(query["session"]) if query.get("session") else 0
    return max(1, min(count, COUNT_MAX)), query.get("path", ""), session


# JSON ------------------------------------------------------------------------------------------


def zxid_json(zxid: int) -> dict[str, Any]:
    """Also as text: beyond 2^53 many readers of JSON lose digits."""
    return {"zxid": zxid, "zxid_hex": f"0x{zxid:x}", "zxid_text": show(zxid)}


def write_json(write: Write) -> dict[str, Any]:
    fields = msgspec.to_builtins(write)
    assert isinstance(fields, dict)
    return {**fields, **zxid_json(write.zxid), "session_hex": f"0x{write.session % (1 << 64):x}"}


def timeline_json(timeline: Timeline) -> dict[str, Any]:
    fields = msgspec.to_builtins(timeline)
    assert isinstance(fields, dict)
    return {**fields, "write": write_json(timeline.write)}


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), JSON)

