"""/commands/<name>: those of ZooKeeper's AdminServer that a member's telemetry can answer, with ZooKeeper's keys.

Each is a table's row: names, what it answers. What only the member's processors know is in live.py.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from observability.admin.live import LIVE, Answered
from observability.endpoint import JSON, Request, Response, Route
from observability.zookeeper import ROWS, MemberFigures, Summary, Value
from transport.clock import clock_ns
from transport.zxid import make_zxid

SET_TRACE_MASK = ("set_trace_mask", "stmk")
Figures = Mapping[str, Mapping[str, Any]]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What of a member does not change while it runs, but for *places* and *voters*.

    *configuration*, *environment*, *properties*: name -> value.

    *places*: member -> (quorum, election, client) addresses. *voters*: their members. *file*: what zoo.cfg says,
    without what is secret.
    """

    id: int
    version: str
    configuration: Mapping[str, Any]
    environment: Mapping[str, str]
    properties: Mapping[str, str]
    places: Mapping[int, tuple[str, str, str]]
    voters: tuple[int, ...]
    file: str


Live = Callable[[str], Mapping[str, Any] | None]
Snapshot = tuple[int, int]


class Commands:
    """*figures*: of the member's processes, as observability/samples.py has them. *live*: what its processors report
    for a word; None: none answers. *last_snapshot*: its zxid, and when it was made, Unix time; zeros: none.
    *explained*: each key of the configuration that is in use, as `corral config explain` tells it. *now*: the facts
    with the members that a reconfiguration may have made.
    """

    def __init__(
        self, facts: MemberFacts, figures: Callable[[], Figures], live: Live = lambda _: None,
        last_snapshot: Callable[[], Snapshot] = lambda: (0, 0),
        explained: Callable[[], Iterable[Mapping[str, Any]]] = tuple,
        now: Callable[[], MemberFacts] | None = None,
    ) -> None:
        self._now = now or (lambda: facts)
        self._facts, self._figures, self._live = facts, figures, live
        self._last_snapshot, self._explained = last_snapshot, explained

    def routes(self, url: str = "/commands") -> dict[str, Route]:
        routes: dict[str, Route] = {url: self._list}
        for names, answer in self._table().items():
            for name in names:
                routes[f"{url}/{name}"] = self._route(names[0], answer)
        for names, (word, answered) in LIVE.items():
            for name in names:
                routes[f"{url}/{name}"] = self._live_route(names[0], word, answered)
        for name in SET_TRACE_MASK:
            routes[f"{url}/{name}"] = self._set_trace_mask
        return routes

    def _table(self) -> dict[tuple[str, ...], Callable[[Figures], Answer]]:
        return {
            ("configuration", "conf", "config"): lambda _: dict(self._facts.configuration),
            ("environment", "env", "envi"): lambda _: dict(self._facts.environment),
            ("initial_configuration", "icfg"): lambda _: {"initial_configuration": self._facts.file},
            ("explain_configuration",): lambda _: {"keys": list(self._explained())},
            ("is_read_only", "isro"): lambda found: {"read_only": not _is_serving(found)},
            ("leader", "lead"): self._leader,
            ("dirs",): _directories,
            ("last_snapshot", "lsnp"): self._snapshot,
            ("monitor", "mntr"): self._monitor,
            ("observers", "obsr"): _observers,
            ("observer_connection_stat_reset", "orst"): lambda _: {},
            ("ruok",): lambda _: {},
            ("server_stats", "srvr", "stats", "stat"): self._statistics,
            ("system_properties", "sysp"): lambda _: dict(self._facts.properties),
            ("voting_view",): self._voting_view,
            ("zabstate",): self._zab_state,
        }

    def _list(self, _: Request) -> Response:
        tables = (*self._table(), *LIVE, SET_TRACE_MASK)
        return _json({"commands": sorted(name for names in tables for name in names)})

    def _route(self, name: str, answer: Callable[[Figures], Answer]) -> Route:
        def answered(_: Request) -> Response:
            return _json({**answer(self._figures()), "command": name, "error": None})

        return answered

    def _live_route(self, name: str, word: str, answered: Answered) -> Route:
        def answer(request: Request) -> Response:
            report = self._live(word)
            if report is None:
                return _failed(name, "no processor of this member answers", HTTPStatus.SERVICE_UNAVAILABLE)
            return _json({**answered(report, request.query), "command": name, "error": None})

        return answer

    def _set_trace_mask(self, request: Request) -> Response:
        name = SET_TRACE_MASK[0]
        try:
            mask = int(request.query.get("traceMask", ""))
        except ValueError:
            return _failed(name, "setTraceMask requires long traceMask argument", HTTPStatus.OK)  # as ZooKeeper
        if self._live(f"stmk {mask}") is None:
            return _failed(name, "no processor of this member answers", HTTPStatus.SERVICE_UNAVAILABLE)
        return _json({"tracemask": mask, "command": name, "error": None})

    # --- answers ---------------------------------------------------------------------------------------------

    def _leader(self, found: Figures) -> Answer:
        broadcast = found.get("broadcast", {})
        leader = int(broadcast.get("leader", 0))
        place = self._now().places.get(leader)
        return {"is_leader": bool(broadcast.get("is_leader")), "leader_id": leader,
                "leader_ip": place[0].rpartition(":")[0].strip("[]") if place else ""}

    def _monitor(self, found: Figures) -> Answer:
        told: Answer = {"version": self._facts.version, "server_state": self._role(found)}
        member = _member(found)
        for row in ROWS:
            told.update(_monitored(row.name, row.value(member)))
        return told

    def _statistics(self, found: Figures) -> Answer:
        member = _member(found)
        values = {row.name: row.value(member) for row in ROWS}
        proposals = found.get("broadcast", {}).get("proposal_bytes", (-1, -1, -1))
        return {
            "version": self._facts.version, "read_only": not _is_serving(found),
            "server_stats": {
                "packets_sent": values["packets_sent"], "packets_received": values["packets_received"],
                "max_latency": values["max_latency"], "min_latency": values["min_latency"],
                "avg_latency": values["avg_latency"], "num_alive_client_connections": values["num_alive_connections"],
                "outstanding_requests": values["outstanding_requests"], "uptime": values["uptime"],
                "server_state": self._role(found), "last_processed_zxid": _executed(member)},
            "proposal_stats": dict(zip(
                ("last_buffer_size", "min_buffer_size", "max_buffer_size"), proposals, strict=True)),
            "node_count": values["znode_count"],
        }

    def _snapshot(self, _: Figures) -> Answer:
        zxid, made_s = self._last_snapshot()
        return {"zxid": f"{zxid:x}", "timestamp": made_s}

    def _voting_view(self, _: Figures) -> Answer:
        facts = self._now()
        return {"current_config": {
            str(member): {"server_addresses": [place[0]], "election_addresses": [place[1]], "client_address": place[2],
                          "learner_type": "participant"}
            for member, place in sorted(facts.places.items()) if member in facts.voters}}

    def _zab_state(self, found: Figures) -> Answer:
        facts, broadcast = self._now(), found.get("broadcast", {})
        quorum, election, client = facts.places.get(facts.id, ("", "", ""))
        epoch, counter = broadcast.get("committed_epoch", 0), broadcast.get("committed_counter", 0)
        return {
            "voting": facts.id in facts.voters, "myid": facts.id, "is_leader": bool(broadcast.get("is_leader")),
            "quorum_address": quorum, "election_address": election, "client_address": client,
            "last_zxid": f"0x{make_zxid(epoch=epoch, counter=counter):x}", "zab_epoch": epoch, "zab_counter": counter,
            "zabstate": "broadcast" if _is_serving(found) else "election",
        }

    def _role(self, found: Figures) -> str:
        broadcast = found.get("broadcast", {})
        if not broadcast.get("is_serving"):
            return "looking"
        if broadcast.get("is_leader"):
            return "standalone" if broadcast.get("voters", len(self._facts.voters)) == 1 else "leader"
        return "observer" if broadcast.get("is_observer") else "follower"


