"""What a processor counts about its clients, for four-letter words, status and metrics."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Statistics:
    """Latencies are of writes, from leaving for the leader to the reply, weighted by requests; reads count as 0 ms."""

    received: int = 0
    sent: int = 0
    notifications: int = 0
    writes: int = 0
    latency_sum_ms: int = 0
    latency_min_ms: int = 0
    latency_max_ms: int = 0
    refused_per_address: int = 0
    auth_failed: int = 0
    traceparents_malformed: int = 0
    now_ms: int = field(default=0)  # set by the shell once per turn

    def executed(self, count: int, sealed_ms: int) -> None:
        latency = self.now_ms - sealed_ms
        self.writes += count
        self.latency_sum_ms += latency * count
        self.latency_max_ms = max(self.latency_max_ms, latency)

    @property
    def latency_avg_ms(self) -> float:
        return self.latency_sum_ms / self.received if self.received else 0.0

    def reset(self) -> None:
        self.received = self.sent = self.writes = self.latency_sum_ms = self.latency_max_ms = 0
        self.latency_min_ms = 0
