"""Notes on their way to telemetry, and the loop's own stalls: what all hot processes share.

Notes are sent FLUSH_NS after the first of them, or when they come to NOTES_BYTES_MAX: about ten messages a second
under load, none without. Telemetry is on nobody's path: what it does not take is dropped and counted.
"""

import os
from typing import Any, Final

from transport.clock import clock_ns
from transport.messages import Timings as TimingsMessage
from transport.messages import encode
from transport.poller import Poller
from transport.sockets import Push
from transport.timings import NOTES_BYTES_MAX, Note, Timings

FLUSH_NS: Final = 100_000_000
STALL_NS: Final = 50_000_000
SLEPT_NS: Final = 50_000  # a poll that took longer has slept: nothing was waiting when it began
NEVER_NS: Final = 1 << 62


class Notes:
    """*buffer*: packed notes (transport/timings.py). *newest*: the newest zxid that any note of this life names."""

    def __init__(self, process: str, push: Push) -> None:
        self._process = process
        self._push = push
        self._pid = os.getpid()
        self._timings = Timings()
        self.buffer, self.pack, self.note = self._timings.buffer, self._timings.pack, self._timings.note
        self.newest = 0
        self._due_ns = 0
        self._stalled_until_ns = 0
        self._stalls = self._stall_ns = self._count = self._messages = self._dropped = 0

    def send_due(self, now_ns: int) -> None:
        """At the end of each turn of the loop."""
        if not self.buffer:
            return
        if not self._due_ns:
            self._due_ns = now_ns + FLUSH_NS
        if now_ns >= self._due_ns or len(self.buffer) >= NOTES_BYTES_MAX:
            self.send(now_ns)

    def timeout_ms(self, timeout_ms: int, now_ns: int) -> int:
        if not self._due_ns:
            return timeout_ms
        return min(timeout_ms, max((self._due_ns - now_ns) // 1_000_000 + 1, 0))

    def stalled(self, began_ns: int, now_ns: int) -> bool:
        """The loop did not run from *began_ns* until now, though it should have. Whether that is worth a note.

        What a note covers already counts once.
        """
        took_ns = now_ns - max(began_ns, self._stalled_until_ns)
        if took_ns <= STALL_NS:
            return False
        self._stalled_until_ns = now_ns
        self._stalls += 1
        self._stall_ns += took_ns
        self.note(Note.STALLED, self.newest, now_ns, took_ns)
        return True

    def figures(self) -> dict[str, Any]:
        return {
            "stalls": self._stalls, "stall_ns": self._stall_ns, "notes": self._count + len(self.buffer) // 32,
            "notes_bytes": self._count * 32, "notes_messages": self._messages, "notes_dropped": self._dropped,
        }

    def send(self, now_ns: int) -> None:
        self._due_ns = 0
        notes = self._timings.take()
        self._count += len(notes) // 32
        self._messages += 1
        message = TimingsMessage(self._process, self._pid, now_ns, self.newest, notes, self._push.dropped)
        if not self._push.send(encode(message)):
            self._dropped += 1


class PollWatch:
    """A loop around a poll: was it woken in time, and did its turns take long?

    *woken_ns*: when the present turn began. *looked_ns*: when its sockets were last seen to be empty: what comes out of
    them in this turn came in after that. *excused_ns*: of this turn, what has a name of its own already.
    """

    def __init__(self, notes: Notes, *, with_turns: bool = True) -> None:
        self.notes = notes
        self.excused_ns = 0
        self._turn_ns_max = STALL_NS if with_turns else NEVER_NS
        self._slept_ns = 0  # how long, before the last turn
        self._timeout_ns = NEVER_NS
        self.ended_ns = self.woken_ns = self.looked_ns = clock_ns()

    def poll(self, poller: Poller, timeout_ms: int) -> list[Any]:
        """For a process whose only notes are its stalls: polls, and sends them at once."""
        self.on_turn_end(clock_ns(), timeout_ms)
        ready = poller.poll(timeout_ms)
        self.on_woken()
        if self.notes.buffer:
            self.notes.send(self.woken_ns)
        return ready

    def on_turn_end(self, now_ns: int, timeout_ms: int) -> None:
        """The loop is about to sleep."""
        if now_ns - self.woken_ns - self.excused_ns > self._turn_ns_max:
            self.notes.stalled(self.woken_ns + self.excused_ns, now_ns)
        self.excused_ns = 0
        self.ended_ns = now_ns
        self._timeout_ns = timeout_ms * 1_000_000

    def on_woken(self) -> None:
        now_ns = clock_ns()
        slept_ns = now_ns - self.ended_ns
        if slept_ns - self._timeout_ns > STALL_NS:
            # It was due then at the latest; under load, when it would have been woken by what mostly wakes it.
            self.notes.stalled(self.ended_ns + min(self._timeout_ns, self._slept_ns), now_ns)
        self._slept_ns = slept_ns
        self.looked_ns = now_ns if slept_ns > SLEPT_NS else self.woken_ns
        self.woken_ns = now_ns
