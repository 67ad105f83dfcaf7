"""The member's figures: to its processes (status, srvr, mntr) at changes, to telemetry once a second."""

import os
import time
from typing import TYPE_CHECKING, Any

from node.processes.loop import now_ms
from transport.messages import MemberState, Sample, encode
from transport.sockets import Push
from transport.zxid import counter_of, epoch_of, make_zxid

if TYPE_CHECKING:
    from node.processes.broadcast import Broadcast

PERIOD_MS = 1000
DIFFERS_MS = 10_000  # how long a differing process is shown at least: it is back within a second


class Status:
    def __init__(self, shell: "Broadcast", push: Push) -> None:
        self._shell = shell
        self._push = push
        self._due_ms = 0
        self._told: dict[str, Any] = {}
        self._differing: dict[str, int] = {}  # process -> until when it is shown
        self._leader_committed = 0
        self._proposal_bytes = [-1, -1, -1]  # last, smallest, largest
        self.is_changed = True
        self.elections = self.records = self.log_bytes = 0

    # What happened -----------------------------------------------------------------------------

    def on_append(self, record: bytes) -> None:
        size = len(record)
        self.records += 1
        self.log_bytes += size
        sizes = self._proposal_bytes
        if size < sizes[1] or sizes[1] < 0:
            sizes[1] = size
        sizes[0], sizes[2] = size, max(sizes[2], size)

    def on_ping(self, committed: int) -> None:
        """What the leader has committed, for this member's own lag."""
        self._leader_committed = committed

    def on_differs(self, process: str) -> None:
        self._differing[process] = now_ms() + DIFFERS_MS
        self.is_changed = True

    def on_turn(self, now: int) -> None:
        """At the end of each turn: tell what has changed, and once a second all of it."""
        is_due = now >= self._due_ms
        if not is_due and not self.is_changed:
            return
        self.is_changed = False
        self._tell(now)
        if is_due:
            self._due_ms = now + PERIOD_MS
            self._shell.local.tell_again("mark", "watermark")
            self._push.send(encode(Sample("broadcast", os.getpid(), self._sample(now), self._push.dropped)))

    def timeout_ms(self, now: int) -> int:
        return max(self._due_ms - now, 0)

    # Figures -----------------------------------------------------------------------------------

    def _tell(self, now: int) -> None:
        values = self._values(now)
        if values != self._told:
            self._told = values
            self._shell.local.tell("state", MemberState(values))

    def _values(self, now: int) -> dict[str, Any]:
        shell = self._shell
        member = shell.member
        control = member.control
        return {
            "role": member.role if member.is_serving else "looking", "leader": member.leader, "epoch": member.epoch,
            "last_zxid": member.last_zxid, "committed": member.committed, "durable": member.durable,
            "lag": max(self._leader_committed - member.committed, 0), "learners": self._learner_lags(),
            "quorum_size": len(member.voters), "quorum_slack": member.quorum_slack,
            "differs": self._differs(now), "stands": member.stands,
            "processes": {each.name: each.hello.pid for each in shell.local} | {"broadcast": os.getpid()},
            "feature_level": control.feature_level if control else 0,
            "client_port": self._client_port(), "mntr": self._mntr(),
            "last_proposal_size": self._proposal_bytes[0], "min_proposal_size": self._proposal_bytes[1],
            "max_proposal_size": self._proposal_bytes[2],
        }

    def _mntr(self) -> dict[str, Any]:
        """Rows of ZooKeeper's own that only a leader has."""
        member = self._shell.member
        if member.role != "leader":
            return {}
        learners = member.learners
        synced = sum(each.phase == "serving" for each in learners)
        return {
            "learners": len(learners), "synced_followers": synced, "synced_observers": 0,
            "synced_non_voting_followers": sum(each.phase == "serving" and not each.votes for each in learners),
            "pending_syncs": len(learners) - synced,
        }

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
        member = shell.member
        times = shell.disk.times
        return {
            "is_leader": int(member.is_serving and member.role == "leader"),
            "epoch": member.epoch if member.is_serving else 0,
            "quorum_slack": member.quorum_slack, "differs": int(self._differs(now)),
            "elections": self.elections, "records": self.records, "log_bytes": self.log_bytes,
            "fsyncs": times.count, "fsync_s": times.total_s, "fsync_max_s": times.take_max(),
            "committed_epoch": epoch_of(member.committed), "committed_counter": counter_of(member.committed),
            "cpu_s": time.process_time(), **shell.timings.figures(), **shell.relays.figures(),
        }
