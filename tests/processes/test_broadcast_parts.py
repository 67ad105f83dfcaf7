"""Parts of broadcast's shell: records for learners, streams that are slow, conflation, syncs in a thread."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.config.member import MemberConfig
from node.processes import broadcast_effects
from node.processes.broadcast_commits import HOLD_MS, Commits
from node.processes.broadcast_disk import Disk
from node.processes.broadcast_effects import Effects
from node.processes.broadcast_leader import LeaderStream
from node.processes.broadcast_lease import MemberLease
from node.processes.broadcast_local import UNATTENDED_MS, Local
from node.processes.broadcast_records import MEMORY_BYTES_MAX, Records
from node.processes.broadcast_streams import QUEUE_BYTES_MAX, Streams
from node.processes.keyring import Keyring
from node.processes.peers import Peers
from node.storage.errors import LogGapError
from node.zab import effects, events
from tests.processes.small_ensemble import make_configs
from transport.entry import pack_record
from transport.messages import (
    Commit,
    Counters,
    HandedOver,
    LocalHello,
    Ping,
    Refused,
    Watermark,
    decode_local,
    decode_peer,
    encode,
)
from transport.messages import Records as RecordsMessage
from transport.poller import Poller
from transport.sockets import Listener, Sockets, Stream, StreamId
from transport.zxid import Epoch, MemberId, Zxid, make_zxid

DEADLINE_S = 20.0


@pytest.fixture
def config(tmp_path: Path) -> MemberConfig:
    return make_configs(tmp_path, 1)[0]


@pytest.fixture
def disk(config: MemberConfig) -> Iterator[Disk]:
    made = Disk(config, "ensemble")
    yield made
    made.close()


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets()
    yield made
    made.close()


def record(counter: int, size: int = 100) -> bytes:
    return pack_record(
        first_zxid=make_zxid(epoch=1, counter=counter), count=1, time_ms=0, body=b"x" * size)


def zxid(counter: int) -> Zxid:
    return make_zxid(epoch=1, counter=counter)


def append(disk: Disk, *made: bytes) -> None:
    for each in made:
        disk.log.append(each, committed=0, durable_upto=0)


class Link:
    """A listener and one stream to it, in one process."""

    def __init__(self, sockets: Sockets, directory: Path) -> None:
        self.listener: Listener = sockets.listener([f"ipc://{directory}/b"])
        self.stream: Stream = sockets.stream(self.listener.endpoints[0])
        self.poller = Poller()
        self.poller.add(self.listener)
        self.poller.add(self.stream)
        self.stream.send(b"hello")
        self.name: StreamId = self._received()

    def _received(self) -> StreamId:
        for _ in self.turns():
            message = self.listener.receive()
            if message is not None:
                return message[0]
        raise AssertionError

    def turns(self) -> Iterator[None]:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            yield
            self.poller.poll(5)


def test_records_come_from_memory_and_from_files_alike(disk: Disk) -> None:
    made = [record(i) for i in range(50)]
    append(disk, *made[:20])
    disk.sync()
    records = Records(disk.log)
    for each in made[20:]:
        records.remember(each)
        append(disk, each)
    size = len(made[0])
    read: list[bytes] = []
    after = Zxid(0)

    while after < zxid(49):
        data, after = records.read(b"s", after=after, upto=zxid(49), bytes_max=7 * size)
        assert len(data) <= 7 * size
        read.append(data)

    assert b"".join(read) == b"".join(made)


def test_a_record_that_is_sent_before_it_is_appended_comes_from_memory(disk: Disk) -> None:
    records = Records(disk.log)
    records.remember(record(0))

    assert records.read(b"s", after=Zxid(0), upto=zxid(0), bytes_max=1) == (record(0), zxid(0))


def test_memory_is_bounded_and_files_take_over(disk: Disk) -> None:
    records = Records(disk.log)
    size = 1 << 20
    count = 3 * MEMORY_BYTES_MAX // size
    for i in range(count):
        made = record(i, size)
        records.remember(made)
        append(disk, made)
    after, read = Zxid(0), 0

    while after < zxid(count - 1):
        data, after = records.read(b"s", after=after, upto=zxid(count - 1), bytes_max=1)
        assert data == record(read, size)
        read += 1

    assert read == count


def test_records_that_are_not_in_the_log_are_a_gap(disk: Disk) -> None:
    disk.log.restart_after(zxid(5))
    append(disk, record(6), record(7))
    records = Records(disk.log)

    with pytest.raises(LogGapError):
        records.read(b"s", after=zxid(2), upto=zxid(7), bytes_max=1)


def test_a_slow_stream_gets_everything_in_order_later(sockets: Sockets, disk: Disk, tmp_path: Path) -> None:
    link = Link(sockets, tmp_path)
    streams = Streams(link.listener, Records(disk.log), disk)
    sent = 0
    while streams.timeout_ms(1000) == 1000:  # until something waits
        streams.send(link.name, Commit(sent))
        sent += 1
    for _ in range(100):
        streams.send(link.name, Commit(sent))
        sent += 1
    received: list[int] = []

    for _ in link.turns():
        while (payload := link.stream.receive()) is not None:
            message = decode_peer(payload)
            assert isinstance(message, Commit)
            received.append(message.zxid)
        streams.pump()
        if len(received) == sent:
            break

    assert received == list(range(sent))
    assert streams.timeout_ms(1000) == 1000


def test_a_stream_that_takes_nothing_fails(sockets: Sockets, disk: Disk, tmp_path: Path) -> None:
    link = Link(sockets, tmp_path)
    streams = Streams(link.listener, Records(disk.log), disk)
    message = RecordsMessage(b"x" * (QUEUE_BYTES_MAX // 4), 0)
    for i in itertools.count():
        streams.send(link.name, Commit(i))
        if streams.timeout_ms(1000) != 1000:
            break

    for _ in range(5):
        streams.send(link.name, message)

    assert streams.failed == [(link.name, "takes nothing")] * len(streams.failed)
    assert streams.failed


def test_sending_records_is_answered_once_they_are_out(sockets: Sockets, disk: Disk, tmp_path: Path) -> None:
    link = Link(sockets, tmp_path)
    records = Records(disk.log)
    for i in range(3):
        records.remember(record(i))
    streams = Streams(link.listener, records, disk)

    streams.send_records(effects.SendRecords(
        link.name, Zxid(0), zxid(2), bytes_max=1 << 20, committed=zxid(1)))

    data = record(0) + record(1) + record(2)
    assert list(streams.answers) == [events.RecordsSent(link.name, zxid(2), len(data))]
    for _ in link.turns():
        payload = link.stream.receive()
        if payload is not None:
            break
    assert payload is not None
    assert decode_peer(payload) == RecordsMessage(data, zxid(1))


def test_a_snapshot_that_is_not_there_ends_the_stream(sockets: Sockets, disk: Disk, tmp_path: Path) -> None:
    link = Link(sockets, tmp_path)
    streams = Streams(link.listener, Records(disk.log), disk)

    streams.send_snapshot(effects.SendSnapshot(link.name, zxid(9)))
    streams.send(link.name, Ping(1, 0, 0, digest_wanted=False))

    assert [stream for stream, _ in streams.failed] == [link.name]


def test_a_refused_stream_is_told_and_forgotten(sockets: Sockets, disk: Disk, tmp_path: Path) -> None:
    link = Link(sockets, tmp_path)
    streams = Streams(link.listener, Records(disk.log), disk)

    streams.refuse(link.name, Refused("no", 2))
    streams.send(link.name, Commit(1))

    for _ in link.turns():
        payload = link.stream.receive()
        if payload is not None:
            break
    assert payload is not None
    assert decode_peer(payload) == Refused("no", 2)
    assert link.stream.receive() is None


def test_only_the_newest_watermark_is_told(sockets: Sockets, tmp_path: Path) -> None:
    link = Link(sockets, tmp_path)
    local = Local(link.listener)
    local.tell("watermark", Watermark(1, 1, 1))
    local.tell("watermark", Watermark(2, 1, 2))
    local.add(link.name, LocalHello("processor", 0, 1, 0, 0), generation=1)

    local.publish()
    local.publish()

    received: list[object] = []
    link.listener.send(link.name, encode(Watermark(3, 1, 3)))
    for _ in link.turns():
        while (payload := link.stream.receive()) is not None:
            received.append(decode_local(payload))
        if len(received) > 1:
            break
    assert received == [Watermark(2, 1, 2), Watermark(3, 1, 3)]


def told(link: Link, *, last: Watermark) -> list[object]:
    """What the local process has been told, up to *last*."""
    received: list[object] = []
    for _ in link.turns():
        while (payload := link.stream.receive()) is not None:
            received.append(decode_local(payload))
        if last in received:
            break
    return received


def test_a_processor_without_clients_hears_of_watermarks_at_intervals(sockets: Sockets, tmp_path: Path) -> None:
    link = Link(sockets, tmp_path)
    time_ms = 1000
    local = Local(link.listener, lambda: time_ms)
    local.add(link.name, LocalHello("processor", 0, 1, 0, 0), generation=1)
    local.on_counters(link.name, Counters({"connections": 0}))
    for number in (1, 2, 3):
        local.tell("watermark", Watermark(number, 1, number))
        local.publish()

    assert local.timeout_ms(5000) == UNATTENDED_MS
    time_ms += UNATTENDED_MS
    local.publish()

    assert told(link, last=Watermark(3, 1, 3)) == [Watermark(1, 1, 1), Watermark(3, 1, 3)]
    assert local.timeout_ms(5000) == 5000


def test_a_processor_hears_of_every_watermark_once_a_client_comes(sockets: Sockets, tmp_path: Path) -> None:
    link = Link(sockets, tmp_path)
    local = Local(link.listener, lambda: 1000)
    local.add(link.name, LocalHello("processor", 0, 1, 0, 0), generation=1)
    local.on_counters(link.name, Counters({"connections": 0}))
    for number in (1, 2):
        local.tell("watermark", Watermark(number, 1, number))
        local.publish()

    local.on_counters(link.name, Counters({"connections": 1}))
    local.publish()
    local.tell("watermark", Watermark(3, 1, 3))
    local.publish()

    assert told(link, last=Watermark(3, 1, 3)) == [Watermark(number, 1, number) for number in (1, 2, 3)]


def test_a_sync_in_the_thread_covers_what_was_appended_before_it(disk: Disk) -> None:
    poller = Poller()
    poller.add(disk.fileno())
    append(disk, record(0), record(1))

    disk.begin_sync()
    append(disk, record(2))
    assert poller.poll(int(DEADLINE_S * 1000)) == [disk.fileno()]

    assert disk.finish_sync() == zxid(1)
    assert disk.finish_sync() is None
    assert disk.sync() == zxid(2)


def test_a_sync_that_was_waited_for_is_not_told_again(disk: Disk) -> None:
    append(disk, record(0))
    disk.begin_sync()

    assert disk.await_sync() == zxid(0)
    assert disk.finish_sync() is None
    assert disk.await_sync() is None


def test_a_commit_waits_only_where_no_client_waits_for_it() -> None:
    commits = Commits()
    commits.on_taken(2)
    commits.on_proposed(zxid(5))

    assert commits.hold(b"of 3", 3, Commit(zxid(5)), now_ms=100)
    assert not commits.hold(b"of 2", 2, Commit(zxid(4)), now_ms=100)
    assert not commits.hold(b"of 2", 2, Commit(zxid(5)), now_ms=100)
    assert commits.hold(b"of 2", 2, Commit(zxid(6)), now_ms=100)


def test_the_newest_held_commit_is_due_as_early_as_the_first() -> None:
    commits = Commits()
    commits.hold(b"s", 2, Commit(zxid(1)), now_ms=100)
    commits.hold(b"s", 2, Commit(zxid(2)), now_ms=101)

    assert commits.timeout_ms(1000, now_ms=101) == HOLD_MS - 1
    assert commits.take_due(now_ms=100 + HOLD_MS - 1) == []
    assert commits.take_due(now_ms=100 + HOLD_MS) == [(b"s", Commit(zxid(2)))]
    assert commits.timeout_ms(1000, now_ms=200) == 1000


def test_a_held_commit_is_dropped_once_something_else_has_said_as_much() -> None:
    commits = Commits()
    commits.hold(b"s", 2, Commit(zxid(2)), now_ms=100)

    commits.on_told(b"s", zxid(1))
    assert commits.timeout_ms(1000, now_ms=100) == HOLD_MS

    commits.on_told(b"s", zxid(2))
    assert commits.take_due(now_ms=200) == []


def test_a_voter_that_this_members_files_do_not_name_is_nobody_to_connect_to(
    config: MemberConfig, sockets: Sockets,
) -> None:
    """The log may name it already, or still: a rolling change of the files."""
    leader = LeaderStream(sockets, Poller(), Keyring(config, "broadcast"), Peers(config, "quorum"))

    leader.connect(MemberId(9), 1)
    leader.send(Commit(zxid(1)))

    assert leader.stream is None
    assert list(leader.receive(10)) == []


@pytest.mark.skipif(broadcast_effects.__file__.endswith(".so"), reason="what is compiled takes no stand-ins")
def test_the_end_of_a_lease_is_told_before_anybody_hears_that_another_leads(sockets: Sockets, tmp_path: Path) -> None:
    """A disk may stand still between the two, and the turn ends only after it."""
    link = Link(sockets, tmp_path)
    local = Local(link.listener)
    local.add(link.name, LocalHello("processor", 0, 1, 1, 0), 1)
    told: list[str] = []
    lease = MemberLease(1, lease_ms=100, local=local, peers=None, keyring=None)  # type: ignore[arg-type]
    performed = SimpleNamespace(
        send=lambda _: told.append("handed over"), send_records=None, send_leader=None, connect=None, drop=None,
        append=None, flush=None, truncate=None, receive_snapshot=None, send_snapshot=None)
    outbound = Effects(
        member=None, disk=None, records=None, streams=performed, history=performed,  # type: ignore[arg-type]
        outgoing=performed, acks=None, local=local, lease=lease, submissions=None,  # type: ignore[arg-type]
        status=SimpleNamespace(is_changed=False), timings=None, log=None,  # type: ignore[arg-type]
        on_hand_over_failed=lambda _: None, on_reconfig_refused=lambda _: None)
    local.publish = lambda: told.append("published")  # type: ignore[method-assign]

    outbound.perform([
        effects.Lease(0, Epoch(1), MemberId(0), "looking"), effects.Send(b"learner", HandedOver(1, 2))])

    assert told == ["published", "handed over"]


def test_a_reconfiguration_says_where_members_are_and_hearsay_counts_of_strangers_alone(config: MemberConfig) -> None:
    peers = Peers(config, "quorum")

    peers.follow({7: "10.0.0.7:2888:3888:participant"})
    peers.meet({7: "10.0.0.99:2888:3888:participant", 8: "[2001:db8::8]:2888:3888:participant;2181"})
    peers.meet({9: "nonsense"})

    assert peers.endpoint(7) == "tcp://10.0.0.7:2888"
    assert peers.endpoint(8) == "tcp://[2001:db8::8]:2888"
    assert not peers.knows(9)
