"""Keys that limit how much clients may ask for at a time: docs/overload.md."""

from node.config.key import Key, Kind, honoured, ignored

_SHARE = "of new connections that BLUE drops"

OVERLOAD: tuple[Key, ...] = (
    honoured("globalOutstandingLimit", "1000",
             "writes in work in a processor after which it takes no more from connections that have some in work, and "
             "no new sessions", Kind.INT, least=1),
    honoured("maxCnxns", "0", "connections of the member in all; 0: as many as there may be open files", Kind.INT,
             live=True),
    honoured("corral.maxClientCnxnsPerPrefix", "0", "connections from one network; 0: no limit", Kind.INT, live=True),
    honoured("corral.clientPrefixV4", "24", "bits of an IPv4 address that make its network", Kind.INT, most=32),
    honoured("corral.clientPrefixV6", "64", "bits of an IPv6 address that make its network", Kind.INT, most=128),
    honoured("request_throttle_max_requests", "0",
             "writes in work in a processor beyond which every request waits; 0: no throttle", Kind.INT, live=True),
    honoured("request_throttle_drop_stale", "true", "whether requests that waited too long end their connection",
             Kind.BOOL, live=True),
    honoured("request_stale_latency_check", "false",
             "requests that waited for longer than their session's timeout are too late", Kind.BOOL, live=True),
    honoured("throttled_op_wait_time", "0",
             "ms of such a wait after which a request is answered with -127 (ThrottledOp) and not done; 0: never",
             Kind.INT, live=True),
    ignored("request_throttle_stall_time", "100", "ms between two looks whether a request may go on",
            "it goes on at once when there is room"),
    ignored("request_stale_connection_check", "true", "requests of connections that are gone are not done",
            "they never are, while they wait"),
    ignored("request_throttler.shutdownTimeout", "10000", "ms that waiting requests have when the server stops",
            "a planned stop drains its clients"),
    honoured("connection_throttle_tokens", "0", "handshakes that may come at once; 0: no throttle", Kind.INT),
    honoured("connection_throttle_fill_time", "1", "ms after which tokens come back", Kind.INT, least=1),
    honoured("connection_throttle_fill_count", "1", "how many come back then", Kind.INT, least=1),
    honoured("connection_throttle_freeze_time", "-1",
             "ms between changes of the share that is dropped at random (BLUE); -1: none is", Kind.INT, least=-1),
    honoured("connection_throttle_drop_increase", "0.02", f"what the share {_SHARE} grows by without tokens",
             Kind.TEXT),
    honoured("connection_throttle_drop_decrease", "0.002", f"what the share {_SHARE} shrinks by", Kind.TEXT),
    honoured("connection_throttle_decrease_ratio", "0", "the share of used tokens up to which it shrinks", Kind.TEXT),
    honoured("connection_throttle_weight_enabled", "false", "whether sessions of some kinds cost more tokens",
             Kind.BOOL),
    honoured("connection_throttle_global_session_weight", "3", "tokens of a new session", Kind.INT, least=1),
    honoured("connection_throttle_renew_session_weight", "2", "tokens of a session that comes back", Kind.INT, least=1),
    honoured("connection_throttle_local_session_weight", "1", "tokens of a new local session", Kind.INT, least=1),
)
