"""A processor's figures for telemetry and mntr, by the names of observability/metrics.py.

Taken about once a second: nothing here walks over all connections or watches, and over sessions seldom.
"""

import time
from typing import TYPE_CHECKING, Any, Final

from node.processes.loop import process_figures
from transport.clock import clock_ns
from transport.zxid import counter_of, epoch_of

if TYPE_CHECKING:
    from node.processes.processor import ProcessorShell

ALARMS: Final = (
    "batch_malformed", "client_from_another_history", "execution_failed", "memory_changed_by_itself", "quota_exceeded",
    "disk_nearly_full", "writes_stopped", "writes_go_on")
EPHEMERALS_S: Final = 5.0  # between two counts


class Figures:
    """*alarms*: lines with which execution asked for an operator, by event, also those that a limit kept back."""

    def __init__(self, shell: "ProcessorShell") -> None:
        self._shell = shell
        self._ephemerals = 0
        self._ephemerals_s = 0.0
        self.alarms = dict.fromkeys(ALARMS, 0)

    def alarm(self, event: str) -> None:
        self.alarms[event] = self.alarms.get(event, 0) + 1

    def values(self) -> dict[str, Any]:
        return {**self._clients(), **self._requests(), **self._replica(), **self._shell.timings.figures()}

    def _clients(self) -> dict[str, Any]:
        shell, core = self._shell, self._shell.core
        statistics = core.statistics
        throttled_ns = shell.outputs.full_ns + (clock_ns() if shell.outputs.is_full else 0)
        return {
            "connections": len(core.connections), "connections_opened": statistics.opened,
            "connections_closed": dict(statistics.closed), "connections_blocked": shell.clients.blocked,
            "packets_received": statistics.packets_received, "packets_sent": statistics.packets_sent,
            "received_bytes": statistics.received_bytes, "sent_bytes": statistics.sent_bytes,
            "throttled": int(shell.outputs.is_full), "throttled_ns": throttled_ns,
            "sessions_here": len(core.by_session), "local_sessions": len(core.local),
            "sessions_opened": statistics.sessions_opened,
            "sessions_resumed": statistics.sessions_resumed, "sessions_closed": statistics.sessions_closed,
            "sessions_expired": statistics.sessions_expired, "auth_failed": statistics.auth_failed,
            "traceparents_malformed": statistics.traceparents_malformed,
            "history_changes": len(core.replica.history) if core.replica.history is not None else 0,
            "history_fallen_short": core.replica.history.fallen_short if core.replica.history is not None else 0,
            "writes_stopped": int(core.alarms.stops_writes),
            "watches": core.watches.total, "notifications": statistics.notifications,
            "fanout": statistics.fanout.figure(), "client_port": shell.port.number,
            "connections_throttled": statistics.connections_throttled,
            "handshakes_waiting": len(core.entrance.waiting), "handshakes_delayed": statistics.handshakes_delayed,
            "throttled_ops": statistics.throttled_ops, "stale_dropped": statistics.stale_dropped,
            "large_refused": statistics.large_refused, "replies_refused": statistics.replies_refused,
            "certificate_expires_s": shell.security.expires_s,
        }

    def _requests(self) -> dict[str, Any]:
        core = self._shell.core
        statistics, submissions = core.statistics, core.submissions
        return {
            "writes": statistics.writes, "reads": statistics.reads, "pings": statistics.pings,
            "errors": statistics.errors_by_name, "outstanding": submissions.outstanding,
            "batches_in_flight": len(submissions.flights), "batches_in_flight_bytes": submissions.flight_bytes,
            "since_srst_received": statistics.received, "since_srst_sent": statistics.sent,
            "latency_sum_ms": statistics.latency_sum_ms, "latency_min_ms": statistics.latency_min_ms,
            "latency_max_ms": statistics.latency_max_ms,
        }

    def _replica(self) -> dict[str, Any]:
        shell = self._shell
        replica = shell.core.replica
        state = replica.state
        mark = shell.execution.watermark.zxid if shell.execution.watermark else 0
        same_epoch = epoch_of(mark) == epoch_of(replica.zxid)
        return {
            "znodes": state.tree.count, "sessions": len(state.sessions), "ephemerals": self._count_ephemerals(),
            "data_bytes": state.tree.digest.data_bytes, "executed_epoch": epoch_of(replica.zxid),
            "executed_counter": counter_of(replica.zxid),
            "apply_lag_zxids": max(mark - replica.zxid, 0) if same_epoch else counter_of(mark),
            "started_ms": shell.started_ms,
            "alarms": dict(self.alarms), **process_figures(),
        }

    def _count_ephemerals(self) -> int:
        """All at once where there are few sessions; else a walk over them every few seconds."""
        sessions = self._shell.core.replica.state.sessions
        now_s = time.monotonic()
        if len(sessions) < 1000 or now_s - self._ephemerals_s >= EPHEMERALS_S:
            self._ephemerals, self._ephemerals_s = sessions.ephemerals, now_s
        return self._ephemerals
