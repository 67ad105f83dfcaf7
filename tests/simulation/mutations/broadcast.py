"""How rules of broadcast (node/zab) are broken."""

from dataclasses import replace
from typing import Any

import msgspec

from node.storage import log as storage_log
from node.zab import follower as zab_follower
from node.zab.discovery import Discovery
from node.zab.effects import Lease, SendLeader
from node.zab.follower import Follower
from node.zab.handover import Handover
from node.zab.heartbeat import Heartbeat
from node.zab.history import History
from node.zab.intake import Intake
from node.zab.leader import Leader
from node.zab.learner_stream import LearnerStream
from node.zab.quorum import quorum_value
from node.zab.synchronisation import Plan, plan
from tests.simulation.mutations.mutation import Method, Patch, around
from transport.batch import read_header
from transport.messages import Accepting, Ack, AckEpoch, EpochTable, SnapshotEnd, Truncate
from transport.zxid import ZERO, Epoch, Zxid


def thinking_all_durable(original: Method, self: Any, *arguments: Any) -> Any:
    """The method takes what is appended for durable."""
    history: History = self if isinstance(self, History) else self.core.history
    durable, history.durable = history.durable, history.last
    try:
        return original(self, *arguments)
    finally:
        history.durable = durable


def acking_at_once(original: Method, follower: Any, records: Any) -> None:
    original(follower, records)
    thinking_all_durable(Follower._ack, follower)


def entering_at_once(original: Method, follower: Follower, message: Any) -> None:
    follower.core.enter_epoch(Epoch(message.epoch))
    original(follower, message)


def acking_what_came(original: Method, follower: Follower, message: Any) -> None:
    """A snapshot counts once all of it has come: before it is read through, synced and in its place."""
    original(follower, message)
    if isinstance(message, SnapshotEnd):
        follower.core.emit(SendLeader(Ack(message.zxid)))


def taking_all_for_committed(original: Method, history: History, recovered: Any) -> None:
    original(history, replace(recovered, committed=recovered.last_zxid))


def blind_to_gaps() -> list[Patch]:
    """Nobody looks whether records are contiguous; and now and then the leader's cursor passes one unsent."""
    pushed = 0

    def push(original: Method, learner: LearnerStream, *records: Any, **named: Any) -> bool:
        nonlocal pushed
        went: bool = original(learner, *records, **named)
        pushed += went
        return went and pushed % 60 != 0

    def follows(first_zxid: int, last_zxid: int) -> bool:
        return first_zxid > last_zxid

    return [
        *around(LearnerStream, "push", push),
        (zab_follower, "follows", follows), (storage_log, "follows", follows)]


def by_ends_alone(mine: EpochTable, theirs: EpochTable) -> Zxid:
    return Zxid(min(mine[-1][1] if mine else 0, theirs[-1][1] if theirs else 0))


def always_from_the_log(*, log_after: Zxid, **its: Any) -> Plan:
    """As if the log had never been purged."""
    return plan(log_after=ZERO, **its)


def votes_all_the_same(*, member: int, voters: tuple[int, ...], **_its: Any) -> bool:
    return member in voters


def whoever_follows(**_its: Any) -> bool:
    return True


def never_ahead(original: Method, discovery: Discovery, *ack: Any, **_decided: bool) -> None:
    original(discovery, *ack, decided=True)


def never_told(original: Method, discovery: Discovery, learner: LearnerStream, ack: AckEpoch, **_decided: bool) -> None:
    """As never_ahead, and without what the follower says of its commits."""
    original(discovery, learner, msgspec.structs.replace(ack, committed=0), decided=True)


def letting_go(original: Method, follower: Follower, message: Truncate) -> None:
    history = follower.core.history
    history.committed = min(history.committed, Zxid(message.zxid))
    history.released = min(history.released, history.committed)
    original(follower, message)


def taking_again() -> list[Patch]:
    """The leader's answer to a new link is that it has taken nothing, and a repeated batch is as good as a new one."""
    def hello(original: Method, intake: Intake, *hello: Any) -> Any:
        answer = original(intake, *hello)
        return Accepting(answer.epoch, 0) if isinstance(answer, Accepting) else answer

    def submit(original: Method, intake: Intake, batch: bytes, *, member: int) -> Any:
        header = read_header(batch)
        source = intake._sources.get((header.member, header.processor))
        if source is not None and header.sequence <= source.sequence:
            source.sequence = header.sequence - 1
        return original(intake, batch, member=member)

    return [*around(Intake, "hello", hello), *around(Intake, "submit", submit)]


def taking_some_twice() -> list[Patch]:
    taken = 0

    def submit(original: Method, intake: Intake, batch: bytes, *, member: int) -> Any:
        nonlocal taken
        before = len(intake._queue)
        answer = original(intake, batch, member=member)
        taken += len(intake._queue) - before
        if len(intake._queue) > before and taken % 40 == 0:
            intake._queue.append(intake._queue[-1])
            intake.queued_bytes += len(batch)
            intake.queued_requests += intake._queue[-1][1]
        return answer

    return around(Intake, "submit", submit)


def of_a_minority(values: Any, voters: int) -> int | None:
    return quorum_value(values, voters - 2)


def of_the_first(values: Any, _voters: int) -> int:
    return max(values, default=0)


def waiting_for_nobody(original: Method, handover: Handover) -> None:
    """Whoever could inherit has all of the log, it is thought."""
    learners = list(handover.learners.values())
    durable = [learner.durable for learner in learners]
    for learner in learners:
        learner.durable = handover.core.history.last
    try:
        original(handover)
    finally:
        for learner, zxid in zip(learners, durable, strict=True):
            learner.durable = zxid


def keeping_its_lease(original: Method, leader: Leader, *heir: Any) -> None:
    before = len(leader.core.effects)
    original(leader, *heir)
    leader.core.effects[before:] = [each for each in leader.core.effects[before:] if not isinstance(each, Lease)]


def always_now(_original: Method, heartbeat: Heartbeat) -> int:
    return heartbeat.core.now_ms + heartbeat.core.timing.lease_ms
