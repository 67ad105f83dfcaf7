"""Connections, sessions, watches and throttling: figures of the processors."""

from observability.metric import NANOSECONDS, Metric

_PROCESSOR = ("processor",)

CLIENTS: tuple[Metric, ...] = (
    Metric("corral_client_connections", "gauge", "Open client connections.", "connections", _PROCESSOR,
           "Limited by maxClientCnxns per address and by open files in all."),
    Metric("corral_client_connections_opened_total", "counter", "Client connections accepted.", "connections_opened",
           _PROCESSOR, "A high rate: clients that connect for each request, or cannot stay."),
    Metric("corral_client_connections_closed_total", "counter", "Client connections that ended, by outcome.",
           "connections_closed", _PROCESSOR,
           "session_closed, session_expired, session_moved: ends of sessions; client_gone: the socket closed; "
           "four_letter_word: monitoring; limit_per_address: raise maxClientCnxns; out_of_files: raise the limit of "
           "open files; session_refused: unknown, expired or wrong password; not_serving: no quorum here; "
           "read_only_over: it is back; lease_lost: this member lost it; auth_failed; "
           "not_authenticated: it asked before it proved who it is; other_ensemble: it looks for another; tls_failed; "
           "bad_frame, no_handshake: no ZooKeeper client; slow_reader: did not take its answers; "
           "another_history: the client has seen more than this ensemble; drained: sent to another member, as planned; "
           "limit_of_connections: raise maxCnxns; limit_per_prefix: raise corral.maxClientCnxnsPerPrefix; "
           "connection_throttled: connection_throttle_tokens; stale_requests: its requests waited beyond its timeout.",
           labels=("outcome",)),
    Metric("corral_client_connections_blocked", "gauge", "Connections that do not take their answers at the moment.",
           "connections_blocked", _PROCESSOR, "Slow readers; each is closed after its session timeout."),
    Metric("corral_client_packets_received_total", "counter", "Frames from clients.", "packets_received", _PROCESSOR,
           "Requests, pings and connects."),
    Metric("corral_client_packets_sent_total", "counter", "Replies to clients.", "packets_sent", _PROCESSOR,
           "Without watch events."),
    Metric("corral_client_received_bytes_total", "counter", "Bytes from clients.", "received_bytes", _PROCESSOR,
           "Network into the client port."),
    Metric("corral_client_sent_bytes_total", "counter", "Bytes to clients.", "sent_bytes", _PROCESSOR,
           "Network out of the client port: large values and many watchers."),
    Metric("corral_writes_stopped", "gauge", "1 while an alarm stops the writes of clients.", "writes_stopped",
           _PROCESSOR, "A member's disk is nearly full (corral.diskReserve): the log line writes_stopped names it."),
    Metric("corral_throttled", "gauge", "1 while this processor does not read from its clients.", "throttled",
           _PROCESSOR, "It has no lease, or too much of its clients' is on the way to the quorum."),
    Metric("corral_throttled_seconds_total", "counter", "Time in which it did not read from its clients.",
           "throttled_ns", _PROCESSOR, "The quorum is slower than the load, or there is none.",
           scale=NANOSECONDS),
    Metric("corral_sessions", "gauge", "Sessions of the whole ensemble, as this replica knows them.", "sessions",
           _PROCESSOR, "Equal on all replicas that are up to date."),
    Metric("corral_sessions_connected", "gauge", "Sessions connected to this processor.", "sessions_here", _PROCESSOR,
           "Less in sum than corral_sessions: clients that have gone silent."),
    Metric("corral_sessions_opened_total", "counter", "Sessions made for clients of this processor.",
           "sessions_opened", _PROCESSOR, "A high rate: clients that do not keep their session."),
    Metric("corral_sessions_resumed_total", "counter", "Sessions that clients brought along from another connection.",
           "sessions_resumed", _PROCESSOR, "A burst: clients of a member that failed or was restarted."),
    Metric("corral_sessions_closed_total", "counter", "Sessions that clients of this processor closed.",
           "sessions_closed", _PROCESSOR, "Regular ends."),
    Metric("corral_sessions_expired_total", "counter", "Sessions expired (leader's processor 0 only).",
           "sessions_expired", _PROCESSOR, "Clients died, or were cut off or paused for longer than their timeout: "
           "their ephemerals and locks are gone. A burst: the network between clients and members."),
    Metric("corral_auth_failed_total", "counter", "Auth packets refused.", "auth_failed", _PROCESSOR,
           "A client with wrong credentials or a scheme that is not served."),
    Metric("corral_large_requests_refused_total", "counter", "Large requests that ended their connection.",
           "large_refused", _PROCESSOR, "largeRequestThreshold and largeRequestMaxBytes decide."),
    Metric("corral_handshakes_waiting", "gauge", "New sessions that wait because the processor is overloaded.",
           "handshakes_waiting", _PROCESSOR, "It answers the sessions it has first; after 10 s they are sent away."),
    Metric("corral_handshakes_delayed_total", "counter", "New sessions that had to wait because of overload.",
           "handshakes_delayed", _PROCESSOR, "More members or processors, or find who floods: cons, corral top."),
    Metric("corral_connections_throttled_total", "counter", "Handshakes refused by connection_throttle_tokens.",
           "connections_throttled", _PROCESSOR, "A storm of clients that connect; they come again."),
    Metric("corral_throttled_ops_total", "counter", "Requests answered with -127, ThrottledOp.", "throttled_ops",
           _PROCESSOR, "They waited beyond throttled_op_wait_time: more is asked for than the quorum can do."),
    Metric("corral_stale_requests_dropped_total", "counter", "Connections closed because their requests were too late.",
           "stale_dropped", _PROCESSOR, "They waited for longer than the session's timeout."),
    Metric("corral_replies_refused_total", "counter", "Answers over corral.replyBytesMax, which became errors.",
           "replies_refused", _PROCESSOR, "A node with too many children: find it by the clients' errors."),
    Metric("corral_certificate_expiry_seconds", "gauge", "When the certificate in ssl.keyStore.location is over, Unix "
           "time, as the process has it in use.", "certificate_expires_s", ("processor", "telemetry"),
           "Renew it before: clients (of telemetry: browsers and Prometheus) refuse it from then on. 0: no TLS here."),
    Metric("corral_watches", "gauge", "Watches set on this processor.", "watches", _PROCESSOR,
           "Memory, and work at each change of a watched node."),
    Metric("corral_watch_history_changes", "gauge", "Changes remembered for those with persistent watches.",
           "history_changes", _PROCESSOR, "corral.watchHistory at most."),
    Metric("corral_watch_history_fallen_short_total", "counter", "Persistent watches set again after too long a time.",
           "history_fallen_short", _PROCESSOR, "What they missed is lost: raise corral.watchHistory."),
    Metric("corral_watch_notifications_total", "counter", "Watch events sent, one per watcher.", "notifications",
           _PROCESSOR, "Together with the next: the herd effect."),
    Metric("corral_watch_fanout_watchers", "histogram", "Watchers told of one change.", "fanout", _PROCESSOR,
           "Large: many clients watch one node; let each watch its predecessor, as the recipes do."),
    Metric("corral_znodes", "gauge", "Znodes in this replica.", "znodes", _PROCESSOR,
           "Memory of every processor grows with it."),
    Metric("corral_ephemerals", "gauge", "Ephemeral znodes in this replica.", "ephemerals", _PROCESSOR,
           "Gone with their sessions."),
    Metric("corral_data_bytes", "gauge", "Bytes of paths and data in this replica, as of the last digest.",
           "data_bytes", _PROCESSOR, "Memory and snapshots grow with it."),
)
