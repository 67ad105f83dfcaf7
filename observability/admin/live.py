"""Those of ZooKeeper's commands that are answered by the member's processors: connections, sessions, watches, counters.

The report of each is what a four-letter word is made of, too (node/processes/processor_words.py).
"""

from collections.abc import Callable, Mapping
from typing import Any

from transport.opcodes import OP_NAMES

Report = Mapping[str, Any]
Answer = dict[str, Any]
Answered = Callable[[Report, Mapping[str, str]], Answer]


def connections(report: Report, _: Mapping[str, str]) -> Answer:
    found: dict[str, list[Answer]] = {"connections": [], "secure_connections": []}
    for each in report["connections"]:
        found["secure_connections" if each.get("is_secure") else "connections"].append(_connection(each))
    return {**found}


def _connection(each: Report) -> Answer:
    latency = each.get("latency", 0)
    return {
        "remote_socket_address": f"{_bracketed(each['address'])}:{each['port']}",
        "interest_ops": 1, "outstanding_requests": each["queued"], "packets_received": each["received"],
        "packets_sent": each["sent"], "session_id": each["session"],
        "last_operation": OP_NAMES.get(each["last_op"], "NA"), "established": each["established"],
        "session_timeout": each["timeout"], "last_cxid": each["last_xid"], "last_zxid": each["last_zxid"],
        "last_response_time": each["last_response"],
        "last_latency": latency, "min_latency": 0, "avg_latency": latency, "max_latency": latency,
    }


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def dump(report: Report, _: Mapping[str, str]) -> Answer:
    sessions = report["sessions"]
    expiries: dict[str, list[int]] = {}
    for (session, _timeout, _paths), due_ms in zip(sessions, report.get("deadlines", ()), strict=False):
        expiries.setdefault(str(due_ms), []).append(session)
    return {
        "expiry_time_to_session_ids": expiries,
        "session_id_to_ephemeral_paths": {str(session): paths for session, _, paths in sessions if paths},
    }


def watches(report: Report, _: Mapping[str, str]) -> Answer:
    return {"session_id_to_watched_paths": {
        str(session): paths for session, paths in report["watches_by_connection"] if paths}}


def watches_by_path(report: Report, _: Mapping[str, str]) -> Answer:
    found: dict[str, list[int]] = {}
    for session, paths in report["watches_by_connection"]:
        for path in paths:
            found.setdefault(path, []).append(session)
    return {"path_to_session_ids": found}


def watch_summary(report: Report, _: Mapping[str, str]) -> Answer:
    watching = report["watches_by_connection"]
    return {
        "num_connections": len(watching), "num_paths": len({path for _, paths in watching for path in paths}),
        "num_total_watches": sum(len(paths) for _, paths in watching)}


def digests(report: Report, _: Mapping[str, str]) -> Answer:
    """Corral's own digests, which are not ZooKeeper's: version 0."""
    return {"digests": [
        {"zxid": zxid, "digest": digest, "digest_version": 0} for zxid, digest in report["digests"]]}


def nothing(_report: Report, _query: Mapping[str, str]) -> Answer:
    return {}


def trace_mask(report: Report, _: Mapping[str, str]) -> Answer:
    return {"tracemask": report["trace_mask"]}


# names -> (the word that processors are asked, what is made of their report)
LIVE: dict[tuple[str, ...], tuple[str, Answered]] = {
    ("connections", "cons"): ("cons", connections),
    ("connection_stat_reset", "crst"): ("crst", nothing),
    ("dump",): ("dump", dump),
    ("get_trace_mask", "gtmk"): ("gtmk", trace_mask),
    ("hash",): ("hash", digests),
    ("stat_reset", "srst"): ("srst", nothing),
    ("watches", "wchc"): ("wchc", watches),
    ("watches_by_path", "wchp"): ("wchp", watches_by_path),
    ("watch_summary", "wchs"): ("wchs", watch_summary),
}
