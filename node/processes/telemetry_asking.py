"""What the HTTP threads of telemetry ask of its loop: stories, the slowest writes, the newest of a path."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from node.processes.calls import Calls, NoAnswerError
from node.processes.write_log import WriteLog
from observability.slowest import Slow, Slowest
from observability.stories import Stories, Story
from observability.timeline import Write
from transport.clock import clock_ns

SEARCHED_BYTES_MAX = 4 << 20  # of the log, for the newest writes of a path
SLOW_MAX = 3000
CANDIDATES_MAX = 64  # slow batches that are looked up for a path

T = TypeVar("T")


class Asking:
    """A Teller (observability/admin/explain.py): every method is for other threads, and waits for the loop."""

    def __init__(self, calls: Calls, stories: Stories, slowest: Slowest, write_log: WriteLog) -> None:
        self._calls, self._stories, self._slowest, self._write_log = calls, stories, slowest, write_log

    def explain(self, zxid: int) -> Story | None:
        def work(future: "Future[Story]") -> None:
            now_ns = clock_ns()
            stories = self._stories
            try:
                stories.want(zxid, now_ns, future.set_result, ripe_ns=stories.ripe_ns(zxid, now_ns))
            except Exception as error:  # noqa: BLE001 - raised in the thread that asks
                future.set_exception(error)

        return self._ask(work)

    def slow(self, count: int, path: str, session: int) -> list[tuple[Slow, Write | None]] | None:
        return self._now(lambda: self._find_slow(count, path, session))

    def recent(self, count: int, path: str, session: int) -> list[Write] | None:
        return self._now(lambda: self._find_recent(count, path, session))

    def _now(self, find: Callable[[], T]) -> T | None:
        def work(future: "Future[T]") -> None:
            try:
                future.set_result(find())
            except Exception as error:  # noqa: BLE001 - raised in the thread that asks
                future.set_exception(error)

        return self._ask(work)

    def _ask(self, work: Callable[["Future[T]"], None]) -> T | None:
        try:
            return self._calls.ask(work)
        except (NoAnswerError, OSError):
            return None

    # In the loop -------------------------------------------------------------------------------

    def _find_slow(self, count: int, path: str, session: int) -> list[tuple[Slow, Write | None]]:
        is_any = not path and not session
        looked_up = 0
        found: list[tuple[Slow, Write | None]] = []
        for slow in self._slowest.slowest(SLOW_MAX, clock_ns() / 1e9):
            if slow.batch.zxids[-1] < self._stories.oldest:
                continue  # nothing is left to tell of it
            looked_up += 1
            if looked_up > max(count, CANDIDATES_MAX):
                break
            write = self._write_of(slow, path, session)
            if write is not None or is_any:
                found.append((slow, write))
            if len(found) == count:
                break
        return found

    def _write_of(self, slow: Slow, path: str, session: int) -> Write | None:
        """The first of the batch that matches."""
        published = self._stories.published(slow.batch.first_zxid)
        if published is None:
            return None
        watermark, offset = published
        writes = self._write_log.writes(slow.batch.zxids, watermark=watermark, offset=offset)
        return next((each for each in writes if _matches(each, path, session)), None)

    def _find_recent(self, count: int, path: str, session: int) -> list[Write]:
        watermark, offset = self._stories.watermark()
        if not watermark:
            return []
        return self._write_log.newest(
            lambda write: _matches(write, path, session), watermark=watermark, offset=offset, count=count,
            bytes_max=SEARCHED_BYTES_MAX)


def _matches(write: Write, path: str, session: int) -> bool:
    return (not path or write.path == path) and (not session or write.session == session)
