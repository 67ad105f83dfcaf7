"""Snapshot files: format, damage, receiving, installation, building, retention."""

from pathlib import Path
from random import Random

import pytest

from node.storage.errors import CorruptionError, LogGapError, RefusedError, StorageError
from node.storage.files import Files, RealFiles
from node.storage.log import Log
from node.storage.reader import LogReader
from node.storage.received import ReceivedSnapshot
from node.storage.retention import purge
from node.storage.segments import list_segments
from node.storage.snapshot_builder import build_snapshot
from node.storage.snapshots import (
    DamagedSnapshotError,
    SnapshotHeader,
    SnapshotReader,
    SnapshotWriter,
    list_snapshots,
    load_newest,
    newest_valid,
    snapshot_path,
)
from node.tree.snapshot import decode_state
from tests.simulation.disk import PowerCutError, SimulatedDisk
from tests.storage.member import append_all, control_entry, epoch_record, everything, history, open_log, record
from transport.entry import Kind, pack_control
from transport.messages import Watermark
from transport.zxid import Zxid, make_zxid

SECTIONS = [b"head", b"", bytes(300_000), Random(1).randbytes(20_000)]


def zxid(epoch: int, counter: int) -> Zxid:
    return make_zxid(epoch=epoch, counter=counter)


def header(at: Zxid, *, control: bytes = b"") -> SnapshotHeader:
    return SnapshotHeader(
        zxid=at, epochs=[(1, zxid(1, 9)), (at >> 40, at)], control=control, feature_level=1, count=4)


def write_snapshot(files: Files, directory: Path, at: Zxid, sections: list[bytes] = SECTIONS) -> Path:
    writer = SnapshotWriter(files, directory, header(at))
    for section in sections:
        writer.write(section)
    return writer.finish(digest=77).path


def change_byte(files: Files, path: Path, offset: int) -> None:
    handle = files.open(path, write=True)
    byte = files.pread(handle, 1, offset)
    files.pwrite(handle, [bytes([byte[0] ^ 0x10])], offset)
    files.close(handle)


def bytes_of(files: Files, path: Path) -> bytes:
    handle = files.open(path)
    data = files.pread(handle, files.size(handle), 0)
    files.close(handle)
    return data


def test_sections_come_back_as_they_were_written(files: Files, directory: Path) -> None:
    path = write_snapshot(files, directory, zxid(2, 5))

    found, damaged = newest_valid(files, directory)

    assert found is not None
    assert (found.path, found.header, found.digest) == (path, header(zxid(2, 5)), 77)
    assert damaged == ()
    assert list(load_newest(files, directory) or ()) == SECTIONS


def test_a_flipped_byte_anywhere_is_found(files: Files, directory: Path) -> None:
    path = write_snapshot(files, directory, zxid(2, 5))
    size = len(bytes_of(files, path))

    for offset in (*range(0, 200, 7), *range(200, size, max(1, size // 60)), size - 1):
        change_byte(files, path, offset)
        assert newest_valid(files, directory) == (None, (path,)), offset
        change_byte(files, path, offset)
    assert newest_valid(files, directory)[0] is not None


def test_a_snapshot_cut_short_or_grown_is_damaged(files: Files, directory: Path) -> None:
    path = write_snapshot(files, directory, zxid(2, 5))
    whole = bytes_of(files, path)
    handle = files.open(path, write=True)

    for size in (0, 5, 60, len(whole) - 1, len(whole) + 1):
        files.truncate(handle, size)
        assert newest_valid(files, directory) == (None, (path,)), size
        files.truncate(handle, 0)
        files.pwrite(handle, [whole], 0)


def test_a_damaged_snapshot_is_passed_over_for_an_older_one(files: Files, directory: Path) -> None:
    write_snapshot(files, directory, zxid(1, 5))
    newer = write_snapshot(files, directory, zxid(1, 9))
    change_byte(files, newer, 150)

    found, damaged = newest_valid(files, directory)

    assert found is not None
    assert found.header.zxid == zxid(1, 5)
    assert damaged == (newer,)
    assert list(load_newest(files, directory) or ()) == SECTIONS


def test_recovery_goes_on_from_the_older_snapshot_when_the_newest_is_damaged(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 60, size=2000))
    log.close()
    write_snapshot(files, directory, zxid(1, 20))
    newest = write_snapshot(files, directory, zxid(1, 40))
    change_byte(files, newest, 100)

    recovery = open_log(files, directory)

    assert recovery.damaged == (newest,)
    assert recovery.recovered.snapshot_zxid == zxid(1, 20)
    assert recovery.recovered.last_zxid == zxid(1, 60)


def test_recovery_refuses_when_no_snapshot_reaches_the_log(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 300, size=800))
    log.close()
    only = write_snapshot(files, directory, zxid(1, 200))
    purge(files, data_dir=directory, log_dir=directory, keep=1)
    change_byte(files, only, 100)

    with pytest.raises(CorruptionError, match="no valid snapshot reaches that far"):
        open_log(files, directory)


def test_recovery_refuses_a_log_that_ends_before_the_snapshot(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 10))
    log.close()
    write_snapshot(files, directory, zxid(1, 20))

    with pytest.raises(CorruptionError, match="ends before the snapshot"):
        open_log(files, directory)


