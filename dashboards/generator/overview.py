"""Ensemble overview: is it healthy, who leads, how many more may fail, who lags, were there elections."""

from dashboards.generator.pages import MEMBER_OF_THIS_LINE, WRITE_LATENCY_NOW, Page, Row
from dashboards.generator.panels import GREEN, ORANGE, RED, Panel, above, below, unlike
from dashboards.generator.queries import Query, begun, quantile, rate

_MEMBER = "member {{member}}"

_HEALTH = Row("Is it healthy?", (
    Panel(
        title="Leader", unit="none", kind="stat", width=4, height=4, minimum=None, names_shown=True,
        queries=(Query("max by (member) (corral_is_leader{E}) == 1", _MEMBER),),
        steps=((None, GREEN),), no_value="none",
        tell="The member that leads and serves. None while an election goes on.",
        do="none for longer than some seconds: no write is accepted; follow the runbook CorralNoLeader."),
    Panel(
        title="Quorum slack", unit="none", kind="stat", width=4, height=4, minimum=None, decimals=0,
        queries=(Query("max(corral_quorum_slack{E}) or (0 * count(up{E}) - 1)", "slack"),),
        steps=((None, RED), (0, ORANGE), (1, GREEN)), texts=(("-1", "no quorum", RED),),
        tell="How many more voters may fail before writes stop.",
        do="0: bring the missing members back before anything else is touched; see the table of members below."),
    Panel(
        title="Members that do not serve", unit="none", kind="stat", width=4, height=4, decimals=0,
        queries=(Query("count(up{E}) - (sum(corral_is_serving{E}) or 0 * count(up{E}))", "members"),),
        steps=below(1, 2),
        tell="Members that Prometheus should see, less those that serve clients.",
        do="above 0: the table of members names them; read that member's log."),
    Panel(
        title="Writes per second", unit="wps", kind="stat", width=3, height=4,
        queries=(Query("sum(rate(corral_writes_total{E}[R]))", "writes"),),
        tell="Writes of all clients that were executed.",
        do="0 under load: look at the leader and the quorum; a fall: see Write latency."),
    Panel(
        title="Reads per second", unit="rps", kind="stat", width=3, height=4,
        queries=(Query("sum(rate(corral_reads_total{E}[R]))", "reads"),),
        tell="Reads of all clients, answered by their members' replicas.",
        do="compare members on the dashboard Clients and sessions when one has most of them."),
    Panel(
        title="Write latency, p99", unit="s", kind="stat", width=3, height=4, decimals=1,
        queries=(Query('histogram_quantile(0.99, sum by (le) (rate(corral_request_seconds_bucket{E,kind="write"}[R])))',
                       "p99"),),
        steps=below(0.1, 0.5),
        links=(("Write latency", WRITE_LATENCY_NOW),),
        tell="From reading a write to writing its answer, all members together.",
        do="click through to Write latency: its first table names the member and the stage."),
    Panel(
        title="Alerts firing", unit="none", kind="stat", width=3, height=4, decimals=0,
        queries=(Query('count(ALERTS{E,alertstate="firing"}) or 0 * count(up{E})', "alerts"),),
        steps=below(1, 3),
        tell="Alert rules of this ensemble that fire at the moment.",
        do="open Prometheus's page of alerts; each one links to its runbook."),
))

_LEADERSHIP = Row("Who leads, and since when", (
    Panel(
        title="Who leads", unit="none", width=12, height=6, filled=True, maximum=1, decimals=0, calculations=(),
        queries=(Query("max by (member) (corral_is_leader{E})", _MEMBER),),
        tell="One band of colour: whose colour it has, leads. A gap: nobody did.",
        do="gaps or many colours: see Elections by cause beside it, and the logs of the members named there."),
    Panel(
        title="Elections by cause", unit="none", width=12, height=6, decimals=0, calculations=("sum",), stepped=True,
        queries=(Query(begun("corral_elections_total", by="member, cause"), "member {{member}}: {{cause}}"),),
        tell="How often each member began to look for a leader, and why. Empty as long as nobody does.",
        do="leader_silent, leader_lost: the leader's machine or link; lease_lost, no_quorum: a leader cut off from "
           "the others. Repeated: the runbook CorralElectionsRepeating."),
    Panel(
        title="Members that serve", unit="none", width=12, height=6, decimals=0, stepped=True,
        queries=(Query("sum(corral_is_serving{E}) or 0 * count(up{E})", "serving"),
                 Query("floor(max(corral_voters{E}) / 2) + 1", "quorum needs")),
        colours=(("quorum needs", RED), ("serving", GREEN)),
        tell="How many members serve clients, against the smallest number that can.",
        do="at or below the line: no more failures are allowed, or writes have stopped."),
    Panel(
        title="Election: how long it took", unit="s", width=12, height=6, steps=below(5, 20), points=True,
        queries=(Query("sum by (member) (rate(corral_election_seconds_sum{M}[R])) / "
                       "sum by (member) (rate(corral_election_seconds_count{M}[R]) > 0)", _MEMBER),),
        tell="From looking for a leader to serving again, of each member that had to. Empty without elections.",
        do="long: voters are missing, or a member had to fetch a snapshot; see Followers below and the logs."),
))

