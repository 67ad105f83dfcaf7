"""The end of a processor's turn: its batch goes to the leader, and each connection's output out in one piece."""

import asyncio

from node.processes.loop import now_ms
from node.processes.notes import FLUSH_NS
from node.processes.processor_audit import Audit
from node.processes.processor_lease import HeldLease
from node.processes.processor_link import LeaderLink
from node.processes.processor_outputs import Outputs
from node.processes.processor_timings import ProcessorTimings
from node.requests.processor import Processor
from node.requests.submissions import GATHER_MS
from transport.clock import clock_ns


class Turn:
    """*is_due*: `end` is called before the loop sleeps."""

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, core: Processor, lease: HeldLease, link: LeaderLink,
        outputs: Outputs, audit: Audit | None, timings: ProcessorTimings,
    ) -> None:
        self._loop, self._core, self._lease, self._link = loop, core, lease, link
        self._outputs, self._audit, self._timings = outputs, audit, timings
        self.is_due = False
        self._gathers = self._pulses = False

    def end_soon(self) -> None:
        if not self.is_due:
            self.is_due = True
            self._loop.call_soon(self.end)

    def end(self) -> None:
        self.is_due = False
        core = self._core
        submissions = core.submissions
        submissions.now_ns = clock_ns()
        now = core.statistics.now_ms = submissions.now_ns // 1_000_000
        if core.entrance.is_crowded:
            core.entrance.admit()
        if submissions.count or submissions.linked:
            batches = submissions.seal(now)
            if batches:
                self._link.submit(batches, now)
                if self._link.has_message():
                    self.on_leader_readable()
            if core.reconfigs.is_changed:
                self._link.ask_reconfigs()
            if submissions.is_gathering and not self._gathers:
                self._gathers = True
                self._loop.call_later(GATHER_MS / 1000, self._on_gathered)
        may_answer = self._audit is None or self._audit.flush()
        has_answered = may_answer and (not core.dirty or self._outputs.send())
        self._timings.on_turn_end(reads=core.statistics.reads, has_answered=has_answered)
        if not self._pulses and self._timings.has_worked:
            self._await_pulse()
        if submissions.is_full != self._outputs.is_full and self._lease.is_held():
            self._outputs.set_full(submissions.is_full)

    def on_leader_readable(self) -> None:
        if self._link.receive(now_ms()):
            self.end_soon()

    def _on_gathered(self) -> None:
        self._gathers = False
        if self._core.submissions.is_gathering:
            self.end_soon()

    def _await_pulse(self) -> None:
        """While there is something to do: notes go out, and a loop that does not run is noticed."""
        self._pulses = True
        due_ns = clock_ns() + FLUSH_NS
        self._timings.expect_pulse(due_ns)
        self._loop.call_later(FLUSH_NS / 1e9, self._pulse)

    def _pulse(self) -> None:
        self._pulses = False
        if self._timings.pulse(clock_ns()):
            self._await_pulse()
