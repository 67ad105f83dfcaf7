"""The table of metrics: code, dashboards and alerts use what stands here, and nothing else.

*figure* is the key in a process's Sample (transport/messages.py); a metric appears once per process that sends it.
Epoch and counter of a zxid are apart: beyond 2^53 Prometheus loses digits.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    name: str
    kind: Literal["counter", "gauge"]
    help: str
    figure: str


METRICS: tuple[Metric, ...] = (
    Metric("corral_client_packets_received_total", "counter", "Frames from clients.", "packets_received"),
    Metric("corral_client_packets_sent_total", "counter", "Replies and events to clients.", "packets_sent"),
    Metric("corral_client_connections", "gauge", "Open client connections.", "connections"),
    Metric("corral_client_connections_refused_total", "counter",
           "Connections refused by maxClientCnxns.", "refused"),
    Metric("corral_client_outstanding_requests", "gauge",
           "Writes taken from clients and not executed yet.", "outstanding"),
    Metric("corral_sessions", "gauge", "Sessions of the whole ensemble, as this replica knows them.", "sessions"),
    Metric("corral_sessions_connected", "gauge", "Sessions connected to this processor.", "sessions_here"),
    Metric("corral_watches", "gauge", "Watches set on this processor.", "watches"),
    Metric("corral_watch_notifications_total", "counter", "Watch events sent.", "notifications"),
    Metric("corral_writes_total", "counter", "Writes of this processor's clients that were executed.", "writes"),
    Metric("corral_write_latency_milliseconds_total", "counter",
           "Sum over writes: from leaving for the leader to the reply.", "write_latency_sum_ms"),
    Metric("corral_znodes", "gauge", "Znodes in this replica.", "znodes"),
    Metric("corral_executed_epoch", "gauge", "Epoch of the last executed zxid.", "executed_epoch"),
    Metric("corral_executed_counter", "gauge", "Counter of the last executed zxid.", "executed_counter"),
    Metric("corral_process_cpu_seconds_total", "counter", "CPU time of the process.", "cpu_s"),
    Metric("corral_is_leader", "gauge", "1 while this member leads.", "is_leader"),
    Metric("corral_epoch", "gauge", "The epoch this member serves in, 0 while looking.", "epoch"),
    Metric("corral_quorum_slack", "gauge", "How many more voters may fail (leader only).", "quorum_slack"),
    Metric("corral_digest_differs", "gauge", "1 while a process of this member has another digest than the majority.",
           "differs"),
    Metric("corral_elections_total", "counter", "How often this member began to look for a leader.", "elections"),
    Metric("corral_records_total", "counter", "Records appended to the log.", "records"),
    Metric("corral_log_bytes_total", "counter", "Bytes appended to the log.", "log_bytes"),
    Metric("corral_fsyncs_total", "counter", "Syncs of the log.", "fsyncs"),
    Metric("corral_fsync_seconds_total", "counter", "Time in them.", "fsync_s"),
    Metric("corral_committed_epoch", "gauge", "Epoch of the last zxid known to be committed.", "committed_epoch"),
    Metric("corral_committed_counter", "gauge", "Counter of the last zxid known to be committed.",
           "committed_counter"),
    Metric("corral_snapshots_total", "counter", "Snapshots written and verified.", "snapshots"),
    Metric("corral_snapshot_seconds", "gauge", "How long the last snapshot took.", "snapshot_s"),
)
