"""Clients and sessions: who is connected, how connections end, sessions, watches, throttling."""

from dashboards.generator.pages import Page, Row
from dashboards.generator.panels import GREEN, ORANGE, RED, Panel, below
from dashboards.generator.queries import Query, quantile, rate

_MEMBER = "member {{member}}"

_CONNECTIONS = Row("Connections", (
    Panel(
        title="Open connections", unit="none", width=8, stack=True,
        queries=(Query("sum by (member) (corral_client_connections{M})", _MEMBER),),
        tell="Open client connections by member.",
        do="one member has nearly all: let clients list all members, and reconnect in random order as kazoo does."),
    Panel(
        title="Connections opened", unit="cps", width=8,
        queries=(rate("corral_client_connections_opened_total", by="member", legend=_MEMBER),),
        tell="Connections accepted per second.",
        do="high and lasting: clients that connect for each request, or that cannot stay; see how they end."),
    Panel(
        title="Connections ended, by outcome", unit="cps", width=8,
        queries=(rate("corral_client_connections_closed_total", by="outcome", legend="{{outcome}}"),),
        tell="How connections ended; the table of metrics explains each outcome.",
        do="limit_per_address: maxClientCnxns; out_of_files: LimitNOFILE; not_serving, lease_lost: the quorum; "
           "session_refused: clients with old sessions."),
    Panel(
        title="Connections that do not take their answers", unit="none", width=8, steps=((None, GREEN), (1, ORANGE)),
        queries=(Query("sum by (member) (corral_client_connections_blocked{M})", _MEMBER),),
        tell="Slow readers at the moment; each is closed after its session timeout.",
        do="find the client by `echo cons | nc MEMBER PORT`; it stopped reading, or its network is too slow."),
    Panel(
        title="Traffic", unit="Bps", width=8,
        queries=(rate("corral_client_received_bytes_total", by="member", legend="in: member {{member}}"),
                 rate("corral_client_sent_bytes_total", by="member", legend="out: member {{member}}")),
        tell="Bytes from and to clients.",
        do="out far above in: large values, large directories or many watchers: see Watch events."),
    Panel(
        title="Packets", unit="pps", width=8,
        queries=(rate("corral_client_packets_received_total", by="member", legend="in: member {{member}}"),
                 rate("corral_client_packets_sent_total", by="member", legend="out: member {{member}}")),
        tell="Frames from clients, replies to them, without watch events.",
        do="in above out for long: requests are not answered; look at Write latency and the quorum."),
))

_REQUESTS = Row("Requests", (
    Panel(
        title="Reads and writes", unit="reqps", width=8,
        queries=(rate("corral_reads_total", by="member", legend="reads: member {{member}}"),
                 rate("corral_writes_total", by="member", legend="writes: member {{member}}")),
        tell="Requests answered per second.",
        do="reads grow with processors, members and observers; writes only with better batching: see Capacity."),
    Panel(
        title="Pings", unit="reqps", width=8,
        queries=(rate("corral_pings_total", by="member", legend=_MEMBER),),
        tell="Idle sessions, a third of their timeout apart.",
        do="falls while connections stay: clients hang; rises without connections: their timeouts are too short."),
    Panel(
        title="Errors by name", unit="reqps", width=8,
        queries=(rate("corral_request_errors_total", by="error", legend="{{error}}"),),
        tell="Requests answered with an error. NONODE, NODEEXISTS and BADVERSION are everyday work of recipes.",
        do="NOAUTH: a misconfigured client; SYSTEMERROR: a fault of Corral, see the processors' logs."),
    Panel(
        title="Writes on their way", unit="none", width=8,
        queries=(Query("sum by (member) (corral_outstanding_requests{M})", _MEMBER),),
        tell="Writes taken from clients and not executed yet.",
        do="grows while there is no leader or the quorum is slow: Ensemble overview, then Write latency."),
    Panel(
        title="Time not reading from clients", unit="percentunit", width=8, steps=below(0.05, 0.5), maximum=None,
        queries=(Query("sum by (member, process) (rate(corral_throttled_seconds_total{M}[R]))",
                       "member {{member}} {{process}}"),),
        tell="The part of the time in which a processor did not read, since it has no lease or too much is on its way.",
        do="lasting: the quorum is slower than the load, or that member has none."),
    Panel(
        title="Request latency, p99", unit="s", width=8, steps=below(0.1, 0.5),
        queries=(quantile(0.99, "corral_request_seconds", by="kind", legend="{{kind}}"),),
        tell="From reading a request to writing its answer, reads and writes apart.",
        do="writes: the dashboard Write latency; reads: that member's processors have too much to do."),
))

