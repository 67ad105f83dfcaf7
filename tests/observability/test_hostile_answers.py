"""Telemetry and what it cannot rely on: other members' answers, the disk, and what nobody foresaw."""

from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from node.notify import SILENT
from node.processes.telemetry import Telemetry
from observability.assembly import Entry
from observability.fragments import Fragment
from observability.peers import ASKED_MAX, Answer, Ask, encode
from observability.stories import Stories, Story
from tests.config.test_read import STANDALONE, config_of
from transport.messages import Relayed, decode_telemetry
from transport.messages import Timings as TimingsMessage
from transport.messages import encode as encode_message
from transport.timings import NOTE, Note

SECOND = 1_000_000_000
NOW = 1000 * SECOND
ZXID = 5 << 40 | 77
READ = NOTE.pack(Note.READ, 0, 0, 1, ZXID, NOW, 0)


def stories_of(*, others: tuple[int, ...] = (2,), failures: list[Exception] | None = None) -> Stories:
    def find(zxid: int, watermark: int, offset: int) -> Entry | None:
        raise OSError("nobody reads this disk")

    return Stories(
        me=1, others=others, ring_writes=1000, find=find,
        failed=lambda _, error: (failures if failures is not None else []).append(error))


def noted(*notes: bytes) -> TimingsMessage:
    return TimingsMessage("broadcast", 7, NOW, ZXID, b"".join(notes), 0)


def answer_of(*fragments: Fragment, wall_ns: int = 0) -> Answer:
    return Answer(1, NOW, NOW, NOW, wall_ns, list(fragments))


@pytest.mark.parametrize("answer", [
    answer_of(Fragment(ZXID, {"broadcast": READ[:-1]}, 1, 2)),
    answer_of(Fragment(ZXID, {"processor": READ}, 1, 2)),
    answer_of(Fragment(ZXID, {"processor-x": READ}, 1, 2)),
    answer_of(Fragment(ZXID, {"processor-1\n": READ}, 1, 2)),
    answer_of(Fragment(ZXID, {"\x1b[2J": READ}, 1, 2)),
    answer_of(Fragment(ZXID, {f"processor-{at}": READ for at in range(1000)}, 1, 2)),
    answer_of(Fragment(ZXID, {"broadcast": READ * 100_000}, 1, 2)),
    answer_of(*[Fragment(ZXID, {}, 1, 2)] * (ASKED_MAX + 1)),
    answer_of(wall_ns=(1 << 64) - 1),
])
def test_a_malformed_answer_is_dropped_and_counted_and_the_rest_is_told(answer: Answer) -> None:
    stories, told = stories_of(), list[Story]()
    stories.intake(noted(NOTE.pack(Note.TAKEN, 1, 0, 1, ZXID, NOW, 0)))
    stories.want(ZXID, NOW, told.append, ripe_ns=NOW)
    stories.step(NOW)

    stories.relayed(2, encode(answer), lambda: NOW)
    stories.finish(NOW + SECOND)

    (story,) = told
    assert story.timeline is not None
    assert story.timeline.missing == [2]
    assert stories.questions.outcomes["malformed"] == 1
    assert stories.wall_offsets() == {}


def test_what_was_not_asked_for_is_not_kept() -> None:
    stories = stories_of()
    stories.want(ZXID, NOW, lambda _: None, ripe_ns=NOW)
    stories.step(NOW)

    stories.relayed(2, encode(answer_of(Fragment(ZXID + 1, {"broadcast": READ}, 1, 2))), lambda: NOW)

    (question,) = stories.questions.take_finished(NOW)
    assert question.fragments == {}


def test_a_story_that_cannot_be_made_is_told_to_nobody_and_the_others_are() -> None:
    failures: list[Exception] = []
    stories, told = stories_of(others=(), failures=failures), list[Story]()
    stories.intake(noted(NOTE.pack(Note.PUBLISHED, 0, 0, 512, ZXID, NOW, 0)))
    stories.want(ZXID, NOW, told.append, ripe_ns=NOW)
    stories.want(ZXID + 1, NOW, told.append, ripe_ns=NOW)

    stories.step(NOW)
    stories.finish(NOW + SECOND)

    assert [type(each) for each in failures] == [OSError]
    assert [each.zxid for each in told] == [ZXID + 1]


@pytest.fixture
def lines() -> LogCapture:
    return LogCapture()


@pytest.fixture
def telemetry(tmp_path: Path, lines: LogCapture) -> Telemetry:
    """Its log directory is none."""
    (tmp_path / "log").write_text("")
    config = config_of(tmp_path, f"{STANDALONE}dataLogDir={tmp_path / 'log'}\ncorral.runDir={tmp_path / 'run'}\n")
    config.run_dir.mkdir(exist_ok=True)
    log = structlog.wrap_logger(
        None, processors=[lines], wrapper_class=structlog.make_filtering_bound_logger("info"))
    return Telemetry(config, log, SILENT)


def test_a_write_that_cannot_be_looked_up_is_unknown_and_one_line_of_the_log(
    telemetry: Telemetry, lines: LogCapture,
) -> None:
    telemetry.stories.intake(noted(NOTE.pack(Note.PUBLISHED, 0, 0, 512, ZXID, NOW, 0)))
    try:
        assert [telemetry.stories.entry(ZXID) for _ in range(3)] == [None] * 3
    finally:
        telemetry.servers.main.server_close()
        telemetry.sockets.close()

    assert [line["event"] for line in lines.entries] == ["write_log_unreadable"]


def test_a_question_may_ask_for_any_number(telemetry: Telemetry) -> None:
    for zxid in (0, 1, ZXID, (1 << 63) - 1):
        relayed = decode_telemetry(encode_message(Relayed(2, encode(Ask(1, [zxid], NOW)))))
        assert isinstance(relayed, Relayed)
        assert telemetry.stories.relayed(2, relayed.payload, lambda: NOW) is not None
    telemetry.servers.main.server_close()
    telemetry.sockets.close()
