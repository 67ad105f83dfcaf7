"""What a processor notes of its batches and of records, and how long its stages took.

The shell and the core (node/requests/witness.py) call one method where something has happened. Per batch or record;
per request only where one fails or tells watchers. What each note means stands in transport/timings.py, the figures in
observability/histogram.py.
"""

import struct
from collections import deque
from typing import Any, Final

from node.processes.notes import STALL_NS, Notes
from node.requests.submissions import Flight
from observability.histogram import Histogram
from transport.clock import clock_ns
from transport.messages import Watermark
from transport.sockets import Push
from transport.timings import NOTE, NOTES_BYTES_MAX, Note

unpack_head = struct.Struct("<QI").unpack_from  # a record's first zxid and count: transport/entry.py
pack_two = struct.Struct(NOTE.format + NOTE.format[1:]).pack  # both are there at once: half the calls
TIMES_MAX: Final = (1 << 16) - 1
ALIKE_MAX: Final = (1 << 16) - 1
# Plain numbers: looking a member of an enum up costs as much as packing a note.
READ, SUBMITTED, APPLIED, REPLIED, FAILED, NOTIFIED = map(int, (
    Note.READ, Note.SUBMITTED, Note.APPLIED, Note.REPLIED, Note.FAILED, Note.NOTIFIED))


