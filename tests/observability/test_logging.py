"""Lines of the log: JSON with what every reader needs, a priority for the journal, words on a terminal."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kazoo.exceptions import SystemZookeeperError

from observability.events import find_event
from observability.logging import RateLimit
from tests.corral import ROOT, corral_ensemble, kazoo_client
from tests.faults.figures import log_lines
from tests.waiting import wait_until

SPEAK = """
from observability.logging import configure_logging, get_logger, log_event
configure_logging({level!r})
log = get_logger(process="broadcast", member=3)
log.debug("details")
log.info("established", epoch=7, quorum=[1, 2], last_zxid=(7 << 40) + 5, session=-2)
log_event(log, "learner_lost", {{"of_member": 2}})
log_event(log, "looking", {{}}, alarm=True)
try:
    raise ValueError("two\\nlines")
except ValueError:
    log.error("process_failed", exc_info=True)
"""


def said(stderr: int, *, level: str = "info", environment: Mapping[str, str] | None = None) -> None:
    """Write those lines in a process of its own."""
    subprocess.run(
        [sys.executable, "-c", SPEAK.format(level=level)], cwd=ROOT, stderr=stderr, check=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})})


def lines_in_a_file(path: Path, *, level: str = "info", journal: bool = False) -> list[str]:
    with path.open("wb") as file:
        stat = os.fstat(file.fileno())
        said(file.fileno(), level=level,
             environment={"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"} if journal else {"JOURNAL_STREAM": "1:2"})
    return path.read_text().splitlines()


def parsed(path: Path, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_in_a_file(path, **options)]


def test_a_line_is_one_json_object_that_begins_with_time_level_and_event(tmp_path: Path) -> None:
    lines = parsed(tmp_path / "log")

    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "established"), ("warning", "learner_lost"), ("error", "looking"), ("error", "process_failed")]
    assert all(list(line)[:3] == ["time", "level", "event"] for line in lines)
    assert all((line["member"], line["process"]) == (3, "broadcast") for line in lines)
    written = datetime.fromisoformat(lines[0]["time"])
    assert abs((datetime.now(UTC) - written).total_seconds()) < 60
    assert "ValueError: two\nlines" in lines[-1]["exception"]


def test_zxids_and_sessions_are_in_hex(tmp_path: Path) -> None:
    established = parsed(tmp_path / "log")[0]

    assert established["last_zxid"] == "0x70000000005"
    assert established["session"] == "0xfffffffffffffffe"
    assert established["epoch"] == 7


def test_lines_for_the_journal_begin_with_their_priority(tmp_path: Path) -> None:
    lines = lines_in_a_file(tmp_path / "log", journal=True)

    assert [line[:3] for line in lines] == ["<6>", "<4>", "<3>", "<3>"]
    assert [json.loads(line[3:])["event"] for line in lines][:2] == ["established", "learner_lost"]


@pytest.mark.parametrize(("level", "events"), [
    ("debug", ["details", "established", "learner_lost", "looking", "process_failed"]),
    ("warning", ["learner_lost", "looking", "process_failed"]),
    ("error", ["looking", "process_failed"]),
])
def test_lines_below_the_level_are_not_written(tmp_path: Path, level: str, events: list[str]) -> None:
    assert [line["event"] for line in parsed(tmp_path / "log", level=level)] == events


def test_a_terminal_shows_words_for_people() -> None:
    ours, theirs = pty.openpty()
    said(theirs, environment={"NO_COLOR": "1"})
    os.close(theirs)
    text = os.read(ours, 1 << 16).decode()
    os.close(ours)

    assert '{"' not in text
    assert "established" in text
    assert "0x70000000005" in text


def test_a_limit_counts_what_it_kept_back() -> None:
    limit = RateLimit(interval_s=3600.0)

    assert [limit.admit("a"), limit.admit("a"), limit.admit("b")] == [0, None, 0]
    limit = RateLimit(interval_s=0.0)
    assert [limit.admit("a"), limit.admit("a")] == [0, 0]


def test_a_member_writes_nothing_but_lines_of_the_table(tmp_path: Path) -> None:
    with corral_ensemble(tmp_path, members=1) as ensemble, kazoo_client(ensemble.addresses) as client:
        for number in range(200):
            client.create(f"/a{number}")
        text = ensemble.log(1)
        lines = log_lines(ensemble, 1)

    assert len(lines) == len(text.splitlines())
    assert [line for line in lines if find_event(line["event"]) is None] == []
    assert len(lines) < 30


def test_the_log_level_of_zoo_cfg_holds_in_every_process(tmp_path: Path) -> None:
    with corral_ensemble(tmp_path, members=1, settings={"corral.logLevel": "error"}) as ensemble:
        assert ensemble.log(1) == ""


def test_a_request_that_fails_in_execution_names_zxid_and_trace(tmp_path: Path) -> None:
    hooks = {"corral.testHooks": "true"}
    with corral_ensemble(tmp_path, members=1, settings=hooks) as ensemble, kazoo_client(ensemble.addresses) as client:
        with pytest.raises(SystemZookeeperError):
            client.create("/corral-test-poison")
        (line,) = wait_until(lambda: log_lines(ensemble, 1, "execution_failed"), what="the line")

    assert line["level"] == "error"
    assert int(line["zxid"], 16) > 0
    assert len(line["trace"]) == 32
