"""/explain, /slow and /recent as HTTP clients see them."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from observability.admin.explain import VERDICTS_MAX, explain_routes
from observability.endpoint import Request, Response
from observability.sampling import Batch
from observability.slowest import KEPT_OF_A_SPAN, SPAN_S, SPANS, Slow, Slowest
from observability.stories import Story
from observability.timeline import Write
from tests.observability.stories import ZXID, timeline, write
from transport.messages import Timings
from transport.timings import NOTE, Note


@dataclass
class Teller:
    story: Story | None = field(default_factory=lambda: Story(ZXID, timeline(), ZXID - 10, ZXID + 10))
    asked: list[Any] = field(default_factory=list)

    def explain(self, zxid: int) -> Story | None:
        self.asked.append(zxid)
        return self.story

    def slow(self, count: int, path: str, session: int) -> list[tuple[Slow, Write | None]] | None:
        self.asked.append((count, path, session))
        return [(Slow(7_000_000, 1.0, "processor-0", Batch(ZXID, 3, 7_000_000, False, 0)), write())]

    def recent(self, count: int, path: str, session: int) -> list[Write] | None:
        self.asked.append((count, path, session))
        return [write()]


def got(teller: Teller, route: str, /, **query: str) -> tuple[Response, Any]:
    response = explain_routes(teller)[route](Request(query))
    return response, orjson.loads(response.body)


@pytest.mark.parametrize("text", [hex(ZXID), str(ZXID), "5:77"])
def test_a_zxid_may_be_written_in_three_ways(text: str) -> None:
    teller = Teller()

    response, body = got(teller, "/explain", zxid=text)

    assert response.status == 200
    assert teller.asked == [ZXID]
    assert body["write"]["zxid_text"] == "5:77"
    assert body["write"]["session_hex"] == "0x200000000000123"
    assert len(body["stages"]) == len(timeline().stages)
    assert body["verdict"]["member"] == 3


@pytest.mark.parametrize("text", ["", "x", "-1", "5:-1", "1:2:3", str(1 << 63), "99999999:0"])
def test_what_is_no_zxid_is_refused_with_how_to_write_one(text: str) -> None:
    response, body = got(Teller(), "/explain", zxid=text)

    assert response.status == 400
    assert "/explain?zxid=" in body["reason"]


@pytest.mark.parametrize(("zxid", "reason"), [
    (ZXID + 11, "has not been written"), (ZXID - 11, "too long ago"), (ZXID, "is no write"),
])
def test_a_write_without_notes_is_not_found_and_the_range_is_told(zxid: int, reason: str) -> None:
    response, body = got(Teller(Story(zxid, None, ZXID - 10, ZXID + 10)), "/explain", zxid=str(zxid))

    assert response.status == 404
    assert reason in body["reason"]
    assert "notes are kept of 5:67 to 5:87" in body["reason"]
    assert (body["oldest"], body["newest"]) == (ZXID - 10, ZXID + 10)


def test_a_member_that_is_too_busy_says_so() -> None:
    response, _ = got(Teller(None), "/explain", zxid=str(ZXID))

    assert response.status == 503


def test_the_slowest_writes_are_listed_and_explained_on_demand() -> None:
    teller = Teller()

    _, body = got(teller, "/slow", n="5", path="/a/b", session="0x200000000000123", verdict="1")

    (line,) = body["writes"]
    assert teller.asked == [(5, "/a/b", 0x200000000000123), ZXID]
    assert (line["zxid"], line["total_s"], line["batch_requests"]) == (ZXID, 0.007, 3)
    assert line["verdict"]["sentence"].startswith("member 3 was slowest")


def test_no_more_than_some_writes_are_explained_in_one_answer() -> None:
    class Slows(Teller):
        def slow(self, count: int, path: str, session: int) -> list[tuple[Slow, Write | None]] | None:
            return [(Slow(7, 1.0, "processor-0", Batch(ZXID + at, 1, 7, False, 0)), None) for at in range(count)]

    teller = Slows()

    _, body = got(teller, "/slow", n="200", verdict="1")

    assert len(body["writes"]) == 200
    assert teller.asked == [ZXID + at for at in range(VERDICTS_MAX)]
    assert [line["verdict"] is not None for line in body["writes"]] == [at < VERDICTS_MAX for at in range(200)]


def test_who_is_too_busy_to_explain_one_is_not_asked_for_the_next() -> None:
    class Slows(Teller):
        def slow(self, count: int, path: str, session: int) -> list[tuple[Slow, Write | None]] | None:
            return [(Slow(7, 1.0, "processor-0", Batch(ZXID + at, 1, 7, False, 0)), None) for at in range(count)]

    teller = Slows(None)

    _, body = got(teller, "/slow", n="5", verdict="1")

    assert teller.asked == [ZXID]
    assert len(body["writes"]) == 5


def test_recent_writes_are_those_of_a_path_or_a_session() -> None:
    teller = Teller()

    response, _ = got(teller, "/recent")
    _, body = got(teller, "/recent", session=str((1 << 64) - 2))

    assert response.status == 400
    assert teller.asked == [(20, "", -2)]
    assert body["writes"][0]["path"] == "/a/b"


def batches(latencies_ms: list[int]) -> bytes:
    notes = b""
    for at, latency in enumerate(latencies_ms):
        zxid = ZXID + at
        notes += NOTE.pack(Note.READ, 0, 0, 1, zxid, 1_000, 0) + NOTE.pack(Note.SUBMITTED, 1, 1, 0, zxid, 2_000, 0)
        notes += NOTE.pack(Note.REPLIED, 0, 0, 1, zxid, 1_000 + latency * 1_000_000, 0)
    return notes


def test_the_slowest_of_each_while_are_kept_and_old_ones_forgotten() -> None:
    slowest = Slowest()

    slowest.intake(Timings("processor-0", 1, 0, ZXID, batches(list(range(100))), 0), 0.0)
    slowest.intake(Timings("processor-0", 1, 0, ZXID, batches([500]), 0), SPAN_S * 2)

    found = [each.latency_ns // 1_000_000 for each in slowest.slowest(4, SPAN_S * 3)]
    assert found == [500, 99, 98, 97]
    assert len(slowest.slowest(1000, SPAN_S * 3)) == KEPT_OF_A_SPAN + 1
    assert [each.latency_ns // 1_000_000 for each in slowest.slowest(4, SPAN_S * (SPANS + 1))] == [500]
