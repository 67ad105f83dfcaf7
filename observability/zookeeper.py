"""ZooKeeper's own names: the figures of a member as `mntr` and ZooKeeper's Prometheus provider name them.

Both come from here, so a dashboard, an alert or an agent made for ZooKeeper sees the same in either. Times are in ms,
as there. Only what exists here has a row; ABSENT says why the others have none. No clock, no sockets: mntr is pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

from observability.histogram import bounds

Figures = Mapping[str, Any]
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Summary:
    """*sum* in the unit of the row. *quantile*: 0 to 1, to the bound of a bucket."""

    count: int
    sum: float
    quantile: Callable[[float], float]


class MemberFigures:
    """The newest figures of a member's processes. *now_ms*: CLOCK_MONOTONIC, to which the figures refer."""

    def __init__(
        self, *, processors: Sequence[Figures], broadcast: Figures, snapshotter: Figures, now_ms: int
    ) -> None:
        self.processors, self.broadcast, self.snapshotter, self.now_ms = processors, broadcast, snapshotter, now_ms

    def total(self, figure: str) -> int | None:
        """Over the processors."""
        found = [each[figure] for each in self.processors if figure in each]
        return sum(found) if found else None

    def most(self, figure: str) -> int | None:
        return max((each[figure] for each in self.processors if figure in each), default=None)

    def of_replica(self, figure: str) -> Any:
        """Of the one that is farthest: replicas of a member are equal but for that."""
        found = [each for each in self.processors if figure in each]
        if not found:
            return None
        return max(found, key=lambda each: (each.get("executed_epoch", 0), each.get("executed_counter", 0)))[figure]

    def entries(self, figure: str, *keys: str) -> int | None:
        """Sum over *keys* of a figure that is a table, over the processors; over all of its keys if none is named."""
        tables = [each[figure] for each in self.processors if figure in each]
        return sum(table.get(key, 0) for table in tables for key in (keys or table)) if tables else None

    def of_leader(self, figure: str) -> Any:
        return self.broadcast.get(figure) if self.broadcast.get("is_leader") else None

    @property
    def serves_alone(self) -> bool:
        return bool(self.broadcast.get("voters", 1) == 1)


Value = int | float | Summary | Mapping[str, Summary] | None


@dataclass(frozen=True, slots=True)
class Row:
    """*value*: None where this member, in its present role, has none. *figures*: all that it looks at."""

    name: str
    kind: Literal["gauge", "counter", "summary"]
    help: str
    value: Callable[[MemberFigures], Value]
    figures: tuple[str, ...]
    in_mntr: bool = True


def summary_of(histograms: Iterable[Mapping[str, Any]], per: float) -> Summary | None:
    """One of several histograms of the same bounds, in units of *per* figures."""
    found = list(histograms)
    if not found:
        return None
    counts = [sum(each) for each in zip(*(each["buckets"] for each in found), strict=True)]
    limits = bounds(found[0]["first"], len(counts))
    running = list(accumulate(counts))

    def quantile(q: float) -> float:
        if not running[-1]:
            return float("nan")
        at = next(at for at, upto in enumerate(running) if upto >= q * running[-1] and upto)
        return limits[min(at, len(limits) - 1)] / per

    return Summary(running[-1], sum(each["sum"] for each in found) / per, quantile)


def _total(figure: str) -> Callable[[MemberFigures], Value]:
    return lambda member: member.total(figure)


def _replica(figure: str) -> Callable[[MemberFigures], Value]:
    return lambda member: member.of_replica(figure)


def _broadcast(figure: str) -> Callable[[MemberFigures], Value]:
    return lambda member: member.broadcast.get(figure)


def _leader(figure: str) -> Callable[[MemberFigures], Value]:
    return lambda member: None if member.serves_alone else member.of_leader(figure)


def _closed(*outcomes: str) -> Callable[[MemberFigures], Value]:
    return lambda member: member.entries("connections_closed", *outcomes)


def _processor_ms(figure: str) -> Callable[[MemberFigures], Value]:
    return lambda member: summary_of((each[figure] for each in member.processors if figure in each), NS_PER_MS)


def _process_ms(process: str, figure: str) -> Callable[[MemberFigures], Value]:
    def value(member: MemberFigures) -> Value:
        figures: Figures = getattr(member, process)
        return summary_of([figures[figure]], NS_PER_MS) if figure in figures else None

    return value


def _avg_latency(member: MemberFigures) -> float | None:
    total, received = member.total("latency_sum_ms"), member.total("since_srst_received")
    return None if total is None else round(total / max(received or 0, 1), 4)


def _uptime(member: MemberFigures) -> int | None:
    started = member.of_replica("started_ms")
    return None if started is None else member.now_ms - started


def _leader_uptime(member: MemberFigures) -> int | None:
    since = member.of_leader("leading_since_ms")
    return None if since is None or member.serves_alone else member.now_ms - since


