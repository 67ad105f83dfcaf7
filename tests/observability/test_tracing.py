"""From notes to what a receiver gets, on a member that is an ensemble alone."""

from collections.abc import Iterator

import pytest

from observability.assembly import Entry
from observability.exemplars import Exemplars
from observability.export import Export
from observability.sampling import Sampler
from observability.slowest import Slowest
from observability.stories import Stories
from observability.timeline import Write
from observability.tracing import READ_AFTER_NS, Tracing
from tests.observability.receivers import Received, http_receiver
from tests.observability.stories import write
from transport.errors import Err
from transport.messages import Timings as TimingsMessage
from transport.timings import Note, Timings

MS, SECOND = 1_000_000, 1_000_000_000
NOW = 1000 * SECOND
CLIENT = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_id": "b7ad6b7169203331", "client_sampled": True}


class Member:
    """*contexts*: what the log says of the client, by zxid; None: the log does not know the write."""

    def __init__(self, receiver: Received, *, ratio: float = 1.0, others: tuple[int, ...] = ()) -> None:
        self.contexts: dict[int, dict[str, object] | None] = {}
        self.batches: dict[int, int] = {}
        self.notes = {"broadcast": Timings(), "processor-0": Timings()}
        self.pid = 7
        self.slowest = Slowest()
        self.stories = Stories(me=1, others=others, ring_writes=1000, find=self.find)
        self.export = Export(
            endpoint=receiver.endpoint, protocol=receiver.protocol, ensemble="zoo", version="1", complain=print)
        self.tracing = Tracing(
            me=1, ensemble="zoo", stories=self.stories, sampler=Sampler(ratio=ratio, budget=10, slow_ns=100 * MS),
            export=self.export, exemplars=Exemplars(), read_log=self.read_log)

    def find(self, zxid: int, watermark: int, offset: int) -> Entry | None:
        writes = self.read_log(range(zxid, zxid + 1))
        first, requests = next(
            (each for each in self.batches.items() if each[0] <= zxid < sum(each)), (zxid, 1))
        return Entry(writes[0], 1, 0, first, requests, first, requests, 100) if writes else None

    def read_log(self, zxids: range) -> list[Write]:
        found = [(zxid, self.contexts.get(zxid, {})) for zxid in zxids]
        return [write(zxid=zxid, **context) for zxid, context in found if context is not None]

    def did(
        self, zxid: int, at_ns: int, *, ms: int = 2, traced: int = 0, times_sent: int = 1, requests: int = 1,
        refused: int = 0,
    ) -> None:
        """One batch, a record of its own. *refused*: its zxid, for want of a node."""
        broadcast, processor = self.notes["broadcast"], self.notes["processor-0"]
        replied, last = at_ns + ms * MS, zxid + requests - 1
        self.batches[zxid] = requests
        broadcast.note(Note.TAKEN, zxid, at_ns + 100, who=1, count=requests)
        broadcast.note(Note.PROPOSED, zxid, at_ns + 200, count=requests)
        broadcast.note(Note.SYNCED, last, replied - 5000, took_ns=1000)
        broadcast.note(Note.COMMITTED, last, replied - 4000, who=1)
        broadcast.note(Note.PUBLISHED, last, replied - 3000, count=512)
        processor.note(Note.READ, zxid, at_ns, count=requests)
        processor.note(Note.SUBMITTED, zxid, at_ns + 50, who=1, part=times_sent, count=traced)
        if refused:
            processor.note(Note.FAILED, refused, replied - 1000, count=-Err.NO_NODE)
        processor.note(Note.APPLIED, last, replied - 1000, took_ns=500, count=requests)
        processor.note(Note.REPLIED, last, replied, count=requests)
        self.newest = last

    def send(self, now_ns: int) -> None:
        """Telemetry gets what was noted."""
        for process, notes in self.notes.items():
            message = TimingsMessage(process, self.pid, now_ns, self.newest, notes.take(), 0)
            self.stories.intake(message)
            self.tracing.intake(self.slowest.intake(message, now_ns / 1e9), now_ns)

    def run(self, now_ns: int) -> None:
        """All that becomes due until then."""
        while (due := self.due_ns()) <= now_ns:
            self.tracing.step(due)
            self.stories.step(due)
            self.stories.finish(due)

    def due_ns(self) -> int:
        due = [each for each in (self.stories.due_ns, self.tracing.due_ns) if each is not None]
        return max(NOW, min(due)) if due else NOW + 1000 * SECOND


@pytest.fixture
def receiver() -> Iterator[Received]:
    with http_receiver() as received:
        yield received


def sent(member: Member) -> None:
    member.export.start()
    member.export.stop(20)


def test_a_finished_write_becomes_one_trace_with_every_stage(receiver: Received) -> None:
    member = Member(receiver)
    member.did(5, NOW)
    member.send(NOW + 3 * MS)
    member.run(NOW + SECOND)
    sent(member)

    (spans,) = receiver.of_path("/a/b")
    assert sorted(span.name for span in spans) == [
        "append", "apply", "commit", "forward", "fsync", "propose", "reply", "setData"]
    assert spans[0].seconds == 0.002
    assert spans[0].attributes["corral.sampled_because"] == "sampled"
    assert member.tracing.kept()["sampled"] == 1
    assert sum(member.tracing.dropped().values()) == 0


