"""What broadcast notes of each record and message, and how long its stages took.

The shell calls one method where something has happened; stamps are taken there, so that the cores have no clock. Per
record, batch or message, never per request. What each note means stands in transport/timings.py, the figures in
observability/histogram.py.
"""

import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from node.processes.notes import Notes, PollWatch
from observability.histogram import Histogram, count_histogram
from transport.clock import clock_ns
from transport.entry import Kind
from transport.sockets import Push
from transport.timings import Note
from transport.zxid import COUNTER_BITS, epoch_of, make_zxid

SENT_KEPT: Final = 4096  # records, at least, whose sending is remembered until their acks come
COUNT_MAX: Final = (1 << 32) - 1
unpack_head = struct.Struct("<QIB").unpack_from  # a record's first zxid, count, kind: transport/entry.py
# Plain numbers: looking a member of an enum up costs as much as packing a note.
BATCHES: Final = int(Kind.BATCHES)
TAKEN, PROPOSED, SENT, ACKED, RECEIVED, SYNCED, ACK_SENT, COMMITTED, PUBLISHED, EPOCH = map(int, (
    Note.TAKEN, Note.PROPOSED, Note.SENT, Note.ACKED, Note.RECEIVED, Note.SYNCED, Note.ACK_SENT, Note.COMMITTED,
    Note.PUBLISHED, Note.EPOCH))

Pending = deque[tuple[int, int, int]]  # last zxid, since when, requests


def settle(pending: Pending, upto: int, at_ns: int, observe: Callable[[int, int], None]) -> None:
    """Everything up to there has taken until *at_ns*."""
    while pending and pending[0][0] <= upto:
        _, since_ns, count = pending.popleft()
        observe(at_ns - since_ns, count)