def test_a_reader_of_a_log_that_is_replaced_is_told(files: Files, directory: Path, leaders: bytes) -> None:
    recovery = open_log(files, directory)
    append_all(recovery.log, history(1, 30, size=2000))
    reader = LogReader(files, directory, 0)
    list(reader.read(zxid(1, 25), *recovery.log.position(zxid(1, 25))))

    install(receive(files, directory, leaders, zxid(4, 50)), directory)
    recovery.log.restart_after(zxid(4, 50))
    append_all(recovery.log, [record(4, 51)])

    with pytest.raises(LogGapError):
        list(reader.read(zxid(4, 51), *recovery.log.position(zxid(4, 51))))


def test_a_snapshot_of_a_newer_format_names_the_version(files: Files, directory: Path) -> None:
    writer = SnapshotWriter(files, directory, SnapshotHeader(
        format=9, needs="4.5.6", zxid=zxid(1, 1), epochs=[], control=b"", feature_level=1, count=0))
    writer.complete(digest=0)
    with pytest.raises(RefusedError, match=r"4\.5\.6"):
        writer.put_in_place()


# From the leader -------------------------------------------------------------------------------


def receive(files: Files, directory: Path, data: bytes, at: Zxid, *, chunk: int = 10_000) -> ReceivedSnapshot:
    received = ReceivedSnapshot(files, directory, zxid=at, size=len(data))
    for offset in range(0, len(data), chunk):
        received.write(offset, data[offset:offset + chunk])
    return received


def install(received: ReceivedSnapshot, directory: Path) -> SnapshotHeader:
    received.verify()
    return received.install(log_dir=directory)