def _learners(*phases: str) -> Callable[[MemberFigures], Value]:
    """Connected to this leader, in one of *phases*, or in another than these if the first is "not"."""
    def value(member: MemberFigures) -> int | None:
        found: Mapping[str, int] | None = member.of_leader("learner_phases")
        if found is None or member.serves_alone:
            return None
        if phases[:1] == ("not",):
            return sum(count for phase, count in found.items() if phase not in phases)
        return sum(count for phase, count in found.items() if not phases or phase in phases)

    return value


def _synced_followers(member: MemberFigures) -> int | None:
    found = member.of_leader("learner_phases")
    if found is None or member.serves_alone:
        return None
    return int(found.get("serving", 0)) - len(member.broadcast.get("observers", ()))


def _synced_observers(member: MemberFigures) -> int | None:
    """Of a follower only where some follow it, as ZooKeeper has it where there is an observerMasterPort."""
    observers = len(member.broadcast.get("observers", ()))
    return None if member.serves_alone or not (observers or member.broadcast.get("is_leader")) else observers


def _quorum_size(member: MemberFigures) -> int | None:
    return None if member.serves_alone else member.broadcast.get("voters")


def _proposal_bytes(at: int) -> Callable[[MemberFigures], Value]:
    def value(member: MemberFigures) -> int | None:
        sizes = member.of_leader("proposal_bytes")
        return None if sizes is None or member.serves_alone else sizes[at]

    return value


def _synchronisations(*modes: str) -> Callable[[MemberFigures], Value]:
    def value(member: MemberFigures) -> int | None:
        found = member.broadcast.get("synchronisations")
        return None if found is None else sum(found.get(mode, 0) for mode in modes)

    return value


def _looking(member: MemberFigures) -> int | None:
    found = member.broadcast.get("elections")
    return None if found is None else sum(found.values())


def _acks(member: MemberFigures) -> Mapping[str, Summary] | None:
    found = member.of_leader("ack") or {}
    made = {str(key): summary_of([histogram], NS_PER_MS) for key, histogram in found.items()}
    return {key: summary for key, summary in made.items() if summary is not None} or None