class BroadcastTimings(PollWatch):
    """*step_ns*: when the event came that the core is working on."""

    def __init__(self, push: Push) -> None:
        super().__init__(Notes("broadcast", push))
        self._buffer, self._pack = self.notes.buffer, self.notes.pack
        self.step_ns = self.woken_ns
        self._taken: deque[tuple[int, int, int, int]] = deque()  # of batches: member, processor, requests, when
        self._sent: dict[int, int] = {}  # last zxid of a record -> when
        self._sent_before: dict[int, int] = {}  # those before them
        self._appending: Pending = deque()
        self._committing: Pending = deque()
        self._publishing: Pending = deque()
        self._queue, self._append, self._commit, self._publish = (Histogram() for _ in range(4))
        self._fsync = Histogram()
        self._acks: dict[int, Histogram] = {}
        self._batch_requests, self._record_bytes = count_histogram(), count_histogram()

    # The leader --------------------------------------------------------------------------------

    def on_taken(self, member: int, processor: int, count: int) -> None:
        """A batch was taken; its zxids are known when it is proposed."""
        self._taken.append((member, processor, count, clock_ns()))

    def on_leadership(self) -> None:
        """It begins or ends: what was taken before and not proposed is gone."""
        self._taken.clear()

    def _note_batches(self, first_zxid: int, count: int) -> None:
        """Batches were proposed in the order in which they were taken."""
        buffer, pack, taken, step_ns, observe = self._buffer, self._pack, self._taken, self.step_ns, self._queue.observe
        end = first_zxid + count
        zxid = first_zxid
        while zxid < end and taken:
            member, processor, requests, at_ns = taken.popleft()
            buffer += pack(TAKEN, member, processor, requests, zxid, at_ns, 0)
            observe(step_ns - at_ns, requests)
            zxid += requests
        buffer += pack(PROPOSED, 0, 0, count, first_zxid, step_ns, 0)
        self._batch_requests.observe(count)

    def on_acked(self, member: int, zxid: int) -> None:
        at_ns = self.step_ns
        self._buffer += self._pack(ACKED, member, 0, 0, zxid, at_ns, at_ns - self.looked_ns)
        sent_ns = self._sent.get(zxid) or self._sent_before.get(zxid)
        if sent_ns is not None:
            histogram = self._acks.get(member)
            if histogram is None:
                histogram = self._acks[member] = Histogram()
            histogram.observe(at_ns - sent_ns)

    # Every member ------------------------------------------------------------------------------

    def on_append(self, record: bytes, *, leads: bool, has_learners: bool) -> None:
        """Just before it is written to the own log; at a leader just after it went to the learners' sockets."""
        first_zxid, count, kind = unpack_head(record)
        last = first_zxid + count - 1
        size = len(record)
        self._record_bytes.observe(size)
        pending = (last, self.step_ns, count)
        self._appending.append(pending)
        self.notes.newest = max(self.notes.newest, last)
        if not leads:
            return
        self._committing.append(pending)
        if kind == BATCHES:
            self._note_batches(first_zxid, count)
        if has_learners:
            self._sent[last] = at_ns = clock_ns()
            self._buffer += self._pack(SENT, 0, 0, size, last, at_ns, 0)
            if len(self._sent) > SENT_KEPT:
                self._sent_before, self._sent = self._sent, {}

    def on_received(self, first_zxid: int, last_zxid: int) -> None:
        """A follower appended what a message of the leader brought."""
        count = last_zxid - first_zxid + 1
        at_ns = self.step_ns
        self._buffer += self._pack(
            RECEIVED, 0, 0, count if count < COUNT_MAX else 0, first_zxid, at_ns, at_ns - self.looked_ns)

    def on_synced(self, zxid: int, at_ns: int, took_ns: int, *, in_line: bool) -> None:
        self._buffer += self._pack(SYNCED, 0, 0, 0, zxid, at_ns, took_ns)
        self._fsync.observe(took_ns)
        settle(self._appending, zxid, at_ns, self._append.observe)
        if in_line:
            self.excused_ns += took_ns  # a slow disk is no stall of the loop

    def on_ack_sent(self, zxid: int) -> None:
        self._buffer += self._pack(ACK_SENT, 0, 0, 0, zxid, clock_ns(), 0)

    def on_committed(self, before: int, zxid: int, completed_by: int, leader: int) -> None:
        """*completed_by*: at a leader, whose ack or sync completed the quorum; else 0."""
        at_ns, requests = self.step_ns, zxid - before
        if zxid >> COUNTER_BITS != before >> COUNTER_BITS:
            requests = 1
            opens = make_zxid(epoch=epoch_of(zxid), counter=0)
            self._buffer += self._pack(EPOCH, leader, 0, 0, opens, at_ns, 0)
        self._buffer += self._pack(COMMITTED, completed_by, 0, 0, zxid, at_ns, 0)
        if self._committing:
            settle(self._committing, zxid, at_ns, self._commit.observe)
        self._publishing.append((zxid, at_ns, requests))

    def on_published(self, zxid: int, offset: int, at_ns: int) -> None:
        self._buffer += self._pack(PUBLISHED, 0, 0, min(offset, COUNT_MAX), zxid, at_ns, 0)
        settle(self._publishing, zxid, at_ns, self._publish.observe)

    def on_look(self) -> None:
        """The role ends: what is under way may never end."""
        for pending in (self._taken, self._appending, self._committing, self._publishing):
            pending.clear()
        self._sent, self._sent_before = {}, {}

    # To telemetry ------------------------------------------------------------------------------

    def timeout_ms(self, timeout_ms: int, now_ns: int) -> int:
        """Sends what is due; how long the loop may sleep."""
        self.notes.send_due(now_ns)
        return self.notes.timeout_ms(timeout_ms, now_ns)

    def figures(self) -> dict[str, Any]:
        """For the Sample."""
        histograms = {
            "stage_queue": self._queue, "stage_append": self._append, "stage_commit": self._commit,
            "stage_publish": self._publish, "fsync": self._fsync, "batch_requests": self._batch_requests,
            "record_bytes": self._record_bytes,
        }
        return {
            **{name: histogram.figure() for name, histogram in histograms.items()},
            "ack": {str(member): histogram.figure() for member, histogram in self._acks.items()},
            **self.notes.figures(),
        }
