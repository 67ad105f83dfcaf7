"""Acks that can wait a moment, because no client waits for what they commit.

Of three voters, a client of a follower waits for the leader's disk and its own follower's alone: the follower answers
only what is durable there, and the leader says Backed (zab/proposals.py). What the leader's own clients wait for needs
an ack at once, and so does what an observer's do. The others go with the next ack, or after HOLD_MS: one write at a
time then wakes the leader less often.
"""

from collections.abc import Collection
from typing import Final

from transport.batch import members_of
from transport.entry import RECORD, Kind
from transport.messages import Ack

HOLD_MS: Final = 3
VOTERS: Final = 3  # with more of them, an ack of another follower is part of every quorum


class Acks:
    def __init__(self) -> None:
        self._awaited = 0  # end of the last record whose clients wait for this ack
        self._acked = 0
        self._held: Ack | None = None
        self._due_ms = 0

    def on_append(self, record: bytes, *, leader: int, voters: Collection[int]) -> None:
        first_zxid, count, kind, *_ = RECORD.unpack_from(record)
        members = members_of(record, RECORD.size) if kind == Kind.BATCHES else {leader}
        if leader in members or not members.issubset(voters):
            self._awaited = first_zxid + count - 1

    def hold(self, ack: Ack, now_ms: int, *, voters: int) -> bool:
        """Whether it waits; else it is to be sent now, and says all that the held one would have."""
        if voters != VOTERS or self._acked < self._awaited or self._held is not None:
            self._acked = ack.zxid
            self._held = None
            return False
        self._held = ack
        self._due_ms = now_ms + HOLD_MS
        return True

    def take_due(self, now_ms: int) -> Ack | None:
        held = self._held
        if held is None or now_ms < self._due_ms:
            return None
        self._acked = held.zxid
        self._held = None
        return held

    def forget(self) -> None:
        """Another stream to a leader: what it must know is in its hello."""
        self._held = None

    def timeout_ms(self, timeout_ms: int, now_ms: int) -> int:
        return timeout_ms if self._held is None else min(timeout_ms, max(self._due_ms - now_ms, 0))