class ProcessorTimings:
    """A turn is from the first bytes of a client, or the execution of a record, to the end of its output."""

    def __init__(self, process: str, push: Push) -> None:
        self.notes = Notes(process, push)
        self._buffer, self._pack = self.notes.buffer, self.notes.pack
        self.leader = 0
        self._marks: deque[tuple[int, int]] = deque()  # watermarks not executed yet: zxid, when sent
        self._executed: list[tuple[Flight, int, int]] = []  # own batches of the present record: first zxid, count
        self._unanswered: list[tuple[int, int, int, int]] = []  # last zxid, count, read at, executed at
        self._failed: list[tuple[int, int, int]] = []  # zxid, code, how many more right after it alike
        self._notified: list[tuple[int, int]] = []
        self._unparked: list[tuple[int, int]] = []  # reads that waited: how many, since when
        self._turn_ns = 0  # when the present one began; 0: none
        self._ended_ns = clock_ns()
        self._pulse_ns = 0
        self._slept_ns = 0
        self.has_worked = False  # since the last pulse
        self._reads = 0
        self._collect, self._order, self._apply_wait, self._apply, self._reply = (Histogram() for _ in range(5))
        self._request_write, self._request_read = Histogram(), Histogram()
        self._read_park, self._read_answer = Histogram(), Histogram()

    # The loop ----------------------------------------------------------------------------------

    def on_turn(self, now_ns: int) -> None:
        """A turn begins, or goes on."""
        if self._turn_ns:
            return
        self._turn_ns = now_ns
        self._check_pulse(now_ns)
        self._slept_ns = now_ns - self._ended_ns

    def expect_pulse(self, due_ns: int) -> None:
        """A timer is set, to call `pulse`."""
        self._pulse_ns = due_ns

    def pulse(self, now_ns: int) -> bool:
        """Sends the notes. Whether there was anything to do since the last one."""
        self._check_pulse(now_ns)
        self._pulse_ns = 0
        had_worked, self.has_worked = self.has_worked, False
        if self.notes.buffer:
            self.notes.send(now_ns)
        return had_worked

    def _check_pulse(self, now_ns: int) -> None:
        """The pulse was due, and the loop did not run: since it would have been woken by what mostly wakes it."""
        if self._pulse_ns and now_ns - self._pulse_ns > STALL_NS:
            self.notes.stalled(min(self._pulse_ns, self._ended_ns + self._slept_ns), now_ns)
            self._pulse_ns = 0

    # Records -----------------------------------------------------------------------------------

    def on_watermark(self, mark: Watermark) -> None:
        at_ns = mark.at_ns
        self._marks.append((mark.zxid, at_ns))
        now_ns = self._turn_ns or clock_ns()
        if now_ns - at_ns > STALL_NS and at_ns > self._ended_ns:
            self.notes.stalled(at_ns, now_ns)  # it slept, and was not woken

    def on_executed(self, flight: Flight, first_zxid: int, count: int) -> None:
        """Witness: an own batch is about to be."""
        self._executed.append((flight, first_zxid, count))

    def on_failed(self, zxid: int, error: int) -> None:
        failed = self._failed
        if failed:
            first, code, more = failed[-1]
            if code == -error and zxid == first + more + 1 and more < ALIKE_MAX:
                failed[-1] = (first, code, more + 1)
                return
        failed.append((zxid, -error, 0))

    def on_notified(self, zxid: int, watchers: int) -> None:
        notified = self._notified
        if notified and notified[-1][0] == zxid:
            watchers += notified.pop()[1]
        notified.append((zxid, watchers))

    def on_unparked(self, count: int, oldest_ns: int) -> None:
        self._unparked.append((count, oldest_ns))

    def on_applied(self, buffer: bytes | memoryview, offset: int, began_ns: int, *, is_attended: bool) -> None:
        """The record that stands there has been executed."""
        marks = self._marks
        at_ns = clock_ns()
        first_zxid, count = unpack_head(buffer, offset)
        last_zxid = first_zxid + count - 1
        took_ns = at_ns - began_ns
        self.notes.newest = last_zxid
        self._buffer += self._pack(APPLIED, 0, 0 if is_attended else 1, count, last_zxid, at_ns, took_ns)
        self._apply.observe(took_ns, count)
        while marks and marks[0][0] < last_zxid:
            marks.popleft()
        if marks and marks[0][1]:
            self._apply_wait.observe(began_ns - marks[0][1], count)
        if self._executed:
            self._note_batches(at_ns)

    def _note_batches(self, at_ns: int) -> None:
        buffer, leader = self._buffer, self.leader
        for flight, first_zxid, count in self._executed:
            read_ns, sent_ns = flight.read_ns, flight.sent_ns
            buffer += pack_two(
                READ, 0, 0, count, first_zxid, read_ns, 0,
                SUBMITTED, leader, min(flight.times_sent, TIMES_MAX), flight.traced, first_zxid, sent_ns, 0)
            self._collect.observe(sent_ns - read_ns, count)
            self._order.observe(at_ns - sent_ns, count)
            self._unanswered.append((first_zxid + count - 1, count, read_ns, at_ns))
        self._executed.clear()

    # The end of a turn -------------------------------------------------------------------------

    def on_turn_end(self, *, reads: int, has_answered: bool) -> None:
        """*reads*: how many so far. *has_answered*: what was ready was written; else there is no lease."""
        now_ns = clock_ns()
        if has_answered:
            if self._unanswered:
                self._note_replies(now_ns)
            if self._failed or self._notified:
                self._note_requests(now_ns)
        if self._turn_ns:
            if reads != self._reads:
                self._time_reads(reads - self._reads, now_ns)
            if now_ns - self._turn_ns > STALL_NS:
                self.notes.stalled(self._turn_ns, now_ns)
            self._turn_ns = 0
            self.has_worked = True
        self._reads = reads
        self._ended_ns = now_ns
        if len(self._buffer) >= NOTES_BYTES_MAX:
            self.notes.send(now_ns)

    def _time_reads(self, count: int, now_ns: int) -> None:
        turn_ns = self._turn_ns
        self._read_answer.observe(now_ns - turn_ns, count)
        if self._unparked:
            for waited, since_ns in self._unparked:
                self._read_park.observe(turn_ns - since_ns, waited)
                self._request_read.observe(now_ns - since_ns, waited)
                count -= waited
            self._unparked.clear()
        if count > 0:
            self._request_read.observe(now_ns - turn_ns, count)

    def _note_replies(self, now_ns: int) -> None:
        buffer, pack = self._buffer, self._pack
        for last_zxid, count, read_ns, executed_ns in self._unanswered:
            buffer += pack(REPLIED, 0, 0, count, last_zxid, now_ns, 0)
            self._reply.observe(now_ns - executed_ns, count)
            self._request_write.observe(now_ns - read_ns, count)
        self._unanswered.clear()

    def _note_requests(self, now_ns: int) -> None:
        buffer, pack = self._buffer, self._pack
        for zxid, code, more in self._failed:
            buffer += pack(FAILED, 0, more, code, zxid, now_ns, 0)
        for zxid, watchers in self._notified:
            buffer += pack(NOTIFIED, 0, 0, watchers, zxid, now_ns, 0)
        self._failed.clear()
        self._notified.clear()

    # To telemetry ------------------------------------------------------------------------------

    def figures(self) -> dict[str, Any]:
        """For the Sample."""
        histograms = {
            "stage_collect": self._collect, "stage_order": self._order, "stage_apply_wait": self._apply_wait,
            "stage_apply": self._apply, "stage_reply": self._reply, "request_write": self._request_write,
            "request_read": self._request_read, "read_stage_park": self._read_park,
            "read_stage_answer": self._read_answer,
        }
        return {**{name: histogram.figure() for name, histogram in histograms.items()}, **self.notes.figures()}
