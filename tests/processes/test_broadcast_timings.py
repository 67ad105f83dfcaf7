"""Broadcast processes note what they do for a record, in an order that makes sense."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from node.processes.keyring import Keyring
from node.processes.notes import FLUSH_NS
from tests.processes.note_taker import NoteTaker, Row
from tests.processes.small_ensemble import FakeProcessor, SmallEnsemble, make_configs
from transport.endpoints import connect_endpoints
from transport.messages import Relay, encode
from transport.timings import NOTES_BYTES_MAX, Note

BODY = b"x" * 100


class Noted(SmallEnsemble):
    """An ensemble whose telemetry the test is."""

    def __init__(self, directory: Path, members: int) -> None:
        super().__init__(make_configs(directory, members, tick_ms=2000))
        self.takers = {i: NoteTaker(config, self.sockets) for i, config in self.configs.items()}
        self.lead = 0

    def begin(self) -> None:
        self.start_all()
        self.lead = self.leader()
        self.wait(lambda: len(self.serving()) == len(self.configs))

    @property
    def followers(self) -> list[int]:
        return [i for i in self.configs if i != self.lead]

    def write(self, processor: FakeProcessor, requests: int = 1) -> int:
        """The last one's zxid, once all members have published it."""
        wanted = self.taken() + requests
        for _ in range(requests):
            processor.submit(BODY)
        self.wait(lambda: self.taken() == wanted, "not taken")
        last = self.takers[self.lead].of("broadcast", Note.TAKEN)[-1]
        zxid = last.zxid + last.count - 1
        self.wait(lambda: all(
            each.upto("broadcast", Note.PUBLISHED, zxid) for each in self.takers.values()), "not published")
        return zxid

    def taken(self) -> int:
        """Requests that the leader noted to have taken."""
        return sum(row.count for row in self.takers[self.lead].of("broadcast", Note.TAKEN))

    def first(self, member: int, kind: Note, zxid: int) -> Row:
        """The first note that covers the zxid, or that names it where the kind names the first of something."""
        self.wait(lambda: self.takers[member].upto("broadcast", kind, zxid), f"no {kind.name} on {member}")
        found = self.takers[member].upto("broadcast", kind, zxid)
        assert found is not None
        return found


@pytest.fixture
def noted(tmp_path: Path) -> Iterator[Callable[[int], Noted]]:
    made: list[Noted] = []

    def start(members: int) -> Noted:
        made.append(Noted(tmp_path, members))
        made[-1].begin()
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_a_write_leaves_every_note_on_the_leader_in_the_order_of_its_life(noted: Callable[[int], Noted]) -> None:
    ensemble = noted(3)
    processor = ensemble.link(ensemble.followers[0])

    zxid = ensemble.write(processor)

    lead = ensemble.lead
    life = [ensemble.first(lead, kind, zxid) for kind in (
        Note.TAKEN, Note.PROPOSED, Note.SENT, Note.SYNCED, Note.COMMITTED, Note.PUBLISHED)]
    assert [row.zxid for row in life] == [zxid] * 6
    assert all(a.at_ns <= b.at_ns for a, b in pairwise(life))
    assert life[0][1:4] == (ensemble.followers[0], 0, 1)
    assert life[1].count == 1
    assert life[2].count > len(BODY)
    assert 0 < life[3].took_ns <= life[3].at_ns - life[2].at_ns
    assert life[4].who in ensemble.configs
    acks = {row.who for row in ensemble.takers[lead].of("broadcast", Note.ACKED) if row.zxid >= zxid}
    assert acks <= set(ensemble.followers)


def test_a_write_leaves_every_note_on_a_follower(noted: Callable[[int], Noted]) -> None:
    ensemble = noted(3)
    processor = ensemble.link(ensemble.followers[0])

    zxid = ensemble.write(processor)

    for member in ensemble.followers:
        received, synced, acked = (
            ensemble.first(member, kind, zxid) for kind in (Note.RECEIVED, Note.SYNCED, Note.ACK_SENT))
        assert received.zxid == zxid
        assert received.count == 1
        assert received.at_ns <= synced.at_ns <= acked.at_ns
        assert synced.took_ns > 0
        committed, published = (ensemble.first(member, kind, zxid) for kind in (Note.COMMITTED, Note.PUBLISHED))
        assert committed.who == 0
        assert max(committed.at_ns, synced.at_ns) <= published.at_ns
        assert published.count == ensemble.processors[member].watermark.offset


