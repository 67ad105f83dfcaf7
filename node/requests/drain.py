"""Which of a member's clients go elsewhere, and when: one after the other, each after the last answer it waits for."""

from collections.abc import Iterable
from math import inf
from typing import Final

from node.requests.connection import Connection, Phase

INTERVAL_MS_MAX: Final = 50  # between two, of a few: nobody waits long for three clients


class Drain:
    """The shell calls `due` now and then; whom it names is not read any more, and closed once `answered` names it."""

    def __init__(self, clients: int, *, now_ms: int, over_ms: int) -> None:
        """*clients*: how many there are."""
        self._interval_ms = min(over_ms / max(clients, 1), INTERVAL_MS_MAX)
        self._due_ms = float(now_ms)  # which compiled code does not do by itself
        self.leaving: dict[Connection, None] = {}

    def due(self, connections: Iterable[Connection], now_ms: int) -> list[Connection]:
        """Who is to go now. Whoever is just being attached goes once it is."""
        found: list[Connection] = []
        for conn in connections:
            if self._due_ms > now_ms:
                break
            if conn.phase is Phase.READY and conn not in self.leaving:
                self.leaving[conn] = None
                self._due_ms += self._interval_ms
                found.append(conn)
        return found

    def stop(self) -> None:
        """Nobody else is to go."""
        self._due_ms = inf

    def answered(self) -> list[Connection]:
        """Of those that are leaving: who waits for nothing any more."""
        done = [
            conn for conn in self.leaving
            if conn.phase is not Phase.READY or (conn.submitted == conn.done and not conn.parked and not conn.out)]
        for conn in done:
            del self.leaving[conn]
        return [conn for conn in done if conn.phase is Phase.READY]
