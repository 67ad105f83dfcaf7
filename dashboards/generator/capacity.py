"""Capacity: what grows, how long it will fit, which limit comes first."""

from dashboards.generator.pages import Page, Row
from dashboards.generator.panels import GREEN, ORANGE, RED, Panel, below
from dashboards.generator.queries import Query, in_a_day, quantile, rate

_MEMBER = "member {{member}}"
_DIRECTORY = "member {{member}} {{directory}}"
_HOURS = ((None, RED), (14400, ORANGE), (86400, GREEN))

_TREE = Row("What clients keep here", (
    Panel(
        title="Znodes", unit="none", width=8,
        queries=(Query("max(corral_znodes{E})", "znodes"),
                 in_a_day("max(corral_znodes{E})")),
        tell="Znodes in the tree, and how many there will be if the last hour goes on.",
        do="growth without end: somebody creates and does not delete; use containers or TTL nodes."),
    Panel(
        title="Data", unit="bytes", width=8,
        queries=(Query("max(corral_data_bytes{E})", "paths and data"),
                 in_a_day("max(corral_data_bytes{E})")),
        tell="Bytes of paths and data, and what they will be if the last hour goes on.",
        do="every processor of every member holds them: memory and snapshots grow with it."),
    Panel(
        title="Watches", unit="none", width=8,
        queries=(Query("sum(corral_watches{E})", "watches"),
                 in_a_day("sum(corral_watches{E})")),
        tell="Watches set by all clients, and what they will be if the last hour goes on.",
        do="growth without clients: watches that are set again and again; persistent watches count once."),
    Panel(
        title="Memory of a member", unit="bytes", width=8,
        queries=(Query("sum by (member) (corral_process_proportional_bytes{M})", _MEMBER),
                 in_a_day("max(sum by (member) (corral_process_proportional_bytes{M}))")),
        tell="All processes of a member together, shared pages counted once.",
        do="it grows with znodes × processors; plan memory before corral.processors is raised."),
    Panel(
        title="Mean size of a znode", unit="bytes", width=8,
        queries=(Query("max(corral_data_bytes{E}) / max(corral_znodes{E})", "path and data"),),
        tell="Bytes of path and data, over all znodes.",
        do="KiB and more: a coordination service is no store for documents; keep references here."),
    Panel(
        title="Sessions and connections", unit="none", width=8,
        queries=(Query("max(corral_sessions{E})", "sessions"),
                 Query("sum(corral_client_connections{E})", "connections")),
        tell="Clients that are there.",
        do="each is an open file and some KiB; see Open files below."),
))

