"""Whose time is over: the work of the leader's processor 0 (PURE).

It follows the replicated table and hears of idle ages by the processors' touch reports; by the monotonic clock of its
own process it then says which sessions to expire, with the token it saw: the ordered EXPIRE does nothing if that has
changed meanwhile. It errs on the side of life: a new holder grants full timeouts, and so it does after a pause of
its own; and when a large part of all sessions falls silent at once, it is rather the network, or we: they are
extended, once.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from node.sessions.table import SessionTable
from transport.batch import source_of
from transport.messages import Touches

TOUCH: Final = struct.Struct("<qI")  # of Touches.entries: session id, idle ms

MASS_MIN: Final = 10  # more than so many, and more than a third of all: a mass silence
MASS_PART: Final = 3
# Less than this part of its timeout left: it has missed a ping, which clients send every third of it.
QUIET_PART: Final = 3
PAUSE_TICKS: Final = 2


class Due(NamedTuple):
    """A session to expire, and the token that was seen."""

    session_id: int
    source: int
    connection: int


class _Life:
    """*is_extended*: it was granted time in a mass silence, and has not been heard of since."""

    __slots__ = ("connection", "deadline_ms", "is_extended", "source", "timeout_ms")

    def __init__(self, source: int, connection: int, timeout_ms: int, deadline_ms: int) -> None:
        self.source = source
        self.connection = connection
        self.timeout_ms = timeout_ms
        self.deadline_ms = deadline_ms
        self.is_extended = False


class Expiry:
    """Follows *sessions* from now on (one follower at a time), until `stop`.

    Sessions wait in buckets one tick wide, so that a session expires between its timeout and a tick later, as
    ZooKeeper's do; a touch only moves a deadline, and the session changes its bucket when that one is due.
    """

    def __init__(self, sessions: SessionTable, *, tick_ms: int, now_ms: int) -> None:
        self._sessions = sessions
        self._tick_ms = tick_ms
        self._last_ms = now_ms
        self._lives: dict[int, _Life] = {}
        self._buckets: dict[int, dict[int, None]] = {}
        sessions.changed = dict.fromkeys(sessions)
        self._follow(now_ms)

    def stop(self) -> None:
        self._sessions.changed = None

    def touched(self, touches: Touches, now_ms: int) -> None:
        """A processor's report, complete or not: who is missing in it just goes on falling silent.

        Only a session's present holder counts. Raises struct.error if the entries are no whole number of TOUCHes.
        """
        lives = self._lives
        source = source_of(
            member=touches.member, processor=touches.processor, generation=touches.generation)
        for session_id, idle_ms in TOUCH.iter_unpack(touches.entries):
            life = lives.get(session_id)
            if life is None or life.source != source:
                continue
            deadline_ms = now_ms - idle_ms + life.timeout_ms
            if deadline_ms > life.deadline_ms:
                life.deadline_ms = deadline_ms
                life.is_extended = False

    def due(self, now_ms: int) -> list[Due]:
        """Whom to expire; call about once a tick, or oftener.

        A session that is still there another timeout later is named again.
        """
        self._follow(now_ms)
        paused = now_ms - self._last_ms > PAUSE_TICKS * self._tick_ms
        last_ms, self._last_ms = self._last_ms, now_ms
        if paused:
            self._grant_all(now_ms)
            return []
        silent = list(dict.fromkeys(self._silent(last_ms, now_ms)))
        if silent and self._is_mass_silence(now_ms):
            silent = self._extended(silent, now_ms)
        for session_id in silent:
            self._put(session_id, now_ms + self._lives[session_id].timeout_ms)
        return [
            Due(session_id, self._lives[session_id].source, self._lives[session_id].connection)
            for session_id in silent]

    def deadlines(self) -> dict[int, int]:
        """Session -> when it is due, in ms of the clock that `due` gets, rounded up to its tick."""
        tick_ms = self._tick_ms
        return {sid: (life.deadline_ms // tick_ms + 1) * tick_ms for sid, life in self._lives.items()}

    # --- parts -----------------------------------------------------------------------------------------------

    def _follow(self, now_ms: int) -> None:
        """Take over what the table has changed: whoever came or moved has its full timeout from now on."""
        changed = self._sessions.changed
        assert changed is not None, "stopped"
        for session_id in changed:
            session = self._sessions.get(session_id)
            if session is None:
                self._lives.pop(session_id, None)
                continue
            deadline_ms = now_ms + session.timeout_ms
            self._lives[session_id] = _Life(
                session.source, session.connection, session.timeout_ms, deadline_ms)
            self._put(session_id, deadline_ms)
        changed.clear()

    def _put(self, session_id: int, deadline_ms: int) -> None:
        """It may stand in more buckets than one: the last one that is due finds it."""
        bucket = deadline_ms // self._tick_ms + 1
        self._buckets.setdefault(bucket, {})[session_id] = None

    def _silent(self, last_ms: int, now_ms: int) -> Iterator[int]:
        for bucket in range(last_ms // self._tick_ms, now_ms // self._tick_ms + 1):
            for session_id in self._buckets.pop(bucket, ()):
                life = self._lives.get(session_id)
                if life is None:
                    continue
                if life.deadline_ms // self._tick_ms + 1 > bucket:
                    self._put(session_id, life.deadline_ms)
                else:
                    yield session_id

    def _is_mass_silence(self, now_ms: int) -> bool:
        """Not by those alone that are due: their pings were spread over a third of their timeouts, and so are they."""
        quiet = 0
        for life in self._lives.values():
            quiet += life.is_extended or (life.deadline_ms - now_ms) * QUIET_PART < life.timeout_ms
        return quiet > MASS_MIN and quiet * MASS_PART > len(self._lives)

    def _extended(self, silent: list[int], now_ms: int) -> list[int]:
        """Give those who have not been extended yet another timeout; returns the others."""
        again = []
        for session_id in silent:
            life = self._lives[session_id]
            if life.is_extended:
                again.append(session_id)
                continue
            life.is_extended = True
            life.deadline_ms = now_ms + life.timeout_ms
            self._put(session_id, life.deadline_ms)
        return again

    def _grant_all(self, now_ms: int) -> None:
        self._buckets.clear()
        for session_id, life in self._lives.items():
            life.deadline_ms = now_ms + life.timeout_ms
            self._put(session_id, life.deadline_ms)
