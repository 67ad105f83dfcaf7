"""Rules broken on purpose, one at a time, in memory: checkers that find none of them are no checkers.

`python -m tests.simulation.mutations` shows in how many seeds each is found, and by which checker.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from node.storage import log as storage_log
from node.storage import received as storage_received
from node.storage import scan as storage_scan
from node.storage.epochs import Epochs
from node.storage.errors import StorageError
from node.storage.layout import ENVELOPE
from node.storage.log import Sync
from node.storage.reader import LogReader
from node.storage.received import ReceivedSnapshot
from node.storage.segments import segment_path
from node.tree import session_ops
from node.tree.watches import Watches
from node.zab import core as zab_core
from node.zab import follower as zab_follower
from node.zab import leader as zab_leader
from node.zab import synchronisation as zab_synchronisation
from node.zab.discovery import Discovery
from node.zab.effects import Lease
from node.zab.follower import Follower
from node.zab.handover import Handover
from node.zab.heartbeat import Heartbeat
from node.zab.history import History
from node.zab.intake import Intake
from node.zab.leader import Leader
from node.zab.learner_stream import LearnerStream
from node.zab.quorum import quorum_value
from tests.simulation.ensemble import Scale
from tests.simulation.faults import WEIGHTS, FaultOptions
from tests.simulation.run import Options, Result, run
from transport.batch import read_header
from transport.messages import Accepting, EpochTable
from transport.zxid import Zxid

SEEDS = 300
QUICK_SEEDS = 25

Patch = tuple[Any, str, Any]  # owner, attribute, what stands there instead
Method = Callable[..., Any]


@dataclass(frozen=True)
class Mutation:
    """*rule*: of design, section 3, or what else it breaks. *likelier*: faults that make its moment less rare."""

    name: str
    rule: str
    patches: Callable[[], list[Patch]]
    likelier: dict[str, float] = field(default_factory=dict)
    at_leader: float = FaultOptions.at_leader_probability  # that a fault strikes whoever leads
    is_quick: bool = True  # found within QUICK_SEEDS
    scale: Scale = field(default_factory=Scale)

    @property
    def options(self) -> Options:
        faults = FaultOptions(weights=WEIGHTS | self.likelier, at_leader_probability=self.at_leader)
        return replace(Options(), faults=faults, scale=self.scale)


@contextmanager
def applied(mutation: Mutation) -> Iterator[None]:
    patches = mutation.patches()
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in patches]
    try:
        for owner, name, instead in patches:
            setattr(owner, name, instead)
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


def find(mutation: Mutation, seeds: int) -> Result | None:
    """The first run that a checker objects to; None: none did."""
    with applied(mutation):
        for seed in range(seeds):
            result = run(seed, mutation.options)
            if result.finding is not None:
                return result
    return None


# --- how rules are broken ---


def around(owner: type, name: str, wrapper: Callable[..., Any]) -> list[Patch]:
    """wrapper(original, self, …) instead of the method."""
    original: Method = vars(owner)[name]

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        return wrapper(original, self, *arguments, **named)

    return [(owner, name, wrapped)]


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


def twice(original: Method, sync: Sync) -> None:
    try:
        original(sync)
    except StorageError:
        original(sync)


class Unsynced:
    """Files whose fdatasync does nothing."""

    def __init__(self, files: Any) -> None:
        self.files = files

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)

    def fdatasync(self, handle: int) -> None: ...


def without_sync(original: Method, received: Any, **places: Any) -> Any:
    received._files = Unsynced(received._files)
    return original(received, **places)


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


def going_on() -> list[Patch]:
    """A reader does not look whether its segment is still there, and segments are not emptied before they are removed.

    Either alone keeps it from reading on, so that breaking one of them changes nothing. What remains to stop it is that
    the first watermark after a SNAP has no place in the log, unless that one is conflated and newer records have come.
    What it then reads is what its member wrote as an isolated leader.
    """
    def remove_segments(files: Any, directory: Any, firsts: list[int]) -> None:
        for first_zxid in sorted(firsts, reverse=True):
            files.unlink(segment_path(directory, first_zxid))
            files.fsync_dir(directory)

    return [
        *around(LogReader, "_is_there", lambda *_its: True), (storage_received, "remove_segments", remove_segments)]


def sound_by_id_alone(view: memoryview, at: int, end: int, *, segment_id: int) -> bool:
    found: int = ENVELOPE.unpack_from(view, at)[2]
    return found == segment_id


def by_ends_alone(mine: EpochTable, theirs: EpochTable) -> Zxid:
    return Zxid(min(mine[-1][1] if mine else 0, theirs[-1][1] if theirs else 0))


def votes_all_the_same(*, member: int, voters: tuple[int, ...], **_its: Any) -> bool:
    return member in voters


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


def of_a_minority(values: Any, voters: int) -> int | None:
    return quorum_value(values, voters - 2)


def deaf_to_some() -> list[Patch]:
    told = 0

    def told_of_data(original: Method, watches: Watches, *of: Any, **named: Any) -> Any:
        nonlocal told
        watchers = original(watches, *of, **named)
        told += 1
        return watchers if told % 20 else []

    return around(Watches, "told_of_data", told_of_data)


def leaving_ephemerals(original: Method, replica: Any, session: Any, zxid: int) -> None:
    for path in list(session.ephemerals)[1:]:
        del session.ephemerals[path]
    original(replica, session, zxid)


def counted_from_zero(original: Method, epochs: Epochs, *places: Any, **_first: Any) -> None:
    original(epochs, *places)


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


END_SESSION = session_ops.end_session

# --- the table ---

MUTATIONS = (
    Mutation(
        "AckNewLeader before the history is durable", "1",
        lambda: around(Follower, "_on_history_durable", thinking_all_durable)),
    Mutation(
        "Ack before the record is durable", "1",
        lambda: around(Follower, "_on_records", acking_at_once)),
    Mutation(
        "the leader counts its own copy before it is durable", "1",
        lambda: around(Leader, "_count", thinking_all_durable)),
    Mutation(
        "replicas see what is not on this disk", "2", lambda: around(History, "release", thinking_all_durable)),
    Mutation("a failed sync is tried again", "3", lambda: around(Sync, "run", twice), {"sync error": 3}),
    Mutation(
        "a received snapshot is renamed before it is synced", "4",
        lambda: around(ReceivedSnapshot, "verify", without_sync), {"lost disk": 3, "power cut": 4}, is_quick=False),
    Mutation("a gap between records is accepted", "5", blind_to_gaps),
    Mutation(
        "a leader leads without being heard", "6", lambda: around(Heartbeat, "granted_until_ms", always_now),
        {"isolate": 4}),
    Mutation(
        "a new leader does not wait for the old one's lease", "6",
        lambda: around(Discovery, "others_lease_until_ms", lambda *_its: 0),
        {"isolate": 4, "one-way cut": 4, "stop broadcast": 3}, is_quick=False),
    Mutation(
        "a leader names an heir that lacks records", "10", lambda: around(Handover, "check", waiting_for_nobody),
        {"hand over": 10}),
    Mutation(
        "a leader that has named its heir keeps its lease", "6", lambda: around(Leader, "leave", keeping_its_lease),
        {"hand over": 10}),
    Mutation(
        "a torn record passes for a whole one", "7", lambda: [(storage_scan, "is_sound", sound_by_id_alone)],
        {"power cut": 6}, is_quick=False),
    Mutation(
        "a processor's numbers begin anew on an empty disk", "8",
        lambda: around(Epochs, "__init__", counted_from_zero), {"lost disk": 3, "kill processor": 3}, is_quick=False,
        scale=Scale(snapshot_watermarks=10_000)),
    Mutation(
        "a member without its disk votes", "9",
        lambda: [(module, "has_vote", votes_all_the_same) for module in (zab_core, zab_leader)],
        {"lost disk": 6, "power cut": 4, "isolate": 4}, is_quick=False),
    Mutation(
        "histories are compared by their ends alone", "11",
        lambda: [(module, "common_point", by_ends_alone) for module in (zab_follower, zab_synchronisation)]),
    Mutation(
        "a reader goes on in a log that was replaced", "11",
        going_on, {"isolate": 40}, at_leader=0.9, is_quick=False,
        scale=Scale(snapshot_watermarks=4, segment_bytes=2 << 10)),
    Mutation(
        "batches are taken again on a new link", "at most once", taking_again, {"reset": 6, "slow disk": 6},
        is_quick=False),
    Mutation(
        "a minority commits", "Zab V.C", lambda: [(zab_leader, "quorum_value", of_a_minority)]),
    Mutation(
        "one disk is taken for all but one of a quorum", "Zab V.C",
        lambda: [(zab_leader, "backed_value", lambda values, _voters: max(values, default=0))], scale=Scale(members=5)),
    Mutation("a watch event is forgotten now and then", "order of replies", deaf_to_some),
    Mutation(
        "ephemerals outlive their session", "sessions",
        lambda: [(session_ops, "end_session", lambda *its: leaving_ephemerals(END_SESSION, *its))]),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many to try")
    parser.add_argument("--only", default="", help="mutations whose name contains this")
    options = parser.parse_args()
    unfound = 0
    for mutation in MUTATIONS:
        if options.only not in mutation.name:
            continue
        began = time.monotonic()
        result = find(mutation, options.seeds)
        unfound += result is None
        outcome = "NOT FOUND" if result is None else f"{result.seed + 1:4} seeds, by {result.checker}"
        took_s = time.monotonic() - began
        print(f"{mutation.rule:>16}  {mutation.name:<54} {outcome}  ({took_s:.1f} s)", flush=True)  # noqa: T201
        if result is not None and options.only:
            print(*result.transcript[-60:], result.finding, sep="\n")  # noqa: T201
    return 1 if unfound else 0


if __name__ == "__main__":
    sys.exit(main())
