"""/livez and /readyz: 503 names what is wrong, and only that."""

from typing import Any

import pytest

from observability.admin.checks import FREE_BYTES_MIN, LAG_MAX, check_routes
from observability.endpoint import Request, Response

HEALTHY: dict[str, dict[str, Any]] = {
    "broadcast": {"up": 1, "is_serving": 1, "differs": 0}, "processor-0": {"up": 1, "apply_lag_zxids": 0},
    "telemetry": {"up": 1, "disk_free_bytes": {"data": FREE_BYTES_MIN, "log": FREE_BYTES_MIN}}}


def answer(route: str, changes: dict[str, dict[str, Any]], **query: str) -> Response:
    figures = {name: {**each, **changes.get(name, {})} for name, each in HEALTHY.items()}
    return check_routes(lambda: figures)[route](Request(query))


@pytest.mark.parametrize("route", ["/livez", "/readyz"])
def test_a_healthy_member_is_ok_and_says_no_more_unless_it_is_asked(route: str) -> None:
    assert (answer(route, {}).status, answer(route, {}).body) == (200, b"ok\n")
    assert b"[+]processes ok\n" in answer(route, {}, verbose="1").body


@pytest.mark.parametrize(("changes", "line"), [
    ({"processor-0": {"up": 0}}, b"[-]processes failed: down: processor-0\n"),
    ({"broadcast": {"is_serving": 0}}, b"[-]quorum failed: it looks for a leader\n"),
    ({"broadcast": {"differs": 1}}, b"[-]agreement failed: its state differs from the majority's\n"),
    ({"processor-0": {"apply_lag_zxids": LAG_MAX + 1}}, b"[-]lag failed: 10001 writes behind what is committed\n"),
    ({"telemetry": {"disk_free_bytes": {"data": 1 << 40, "log": 7}}}, b"[-]room failed: 7 bytes are left on a disk\n"),
])
def test_what_is_wrong_is_named_and_makes_it_not_ready(changes: dict[str, dict[str, Any]], line: bytes) -> None:
    ready = answer("/readyz", changes)

    assert ready.status == 503
    assert line in ready.body
    name = line[3:line.index(b" ")].decode()
    assert answer("/readyz", changes, exclude=name).status == 200
    assert answer("/livez", changes).status == (503 if name == "processes" else 200)
