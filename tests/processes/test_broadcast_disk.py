"""A snapshot from the leader: read through by a thread, and put in place only if it is still wanted then."""

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.processes.broadcast_disk import Disk
from node.storage.files import RealFiles
from node.storage.snapshots import DamagedSnapshotError, SnapshotHeader, SnapshotWriter, list_snapshots
from node.zab.events import SnapshotReceived
from tests.processes.small_ensemble import make_configs
from tests.waiting import wait_until
from transport.entry import ControlEntry, Kind, pack_control
from transport.messages import SnapshotBegin, SnapshotChunk, SnapshotEnd
from transport.zxid import Epoch, Zxid, make_zxid

AT = make_zxid(epoch=Epoch(4), counter=50)
ENTRY = ControlEntry(leader=2, feature_level=1, settings={}, incarnations={}, voters=[1, 2, 3])
CONTROL = pack_control(zxid=make_zxid(epoch=Epoch(4), counter=0), kind=Kind.EPOCH, time_ms=7, entry=ENTRY)[28:]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    found = Disk(make_configs(tmp_path, 3)[0], "small")
    yield found
    found.close()


@pytest.fixture
def snapshot(tmp_path: Path) -> bytes:
    """Of another member, so large that reading it takes a while."""
    elsewhere = tmp_path / "leader"
    elsewhere.mkdir()
    writer = SnapshotWriter(RealFiles(), elsewhere, SnapshotHeader(
        zxid=AT, epochs=[(4, AT)], control=CONTROL, feature_level=1, count=1))
    for section in range(40):
        writer.write(bytes([section]) * 500_000)
    return writer.finish(digest=77).path.read_bytes()


def send(disk: Disk, data: bytes) -> None:
    disk.receive(SnapshotBegin(AT, len(data), [(4, AT)]))
    for offset in range(0, len(data), 10_000):
        disk.receive(SnapshotChunk(offset, data[offset:offset + 10_000]))
    disk.receive(SnapshotEnd(AT))


def finished(disk: Disk) -> bool:
    """As the loop: woken by the descriptor, it asks."""
    select.select([disk.fileno()], [], [], 0.05)
    assert disk.finish_sync() is None
    return disk.may_install


def kept(disk: Disk) -> list[Zxid]:
    return list_snapshots(disk.files, disk.data_dir)


def test_it_is_put_in_place_once_it_has_been_read(disk: Disk, snapshot: bytes) -> None:
    send(disk, snapshot)
    assert kept(disk) == []

    wait_until(lambda: finished(disk), what="it is read through")

    assert disk.finish_receive() == SnapshotReceived(AT, [(4, AT)], CONTROL)
    assert kept(disk) == [AT]
    assert disk.log.last_zxid == AT


def test_what_is_discarded_meanwhile_never_comes_and_another_may(disk: Disk, snapshot: bytes) -> None:
    send(disk, snapshot)
    disk.discard_received()
    send(disk, snapshot)
    disk.discard_received()
    wait_until(lambda: not finished(disk) and not list(disk.data_dir.glob("*received*")), what="all is as before")
    assert kept(disk) == []

    send(disk, snapshot)
    wait_until(lambda: finished(disk), what="it is read through")

    assert disk.finish_receive().zxid == AT
    assert kept(disk) == [AT]


def test_damage_is_told_when_it_was_to_be_put_in_place(disk: Disk, snapshot: bytes) -> None:
    send(disk, snapshot[:700] + bytes([snapshot[700] ^ 1]) + snapshot[701:])
    wait_until(lambda: finished(disk), what="it is read through")

    with pytest.raises(DamagedSnapshotError):
        disk.finish_receive()

    assert kept(disk) == []
    assert not list(disk.data_dir.glob("*received*"))