def test_a_clients_context_is_read_from_the_log_and_becomes_the_parent(receiver: Received) -> None:
    member = Member(receiver, ratio=0.0)
    member.contexts[5] = CLIENT
    member.contexts[6] = CLIENT | {"client_sampled": False}
    for zxid in (5, 6, 7):
        member.did(zxid, NOW, traced=int(zxid < 7))
    member.send(NOW + 3 * MS)
    member.run(NOW + 3 * MS + READ_AFTER_NS - 1)
    assert sum(member.tracing.kept().values()) == 0
    member.run(NOW + 2 * SECOND)
    sent(member)

    ((trace_id, (root, *_)),) = receiver.traces.items()
    assert (trace_id, root.parent_id) == (CLIENT["trace_id"], CLIENT["parent_id"])
    assert member.tracing.kept() == {"slow": 0, "election": 0, "client": 1, "sampled": 0}
    assert member.tracing.dropped()["ratio"] == 2


def test_a_batch_is_told_once_and_its_other_writes_say_so(receiver: Received) -> None:
    member = Member(receiver)
    member.contexts[6] = None
    member.did(5, NOW, requests=4, refused=7)
    member.send(NOW + 3 * MS)
    member.run(NOW + SECOND)
    sent(member)

    (told, *_), *riders = sorted(receiver.traces.values(), key=lambda spans: spans[0].attributes["corral.zxid"])
    assert [len(spans) for spans in riders] == [1, 1, 1]
    roots = [spans[0] for spans in riders]
    assert [root.attributes["corral.zxid"] for root in roots] == ["0x6", "0x7", "0x8"]
    assert [root.name for root in roots] == ["write", "setData", "setData"]
    assert [root.attributes.get("error.type") for root in roots] == [None, "NO_NODE", None]
    assert {root.attributes["corral.stages_of"] for root in roots} == {"0x5"}
    assert {(root.start_ns, root.end_ns) for root in roots} == {(told.start_ns, told.end_ns)}
    assert {tuple(root.links) for root in roots} == {((told.trace_id, told.span_id),)}
    assert (member.tracing.kept()["sampled"], member.export.counts.exported) == (4, 4)


def test_a_batch_that_nobody_knows_is_counted_for_each_of_its_writes(receiver: Received) -> None:
    member = Member(receiver)
    member.did(5, NOW, requests=4)
    member.send(NOW + 3 * MS)
    member.stories.rings.clear()
    member.contexts = dict.fromkeys(range(5, 9))
    member.run(NOW + SECOND)

    assert member.tracing.dropped()["unknown"] == 4


def test_slow_writes_and_those_of_an_election_say_so(receiver: Received) -> None:
    member = Member(receiver, ratio=0.0)
    member.did(5, NOW, ms=150)
    member.did(6, NOW, times_sent=2)
    member.did(7, NOW)
    member.send(NOW + SECOND)
    member.run(NOW + 3 * SECOND)
    sent(member)

    reasons = {each[0].attributes["corral.sampled_because"] for each in receiver.of_path("/a/b")}
    assert reasons == {"slow", "election"}


def test_what_the_log_has_lost_is_counted(receiver: Received) -> None:
    member = Member(receiver)
    member.contexts[5] = None
    member.did(5, NOW, traced=1)
    member.send(NOW + MS)
    member.run(NOW + SECOND)

    assert member.tracing.dropped()["unread"] == 1


def test_a_processor_that_was_started_anew_is_another_one(receiver: Received) -> None:
    member = Member(receiver)
    member.notes["processor-0"].note(Note.READ, 5, NOW, count=1)
    member.newest = 5
    member.send(NOW)
    member.pid = 8
    member.did(6, NOW)
    member.send(NOW)

    assert member.tracing.kept()["sampled"] == 1


def test_a_member_that_does_not_answer_is_asked_once_more_and_then_named(receiver: Received) -> None:
    member = Member(receiver, others=(2,))
    member.did(5, NOW)
    member.send(NOW + MS)
    member.run(NOW + 2 * SECOND)
    assert member.tracing.due_ns is not None
    member.run(NOW + 10 * SECOND)
    sent(member)

    ((root, *_),) = receiver.of_path("/a/b")
    assert root.attributes["corral.members_missing"] == "2"
    assert member.tracing.due_ns is None


def test_exemplars_name_the_trace_that_was_sent(receiver: Received) -> None:
    member = Member(receiver)
    member.did(5, NOW)
    member.send(NOW + 3 * MS)
    member.run(NOW + SECOND)
    sent(member)

    (trace_id,) = receiver.traces
    for stage in ("request", "collect", "queue", "append", "fsync", "commit", "apply_wait", "apply", "reply"):
        (exemplar,) = member.tracing.exemplars.of_buckets(stage, [1.0]).values()
        assert exemplar.labels == {"trace_id": trace_id, "zxid": "0x5"}
