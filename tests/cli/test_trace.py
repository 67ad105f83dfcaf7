"""`corral trace`: what it is asked for, and what it draws."""

import json
from typing import Any

import click
import msgspec
import pytest

from node.cli.errors import Failure
from node.cli.site import sites_of
from node.cli.trace import Asked, ask, asked_for
from node.cli.waterfall import draw
from observability.admin.explain import timeline_json
from observability.endpoint import AdminServer, Request, Response
from tests.observability.stories import stage, timeline


@pytest.mark.parametrize(("what", "asked"), [
    ("4:17", Asked(zxid=4 << 40 | 17)),
    ("0x10000000007", Asked(zxid=0x10000000007)),
    ("1099511627783", Asked(zxid=0x10000000007)),
    ("/app/a:b", Asked(path="/app/a:b")),
    ("0x100000400000001", Asked(session=0x100000400000001)),
    ("0xfe00000400000001", Asked(session=0xFE00000400000001 - (1 << 64))),
])
def test_a_zxid_a_path_and_a_session_are_told_apart(what: str, asked: Asked) -> None:
    assert asked_for(what) == asked


@pytest.mark.parametrize("what", ["", "nonsense", "4:x", "app/config", "1:99999999999999"])
def test_anything_else_is_refused(what: str) -> None:
    with pytest.raises(click.BadParameter):
        asked_for(what)


def drawn(capsys: pytest.CaptureFixture[str], **changes: Any) -> list[str]:
    draw(timeline_json(msgspec.structs.replace(timeline(), **changes)))
    return capsys.readouterr().out.splitlines()


def test_the_verdict_comes_first_then_the_write_then_a_line_for_each_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = drawn(capsys)

    assert lines[0].startswith("member 3 was slowest: fsync took 50.0 ms")
    assert lines[1].startswith("setData /a/b: ok, 5.00 ms in all; zxid 5:77 (0x5")
    assert len([line for line in lines if "█" in line or "▌" in line or "▏" in line]) == len(timeline().stages)
    assert any("clocks were moved to member 2's: member 1's by +0.002 ms ± 0.040 ms" in line for line in lines)


def test_bars_stand_on_one_axis(capsys: pytest.CaptureFixture[str]) -> None:
    lines = drawn(capsys)

    slow = next(line for line in lines if "fsync" in line and line.startswith("3"))
    quick = next(line for line in lines if "fsync" in line and line.startswith("1"))
    assert slow.count("█") > 10 * max(quick.count("█"), 1)


def test_what_may_wait_does_not_squeeze_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    stages = [*timeline().stages, stage("apply", 3, "processor-1", 4, 40_000, 0, unattended=True)]

    lines = drawn(capsys, stages=stages)

    assert any("0 … 54.0 ms" in line for line in lines)
    assert any("…" in line and "processor-1" in line and "it may wait" in line for line in lines)


def test_members_that_said_nothing_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "missing: member 1, 3 did not answer, or has no notes of this write" in drawn(capsys, missing=[1, 3])


def test_a_write_that_the_log_lost_is_drawn_without_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    write = msgspec.structs.replace(timeline().write, known=False, op="", path="")

    assert "a write that the log does not hold any more" in drawn(capsys, write=write)[1]


def test_brackets_in_a_path_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    write = msgspec.structs.replace(timeline().write, path="/a[bold]b")

    assert "/a[bold]b" in drawn(capsys, write=write)[1]


@pytest.mark.parametrize(("character", "shown"), [
    ("\x1b", "\\u001b"), ("\x9b", "\\u009b"), ("\r", "\\u000d"), ("\n", "\\u000a"), ("\u202e", "\\u202e"),
    ("\u2066", "\\u2066"), ("\ud800", "\\ud800")])
def test_a_path_cannot_command_the_terminal(
    capsys: pytest.CaptureFixture[str], character: str, shown: str,
) -> None:
    path = f"/a{character}[2Jb"
    lines = drawn(
        capsys, write=msgspec.structs.replace(timeline().write, path=path), stages=[
            stage(f"ap{character}ply", 3, f"process{character}or-1", 4, 5, -1)])

    assert f"/a{shown}[2Jb" in lines[1]
    assert f"process{shown}or-1" in "".join(lines)
    assert character not in "".join(lines)


def test_the_next_member_is_asked_where_one_does_not_know() -> None:
    def never(_: Request) -> Response:
        return Response(json.dumps({"reason": "too long ago"}).encode(), status=404)

    servers = [
        AdminServer("127.0.0.1", 0, {"/explain": route})
        for route in (never, lambda _: Response(b'{"origin": 2}'))]
    addresses = sites_of([f"127.0.0.1:{server.port}" for server in servers])
    for server in servers:
        server.start()
    try:
        assert ask(addresses, "/explain", {"zxid": "1"}) == {"origin": 2}
        with pytest.raises(Failure, match=f"{addresses[0]}: too long ago"):
            ask(addresses[:1], "/explain", {"zxid": "1"})
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def test_a_server_that_is_none_of_ours_is_said_to_be_so() -> None:
    server = AdminServer("127.0.0.1", 0, {"/explain": lambda _: Response(b"<html>")})
    server.start()
    try:
        with pytest.raises(Failure, match="no member's metrics port"):
            ask(sites_of([f"127.0.0.1:{server.port}"]), "/explain", {})
        with pytest.raises(Failure, match="no member's metrics port"):
            ask(sites_of([f"127.0.0.1:{server.port}"]), "/elsewhere", {})
    finally:
        server.shutdown()
        server.server_close()


def test_a_member_may_be_called_by_a_name_that_it_does_not_know() -> None:
    server = AdminServer("127.0.0.1", 0, {"/explain": lambda _: Response(b'{"origin": 2}')})
    server.start()
    try:
        assert ask(sites_of([f"127.1:{server.port}"]), "/explain", {"zxid": "1"}) == {"origin": 2}
    finally:
        server.shutdown()
        server.server_close()