_SESSIONS = Row("Sessions", (
    Panel(
        title="Sessions", unit="none", width=8,
        queries=(Query("max(corral_sessions{E})", "alive"), Query("sum(corral_sessions_connected{E})", "connected")),
        tell="Sessions of the whole ensemble, and how many of them have a connection.",
        do="connected falls below alive: clients lost their connection; they expire after their timeouts."),
    Panel(
        title="Sessions opened, closed and resumed", unit="ops", width=8,
        queries=(Query("sum(rate(corral_sessions_opened_total{M}[R]))", "opened"),
                 Query("sum(rate(corral_sessions_closed_total{M}[R]))", "closed"),
                 Query("sum(rate(corral_sessions_resumed_total{M}[R]))", "resumed")),
        tell="How sessions come and go. Resumed: brought along from another connection.",
        do="a burst of resumed: a member failed or was restarted; many opened: clients that do not keep theirs."),
    Panel(
        title="Sessions expired", unit="none", width=8, stepped=True, decimals=0, steps=((None, GREEN), (10, RED)),
        queries=(Query("sum(increase(corral_sessions_expired_total{E}[R]))", "expired"),),
        tell="Clients that died, or were cut off or paused for longer than their timeout: their locks are gone.",
        do="a burst: the network between clients and members; the runbook CorralSessionExpiryBurst."),
    Panel(
        title="Failed authentications", unit="ops", width=8, steps=((None, GREEN), (1, ORANGE)),
        queries=(Query("sum by (member) (rate(corral_auth_failed_total{M}[R]))", _MEMBER),),
        tell="Auth packets that were refused.",
        do="a client with wrong credentials; its address stands in the member's log and audit log."),
    Panel(
        title="Ephemeral znodes", unit="none", width=16,
        queries=(Query("max(corral_ephemerals{E})", "ephemerals"),),
        tell="Ephemeral znodes: locks, leaders, services that are there.",
        do="falls together with sessions: clients died; rises for ever: somebody creates without an end."),
))

_WATCHES = Row("Watches", (
    Panel(
        title="Watches set", unit="none", width=8,
        queries=(Query("sum by (member) (corral_watches{M})", _MEMBER),),
        tell="Watches set by clients, by member.",
        do="memory, and work at each change of a watched node; see the fan-out."),
    Panel(
        title="Watch events", unit="ops", width=8,
        queries=(rate("corral_watch_notifications_total", by="member", legend=_MEMBER),),
        tell="Events sent, one per watcher.",
        do="much above the rate of writes: many clients watch the same nodes, see the fan-out."),
    Panel(
        title="Watchers told of one change, p99", unit="none", width=8, steps=((None, GREEN), (1000, ORANGE)),
        queries=(quantile(0.99, "corral_watch_fanout_watchers", by="member", legend=_MEMBER),),
        tell="How many clients one write woke up: the herd effect.",
        do="large: let each client watch its predecessor only, as the recipes do."),
))

CLIENTS = Page(
    uid="corral-clients", title="Corral: clients and sessions",
    description="Who is connected, how connections end, sessions, requests, watches, throttling.",
    rows=(_CONNECTIONS, _REQUESTS, _SESSIONS, _WATCHES))
