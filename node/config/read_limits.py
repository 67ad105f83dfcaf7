"""The keys of zoo.cfg that limit what clients may ask for -> Limits."""

from node.config.member import Limits
from node.config.read_security import Values
from node.requests.overload import ConnectionRules, OverloadRules


def read_limits(values: Values) -> Limits:
    return Limits(
        large_bytes=max(values.number("largeRequestThreshold"), 0),
        large_bytes_max=values.number("largeRequestMaxBytes"),
        reply_bytes_max=values.number("corral.replyBytesMax"),
        connections_max=values.number("maxCnxns"),
        per_prefix=values.number("corral.maxClientCnxnsPerPrefix"),
        prefix_v4=values.number("corral.clientPrefixV4"),
        prefix_v6=values.number("corral.clientPrefixV6"),
        disk_reserve=values.number("corral.diskReserve"),
        watch_history=values.number("corral.watchHistory"),
        overload=OverloadRules(
            outstanding_max=values.number("globalOutstandingLimit"),
            requests_max=values.number("request_throttle_max_requests"),
            op_wait_ms=values.number("throttled_op_wait_time"),
            closes_late=values.flag("request_throttle_drop_stale") and values.flag("request_stale_latency_check"),
            connections=_connections(values)))


def _connections(values: Values) -> ConnectionRules:
    return ConnectionRules(
        tokens=values.number("connection_throttle_tokens"),
        fill_ms=values.number("connection_throttle_fill_time"),
        fill_count=values.number("connection_throttle_fill_count"),
        freeze_ms=values.number("connection_throttle_freeze_time"),
        drop_increase=values.share("connection_throttle_drop_increase"),
        drop_decrease=values.share("connection_throttle_drop_decrease"),
        decrease_ratio=values.share("connection_throttle_decrease_ratio"),
        is_weighted=values.flag("connection_throttle_weight_enabled"),
        weight_global=values.number("connection_throttle_global_session_weight"),
        weight_renewed=values.number("connection_throttle_renew_session_weight"),
        weight_local=values.number("connection_throttle_local_session_weight"))