def _is_serving(found: Figures) -> bool:
    return bool(found.get("broadcast", {}).get("is_serving"))


def _member(found: Figures) -> MemberFigures:
    return MemberFigures(
        processors=[figures for name, figures in found.items() if name.startswith("processor")],
        broadcast=found.get("broadcast", {}), snapshotter=found.get("snapshotter", {}), now_ms=clock_ns() // 1_000_000)


def _executed(member: MemberFigures) -> int:
    epoch, counter = member.of_replica("executed_epoch"), member.of_replica("executed_counter")
    return make_zxid(epoch=epoch or 0, counter=counter or 0)


def _monitored(name: str, value: Value) -> Answer:
    """As ZooKeeper's default provider names the parts of a summary."""
    if isinstance(value, Summary):
        average = round(value.sum / value.count, 4) if value.count else 0.0
        return {f"avg_{name}": average, f"cnt_{name}": value.count, f"sum_{name}": round(value.sum)}
    if value is None or isinstance(value, Mapping):
        return {}
    return {name: value}


def _directories(found: Figures) -> Answer:
    sizes = found.get("telemetry", {}).get("directory_bytes", {})
    return {"datadir_size": sizes.get("data", 0), "logdir_size": sizes.get("log", 0)}


def _observers(found: Figures) -> Answer:
    observers = found.get("broadcast", {}).get("observers", ())
    return {"synced_observers": len(observers), "observers": [{"sid": member} for member in observers]}


def _failed(name: str, reason: str, status: int) -> Response:
    return Response(orjson.dumps({"command": name, "error": reason}), JSON, status)


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), JSON, headers=(("Cache-Control", "no-store"),))
