"""ZooKeeper-compatible: the names that ZooKeeper's own Prometheus provider has, for those who know them by heart."""

from dashboards.generator.pages import Page, Row
from dashboards.generator.panels import GREEN, ORANGE, RED, Panel, below
from dashboards.generator.queries import Query, mean, rate

_MEMBER = "member {{member}}"


def _gauge(name: str, legend: str = _MEMBER) -> tuple[Query, ...]:
    return (Query(f"max by (member) ({name}{{M}})", legend),)


def _rate(name: str, legend: str = _MEMBER) -> tuple[Query, ...]:
    return (rate(name, by="member", legend=legend),)


def _increase(name: str) -> tuple[Query, ...]:
    return (Query(f"sum by (member) (increase({name}{{M}}[R]))", _MEMBER),)


def _summary(name: str) -> tuple[Query, ...]:
    """Means in ms, as the sums and counts of ZooKeeper's summaries give them."""
    return (mean(name, by="member", legend=_MEMBER),)


_ENSEMBLE = Row("Ensemble", (
    Panel(title="quorum_size", unit="none", width=8, decimals=0, queries=_gauge("quorum_size"),
          tell="Voters of the configuration, as ZooKeeper names it.",
          do="members that differ: a reconfiguration has not reached all of them."),
    Panel(title="learners, synced_followers", unit="none", width=8, decimals=0,
          queries=(*_gauge("learners", "learners at " + _MEMBER), *_gauge("synced_followers", "synced at " + _MEMBER)),
          tell="Learners connected to the leader and those that follow it up to date. Only the leader has them.",
          do="synced below quorum_size - 1: a follower is missing; see Ensemble overview."),
    Panel(title="leader_uptime", unit="ms", width=8, queries=_gauge("leader_uptime"),
          tell="For how long the leader leads; exactly one member has it.",
          do="short again and again: elections repeat; see Ensemble overview."),
    Panel(title="looking_count", unit="none", width=8, decimals=0, stepped=True,
          queries=_increase("looking_count"),
          tell="How often a member began to look for a leader.",
          do="steps without restarts: links or machines; the causes are in Ensemble overview."),
    Panel(title="election_time, mean", unit="ms", width=8, points=True, queries=_summary("election_time"),
          tell="Elections that took place in the window, in ms. Empty without one.",
          do="long: voters are missing, or their links are slow."),
    Panel(title="uptime", unit="ms", width=8, queries=_gauge("uptime"),
          tell="For how long each member serves.",
          do="back to 0: a restart; the member's log says why."),
))

_LOAD = Row("Load and latency", (
    Panel(title="avg_latency, max_latency", unit="ms", width=8, steps=((None, GREEN), (100, ORANGE)),
          queries=(*_gauge("avg_latency", "avg " + _MEMBER), *_gauge("max_latency", "max " + _MEMBER)),
          tell="Since the last `srst`, as ZooKeeper counts it; in ms.",
          do="use the dashboard Write latency, which knows when and where."),
    Panel(title="updatelatency, mean", unit="ms", width=8, steps=below(100, 500), queries=_summary("updatelatency"),
          tell="Writes, their mean in ms.", do="above your SLO: the dashboard Write latency names member and stage."),
    Panel(title="readlatency, mean", unit="ms", width=8, steps=below(10, 100), queries=_summary("readlatency"),
          tell="Reads, their mean in ms.", do="high: that member's processors have too much to do."),
    Panel(title="fsynctime, mean", unit="ms", width=8, steps=below(20, 100), queries=_summary("fsynctime"),
          tell="One sync of the log, mean in ms.", do="one member apart: its disk; see Write latency."),
    Panel(title="packets_received, packets_sent", unit="pps", width=8,
          queries=(*_rate("packets_received", "in: " + _MEMBER), *_rate("packets_sent", "out: " + _MEMBER)),
          tell="Packets from and to clients, per second.", do="compare members; see Clients and sessions."),
    Panel(title="outstanding_requests", unit="none", width=8, queries=_gauge("outstanding_requests"),
          tell="Requests that wait for their execution.", do="grows: there is no leader, or the quorum is slow."),
    Panel(title="proposal_count, commit_count", unit="ops", width=24,
          queries=(*_rate("proposal_count", "proposed at " + _MEMBER),
                   *_rate("commit_count", "committed at " + _MEMBER)),
          tell="Proposals and commits per second.", do="proposals without commits: there is no quorum of disks."),
))

_CLIENTS = Row("Clients and data", (
    Panel(title="num_alive_connections", unit="none", width=8, stack=True, queries=_gauge("num_alive_connections"),
          tell="Open client connections, by member.", do="one member has nearly all: let clients list all members."),
    Panel(title="global_sessions", unit="none", width=8, queries=_gauge("global_sessions"),
          tell="Sessions of the ensemble, as each member knows them.", do="members differ for long: one lags."),
    Panel(title="stale_sessions_expired", unit="ops", width=8, queries=_rate("stale_sessions_expired"),
          tell="Sessions expired per second, at the leader.", do="a burst: the network between clients and members."),
    Panel(title="znode_count", unit="none", width=8, steps=((None, GREEN), (1000000, RED)),
          queries=_gauge("znode_count"),
          tell="Znodes, as each member has them.", do="growth without end: see the dashboard Capacity."),
    Panel(title="approximate_data_size", unit="bytes", width=8, queries=_gauge("approximate_data_size"),
          tell="Bytes of paths and data together.", do="above a GiB: memory of every processor, and long snapshots."),
    Panel(title="watch_count", unit="none", width=8, steps=((None, GREEN), (10000, ORANGE)),
          queries=_gauge("watch_count"),
          tell="Watches set at each member.", do="see the fan-out in Clients and sessions."),
    Panel(title="ephemerals_count", unit="none", width=8, queries=_gauge("ephemerals_count"),
          tell="Ephemeral znodes, by member.", do="falls together with sessions: clients died."),
    Panel(title="open_file_descriptor_count", unit="none", width=8, queries=_gauge("open_file_descriptor_count"),
          tell="Open files of a member's processors.", do="near max_file_descriptor_count new clients are refused."),
    Panel(title="digest_mismatches_count", unit="none", width=8, decimals=0, stepped=True,
          steps=((None, GREEN), (1, RED)), queries=_increase("digest_mismatches_count"),
          tell="Replicas found with another digest than the majority.",
          do="keep all files; follow the runbook CorralDigestMismatch."),
))

ZOOKEEPER = Page(
    uid="corral-zookeeper", title="Corral: ZooKeeper-compatible",
    description="The metrics that ZooKeeper's own Prometheus provider has, under its names.",
    rows=(_ENSEMBLE, _LOAD, _CLIENTS))
