"""What a processor counts about its clients, for four-letter words, status and metrics."""

from dataclasses import dataclass, field
from typing import Final

from observability.histogram import Histogram, count_histogram
from transport.errors import Err

# How client connections end: the label of corral_client_connections_closed_total.
OUTCOMES: Final = (
    "session_closed", "session_expired", "session_moved", "client_gone", "four_letter_word", "limit_per_address",
    "out_of_files", "session_refused", "not_serving", "lease_lost", "auth_failed", "bad_frame", "no_handshake",
    "slow_reader", "another_history", "read_only_over", "drained", "not_authenticated", "other_ensemble", "tls_failed",
    "limit_of_connections", "limit_per_prefix", "connection_throttled", "stale_requests",
)


@dataclass(slots=True)
class Statistics:
    """Latencies are of writes, from leaving for the leader to the reply, weighted by requests; reads count as 0 ms.

    *received*, *sent* and the latencies start again at srst; metrics want `packets_received` and `packets_sent`.
    """

    received: int = 0
    sent: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    notifications: int = 0
    writes: int = 0
    reads: int = 0
    pings: int = 0
    latency_sum_ms: int = 0
    latency_min_ms: int = 0
    latency_max_ms: int = 0
    opened: int = 0
    closed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))  # connections
    sessions_opened: int = 0
    sessions_resumed: int = 0
    sessions_closed: int = 0
    sessions_expired: int = 0
    auth_failed: int = 0
    large_refused: int = 0
    replies_refused: int = 0
    connections_throttled: int = 0
    handshakes_delayed: int = 0
    throttled_ops: int = 0
    stale_dropped: int = 0
    traceparents_malformed: int = 0
    fanout: Histogram = field(default_factory=count_histogram)  # watchers told of one change
    errors: dict[int, int] = field(default_factory=dict)  # code -> requests answered with it
    now_ms: int = field(default=0)  # set by the shell once per turn
    _received_before: int = 0  # the last srst
    _sent_before: int = 0

    def executed(self, count: int, sealed_ms: int) -> None:
        latency = self.now_ms - sealed_ms
        self.writes += count
        self.latency_sum_ms += latency * count
        self.latency_max_ms = max(self.latency_max_ms, latency)

    def failed(self, code: int) -> None:
        self.errors[code] = self.errors.get(code, 0) + 1

    def ended(self, outcome: str) -> None:
        self.closed[outcome] += 1

    @property
    def refused_per_address(self) -> int:
        return self.closed["limit_per_address"]

    @property
    def packets_received(self) -> int:
        return self._received_before + self.received

    @property
    def packets_sent(self) -> int:
        return self._sent_before + self.sent

    @property
    def errors_by_name(self) -> dict[str, int]:
        """By the names of ZooKeeper's KeeperException.Code."""
        known = set(Err)
        return {
            Err(code).name.replace("_", "") if code in known else str(code): count
            for code, count in list(self.errors.items())}

    @property
    def latency_avg_ms(self) -> float:
        return self.latency_sum_ms / self.received if self.received else 0.0

    def reset(self) -> None:
        self._received_before += self.received
        self._sent_before += self.sent
        self.received = self.sent = self.latency_sum_ms = self.latency_min_ms = self.latency_max_ms = 0