@pytest.fixture
def leaders(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A snapshot file at 4:50, as another member has it."""
    elsewhere = tmp_path_factory.mktemp("leader")
    control = pack_control(zxid=zxid(4, 0), kind=Kind.EPOCH, time_ms=7, entry=control_entry(2))[28:]
    writer = SnapshotWriter(RealFiles(), elsewhere, header(zxid(4, 50), control=control))
    for section in SECTIONS:
        writer.write(section)
    return writer.finish(digest=77).path.read_bytes()


def test_a_received_snapshot_takes_the_place_of_log_and_snapshots(
    files: Files, directory: Path, leaders: bytes
) -> None:
    recovery = open_log(files, directory)
    append_all(recovery.log, history(1, 30, size=2000))
    write_snapshot(files, directory, zxid(1, 7))

    received = receive(files, directory, leaders, zxid(4, 50))
    found = install(received, directory)
    recovery.log.restart_after(found.zxid)
    append_all(recovery.log, [record(4, 51), record(4, 52)])
    recovery.log.close()

    again = open_log(files, directory)
    assert list_snapshots(files, directory) == [zxid(4, 50)]
    assert everything(again.log, zxid(4, 50)) == [record(4, 51), record(4, 52)]
    assert again.recovered.snapshot_zxid == again.recovered.log_after == zxid(4, 50)
    assert again.recovered.epochs == [(1, zxid(1, 9)), (4, zxid(4, 52))]
    assert again.recovered.controls[-1][1] == found.control


def test_an_incomplete_snapshot_changes_nothing(files: Files, directory: Path, leaders: bytes) -> None:
    records = history(1, 5)
    log = open_log(files, directory).log
    append_all(log, records)
    received = ReceivedSnapshot(files, directory, zxid=zxid(4, 50), size=len(leaders))
    received.write(0, leaders[:-1])

    with pytest.raises(DamagedSnapshotError):
        received.verify()
    received.discard()

    assert everything(log) == records
    assert list_snapshots(files, directory) == []
    assert all("snapshot" not in name for name in files.listdir(directory))


def test_a_damaged_or_other_snapshot_is_not_installed(files: Files, directory: Path, leaders: bytes) -> None:
    damaged = leaders[:500] + bytes([leaders[500] ^ 1]) + leaders[501:]

    for data, at in ((damaged, zxid(4, 50)), (leaders, zxid(4, 51))):
        received = receive(files, directory, data, at)
        with pytest.raises(DamagedSnapshotError):
            received.verify()
        received.discard()
    assert files.listdir(directory) == []


def test_a_chunk_out_of_order_is_refused(files: Files, directory: Path, leaders: bytes) -> None:
    received = ReceivedSnapshot(files, directory, zxid=zxid(4, 50), size=len(leaders))
    received.write(0, leaders[:100])
    for offset, data in ((0, leaders[:100]), (101, b"x"), (100, leaders)):
        with pytest.raises(DamagedSnapshotError):
            received.write(offset, data)
    received.discard()
    assert files.listdir(directory) == []


def test_a_power_cut_during_installation_leaves_all_of_the_old_or_all_of_the_new(leaders: bytes) -> None:
    directory = Path("/data")
    outcomes = set()
    for operations in range(40):
        for seed in range(3):
            disk = SimulatedDisk()
            files = disk.process()
            log = open_log(files, directory).log
            old = history(3, 30, size=2000)
            append_all(log, old)
            received = receive(files, directory, leaders, zxid(4, 50))
            disk.cut_power_after(operations)
            try:
                install(received, directory)
                outcomes.add("through")
            except PowerCutError:
                pass
            disk.power_cut(Random(seed))

            again = open_log(disk.process(), directory)
            if again.recovered.snapshot_zxid:
                assert again.recovered.last_zxid == again.recovered.log_after == zxid(4, 50)
                outcomes.add("new")
            else:
                assert everything(again.log) == old
                outcomes.add("old")
    assert outcomes == {"through", "new", "old"}


# Building --------------------------------------------------------------------------------------


def mark_at(log: Log, at: Zxid) -> Watermark:
    return Watermark(at, *log.position(at))


def empty_history(epoch: int, records: int) -> list[bytes]:
    """Records without a batch: they execute, and do nothing."""
    entry = control_entry()
    return [epoch_record(epoch), *(
        pack_control(zxid=zxid(epoch, i), kind=Kind.SETTINGS, time_ms=7, entry=entry) for i in range(1, records + 1))]


def test_a_snapshot_is_built_from_the_one_before_and_the_log(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, [*empty_history(1, 40), *empty_history(2, 3)])

    for at in (zxid(1, 10), zxid(1, 40), zxid(2, 3)):
        built = build_snapshot(files, data_dir=directory, log_dir=directory, mark=mark_at(log, at))
        assert built is not None
        assert built.snapshot.header.zxid == at
        sections = load_newest(files, directory)
        assert sections is not None
        state = decode_state(sections)
        assert (state.zxid, state.digest()) == (at, built.snapshot.digest)
    assert built is not None
    assert built.snapshot.header.epochs == [(1, zxid(1, 40)), (2, zxid(2, 3))]
    assert build_snapshot(files, data_dir=directory, log_dir=directory, mark=mark_at(log, zxid(2, 3))) is None
    log.close()
    recovered = open_log(files, directory).recovered
    assert recovered.snapshot_zxid == recovered.last_zxid == recovered.committed == zxid(2, 3)
    assert recovered.log_after == 0
    assert recovered.controls[-1][1] == epoch_record(2)[28:]


def test_a_snapshot_is_not_built_over_a_gap(files: Files, directory: Path, leaders: bytes) -> None:
    log = open_log(files, directory).log
    append_all(log, empty_history(1, 10))
    mark = mark_at(log, zxid(1, 10))
    install(receive(files, directory, leaders, zxid(4, 50)), directory)
    files.unlink(snapshot_path(directory, zxid(4, 50)))

    with pytest.raises(LogGapError):
        build_snapshot(files, data_dir=directory, log_dir=directory, mark=mark)


def test_a_snapshot_is_not_built_from_a_damaged_record(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, empty_history(1, 10))
    mark = mark_at(log, zxid(1, 10))
    segment, end = log.position(zxid(1, 4))
    change_byte(files, directory / f"log.{segment:016x}", end + 70)

    with pytest.raises(CorruptionError):
        build_snapshot(files, data_dir=directory, log_dir=directory, mark=mark)
    assert list_snapshots(files, directory) == []


def test_a_full_disk_ends_the_building_and_leaves_nothing_in_place() -> None:
    disk, directory = SimulatedDisk(), Path("/data")
    files = disk.process()
    log = open_log(files, directory).log
    append_all(log, empty_history(1, 10))
    disk.fail_next("pwrite", 28)

    with pytest.raises(StorageError, match="No space"):
        build_snapshot(files, data_dir=directory, log_dir=directory, mark=mark_at(log, zxid(1, 10)))
    assert list_snapshots(files, directory) == []


# Retention -------------------------------------------------------------------------------------


def test_retention_keeps_the_newest_and_the_log_from_the_oldest_of_them(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    records = history(1, 400, size=800)
    append_all(log, records)
    for at in (50, 100, 200, 300):
        write_snapshot(files, directory, zxid(1, at))

    purged = purge(files, data_dir=directory, log_dir=directory, keep=2)

    assert purged.snapshots == 2
    assert purged.segments > 5
    assert list_snapshots(files, directory) == [zxid(1, 200), zxid(1, 300)]
    assert purged.oldest_needed == zxid(1, 200)
    assert zxid(1, 150) < purged.log_after <= zxid(1, 200)
    assert log.start() == purged.log_after
    assert everything(log, zxid(1, 200)) == records[201:]
    log.close()
    again = open_log(files, directory)
    assert again.recovered.last_zxid == zxid(1, 400)
    assert again.recovered.log_after == purged.log_after


def test_a_reader_pins_its_segment_and_what_comes_after(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    records = history(1, 400, size=800)
    append_all(log, records)
    write_snapshot(files, directory, zxid(1, 390))
    reader = LogReader(files, directory, zxid(1, 200))
    found = [b[o:o + s] for b, o, s in reader.read(zxid(1, 210), *log.position(zxid(1, 210)))]

    purged = purge(files, data_dir=directory, log_dir=directory, keep=1)

    assert purged.segments > 0
    assert purged.log_after < zxid(1, 211)
    found += [b[o:o + s] for b, o, s in reader.read(zxid(1, 400), *log.position(zxid(1, 400)))]
    assert found == records[201:]
    reader.close()
    assert purge(files, data_dir=directory, log_dir=directory, keep=1).log_after > zxid(1, 350)


def test_a_reader_that_holds_too_much_is_left_behind(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 400, size=800))
    write_snapshot(files, directory, zxid(1, 390))
    reader = LogReader(files, directory, 0)
    list(reader.read(zxid(1, 1), *log.position(zxid(1, 1))))

    purge(files, data_dir=directory, log_dir=directory, keep=1, pinned_bytes_max=100_000)

    assert log.start() > zxid(1, 200)
    with pytest.raises(LogGapError):
        list(reader.read(zxid(1, 400), *log.position(zxid(1, 400))))


def test_the_segment_in_use_is_never_purged(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 10))
    write_snapshot(files, directory, zxid(1, 10))

    purge(files, data_dir=directory, log_dir=directory, keep=1)

    assert len(list_segments(files, directory)) == 1
    reader = SnapshotReader(files, snapshot_path(directory, zxid(1, 10)))
    assert list(reader.sections()) == SECTIONS
    reader.close()