def test_acks_of_all_followers_are_noted(noted: Callable[[int], Noted]) -> None:
    ensemble = noted(3)
    zxid = ensemble.write(ensemble.link(ensemble.lead))

    taker = ensemble.takers[ensemble.lead]
    ensemble.wait(lambda: {
        row.who for row in taker.of("broadcast", Note.ACKED) if row.zxid >= zxid} == set(ensemble.followers))
    sent = ensemble.first(ensemble.lead, Note.SENT, zxid)
    for row in taker.of("broadcast", Note.ACKED):
        if row.zxid == zxid:
            assert row.at_ns > sent.at_ns
            assert row.took_ns >= 0


def test_the_beginning_of_an_epoch_is_noted_with_its_leader(noted: Callable[[int], Noted]) -> None:
    ensemble = noted(3)
    epoch = ensemble.processors[ensemble.lead].lease.epoch

    for member in ensemble.configs:
        opened = ensemble.first(member, Note.EPOCH, epoch << 40)
        assert opened.zxid == epoch << 40
        assert opened.who == ensemble.lead


def test_many_writes_are_noted_by_record_and_sent_ten_times_a_second_at_most(noted: Callable[[int], Noted]) -> None:
    ensemble = noted(1)
    processor = ensemble.link(1)
    last = 0
    for _ in range(20):
        last = ensemble.write(processor, 100)

    taker = ensemble.takers[1]
    proposed = taker.of("broadcast", Note.PROPOSED)
    taken = taker.of("broadcast", Note.TAKEN)
    assert sum(row.count for row in proposed) == sum(row.count for row in taken) == 2000
    assert proposed[-1].zxid + proposed[-1].count - 1 == last
    assert len(proposed) < 2000
    messages = [each for each in taker.messages if each.process == "broadcast"]
    assert all(
        b.now_ns - a.now_ns >= FLUSH_NS or len(b.notes) >= NOTES_BYTES_MAX for a, b in pairwise(messages))
    assert all(a.zxid <= b.zxid for a, b in pairwise(messages))


def test_an_idle_ensemble_sends_no_notes(noted: Callable[[int], Noted]) -> None:
    ensemble = noted(3)
    ensemble.write(ensemble.link(ensemble.lead))
    taker = ensemble.takers[ensemble.lead]
    ensemble.wait(lambda: taker.figure("broadcast", "notes_messages"))
    pings = taker.samples["broadcast"]

    # Two more samples, one second each, in which members have pinged each other.
    for _ in range(2):
        seen = taker.samples["broadcast"]
        ensemble.wait(lambda seen=seen: taker.figure("broadcast", "x") or taker.samples["broadcast"] is not seen)
        sent = taker.figure("broadcast", "notes_messages")

    assert taker.figure("broadcast", "notes_messages") == sent
    assert taker.samples["broadcast"] is not pings


def test_stages_are_counted_in_histograms_of_the_sample(noted: Callable[[int], Noted]) -> None:
    ensemble = noted(3)
    ensemble.write(ensemble.link(ensemble.lead), 50)
    taker = ensemble.takers[ensemble.lead]

    def counted(name: str) -> int:
        figure = taker.figure("broadcast", name)
        return sum(figure["buckets"]) if isinstance(figure, dict) else 0

    ensemble.wait(lambda: counted("stage_queue") == 50)
    ensemble.wait(lambda: counted("stage_append") >= 50 <= counted("stage_commit"))
    ensemble.wait(lambda: counted("stage_publish") >= 50)
    assert counted("fsync") > 0
    assert counted("record_bytes") >= counted("batch_requests") > 0
    ensemble.wait(lambda: set(taker.figure("broadcast", "ack") or ()) == {str(i) for i in ensemble.followers})


def test_telemetry_of_one_member_reaches_that_of_another_by_its_broadcast(noted: Callable[[int], Noted]) -> None:
    ensemble = noted(3)
    config = ensemble.configs[1]
    asker, asked = 1, ensemble.configs[2]
    keyring = Keyring(config, "test")
    stream = ensemble.sockets.stream(
        connect_endpoints(asked.me.host, asked.me.quorum_port)[0], keys=keyring.own, server_key=keyring.key_of(2))
    ensemble.poller.add(stream)

    stream.send(encode(Relay(b"what of zxid 7?")))

    ensemble.takers[2].take_in()
    ensemble.wait(lambda: ensemble.takers[2].take_in() or ensemble.takers[2].relayed)
    assert [(each.member, each.payload) for each in ensemble.takers[2].relayed] == [(asker, b"what of zxid 7?")]
