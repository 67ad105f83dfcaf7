"""How much of what clients want is taken at a time; and ZooKeeper's throttle of new connections."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

TURN_REQUESTS: Final = 500  # cost about a millisecond, and fill a record well
SHARED_TURN: Final = 5  # so many times less in a turn that others may wait for
WINDOW_BITS: Final = 7  # of milliseconds: who has asked for something within one or two of such windows is active
# Even where globalOutstandingLimit is reached: of a connection that has none on its way.
TURN_REQUESTS_LEAST: Final = 32


@dataclass(frozen=True)
class ConnectionRules:
    """connection_throttle_*: *tokens* 0: no throttle; *freeze_ms* -1: without the random drops of BLUE."""

    tokens: int = 0
    fill_ms: int = 1
    fill_count: int = 1
    freeze_ms: int = -1
    drop_increase: float = 0.02
    drop_decrease: float = 0.002
    decrease_ratio: float = 0.0
    is_weighted: bool = False
    weight_global: int = 3
    weight_renewed: int = 2
    weight_local: int = 1


@dataclass(frozen=True)
class OverloadRules:
    """*outstanding_max*: globalOutstandingLimit. *turn_requests*: of one connection, in one turn of the loop: then
    it is the others' turn. *requests_max*: request_throttle_max_requests; 0: no throttle.
    *op_wait_ms*: throttled_op_wait_time; 0: however long a request waited, it is done. *closes_late*: a connection
    whose requests waited beyond its session's timeout (request_stale_latency_check, request_throttle_drop_stale)."""

    outstanding_max: int = 1000
    turn_requests: int = TURN_REQUESTS
    requests_max: int = 0
    op_wait_ms: int = 0
    closes_late: bool = False
    connections: ConnectionRules = field(default_factory=ConnectionRules)


class Shares:
    """How much one connection may take: less where others are active too.

    *turn*: requests in one turn of the loop. *writes*: of it in work at a time: its part of *outstanding_max*, so that
    who floods does not put all of those before the single write of another.
    """

    def __init__(self, rules: OverloadRules) -> None:
        self._rules = rules
        self._active = self._active_before = 0
        self.window = 0
        self.turn, self.writes = rules.turn_requests, rules.outstanding_max

    def begin(self, window: int) -> None:
        """Time has come to a window of its own: who asks is counted anew."""
        self._active_before = self._active if window == self.window + 1 else 0
        self.window, self._active = window, 0

    def count(self) -> None:
        """One more connection has asked for something in this window."""
        self._active += 1
        rules, active = self._rules, max(self._active, self._active_before)
        shared = rules.turn_requests // SHARED_TURN
        self.turn = shared if active > 1 else rules.turn_requests
        self.writes = max(rules.outstanding_max // active, shared)


class ConnectionThrottle:
    """A bucket of tokens, as ZooKeeper's BlueThrottle: a handshake takes some, and time brings them back.

    *chance*: a number from 0 to 1 each time; only asked where freeze_ms is set.
    """

    def __init__(self, rules: ConnectionRules, chance: Callable[[], float]) -> None:
        self._rules, self._chance = rules, chance
        self._tokens = rules.tokens
        self._filled_ms = self._frozen_ms = 0
        self._drop = 0.0

    def lets_in(self, now_ms: int, *, is_local: bool, is_renewed: bool) -> bool:
        rules = self._rules
        if not rules.tokens:
            return True
        passed_ms = now_ms - self._filled_ms
        if passed_ms > rules.fill_ms:
            self._tokens = min(self._tokens + passed_ms * rules.fill_count // rules.fill_ms, rules.tokens)
            self._filled_ms = now_ms
        if rules.freeze_ms != -1 and self._is_dropped(now_ms):
            return False
        need = self._need(is_local=is_local, is_renewed=is_renewed)
        if self._tokens < need:
            self._frozen_ms = now_ms
            return False
        self._tokens -= need
        return True

    def _need(self, *, is_local: bool, is_renewed: bool) -> int:
        rules = self._rules
        if not rules.is_weighted:
            return 1
        if is_renewed:
            return rules.weight_renewed
        return rules.weight_local if is_local else rules.weight_global

    def _is_dropped(self, now_ms: int) -> bool:
        """BLUE: the share that is dropped grows while the bucket is empty, and shrinks while it is full enough."""
        rules = self._rules
        used = rules.tokens - self._tokens
        if now_ms - self._frozen_ms > rules.freeze_ms:
            if used == rules.tokens:
                self._drop = min(self._drop + rules.drop_increase, 1.0)
            elif used <= rules.tokens * rules.decrease_ratio:
                self._drop = max(self._drop - rules.drop_decrease, 0.0)
            self._frozen_ms = now_ms
        return self._chance() < self._drop
