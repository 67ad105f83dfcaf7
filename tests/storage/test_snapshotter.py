"""The snapshotter as a real process; the test plays broadcast and writes the log."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.config.member import MemberConfig
from node.config.read import load_config
from node.processes.snapshotter import is_due
from node.storage.files import RealFiles
from node.storage.layout import data_directory
from node.storage.log import Log
from node.storage.segments import list_segments, list_spares, segment_path
from node.storage.snapshots import list_snapshots, newest_valid, snapshot_path
from tests.rot import flip
from tests.storage.member import YOUNG_BYTES, append_all, epoch_record, open_log
from tests.waiting import wait_until
from transport.batch import REQUEST, pack_batch
from transport.entry import DIGEST_POINT, pack_record
from transport.messages import (
    Differs,
    DigestReport,
    LocalHello,
    Message,
    SnapshotDone,
    SnapshotHandedOut,
    Watermark,
    decode_local,
    encode,
)
from transport.opcodes import OpCode
from transport.sockets import Listener, Sockets
from transport.wiring import ipc_endpoint
from transport.zxid import counter_of, make_zxid

ROOT = Path(__file__).parents[2]


@dataclass
class Broadcast:
    """As the snapshotter sees it."""

    config: MemberConfig
    log: Log
    sockets: Sockets
    listener: Listener
    stream: bytes = b""
    heard: list[Message] = field(default_factory=list)

    def write(self, records: int, *, size: int = 4000) -> None:
        """Records of one request of *size* bytes by a session that nobody knows; then the watermark."""
        request = REQUEST.pack(99, 1, 1, OpCode.SET_DATA, 0, 0, 0, size) + bytes(size)
        filler = pack_batch(
            member=1, processor=0, generation=1, sequence=1, epoch=1, count=1, identities=[b"\0\0\0\0"],
            requests=request)
        for _ in range(records):
            append_all(self.log, [pack_record(
                first_zxid=self.log.last_zxid + 1, count=1, time_ms=1, body=filler, flags=DIGEST_POINT)])
        self.publish()

    def publish(self) -> None:
        mark = Watermark(self.log.last_zxid, *self.log.position(self.log.last_zxid))
        self.listener.send(self.stream, encode(mark))

    def listen(self) -> list[Message]:
        while (received := self.listener.receive()) is not None:
            self.stream, _, payload = received
            self.heard.append(decode_local(payload))
        return self.heard

    def await_message(self, kind: type[Message]) -> Message:
        """The oldest of this kind, which is then forgotten."""
        found = wait_until(lambda: [each for each in self.listen() if isinstance(each, kind)], what=str(kind))
        self.heard.remove(found[0])
        return found[0]

    @property
    def snapshots(self) -> list[int]:
        return list_snapshots(RealFiles(), data_directory(self.config.data_dir))


@pytest.fixture
def broadcast(tmp_path: Path) -> Iterator[Broadcast]:
    data = tmp_path / "m1"
    data.mkdir()
    (data / "zoo.cfg").write_text(
        f"tickTime=500\nclientPort=0\ndataDir={data}\nsnapCount=10\ncorral.snapshotBytes=131072\n")
    config = load_config(data / "zoo.cfg").config
    config.run_dir.mkdir(parents=True, exist_ok=True)
    files = RealFiles()
    directory = data_directory(config.data_dir)
    files.mkdir(directory)
    log = open_log(files, directory, young_bytes=YOUNG_BYTES).log
    append_all(log, [epoch_record(1)])
    sockets = Sockets()
    listener = sockets.listener([ipc_endpoint(str(config.run_dir), "local")])
    yield Broadcast(config, log, sockets, listener)
    sockets.close()


@pytest.fixture
def snapshotter(broadcast: Broadcast) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "node.processes", "snapshotter", str(broadcast.config.file)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    broadcast.await_message(LocalHello)
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.usefixtures("snapshotter")
def test_a_snapshot_is_taken_verified_and_told_when_the_log_has_grown(broadcast: Broadcast) -> None:
    broadcast.write(40)

    done = broadcast.await_message(SnapshotDone)
    report = broadcast.await_message(DigestReport)

    found, damaged = newest_valid(RealFiles(), data_directory(broadcast.config.data_dir))
    assert found is not None
    assert not damaged
    assert isinstance(done, SnapshotDone)
    assert done.zxid == found.header.zxid == broadcast.log.last_zxid
    assert isinstance(report, DigestReport)
    assert (report.digest.zxid, report.digest.process) == (done.zxid, "snapshotter")
    assert report.digest.digest == found.digest


@pytest.mark.usefixtures("snapshotter")
def test_old_snapshots_and_segments_go(broadcast: Broadcast) -> None:
    for _ in range(5):
        broadcast.write(40)
        broadcast.await_message(SnapshotDone)

    assert len(broadcast.snapshots) == 3
    assert broadcast.log.start() > make_zxid(epoch=1, counter=30)
    assert broadcast.log.start() <= broadcast.snapshots[0]


@pytest.mark.usefixtures("snapshotter")
def test_the_log_gets_spare_segments_before_it_needs_them(broadcast: Broadcast) -> None:
    files, directory = broadcast.log.files, broadcast.log.directory
    broadcast.write(2)
    wait_until(lambda: list_spares(files, directory), what="a spare segment")

    broadcast.write(20)

    assert list_segments(files, directory)[-1] < broadcast.log.last_zxid
    assert not list_spares(files, directory)


@pytest.mark.usefixtures("snapshotter")
def test_snapshots_of_a_digest_that_differs_are_built_again(broadcast: Broadcast) -> None:
    broadcast.write(40)
    first = broadcast.await_message(SnapshotDone)
    assert isinstance(first, SnapshotDone)

    broadcast.listener.send(broadcast.stream, encode(Differs("snapshotter", first.zxid)))

    gone = broadcast.await_message(SnapshotDone)
    again = broadcast.await_message(SnapshotDone)
    assert isinstance(gone, SnapshotDone)
    assert isinstance(again, SnapshotDone)
    assert (gone.zxid, again.zxid) == (0, first.zxid)


@pytest.mark.usefixtures("snapshotter")
def test_a_snapshot_that_was_handed_out_rotten_is_built_again(broadcast: Broadcast) -> None:
    broadcast.write(40)
    broadcast.await_message(SnapshotDone)
    broadcast.write(40)
    done = broadcast.await_message(SnapshotDone)
    assert isinstance(done, SnapshotDone)
    older, newest = broadcast.snapshots
    rotten = snapshot_path(data_directory(broadcast.config.data_dir), newest)
    flip(rotten, rotten.stat().st_size // 2)

    broadcast.listener.send(broadcast.stream, encode(SnapshotHandedOut(older)))
    broadcast.listener.send(broadcast.stream, encode(SnapshotHandedOut(newest)))

    assert [broadcast.await_message(SnapshotDone).zxid for _ in range(2)] == [older, newest]  # type: ignore[attr-defined]
    found, damaged = newest_valid(RealFiles(), data_directory(broadcast.config.data_dir))
    assert found is not None
    assert (found.header.zxid, damaged) == (newest, ())


def test_a_snapshotter_that_stops_and_starts_goes_on_from_the_files(
    broadcast: Broadcast, snapshotter: "subprocess.Popen[bytes]"
) -> None:
    broadcast.write(40)
    broadcast.await_message(SnapshotDone)
    before = broadcast.log.last_zxid

    snapshotter.kill()
    snapshotter.wait()
    broadcast.write(40)
    again = subprocess.Popen(
        [sys.executable, "-m", "node.processes", "snapshotter", str(broadcast.config.file)], cwd=ROOT)
    hello = broadcast.await_message(LocalHello)
    broadcast.publish()
    broadcast.await_message(SnapshotDone)
    again.terminate()

    assert isinstance(hello, LocalHello)
    assert hello.executed == before
    assert broadcast.snapshots == [before, broadcast.log.last_zxid]
    assert again.wait(10) == 0
    snapshotter.returncode = 0  # the fixture need not mind that it was killed


def test_a_snapshot_is_due_by_bytes_or_by_requests_that_weigh_something() -> None:
    limits = {"snap_count": 1000, "snapshot_bytes": 1 << 20}

    assert is_due(requests=1, log_bytes=1 << 20, **limits)
    assert is_due(requests=1000, log_bytes=1 << 18, **limits)
    assert not is_due(requests=10**6, log_bytes=(1 << 18) - 1, **limits)
    assert not is_due(requests=999, log_bytes=(1 << 20) - 1, **limits)
    assert counter_of(make_zxid(epoch=2, counter=7)) == 7


def test_what_cannot_be_read_ends_no_snapshotter(broadcast: Broadcast, tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.processes", "snapshotter", str(broadcast.config.file)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=stderr)
    try:
        broadcast.await_message(LocalHello)
        unreadable = segment_path(broadcast.log.directory, 77)
        unreadable.symlink_to(unreadable)
        broadcast.listener.send(broadcast.stream, encode(Watermark(make_zxid(epoch=1, counter=0), 77, 1000)))
        wait_until(lambda: "spare_segment_failed" in said.read_text(), what="it says so")
        unreadable.unlink()

        broadcast.write(40)

        broadcast.await_message(SnapshotDone)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
