"""What `corral top` shows, from all members at once: each answers for itself, and a dead one holds nobody up."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from node.cli.scrape import Figures, quantile, scrape
from node.cli.site import Site

ROWS_MAX: Final = 10  # of each list
STAGES: Final = ("collect", "queue", "append", "commit", "publish", "apply_wait", "apply", "reply")


@dataclass(frozen=True)
class Reading:
    """Of one member at one moment. *why*: it did not answer. *connections*: None where it does not say them."""

    site: Site
    at_s: float
    why: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    figures: Figures | None = None
    slow: Sequence[Mapping[str, Any]] = ()
    hot: Mapping[str, Any] = field(default_factory=dict)
    connections: Sequence[Mapping[str, Any]] | None = None

    @property
    def server(self) -> str:
        return str(self.site)


def read_all(servers: Sequence[Site], count: int) -> list[Reading]:
    with ThreadPoolExecutor(max_workers=len(servers)) as pool:
        return list(pool.map(lambda server: read(server, count), servers))


def read(server: Site, count: int) -> Reading:
    at_s = time.monotonic()
    try:
        status = server.get_json("/status")
        figures = scrape(server)
        slow = server.get_json(f"/slow?n={count}")["writes"]
        hot = server.get_json(f"/hot?n={count}")
        return Reading(server, at_s, "", status, figures, slow, hot, _connections(server))
    except OSError as error:
        return Reading(server, at_s, f"no answer: {error}")


def _connections(server: Site) -> list[dict[str, Any]] | None:
    """Of the member behind this metrics port, plain and by TLS."""
    try:
        found = server.get_json(f"{server.commands}/connections")
        return [{"client": each["remote_socket_address"], "session": f"0x{each['session_id'] % (1 << 64):x}",
                 "received": int(each["packets_received"])}
                for each in (*found["connections"], *found["secure_connections"]) if each["session_id"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Verdicts:
    """Why slow writes were slow, asked once for each: every member is asked for each, so only some at a time."""

    def __init__(self) -> None:
        self._said: dict[int, str] = {}

    def of(self, zxid: int) -> str:
        return self._said.get(zxid, "")

    def ask(self, writes: Iterable[tuple[Site, Mapping[str, Any]]], most: int) -> None:
        """*writes*: (server, write), the ones that matter most first."""
        wanted = [(server, int(write["zxid"])) for server, write in writes if write["zxid"] not in self._said]
        for server, zxid in wanted[:most]:
            try:
                verdict = server.get_json(f"/explain?zxid={zxid}").get("verdict") or {}
                self._said[zxid] = str(verdict.get("sentence", "no member knows which stage was slowest"))
            except OSError:
                self._said[zxid] = ""  # too long ago, or nobody answers


def summary(now: Sequence[Reading], before: Sequence[Reading], count: int, verdicts: Verdicts) -> dict[str, Any]:
    """What scripts get, and what is drawn. *before*: the reading that rates are counted from."""
    thens = {each.server: each for each in before}
    rate = sum(each.status["now"]["writes"] for each in now if each.status)
    return {
        "level": _level(now), "sentences": list(_sentences(now)),
        "quorum_slack": next((int(slack) for each in now if each.figures is not None
                              and (slack := each.figures.total("corral_quorum_slack")) is not None), None),
        "members": [_member(each) for each in now],
        "stages": _stages(now, thens),
        "paths": _paths(now, rate, count),
        "clients": _clients(now, thens, count),
        "slow": _slow(now, count, verdicts),
    }


def _level(now: Sequence[Reading]) -> str:
    levels = [each.status["level"] for each in now if each.status]
    if not levels or all(level == "down" for level in levels):
        return "down"
    is_well = len(levels) == len(now) and all(level == "ok" for level in levels)
    return "ok" if is_well else "degraded"


def _sentences(now: Sequence[Reading]) -> Iterable[str]:
    for each in now:
        if each.why:
            yield f"{each.server}: {each.why}"
    for each in now:
        if each.status and each.status["level"] != "ok":
            for sentence in each.status["sentences"]:
                yield f"member {each.status['member']} says: {sentence}"


def _member(reading: Reading) -> dict[str, Any]:
    if not reading.status or reading.figures is None:
        return {"server": reading.server, "role": "no answer", "why": reading.why}
    status, figures, now = reading.status, reading.figures, reading.status["now"]
    health = next(each["health"] for each in status["members"] if each["is_me"])
    return {
        "server": reading.server, "id": status["member"], "version": status["version"], "level": status["level"],
        "role": health["role"], "epoch": health["epoch"], "zxid": health["zxid"], "lag": health["lag"],
        "connections": health["connections"], "sessions": health["sessions"], "down": health["down"],
        "watches": int(figures.total("corral_watches") or 0), "znodes": int(figures.most("corral_znodes") or 0),
        "writes_per_s": now["writes"], "reads_per_s": now["reads"],
        "write_p50_s": now["write"]["p50_s"], "write_p99_s": now["write"]["p99_s"], "read_p99_s": now["read"]["p99_s"],
        "fsync_p99_s": now["fsync"]["p99_s"]}


def _stages(now: Sequence[Reading], thens: Mapping[str, Reading]) -> list[dict[str, Any]]:
    """Of each stage and member that had any since the reading before."""
    found = []
    for stage in STAGES:
        for each in now:
            then = thens.get(each.server)
            if each.figures is None:
                continue
            buckets = each.figures.buckets("corral_stage_seconds", stage=stage)
            old = then.figures.buckets("corral_stage_seconds", stage=stage) if then and then.figures else None
            p99_s = quantile(0.99, buckets, old)
            if p99_s is not None:
                found.append({"stage": stage, "member": each.status["member"], "p50_s": quantile(0.5, buckets, old),
                              "p99_s": p99_s})
    return found


def _paths(now: Sequence[Reading], rate: float, count: int) -> list[dict[str, Any]]:
    """Of the log of one member: all have the same."""
    hot = max((each.hot for each in now if each.hot), key=lambda hot: int(hot["writes"]), default=None)
    if hot is None or not hot["writes"]:
        return []
    return [{**row, "share": row["writes"] / hot["writes"], "writes_per_s": rate * row["writes"] / hot["writes"]}
            for row in hot["paths"][:count]]


def _clients(now: Sequence[Reading], thens: Mapping[str, Reading], count: int) -> list[dict[str, Any]]:
    rows = []
    for each in now:
        then = thens.get(each.server)
        rows_then = (then.connections or ()) if then else ()
        old = {(row["session"], row["client"]): row for row in rows_then}
        seconds = each.at_s - then.at_s if then else 0.0
        for row in each.connections or ():
            first = old.get((row["session"], row["client"]))
            rate = (row["received"] - first["received"]) / seconds if first and seconds > 0 else 0.0
            rows.append({**row, "member": each.status["member"], "requests_per_s": max(rate, 0.0)})
    return sorted(rows, key=lambda row: (-row["requests_per_s"], -row["received"]))[:count]


def slowest(now: Sequence[Reading], count: int) -> list[tuple[Site, Mapping[str, Any]]]:
    """Each member answers for its own clients."""
    writes = [(each.site, write) for each in now for write in each.slow]
    return sorted(writes, key=lambda pair: -pair[1]["total_s"])[:count]


def _slow(now: Sequence[Reading], count: int, verdicts: Verdicts) -> list[dict[str, Any]]:
    members = {each.site: each.status["member"] for each in now if each.status}
    return [{"member": members[site], **write, "why": verdicts.of(write["zxid"])}
            for site, write in slowest(now, count)]
