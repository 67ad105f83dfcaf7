"""Executing the log: from its files, up to the watermark that broadcast tells, a bounded piece per turn."""

import asyncio
import gc
from collections import deque
from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from node.processes.loop import now_ms
from node.processes.processor_lease import HeldLease
from node.processes.processor_link import LeaderLink
from node.processes.processor_timings import ProcessorTimings
from node.processes.processor_turn import Turn
from node.requests.processor import Processor
from node.storage.errors import LogGapError
from node.storage.reader import LogReader
from node.tree.execute import RecordGapError
from transport.clock import clock_ns
from transport.messages import Digest, DigestReport, Message, Watermark

BYTES_PER_TURN: Final = 4 << 20  # of records, while catching up
# While clients wait: some hundred writes, between which those that read are served.
LIVE_BYTES_PER_TURN: Final = 64 << 10
DIGESTS: Final = 1024  # remembered, as ZooKeeper does
EXIT_RESYNC: Final = 75  # EX_TEMPFAIL: start again, from snapshot and log


class Execution:
    """*is_caught_up*: it has once been at the watermark; then *on_caught_up* is called.

    *end*: ends the process with a code, to be started again from snapshot and log.
    """

    def __init__(
        self, *, process: str, loop: asyncio.AbstractEventLoop, core: Processor, reader: LogReader, turn: Turn,
        link: LeaderLink, lease: HeldLease, timings: ProcessorTimings, log: FilteringBoundLogger,
        send_local: Callable[[Message], bool], on_caught_up: Callable[[], None], end: Callable[[int], None],
    ) -> None:
        self._process, self._loop, self._core, self._reader, self._turn = process, loop, core, reader, turn
        self._link, self._lease, self._timings, self._log = link, lease, timings, log
        self._send_local, self._on_caught_up, self._end = send_local, on_caught_up, end
        self.watermark: Watermark | None = None
        self.recent_digests: deque[tuple[int, int]] = deque(maxlen=DIGESTS)  # (zxid, digest), for the word hash
        self.is_caught_up = False
        self._is_executing = False

    def on_watermark(self, watermark: Watermark) -> None:
        self.watermark = watermark
        if self.is_caught_up:
            self._timings.on_watermark(watermark)

    def advance(self) -> None:
        """Up to the watermark, or a piece of the way; outputs go out after each piece."""
        mark = self.watermark
        if mark is None or self._is_executing:
            return
        self._is_executing = True
        replica = self._core.replica
        done = 0
        if mark.zxid > replica.zxid:
            self._begin(clock_ns())
            try:
                done = self._apply(mark)
            except (LogGapError, RecordGapError) as error:
                # The log was replaced by a snapshot (SNAP): docs/decisions/0003.
                self._log.warning("log_gap", reason=str(error), action="reload from snapshot and log")
                self._end(EXIT_RESYNC)
                return
        self._is_executing = False
        if replica.alarms_changed:
            replica.alarms_changed = False
            self._core.alarms.refresh()
        self._send_digests()
        if replica.zxid < mark.zxid:
            self._loop.call_soon(self.advance)
        elif not self.is_caught_up:
            self._catch_up()
        if done:
            self._link.follow(self._lease.newest, now_ms())
            self._turn.end()

    def report_digest(self) -> None:
        """Of what has been executed so far."""
        replica = self._core.replica
        replica.report_digest(replica.zxid)
        self._send_digests()

    def _begin(self, now_ns: int) -> None:
        core = self._core
        core.statistics.now_ms = now_ns // 1_000_000
        if not core.submissions.count:
            core.submissions.read_ns = now_ns  # an attach may set free what its client sent behind it
        if self.is_caught_up:
            self._timings.on_turn(now_ns)

    def _apply(self, mark: Watermark) -> int:
        """Bytes of what was executed. Raises LogGapError, RecordGapError."""
        core = self._core
        done, done_max = 0, LIVE_BYTES_PER_TURN if self.is_caught_up else BYTES_PER_TURN
        for buffer, offset, size in self._reader.read(mark.zxid, mark.segment, mark.offset):
            began_ns = clock_ns()
            core.replica.apply_record(buffer, offset)
            if self.is_caught_up:
                self._timings.on_applied(buffer, offset, began_ns, is_attended=bool(core.connections))
            done += size
            if done >= done_max:
                break
        return done

    def _catch_up(self) -> None:
        self.is_caught_up = True
        self._core.alarms.refresh()
        self._reader.verify = False  # what comes now was written a moment ago
        self._core.serving = self._lease.is_held()
        gc.collect()
        gc.freeze()
        self._on_caught_up()

    def _send_digests(self) -> None:
        self.recent_digests.extend(self._core.digests)
        for zxid, value in self._core.digests:
            self._send_local(DigestReport(Digest(zxid, self._process, value)))
        self._core.digests.clear()
