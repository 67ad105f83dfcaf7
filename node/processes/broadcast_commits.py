"""Commits that can wait a moment, because something else goes to that learner anyway.

A learner whose own processors submitted something hears of its commit at once: a client waits there. The others learn
of it by the next record or ping, which carry the commit, or after HOLD_MS. So one write at a time costs a follower one
turn instead of two, and on few cores these turns are what the client would wait for.
"""

from typing import Final

from node.zab.events import StreamId
from transport.messages import Backed, Commit
from transport.zxid import Zxid

HOLD_MS: Final = 2


class Commits:
    def __init__(self) -> None:
        self._taken: set[int] = set()  # members with batches that are not proposed yet
        self._waiting: dict[int, Zxid] = {}  # member -> end of the last record with a batch of it
        self._held: dict[StreamId, tuple[Commit, int]] = {}  # and when it is due

    def on_taken(self, member: int) -> None:
        """A batch of *member* was taken."""
        self._taken.add(member)

    def on_proposed(self, last_zxid: Zxid) -> None:
        """All that was taken stands in records up to here."""
        for member in self._taken:
            self._waiting[member] = last_zxid
        self._taken.clear()

    def hold(self, stream: StreamId, member: int, commit: Commit, now_ms: int) -> bool:
        """Whether it waits; else it is to be sent now."""
        waiting = self._waiting.get(member)
        if waiting is not None:
            if commit.zxid >= waiting:
                del self._waiting[member]
            self._held.pop(stream, None)
            return False
        due_ms = self._held[stream][1] if stream in self._held else now_ms + HOLD_MS
        self._held[stream] = (commit, due_ms)
        return True

    def is_waited_for(self, member: int, backed: Backed) -> bool:
        """Whether to send it: a client waits there, and then need not wait for the commit. Others hear it anyway."""
        waiting = self._waiting.get(member)
        if waiting is None:
            return False
        if backed.zxid >= waiting:
            del self._waiting[member]
        return True

    def on_told(self, stream: StreamId, committed: int) -> None:
        """Another message says that much to it."""
        held = self._held.get(stream)
        if held is not None and held[0].zxid <= committed:
            del self._held[stream]

    def take_due(self, now_ms: int) -> list[tuple[StreamId, Commit]]:
        if not self._held:
            return []
        due = [(stream, commit) for stream, (commit, due_ms) in self._held.items() if due_ms <= now_ms]
        for stream, _ in due:
            del self._held[stream]
        return due

    def forget(self, stream: StreamId) -> None:
        self._held.pop(stream, None)

    def timeout_ms(self, timeout_ms: int, now_ms: int) -> int:
        for _, due_ms in self._held.values():
            timeout_ms = min(timeout_ms, max(due_ms - now_ms, 0))
        return timeout_ms
