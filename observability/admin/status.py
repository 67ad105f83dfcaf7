"""How the member and its ensemble are, as this member knows it: the object behind /status.

A member knows itself; the leader knows its followers; and of the others each knows what their telemetry told it last
(Health), while somebody looks.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from observability.admin.history import History
from observability.samples import Figures
from transport.zxid import make_zxid

SILENT_S = 5.0  # a member that has not told for so long while it was asked every second
LAG_MAX = 10_000  # zxids: a follower further behind is named
Level = Literal["ok", "degraded", "down"]


class Health(msgspec.Struct, frozen=True, array_like=True):
    """What a member's telemetry tells the others of it. *zxid*: committed as far as it knows.

    *lag*: zxids that the leader has and it lacks. *down*: its dead processes. *slack*: how many more voters may fail;
    the leader knows.
    """

    role: str  # leader, follower, looking
    leader: int
    epoch: int
    zxid: int
    lag: int
    connections: int
    sessions: int
    down: list[str]
    differs: bool
    slack: int | None
    write_p99_s: float | None
    version: str


class Member(msgspec.Struct, frozen=True):
    """*health*: None where this member has not heard of it. *heard_s*: how long ago. *lag_s*: by the leader's count."""

    id: int
    is_me: bool
    health: Health | None
    heard_s: float | None
    is_following: bool | None  # as the leader sees it; None where this member does not lead
    lag_s: float | None


class Peers(msgspec.Struct):
    """What the others told last, and when; *watched_s*: when somebody last wanted to know."""

    told: dict[int, tuple[Health, float]] = msgspec.field(default_factory=dict)
    watched_s: float = float("-inf")

    def take(self, member: int, health: Health, now_s: float) -> None:
        self.told[member] = (health, now_s)

    def are_watched(self, now_s: float) -> bool:
        return now_s - self.watched_s < SILENT_S


class StatusBoard:
    """*members*: ids of the ensemble. *figures*: of this member's processes (samples.py)."""

    def __init__(
        self, *, me: int, members: Sequence[int], ensemble: str, version: str,
        figures: Callable[[], Mapping[str, Figures]], history: History,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.me = me
        self.members = sorted(members)
        self.ensemble = ensemble
        self.version = version
        self.history = history
        self.peers = Peers()
        self._figures = figures
        self._clock_s = clock_s
        self._since_s = clock_s()

    def health(self) -> Health:
        """This member's own."""
        return self._health(self._figures())

    def status(self) -> dict[str, Any]:
        now_s = self._clock_s()
        if not self.peers.are_watched(now_s):
            self._since_s = now_s  # nobody has been asked until now, so nobody is late
        self.peers.watched_s = now_s
        figures = self._figures()
        members = self._members(figures, now_s)
        level, sentences = judge(self.me, members, now_s - self._since_s)
        now = self.history.now()
        return {
            "member": self.me, "ensemble": self.ensemble, "version": self.version, "level": level,
            "sentences": sentences, "members": [_shown(member) for member in members],
            "processes": [_process(name, each) for name, each in sorted(figures.items())],
            "now": now, "series": self.history.series(),
        }

    def _health(self, figures: Mapping[str, Figures]) -> Health:
        broadcast = figures.get("broadcast", {})
        processors = [each for name, each in figures.items() if name.startswith("processor")]
        is_serving = bool(broadcast.get("is_serving"))
        is_leader = bool(broadcast.get("is_leader"))
        return Health(
            role=_role(broadcast),
            leader=broadcast.get("leader", 0) if is_serving else 0, epoch=broadcast.get("epoch", 0),
            zxid=make_zxid(epoch=broadcast.get("committed_epoch", 0), counter=broadcast.get("committed_counter", 0)),
            lag=broadcast.get("lag_zxids", 0),
            connections=sum(each.get("connections", 0) for each in processors),
            sessions=max((each.get("sessions", 0) for each in processors), default=0),
            down=sorted(name for name, each in figures.items() if each.get("up") == 0),
            differs=bool(broadcast.get("differs")), slack=broadcast.get("quorum_slack") if is_leader else None,
            write_p99_s=self.history.now()["write"]["p99_s"], version=self.version)

    def _members(self, figures: Mapping[str, Figures], now_s: float) -> list[Member]:
        broadcast = figures.get("broadcast", {})
        lags = broadcast.get("follower_lag_s", {}) if broadcast.get("is_leader") else None
        found = []
        for member in self.members:
            is_me = member == self.me
            health, told_s = (self._health(figures), now_s) if is_me else self.peers.told.get(member, (None, None))
            found.append(Member(
                id=member, is_me=is_me, health=health, heard_s=None if told_s is None else now_s - told_s,
                is_following=None if lags is None or is_me else str(member) in lags,
                lag_s=None if lags is None else lags.get(str(member))))
        return found


def _role(broadcast: Figures) -> str:
    if not broadcast.get("is_serving"):
        return "looking"
    return "leader" if broadcast.get("is_leader") else "observer" if broadcast.get("is_observer") else "follower"


def judge(me: int, members: Sequence[Member], watched_s: float) -> tuple[Level, list[str]]:
    """In words, the worst first. *watched_s*: for how long the others have been asked."""
    down, degraded = [], []
    own = next(member.health for member in members if member.is_me)
    assert own is not None
    slack = next((m.health.slack for m in members if m.health is not None and m.health.slack is not None), None)
    if own.role == "looking":
        down.append(f"Member {me} serves nobody: it is looking for a leader.")
    elif slack is not None and slack <= 0 and len(members) > 2:
        degraded.append("One more failure, and no write goes through: the quorum has no slack.")
    for member in members:
        degraded += _complaints(member, watched_s)
    if down:
        return "down", down + degraded
    if degraded:
        return "degraded", degraded
    return "ok", [_praise(members, slack)]


def _complaints(member: Member, watched_s: float) -> list[str]:
    name, health = f"Member {member.id}", member.health
    said = []
    if not member.is_me and watched_s > SILENT_S and (member.heard_s is None or member.heard_s > SILENT_S):
        return [f"{name} is not heard of."]
    if member.is_following is False:
        said.append(f"{name} does not follow this leader.")
    if health is None:
        return said
    if not member.is_me and health.role == "looking":
        said.append(f"{name} serves nobody: it is looking for a leader.")
    if health.down:
        said.append(f"{name}: {', '.join(health.down)} {'is' if len(health.down) == 1 else 'are'} down.")
    if health.differs:
        said.append(f"{name}: a replica differs from the majority's, and is built anew.")
    if health.lag > LAG_MAX:
        said.append(f"{name} is {health.lag:,} writes behind.")
    return said


def _praise(members: Sequence[Member], slack: int | None) -> str:
    if len(members) == 1:
        return "The one member serves."
    known = sum(member.health is not None for member in members)
    who = f"All {len(members)} members serve." if known == len(members) else "This member serves."
    return who if slack is None else f"{who} {slack} more may fail."


def _shown(member: Member) -> dict[str, Any]:
    health = None if member.health is None else msgspec.structs.asdict(member.health)
    if health is not None:
        health["zxid"] = f"{health['zxid']:#x}"
    return {**msgspec.structs.asdict(member), "health": health}


def _process(name: str, figures: Figures) -> dict[str, Any]:
    return {
        "name": name, "up": bool(figures.get("up", figures.get("pid"))), "pid": figures.get("pid", 0),
        "restarts": figures.get("restarts", 0),
        "bytes": figures.get("proportional_bytes") or figures.get("resident_bytes")}