_DISK = Row("Disk", (
    Panel(
        title="Until the disk is full", unit="s", width=8, kind="bargauge", steps=_HOURS,
        queries=(Query("min by (member, directory) (corral_disk_full_in_seconds{M})", _DIRECTORY),),
        tell="How long each disk lasts if the last ten minutes go on; a year at most.",
        do="below a day: make room, or lower autopurge.snapRetainCount; the runbook CorralDiskFull."),
    Panel(
        title="Free space", unit="percentunit", width=8, maximum=1, steps=((None, RED), (0.1, ORANGE), (0.25, GREEN)),
        queries=(Query("min by (member, directory) (corral_disk_free_bytes{M} / corral_disk_size_bytes{M})",
                       _DIRECTORY),),
        tell="Free space of the file systems that hold snapshots and log.",
        do="a full disk ends the broadcast process, and the member leaves the quorum: make room early."),
    Panel(
        title="What Corral takes on disk", unit="bytes", width=8, stack=True,
        queries=(Query("sum by (member, directory) (corral_directory_bytes{M})", _DIRECTORY),),
        tell="Bytes of snapshots and log, by member.",
        do="grows without end: snapshots fail (below), so that the log cannot be purged."),
    Panel(
        title="Log written", unit="Bps", width=8,
        queries=(rate("corral_log_bytes_total", by="member", legend=_MEMBER),),
        tell="Bytes appended to the log per second.",
        do="what the disk must take; snapshots come on top."),
    Panel(
        title="Log segments", unit="none", width=8, stepped=True, decimals=0,
        queries=(Query("max by (member) (corral_log_segments{M})", _MEMBER),),
        tell="Segments of the log on disk; purged with the snapshots that need them.",
        do="only grows: read the snapshotter's log."),
    Panel(
        title="Newest snapshot: age", unit="s", width=8,
        queries=(Query("max by (member) (corral_snapshot_age_seconds{M})", _MEMBER),),
        tell="Age of the newest snapshot. An idle ensemble needs no new one.",
        do="old under writes: read the snapshotter's log; recovery takes the longer."),
    Panel(
        title="Newest snapshot: size", unit="bytes", width=8,
        queries=(Query("max by (member) (corral_snapshot_size_bytes{M})", _MEMBER),),
        tell="What a new or far lagging member must be sent.",
        do="grows with the tree: plan the time a new member takes, size through the link's rate."),
    Panel(
        title="Newest snapshot: duration", unit="s", width=8,
        queries=(Query("max by (member) (corral_snapshot_duration_seconds{M})", _MEMBER),),
        tell="How long the last snapshot took; no client waits for it.",
        do="longer than the time between two: the disk is too slow for this tree."),
    Panel(
        title="Snapshots written and failed", unit="none", width=8, stepped=True, decimals=0,
        queries=(Query("sum by (member) (increase(corral_snapshots_total{M}[R]))", "written: " + _MEMBER),
                 Query("sum by (member) (increase(corral_snapshot_failures_total{M}[R]))", "failed: " + _MEMBER)),
        tell="Snapshots written and verified, and those that failed.",
        do="any failure: most often a full disk; the snapshotter's log says it."),
))

_LIMITS = Row("Which limit comes first", (
    Panel(
        title="Busiest process of each kind", unit="percentunit", width=8, steps=below(0.7, 0.95),
        queries=(Query('max by (process) (sum by (member, process) (rate(corral_process_cpu_seconds_total{M}[R])))',
                       "{{process}}"),),
        tell="The part of one core that the busiest process of each kind uses.",
        do="processor: raise corral.processors, or add members for reads; broadcast: batch and pipeline in clients."),
    Panel(
        title="Records per second", unit="ops", width=8,
        queries=(rate("corral_records_total", by="member", legend=_MEMBER),),
        tell="Rounds of the quorum; each is one fsync on each member.",
        do="at most 1 / fsync when nothing is pipelined: the disk's latency is the limit, not its bandwidth."),
    Panel(
        title="Requests per record", unit="none", width=8,
        queries=(Query("sum by (member) (rate(corral_requests_ordered_total{M}[R])) / "
                       "sum by (member) (rate(corral_records_total{M}[R]))", _MEMBER),),
        tell="How many writes share a round. What makes throughput.",
        do="near 1 under load: clients wait for each answer; pipeline in the clients."),
    Panel(
        title="Size of records, p99", unit="bytes", width=8,
        queries=(quantile(0.99, "corral_record_bytes", by="member", legend=_MEMBER),),
        tell="Bytes per record in the log.",
        do="MiB: large values delay what is behind them; keep them below some KiB."),
    Panel(
        title="Open files of processors", unit="none", width=8,
        queries=(Query('max by (member) (corral_process_open_fds{M,process=~"processor.*"})', _MEMBER),
                 Query('min(corral_process_max_fds{M,process=~"processor.*"})', "limit")),
        colours=(("limit", RED),),
        tell="Each client connection is one of them.",
        do="near the limit new clients are refused: raise LimitNOFILE or ulimit -Hn."),
    Panel(
        title="CPU of a member", unit="none", width=8, decimals=2,
        queries=(Query("sum by (member) (rate(corral_process_cpu_seconds_total{M}[R]))", _MEMBER),),
        tell="Cores that all processes of a member use together.",
        do="near the number of cores: latency rises for all; more cores or more members."),
))

CAPACITY = Page(
    uid="corral-capacity", title="Corral: capacity",
    description="What grows, how long it will fit, which limit comes first.",
    rows=(_TREE, _DISK, _LIMITS), since="now-24h")
