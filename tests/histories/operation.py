"""One operation of a history, and the recorder that the clients of a run share."""

import math
import threading
import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

NEVER: Final = math.inf


class Outcome(StrEnum):
    OK = "ok"
    FAIL = "fail"  # it was refused, and has changed nothing
    UNKNOWN = "unknown"  # it may have taken effect, or do so later, or never


class Operation(msgspec.Struct, frozen=True):
    """What a client asked and was told.

    kind: of workload, which says what name, argument and result mean; all of them are JSON.
    session: the one that answered; 0: none did. Times are seconds of one monotonic clock. ended_s of one whose outcome
    is unknown says when the client gave up: the operation itself may end at any later time.
    """

    kind: str
    client: str
    session: int
    key: str
    name: str
    argument: Any
    invoked_s: float
    ended_s: float
    outcome: Outcome
    result: Any = None

    @property
    def is_ok(self) -> bool:
        return self.outcome is Outcome.OK

    @property
    def over_s(self) -> float:
        """From then on it has no effect any more; NEVER."""
        return NEVER if self.outcome is Outcome.UNKNOWN else self.ended_s

    def __str__(self) -> str:
        end = "…" if self.outcome is Outcome.UNKNOWN else f"{self.ended_s:.4f}"
        argument = "" if self.argument is None else self.argument
        return (f"{self.invoked_s:.4f}–{end}  {self.client}: {self.name}({argument}) "
                f"{self.outcome} {'' if self.result is None else self.result}")


class Pending:
    """An operation that was sent; exactly one of ok, fail and unknown ends it."""

    __slots__ = ("_about", "_history", "_invoked_s")

    def __init__(self, history: "History", about: tuple[str, str, str, str, Any]) -> None:
        self._history, self._about = history, about
        self._invoked_s = history.clock_s()

    def ok(self, result: Any = None, *, session: int = 0) -> Operation:
        return self._end(Outcome.OK, result, session)

    def fail(self, reason: str, *, session: int = 0) -> Operation:
        return self._end(Outcome.FAIL, reason, session)

    def unknown(self, reason: str) -> Operation:
        return self._end(Outcome.UNKNOWN, reason, 0)

    def _end(self, outcome: Outcome, result: Any, session: int) -> Operation:
        kind, client, key, name, argument = self._about
        ended_s = self._history.clock_s()
        operation = Operation(kind, client, session, key, name, argument, self._invoked_s, ended_s, outcome, result)
        self._history.ended(self, operation)
        return operation


class History:
    """Threads write to it at the same time. Times count from when it was made."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._lock = threading.Lock()
        self._pending: set[Pending] = set()
        self._operations: list[Operation] = []

    def clock_s(self) -> float:
        return time.monotonic() - self._began_s

    def begin(self, kind: str, client: str, key: str, name: str, argument: Any = None) -> Pending:
        pending = Pending(self, (kind, client, key, name, argument))
        with self._lock:
            self._pending.add(pending)
        return pending

    def ended(self, pending: Pending, operation: Operation) -> None:
        with self._lock:
            self._pending.discard(pending)
            self._operations.append(operation)

    def close(self) -> list[Operation]:
        """All operations, in the order in which they ended; what is under way still is unknown."""
        with self._lock:
            left = list(self._pending)
        for pending in left:
            pending.unknown("the run ended")
        return self.since(0)

    def since(self, count: int) -> list[Operation]:
        """Those that ended after the first *count* did."""
        with self._lock:
            return self._operations[count:]


def save(operations: Iterable[Operation], file: Path) -> None:
    """As JSON, one operation per line."""
    encode: Callable[[Operation], bytes] = msgspec.json.Encoder().encode
    with file.open("wb") as lines:
        lines.writelines(encode(operation) + b"\n" for operation in operations)


def load(file: Path) -> list[Operation]:
    """Raises msgspec.DecodeError."""
    decoder = msgspec.json.Decoder(Operation)
    with file.open("rb") as lines:
        return [decoder.decode(line) for line in lines]
