"""The member's figures: to its processes (status, srvr, mntr) at changes, to telemetry once a second."""

import os
from typing import TYPE_CHECKING, Any, Final

from node.processes.broadcast_figures import Figures
from node.processes.loop import now_ms
from transport.messages import MemberState, Sample, encode
from transport.sockets import Push
from transport.zxid import make_zxid

if TYPE_CHECKING:
    from node.processes.broadcast import Broadcast

PERIOD_MS: Final = 1000
DIFFERS_MS: Final = 10_000  # how long a differing process is shown at least: it is back within a second


class Status:
    def __init__(self, shell: "Broadcast", push: Push) -> None:
        self._shell = shell
        self._push = push
        self._due_ms = 0
        self._told: dict[str, Any] = {}
        self._shown = ""
        self._differing: dict[str, int] = {}  # process -> until when it is shown
        self._leader_committed = 0
        self.figures = Figures(shell)
        self._sampled: dict[str, Any] = {}  # the newest sample, for mntr
        self.is_changed = True

    # What happened -----------------------------------------------------------------------------

    def on_ping(self, committed: int) -> None:
        """What the leader has committed, for this member's own lag."""
        self._leader_committed = committed

    def on_differs(self, process: str) -> None:
        self.figures.on_differs()
        self._differing[process] = now_ms() + DIFFERS_MS
        self.is_changed = True

    def on_turn(self, now: int) -> None:
        """At the end of each turn: tell what has changed, and once a second all of it."""
        self.figures.on_turn(now)
        is_due = now >= self._due_ms
        if not is_due and not self.is_changed:
            return
        self.is_changed = False
        if is_due:
            self._sampled = self._sample(now)
        self._tell(now)
        if is_due:
            self._due_ms = now + PERIOD_MS
            self._shell.local.tell_again("mark", "watermark")
            self._push.send(encode(Sample("broadcast", os.getpid(), self._sampled, self._push.dropped)))

    def timeout_ms(self, now: int) -> int:
        return max(self._due_ms - now, 0)

    # Figures -----------------------------------------------------------------------------------

    def _tell(self, now: int) -> None:
        values = self._values(now)
        if values != self._told:
            self._told = values
            self._show(values)
            self._shell.local.tell("state", MemberState(values))

    def _show(self, values: dict[str, Any]) -> None:
        """To systemd, when it changes."""
        role, leader, epoch = values["role"], values["leader"], values["epoch"]
        who = "" if role in ("leader", "looking") else f" of member {leader}"
        text = "looking for a leader that a quorum follows" if role == "looking" else f"{role}{who}, epoch {epoch}"
        if text != self._shown:
            self._shown = text
            self._shell.notify.status(text)

    def _values(self, now: int) -> dict[str, Any]:
        shell = self._shell
        member = shell.member
        control = member.control
        return {
            "role": member.role if member.is_serving else "looking", "leader": member.leader, "epoch": member.epoch,
            "learns_from": member.learns_from, "last_zxid": member.last_zxid, "committed": member.committed,
            "durable": member.durable,
            "lag": self._lag(), "learners": self._learner_lags(),
            "quorum_size": len(member.voters), "quorum_slack": member.quorum_slack,
            "differs": self._differs(now), "stands": member.stands, "draining": shell.draining.is_drained,
            "processes": {each.name: each.hello.pid for each in shell.local} | {"broadcast": os.getpid()},
            "feature_level": control.feature_level if control else 0,
            "client_port": self._client_port(), "figures": self._sampled,
        }

    def _lag(self) -> int:
        return max(self._leader_committed - self._shell.member.committed, 0)

    def _learner_lags(self) -> dict[str, int]:
        """Member -> zxids that it has not acknowledged; an earlier epoch's end counts as no more than this epoch's."""
        member = self._shell.member
        start = make_zxid(epoch=member.epoch, counter=0)
        return {
            str(each.member): max(member.last_zxid - max(each.durable, start), 0) for each in member.learners}

    def _differs(self, now: int) -> bool:
        self._differing = {name: until for name, until in self._differing.items() if until > now}
        return bool(self._differing)

    def _client_port(self) -> int:
        """As the first processor chose it, where the configuration leaves it open: its siblings share it."""
        first = self._shell.local.find("processor")
        port = first.counters.get("client_port", 0) if first else 0
        return port if isinstance(port, int) else 0

    def _sample(self, now: int) -> dict[str, Any]:
        shell = self._shell
        return {
            **self.figures.values(now, differs=self._differs(now), lag=self._lag()),
            **shell.timings.figures(), **shell.relays.figures(),
        }