ROWS: tuple[Row, ...] = (
    Row("ephemerals_count", "gauge", "Ephemeral znodes.", _replica("ephemerals"), ("ephemerals",)),
    Row("num_alive_connections", "gauge", "Client connections.", _total("connections"), ("connections",)),
    Row("avg_latency", "gauge", "Mean latency of requests in ms since srst; reads count as 0.", _avg_latency,
        ("latency_sum_ms", "since_srst_received")),
    Row("min_latency", "gauge", "Least latency in ms since srst.", _total("latency_min_ms"), ("latency_min_ms",)),
    Row("max_latency", "gauge", "Greatest latency of a write in ms since srst.",
        lambda member: member.most("latency_max_ms"), ("latency_max_ms",)),
    Row("outstanding_requests", "gauge", "Writes taken from clients and not executed yet.", _total("outstanding"),
        ("outstanding",)),
    Row("znode_count", "gauge", "Znodes.", _replica("znodes"), ("znodes",)),
    Row("global_sessions", "gauge", "Sessions of the ensemble.", _replica("sessions"), ("sessions",)),
    Row("local_sessions", "gauge", "Local sessions of this member's clients.", _total("local_sessions"),
        ("local_sessions",)),
    Row("packets_sent", "gauge", "Replies since srst.", _total("since_srst_sent"), ("since_srst_sent",)),
    Row("packets_received", "gauge", "Requests since srst.", _total("since_srst_received"), ("since_srst_received",)),
    Row("watch_count", "gauge", "Watches of this member's clients.", _total("watches"), ("watches",)),
    Row("approximate_data_size", "gauge", "Bytes of paths and data.", _replica("data_bytes"), ("data_bytes",)),
    Row("auth_failed_count", "gauge", "Auth packets refused.", _total("auth_failed"), ("auth_failed",)),
    Row("large_requests_rejected", "counter", "Large requests refused.", _total("large_refused"), ("large_refused",)),
    Row("unsuccessful_handshake", "counter", "TLS handshakes that failed.", _closed("tls_failed"),
        ("connections_closed",)),
    Row("connection_rejected", "counter", "Connections over maxClientCnxns.", _closed("limit_per_address"),
        ("connections_closed",)),
    Row("uptime", "gauge", "For how long the member's processor runs, in ms.", _uptime, ("started_ms",)),
    Row("open_file_descriptor_count", "gauge", "Open files of the processors.", _total("open_fds"), ()),
    Row("max_file_descriptor_count", "gauge", "Limit of open files of one processor.",
        lambda member: member.most("max_fds"), ()),
    Row("quorum_size", "gauge", "Voters.", _quorum_size, ("voters",)),
    Row("learners", "gauge", "Connected to this leader.", _learners(), ("learner_phases",)),
    Row("synced_followers", "gauge", "Followers up to date with this leader.", _synced_followers,
        ("learner_phases", "observers")),
    Row("synced_observers", "gauge", "Observers up to date with this leader, or with this follower if they follow it.",
        _synced_observers, ("observers",)),
    Row("synced_non_voting_followers", "gauge", "Up to date, and without a vote until they are admitted again.",
        _leader("followers_without_vote"), ("followers_without_vote",)),
    Row("pending_syncs", "gauge", "Synchronising with this leader.", _learners("not", "serving"), ("learner_phases",)),
    Row("leader_uptime", "gauge", "For how long this member leads, in ms.", _leader_uptime, ("leading_since_ms",)),
    Row("last_proposal_size", "gauge", "Bytes of the last record.", _proposal_bytes(0), ("proposal_bytes",)),
    Row("min_proposal_size", "gauge", "Bytes of the smallest record.", _proposal_bytes(1), ("proposal_bytes",)),
    Row("max_proposal_size", "gauge", "Bytes of the largest record.", _proposal_bytes(2), ("proposal_bytes",)),
    Row("looking_count", "counter", "How often this member began to look for a leader.", _looking, ("elections",)),
    Row("diff_count", "counter", "Learners brought up to date by records.", _synchronisations("diff", "trunc"),
        ("synchronisations",)),
    Row("snap_count", "counter", "Learners brought up to date by a snapshot.", _synchronisations("snap"),
        ("synchronisations",)),
    Row("commit_count", "counter", "Requests appended to this member's log.", _broadcast("requests_ordered"),
        ("requests_ordered",)),
    Row("proposal_count", "counter", "The same: every request in the log was proposed.",
        _broadcast("requests_ordered"), ("requests_ordered",)),
    Row("connection_request_count", "counter", "Client connections accepted.", _total("connections_opened"),
        ("connections_opened",)),
    Row("connection_revalidate_count", "counter", "Sessions resumed on another connection.",
        _total("sessions_resumed"), ("sessions_resumed",)),
    Row("sessionless_connections_expired", "counter", "Connections without a handshake.", _closed("no_handshake"),
        ("connections_closed",)),
    Row("stale_sessions_expired", "counter", "Sessions expired by this leader.", _total("sessions_expired"),
        ("sessions_expired",)),
    Row("bytes_received_count", "counter", "Bytes from clients.", _total("received_bytes"), ("received_bytes",)),
    Row("response_bytes", "counter", "Bytes to clients.", _total("sent_bytes"), ("sent_bytes",)),
    Row("digest_mismatches_count", "counter", "Processes found with another digest than the majority.",
        _broadcast("digest_mismatches"), ("digest_mismatches",)),
    Row("snapshot_error_count", "counter", "Snapshots that failed.",
        lambda member: member.snapshotter.get("snapshot_failures"), ("snapshot_failures",)),
    Row("fsynctime", "summary", "fdatasync of the log, ms.", _process_ms("broadcast", "fsync"), ("fsync",)),
    Row("snapshottime", "summary", "Snapshots, ms.", _process_ms("snapshotter", "snapshot_ns"), ("snapshot_ns",)),
    Row("election_time", "summary", "From looking for a leader to serving, ms.",
        _process_ms("broadcast", "election_ns"), ("election_ns",)),
    Row("unavailable_time", "summary", "The same: so long this member did not serve, ms.",
        _process_ms("broadcast", "election_ns"), ("election_ns",)),
    Row("readlatency", "summary", "Reads, ms.", _processor_ms("request_read"), ("request_read",)),
    Row("updatelatency", "summary", "Writes, ms.", _processor_ms("request_write"), ("request_write",)),
    Row("quorum_ack_latency", "summary", "From proposing to a quorum of acks, ms.",
        _process_ms("broadcast", "stage_commit"), ("stage_commit",)),
    Row("ack_latency", "summary", "From sending a record to the ack of a follower, ms.", _acks, ("ack",),
        in_mntr=False),  # there only for every thousandth write
)

ABSENT: tuple[tuple[str, str], ...] = (
    ("jvm_*, jvm_pause_time_ms", "there is no JVM; corral_process_* and corral_event_loop_stall* say the same"),
    ("*_commit_proc_*, *commitproc*, prep_processor_*, sync_processor_*, *_final_proc_*, *_session_queue*",
     "stages of ZooKeeper's pipeline; corral_stage_seconds has those of ours"),
    ("response_packet_cache_*, netty_*, *_tls_*, ensemble_auth_*, connection_token_deficit, connection_drop_*",
     "there is no such cache, library or mechanism here"),
    ("node_*_watch_count, dead_watchers_*, add_dead_watcher_stall_time",
     "corral_watch_fanout_watchers counts watchers per change of any kind"),
    ("request_throttle_*, throttled_ops, stale_requests*",
     "corral_throttled_seconds_total: a processor stops reading instead"),
    ("read_per_namespace, write_per_namespace, quota_*", "not counted per namespace"),
    ("propagation_latency, commit_propagation_latency, proposal_ack_creation_latency",
     "between clocks of two members; /explain and traces have them per write, with the skew stated"),
    ("restore_*, snapshot_rate_limited_count", "there is no restore over HTTP"),
)
