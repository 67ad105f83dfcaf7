"""The four-letter words: text out of figures, laid out as ZooKeeper 3.8 lays it out (zookeeper-surface A2.5).

A report is what one processor knows; `merged` adds the reports of a member's processors. The member's own
state (role, zxids, learners) comes in with MemberState, as `member`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from observability.zookeeper import ROWS, MemberFigures, Summary, Value
from transport.opcodes import OP_NAMES

Report = dict[str, Any]

NOT_SERVING: Final = "This ZooKeeper instance is not currently serving requests\n"
OWN_WORD: Final = "corl"  # Corral's own: one JSON object; always allowed, it says no more than srvr and mntr do
_COUNTERS: Final = ("received", "sent", "outstanding", "latency_sum", "alive_connections")
_LISTS: Final = ("connections", "watches_by_connection", "figures")


@dataclass
class Facts:
    """What a word is answered from. *config* is for `conf`, *environment* for `envi`: lists of (key, value).

    *now_ms*: CLOCK_MONOTONIC.
    """

    version: str
    serving: bool
    member: Report
    report: Report
    config: list[tuple[str, str]] = field(default_factory=list)
    environment: list[tuple[str, str]] = field(default_factory=list)
    now_ms: int = 0
    read_only: bool = False


def merged(reports: list[Report]) -> Report:
    """The reports of all processors of a member as one; the replica's figures are equal, so the first one's count."""
    total = dict(reports[0])
    for report in reports[1:]:
        for key in _COUNTERS:
            total[key] = total.get(key, 0) + report.get(key, 0)
        for key in _LISTS:
            total[key] = [*total.get(key, []), *report.get(key, [])]
        if "deadlines" in report:  # of the one that expires sessions, for its own list of them
            total["sessions"], total["deadlines"] = report["sessions"], report["deadlines"]
        total["latency_max"] = max(total.get("latency_max", 0), report.get("latency_max", 0))
        total["latency_min"] = min(total.get("latency_min", 0), report.get("latency_min", 0))
    return total


def latency_avg(report: Report) -> float:
    latency_sum, received = float(report.get("latency_sum", 0)), int(report.get("received", 0))
    return round(latency_sum / max(received, 1), 4)


def mode(facts: Facts) -> str:
    """As srvr's Mode: says it; a member that serves nobody has none."""
    if facts.read_only:
        return "read-only"
    role = str(facts.member.get("role", "looking"))
    return "standalone" if role == "leader" and facts.member.get("quorum_size", 1) == 1 else role


def _ruok(_: Facts) -> str:
    return "imok"


def _isro(facts: Facts) -> str:
    return "rw" if facts.serving else "ro" if facts.read_only else "null"


def _server_lines(facts: Facts) -> str:
    report = facts.report
    lines = [
        f"Latency min/avg/max: {report.get('latency_min', 0)}/{latency_avg(report)}/{report.get('latency_max', 0)}",
        f"Received: {report['received']}", f"Sent: {report['sent']}",
        f"Connections: {report['alive_connections']}", f"Outstanding: {report['outstanding']}",
        f"Zxid: 0x{report['zxid']:x}", f"Mode: {mode(facts)}", f"Node count: {report['znodes']}",
    ]
    if facts.member.get("role") == "leader" and mode(facts) == "leader":
        last, least, most = facts.member.get("figures", {}).get("proposal_bytes", (-1, -1, -1))
        lines.append(f"Proposal sizes last/min/max: {last}/{least}/{most}")
    return "\n".join(lines) + "\n"


def _srvr(facts: Facts) -> str:
    return f"Zookeeper version: {facts.version}\n{_server_lines(facts)}"


def _connection(entry: Report, *, full: bool) -> str:
    text = (f" /{entry['address']}:{entry['port']}[1](queued={entry['queued']}"
            f",recved={entry['received']},sent={entry['sent']}")
    if full and entry["session"]:
        operation = OP_NAMES.get(entry["last_op"], "NA")
        latency = entry.get("latency", 0)
        text += (
            f",sid={_hex(entry['session'])},lop={operation},est={entry['established']}"
            f",to={entry['timeout']},lcxid=0x{entry['last_xid'] & 0xffffffff:x},lzxid=0x{entry['last_zxid']:x}"
            f",lresp={entry['last_response']},llat={latency},minlat=0,avglat={latency},maxlat={latency}")
    return text + ")\n"


def _stat(facts: Facts) -> str:
    clients = "".join(_connection(entry, full=False) for entry in facts.report["connections"])
    return f"Zookeeper version: {facts.version}\nClients:\n{clients}\n{_server_lines(facts)}"


def _cons(facts: Facts) -> str:
    return "".join(_connection(entry, full=True) for entry in facts.report["connections"]) + "\n"


def _conf(facts: Facts) -> str:
    text = "".join(f"{key}={value}\n" if key else f"{value}\n" for key, value in facts.config)
    # The line `version=` of an ensemble's configuration is the last of ZooKeeper's text, and has no end.
    return text.removesuffix("\n") if facts.config[-1][0] == "version" else text


def _envi(facts: Facts) -> str:
    return "Environment:\n" + "".join(f"{key}={value}\n" for key, value in facts.environment)


def _hex(session_id: int) -> str:
    return f"0x{session_id & 0xffffffffffffffff:x}"


