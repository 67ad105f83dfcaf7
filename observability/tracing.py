"""From finished writes to exported traces: sampling, then the story of each pick, then the export. No socket, no clock.

A member traces the writes that its own processors answered, so each write is decided on once. Where a client's context
must be known first it is read from the log, some time after the answer: broadcast's note of where it stands comes
on its own. Writes of one batch went through the same stages: their story is told once, for the first pick, and the
others are sent with it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from observability.assembly import unknown_write, with_error
from observability.exemplars import REQUEST, Exemplars
from observability.export import Export, Rider
from observability.sampling import Batch, Pick, Sampler
from observability.spans import trace_of
from observability.stories import Stories, Story
from observability.timeline import Stage, Timeline, Write

READ_AFTER_NS = 300_000_000  # notes of every process of this member have come by then
TELL_AFTER_NS = 500_000_000  # those of every member
TOGETHER_NS = 1_000_000_000  # so that many writes make one question to the others, and one message to the endpoint
AGAIN_AFTER_NS = 3_000_000_000  # a story that lacks a member's part is asked for once more
UNREAD_MAX = 1024  # batches with contexts

FindWrites = Callable[[range], Sequence[Write]]  # what the log says of these zxids; fewer where it is not known


class _Later(NamedTuple):
    """*picks*: of one batch."""

    due_ns: int
    picks: list[Pick]


class Tracing:
    """*me*: this member. *read_log*: opens no connection and asks nobody. Times: CLOCK_MONOTONIC in ns."""

    def __init__(
        self, *, me: int, ensemble: str, stories: Stories, sampler: Sampler, export: Export, exemplars: Exemplars,
        read_log: FindWrites,
    ) -> None:
        self.me = me
        self.ensemble = ensemble
        self.stories = stories
        self.sampler = sampler
        self.export = export
        self.exemplars = exemplars
        self.read_log = read_log
        self._unread: deque[tuple[int, Batch]] = deque()
        self._picked: deque[_Later] = deque()
        self._again: deque[_Later] = deque()
        self._lost = {"unknown": 0, "unread": 0}

    def intake(self, finished: list[Batch], now_ns: int) -> None:
        """What `slowest` took from a message, after `stories` has taken the same one."""
        for batch in self.sampler.in_order(finished):
            picks, unread = self.sampler.offer(batch, now_ns)
            self._tell_later(picks, now_ns)
            if unread:
                self._read_later(batch, now_ns)

    def step(self, now_ns: int) -> None:
        """What is due. To be called again by `due_ns`."""
        while self._unread and self._unread[0][0] <= now_ns:
            self._read(self._unread.popleft()[1], now_ns)
        while self._picked and self._picked[0].due_ns <= now_ns:
            picks = self._picked.popleft().picks
            self.stories.want(picks[0].zxid, now_ns, partial(self._heard, picks, now_ns), ripe_ns=now_ns)
        while self._again and self._again[0].due_ns <= now_ns:
            picks = self._again.popleft().picks
            self.stories.want(picks[0].zxid, now_ns, partial(self._tell, picks), ripe_ns=now_ns)

    @property
    def due_ns(self) -> int | None:
        return min([each[0][0] for each in (self._unread, self._picked, self._again) if each], default=None)

    # Figures of observability/tables/tracing.py --------------------------------------------------

    def kept(self) -> dict[str, int]:
        return {reason.value: count for reason, count in self.sampler.kept.items()}

    def dropped(self) -> dict[str, int]:
        """unknown: nobody could tell of it; queue: the collector is too slow; failed: it did not take it."""
        counts = self.export.counts
        return {
            **{loss.value: count for loss, count in self.sampler.dropped.items()}, **self._lost,
            "queue": counts.dropped, "failed": counts.failed}

    # Clients' contexts ---------------------------------------------------------------------------

    def _read_later(self, batch: Batch, now_ns: int) -> None:
        if len(self._unread) >= UNREAD_MAX:
            self._lost["unread"] += batch.requests
        else:
            self._unread.append((now_ns + READ_AFTER_NS, batch))

    def _read(self, batch: Batch, now_ns: int) -> None:
        writes = self.read_log(batch.zxids)
        self._lost["unread"] += batch.requests - len(writes)
        contexts = [(write.zxid, write.client_sampled if write.trace_id else None) for write in writes]
        self._tell_later(self.sampler.client(contexts, now_ns), now_ns)

    # Stories -------------------------------------------------------------------------------------

    def _tell_later(self, picks: list[Pick], now_ns: int) -> None:
        if picks:
            self._picked.append(_Later(_together(now_ns + TELL_AFTER_NS), picks))

    def _heard(self, picks: list[Pick], wanted_ns: int, story: Story) -> None:
        """A slow member's part may be still to come; of a dead one it never will: once more, and no more."""
        timeline = story.timeline
        if timeline is not None and not self._is_whole(timeline):
            self._again.append(_Later(_together(wanted_ns + AGAIN_AFTER_NS), picks))
        else:
            self._tell(picks, story)

    def _is_whole(self, timeline: Timeline) -> bool:
        """Every member has it on disk and has executed it."""
        members = self.stories.others | {self.me}
        return all(
            {stage.member for stage in timeline.stages if stage.name == name} >= members
            for name in ("append", "apply"))

    def _tell(self, picks: list[Pick], story: Story) -> None:
        timeline = story.timeline
        if timeline is None:
            self._lost["unknown"] += len(picks)
            return
        self.export.put(timeline, picks[0].reason, self._riders(picks[1:], timeline))
        trace_id = f"{trace_of(self.ensemble, timeline.write):032x}"
        for stage, seconds in measured(timeline, self.me):
            self.exemplars.put(stage, seconds, trace_id, zxid=story.zxid)

    def _riders(self, picks: list[Pick], timeline: Timeline) -> list[Rider]:
        """Each with what is its own: the request and its answer."""
        if not picks:
            return []
        zxids = range(min(picks).zxid, max(picks).zxid + 1)
        writes = {write.zxid: write for write in self.read_log(zxids)}
        errors = self.stories.errors(f"processor-{timeline.processor}", zxids)
        return [
            Rider(with_error(writes.get(zxid) or unknown_write(zxid), errors.get(zxid, 0)), reason)
            for zxid, reason in picks]


def _together(due_ns: int) -> int:
    return due_ns + -due_ns % TOGETHER_NS


def measured(timeline: Timeline, member: int) -> list[tuple[str, float]]:
    """What the histograms of this member have of it: (stage as in corral_stage_seconds, seconds)."""
    found = []
    if timeline.total_ns is not None and timeline.origin == member:
        found.append((REQUEST, timeline.total_ns / 1e9))
    for stage in timeline.stages:
        if stage.member == member:
            found += _of_stage(stage)
    return found


def _of_stage(stage: Stage) -> list[tuple[str, float]]:
    whole = stage.duration_ns / 1e9
    match stage.name:
        case "forward":
            return [("collect", stage.values["collect_s"])] if "collect_s" in stage.values else []
        case "propose":
            return [("queue", whole)]
        case "apply":
            return [
                (name, stage.values[key]) for name, key in (("apply_wait", "wait_s"), ("apply", "execute_s"))
                if key in stage.values]
        case "append" | "fsync" | "commit" | "reply":
            return [(stage.name, whole)]
    return []