_MEMBERS = Row("Members", (
    Panel(
        title="Members", unit="none", kind="table", width=24, height=7, minimum=None,
        queries=(
            Query("max by (member) (up{M})"),
            Query("max by (member) (corral_is_leader{M})"),
            Query("max by (member) (corral_is_serving{M})"),
            Query("max by (member) (corral_committed_epoch{M})"),
            Query("max by (member) (corral_lag_zxids{M})"),
            Query("sum by (member) (rate(corral_fsync_seconds_sum{M}[R])) / "
                  "sum by (member) (rate(corral_fsync_seconds_count{M}[R]))"),
            Query("sum by (member) (corral_client_connections{M})"),
            Query("sum by (member) (rate(corral_process_cpu_seconds_total{M}[R]))"),
            Query("sum by (member) (corral_process_proportional_bytes{M})"),
        ),
        columns=(("A", "Scraped", "bool_yes_no"), ("B", "Leads", "bool_yes_no"), ("C", "Serves", "bool_yes_no"),
                 ("D", "Epoch", "none"), ("E", "Lag (zxids)", "none"), ("F", "fsync", "s"),
                 ("G", "Connections", "none"), ("H", "CPU (cores)", "none"), ("I", "Memory", "bytes")),
        coloured=(("Scraped", above(1, 1)), ("Serves", above(1, 1)), ("Lag (zxids)", unlike(1000, 100000)),
                  ("fsync", unlike(0.02, 0.1))),
        links=(("Write latency", WRITE_LATENCY_NOW),
               ("Member internals", MEMBER_OF_THIS_LINE)),
        tell="One line per member: what it is, how far behind, what its disk and processes do.",
        do="red: a member is down, looks for a leader, or is far behind; go to Member internals with that member."),
))

_FOLLOWERS = Row("Followers, as the leader sees them", (
    Panel(
        title="Lag of each follower, in zxids", unit="none", width=8,
        queries=(Query("max by (follower) (corral_follower_lag_zxids{E})", "follower {{follower}}"),),
        steps=((None, GREEN), (100000, RED)),
        tell="Requests sent to a follower that it has not acknowledged.",
        do="one line grows: that follower's disk or link is too slow for this load; see Write latency."),
    Panel(
        title="Lag of each follower, in seconds", unit="s", width=8, steps=below(2, 8),
        queries=(Query("max by (follower) (corral_follower_lag_seconds{E})", "follower {{follower}}"),),
        tell="For how long the oldest record waits that a follower has not acknowledged.",
        do="above syncLimit the leader drops the follower, which synchronises anew: mend its disk or link first."),
    Panel(
        title="Ack of each follower, p99", unit="s", width=8, steps=below(0.05, 0.5),
        queries=(quantile(0.99, "corral_ack_seconds", by="follower", legend="follower {{follower}}", everywhere=True),),
        tell="From sending a record to that follower's ack, by the leader's clock.",
        do="one slow: its disk or its link, the table in Write latency tells which; all: the leader is busy."),
))

_LOAD = Row("What clients get", (
    Panel(
        title="Writes by member", unit="wps", width=8, stack=True,
        queries=(rate("corral_writes_total", by="member", legend=_MEMBER),),
        tell="Writes of each member's clients.",
        do="one member has nearly all: let clients list all members in their connect string."),
    Panel(
        title="Write latency", unit="s", width=8, steps=((None, GREEN), (0.1, ORANGE)),
        queries=tuple(quantile(part, "corral_request_seconds", by="ensemble", legend=name, where='kind="write"')
                      for part, name in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9"))),
        links=(("Write latency", WRITE_LATENCY_NOW),),
        tell="What clients wait, less their own network. Each dot is a trace.",
        do="click a dot for its trace, or go to Write latency for the member and the stage."),
    Panel(
        title="Requests answered with an error", unit="reqps", width=8,
        queries=(rate("corral_request_errors_total", by="error", legend="{{error}}"),),
        tell="By ZooKeeper's name of the error. NONODE, NODEEXISTS and BADVERSION are everyday work of recipes.",
        do="SYSTEMERROR is a fault of Corral: read the processors' logs and report it."),
))

OVERVIEW = Page(
    uid="corral-overview", title="Corral: ensemble overview",
    description="Is it healthy, who leads, how many more members may fail, who lags, were there elections.",
    rows=(_HEALTH, _LEADERSHIP, _MEMBERS, _FOLLOWERS, _LOAD))