def _sets(name: str, due_ms: list[int], lines: list[str]) -> list[str]:
    """Lines by the wall clock's ms at which they are due, as ZooKeeper's ExpiryQueue prints its buckets."""
    buckets: dict[int, list[str]] = {}
    for due, line in zip(due_ms, lines, strict=True):
        buckets.setdefault(due, []).append(line)
    told = [f"{name} Sets ({len(buckets)})/({len(lines)}):"]
    for due in sorted(buckets):
        when = datetime.fromtimestamp(due / 1000, tz=UTC)
        told.append(f"{len(buckets[due])} expire at {when:%a %b %d %H:%M:%S UTC %Y}:")
        told += buckets[due]
    return told


def _dump(facts: Facts) -> str:
    report = facts.report
    sessions = report["sessions"]  # [(id, timeout_ms, [ephemeral paths])]
    owners = [(sid, paths) for sid, _, paths in sessions if paths]
    lines = ["SessionTracker dump:"]
    if "deadlines" in report:  # the leader's: who expires when
        lines += _sets("Session", report["deadlines"], [f"\t{_hex(sid)}" for sid, _, _ in sessions])
    else:
        lines.append(f"Global Sessions({len(sessions)}):")
        lines += [f"{_hex(sid)}\t{timeout}ms" for sid, timeout, _ in sessions]
    lines += ["ephemeral nodes dump:", f"Sessions with Ephemerals ({len(owners)}):"]
    for sid, paths in owners:
        lines.append(f"{_hex(sid)}:")
        lines += [f"\t{path}" for path in paths]
    lines.append("Connections dump:")
    connections = report["connections"]
    lines += _sets("Connections", [c["due"] for c in connections], [
        f"\tip: /{c['address']}:{c['port']} sessionId: {_hex(c['session'])}" for c in connections])
    return "\n".join(lines) + "\n"


def _wchs(facts: Facts) -> str:
    watching = facts.report["watches_by_connection"]  # [(session id, [paths])]
    paths = {path for _, each in watching for path in each}
    return (f"{len(watching)} connections watching {len(paths)} paths\n"
            f"Total watches:{sum(len(each) for _, each in watching)}\n")


def _wchc(facts: Facts) -> str:
    return "".join(
        f"{_hex(sid)}\n" + "".join(f"\t{path}\n" for path in paths)
        for sid, paths in facts.report["watches_by_connection"]) + "\n"


def _wchp(facts: Facts) -> str:
    by_path: dict[str, list[int]] = {}
    for sid, paths in facts.report["watches_by_connection"]:
        for path in paths:
            by_path.setdefault(path, []).append(sid)
    return "".join(
        f"{path}\n" + "".join(f"\t{_hex(sid)}\n" for sid in sids)
        for path, sids in by_path.items()) + "\n"


def _dirs(facts: Facts) -> str:
    config = dict(facts.config)
    return f"datadir_size: {config['dataDirSize']}\nlogdir_size: {config['dataLogSize']}\n"


_PEER_STATES: Final = {
    "leader": "leading - broadcast", "follower": "following - broadcast", "observer": "observing - broadcast"}


def _mntr(facts: Facts) -> str:
    report, member = facts.report, facts.member
    role = mode(facts)
    rows: list[tuple[str, object]] = [("version", facts.version), ("server_state", role)]
    if role in _PEER_STATES:
        rows.append(("peer_state", _PEER_STATES[role]))
    if role == "observer":
        rows.append(("observer_master_id", member.get("learns_from", 0)))
    figures = MemberFigures(
        processors=report["figures"], broadcast=member.get("figures", {}), snapshotter={}, now_ms=facts.now_ms)
    for row in ROWS:
        if row.in_mntr:
            rows += _mntr_rows(row.name, row.value(figures))
    return "".join(f"zk_{name}\t{value}\n" for name, value in rows)


def _mntr_rows(name: str, value: Value) -> list[tuple[str, object]]:
    """As ZooKeeper's default provider names the parts of a summary; without those that a histogram cannot tell."""
    if value is None:
        return []
    if isinstance(value, Summary):
        average = round(value.sum / value.count, 4) if value.count else 0.0
        return [(f"avg_{name}", average), (f"cnt_{name}", value.count), (f"sum_{name}", round(value.sum))]
    return [(name, value)]


def _hash(facts: Facts) -> str:
    """ZooKeeper's layout; the digests are Corral's own."""
    return "".join(f"{zxid:x}: {digest}\n" for zxid, digest in facts.report["digests"])


def _trace_mask(facts: Facts) -> str:
    return str(facts.report["trace_mask"])


# word -> (answer, needs a serving member, needs the reports of all processors)
WORDS: dict[str, tuple[Callable[[Facts], str], bool, bool]] = {
    "ruok": (_ruok, False, False), "isro": (_isro, False, False), "srvr": (_srvr, True, True),
    "stat": (_stat, True, True), "mntr": (_mntr, True, True), "conf": (_conf, True, False),
    "cons": (_cons, True, True), "dump": (_dump, True, True), "wchs": (_wchs, True, True),
    "wchc": (_wchc, True, True), "wchp": (_wchp, True, True), "envi": (_envi, False, False),
    "dirs": (_dirs, True, False), "crst": (lambda _: "Connection stats reset.\n", True, True),
    "srst": (lambda _: "Server stats reset.\n", True, True), "hash": (_hash, True, False),
    "gtmk": (_trace_mask, False, False), "stmk": (_trace_mask, False, True),
}


def answer(word: str, facts: Facts) -> str:
    """The whole text for a word that the whitelist allows."""
    make, needs_serving, _ = WORDS[word]
    if needs_serving and not facts.serving and not facts.read_only:
        return NOT_SERVING.rstrip("\n") if word == "hash" else NOT_SERVING  # ZooKeeper ends no line there
    return make(facts)


def refused(word: str) -> str:
    return f"{word} is not executed because it is not in the whitelist.\n"
