"""Torn or corrupt: what recovery mends, and what it refuses."""

import errno
from pathlib import Path
from random import Random
from zlib import crc32

import pytest

from node.storage.errors import CorruptionError, RefusedError, StorageError
from node.storage.files import Files
from node.storage.layout import FORMAT, MAGIC
from node.storage.log import Log
from node.storage.segments import list_segments, segment_path
from tests.simulation.disk import PowerCutError, SimulatedDisk
from tests.storage.member import append_all, everything, history, open_log, record
from transport.zxid import make_zxid

DIRECTORY = Path("/data")


def zxid(epoch: int, counter: int) -> int:
    return make_zxid(epoch=epoch, counter=counter)


def overwrite(files: Files, path: Path, offset: int, data: bytes) -> None:
    handle = files.open(path, write=True)
    files.pwrite(handle, [data], offset)
    files.fdatasync(handle)
    files.close(handle)


def unsynced(log: Log, records: list[bytes]) -> None:
    """Appended and written, never synced."""
    durable = log.durable
    for each in records:
        log.append(each, committed=0, durable_upto=durable)
    log.write_out()


def damage(files: Files, log: Log, first: int, *, at: int = 50) -> tuple[Path, int]:
    """Destroy the record that begins with *first*; where it begins."""
    segment, offset = log.position(first - 1)
    path = segment_path(log.directory, segment)
    overwrite(files, path, offset + at, b"\xff\xfe")
    return path, offset


# Mended ----------------------------------------------------------------------------------------


def test_bad_then_good_above_what_was_durable_is_a_torn_tail(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 10))
    unsynced(log, [record(1, i) for i in range(11, 20)])
    damage(files, log, zxid(1, 13))
    log.close()

    recovery = open_log(files, directory)

    assert recovery.recovered.last_zxid == zxid(1, 12)
    assert recovery.torn_bytes > 0
    assert everything(recovery.log) == [*history(1, 10), record(1, 11), record(1, 12)]


def test_what_was_cut_off_never_comes_back(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 10))
    unsynced(log, [record(1, i) for i in range(11, 20)])
    damage(files, log, zxid(1, 13))
    log.close()
    log = open_log(files, directory).log
    # Of the same size as what stood there, so that the old record 14 would begin right behind it.
    new = record(1, 13, body=b"BODY")
    append_all(log, [new])
    log.close()

    recovery = open_log(files, directory)

    assert recovery.recovered.last_zxid == zxid(1, 13)
    assert recovery.torn_bytes == 0
    assert everything(recovery.log)[-1] == new


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\1\0\0\0"])
def test_a_torn_tail_may_begin_with_any_length(files: Files, directory: Path, garbage: bytes) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 3))
    unsynced(log, [record(1, 4), record(1, 5), record(1, 6)])
    segment, offset = log.position(zxid(1, 3))
    overwrite(files, segment_path(directory, segment), offset, garbage)
    log.close()

    log = open_log(files, directory).log
    append_all(log, [record(1, 4)])

    assert everything(log) == [*history(1, 3), record(1, 4)]


# Refused ---------------------------------------------------------------------------------------


def test_a_bad_record_that_was_durable_is_corruption(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 20))
    path, offset = damage(files, log, zxid(1, 13))
    log.close()

    with pytest.raises(CorruptionError, match="move this member's data directory") as refused:
        open_log(files, directory)

    assert (refused.value.file, refused.value.offset, refused.value.zxid) == (path, offset, zxid(1, 12))


def test_refusing_changes_nothing(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 20))
    path, offset = damage(files, log, zxid(1, 13), at=33)
    log.close()
    for _ in range(2):
        with pytest.raises(CorruptionError):
            open_log(files, directory)

    handle = files.open(path, write=True)
    good = record(1, 13, body=(b"%d " % 13) * 25)
    files.pwrite(handle, [good[1:3]], offset + 33)
    files.close(handle)

    assert open_log(files, directory).recovered.last_zxid == zxid(1, 20)


def test_the_last_record_that_a_later_one_calls_durable_is_corruption(files: Files, directory: Path) -> None:
    """The boundary of rule 7: at the largest durable_upto is corruption, one above is tail."""
    log = open_log(files, directory).log
    append_all(log, history(1, 10))
    unsynced(log, [record(1, 11), record(1, 12)])
    log.close()
    for first, refused in ((zxid(1, 11), False), (zxid(1, 10), True)):
        recovery = open_log(files, directory)
        if recovery.log.last_zxid == zxid(1, 10):
            unsynced(recovery.log, [record(1, 11), record(1, 12)])
        damage(files, recovery.log, first)
        recovery.log.close()
        if refused:
            with pytest.raises(CorruptionError):
                open_log(files, directory)
        else:
            assert open_log(files, directory).recovered.last_zxid == zxid(1, 10)


def test_a_missing_segment_is_refused_wherever_it_was(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 300, size=800))
    log.close()
    segments = list_segments(files, directory)
    assert len(segments) > 4

    for missing in (segments[0], segments[2], segments[-1]):
        path = segment_path(directory, missing)
        aside = path.with_name("aside")
        files.rename(path, aside)
        with pytest.raises(CorruptionError):
            open_log(files, directory)
        files.rename(aside, path)
    assert open_log(files, directory).recovered.last_zxid == zxid(1, 300)


def test_a_damaged_end_marker_with_records_behind_it_is_refused(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 300, size=800))
    second = list_segments(files, directory)[1]
    segment, offset = log.position(second - 1)
    log.close()

    overwrite(files, segment_path(directory, segment), offset, bytes(40))

    with pytest.raises(CorruptionError, match="has no end"):
        open_log(files, directory)


def test_a_damaged_header_is_refused(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 300, size=800))
    log.close()

    for first in (list_segments(files, directory)[-1], list_segments(files, directory)[0]):
        overwrite(files, segment_path(directory, first), 20, b"\xaa\xbb")
        with pytest.raises(CorruptionError):
            open_log(files, directory)


def test_a_newer_format_names_the_version_that_reads_it(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 3))
    log.close()
    (first,) = list_segments(files, directory)
    sealed = (FORMAT + 1).to_bytes(4, "little") + bytes(24) + b"7.8.9".ljust(24, b"\0")
    header = MAGIC + crc32(sealed).to_bytes(4, "little") + sealed

    overwrite(files, segment_path(directory, first), 0, header)

    with pytest.raises(RefusedError, match=r"Corral 7\.8\.9 or later"):
        open_log(files, directory)


# Ends in the middle of something -----------------------------------------------------------------


@pytest.mark.parametrize("kept", [0, 6, 40])
def test_a_truncation_that_the_power_interrupts_is_finished_or_never_was(kept: int) -> None:
    outcomes = set()
    for operations in range(40):
        for seed in range(8):
            disk = SimulatedDisk()
            log = open_log(disk.process(), DIRECTORY).log
            records = history(1, 60, size=2000)
            for each in records:
                log.append(each, committed=0, durable_upto=log.durable)
                log.sync()
            disk.cut_power_after(operations)
            try:
                log.truncate(zxid(1, kept - 1) if kept else 0)
            except PowerCutError:
                outcomes.add("cut")
            disk.power_cut(Random(seed))

            found = everything(open_log(disk.process(), DIRECTORY).log)
            assert found in (records, records[:kept])
            outcomes.add("finished" if len(found) == kept else "never was")
    assert outcomes == {"cut", "finished", "never was"}


def test_after_a_failed_sync_nothing_is_believed_durable_that_is_not() -> None:
    """The page cache shows what never reached the disk; a restart must not build on it."""
    disk = SimulatedDisk()
    log = open_log(disk.process(), DIRECTORY).log
    append_all(log, history(1, 5))
    log.append(record(1, 6), committed=0, durable_upto=log.durable)
    disk.fail_next("fdatasync", errno.EIO)
    with pytest.raises(StorageError, match="Input/output error") as failed:
        log.sync()
    assert failed.value.errno == errno.EIO
    disk.crash_processes()

    again = open_log(disk.process(), DIRECTORY)
    assert again.recovered.last_zxid == zxid(1, 6)
    disk.power_cut(Random(1))

    assert open_log(disk.process(), DIRECTORY).recovered.last_zxid == zxid(1, 6)


def test_a_full_disk_is_a_storage_error_that_names_the_file() -> None:
    disk = SimulatedDisk()
    log = open_log(disk.process(), DIRECTORY).log
    append_all(log, history(1, 5))
    log.append(record(1, 6), committed=0, durable_upto=log.durable)
    disk.fail_next("pwrite", errno.ENOSPC)

    with pytest.raises(StorageError, match=r"log\.0000010000000000: No space left") as failed:
        log.sync()
    assert failed.value.errno == errno.ENOSPC


def test_commit_knowledge_is_recovered_and_never_beyond_the_log(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    for each in history(1, 5):
        log.append(each, committed=zxid(1, 3), durable_upto=0)
    log.sync()
    log.close()
    assert open_log(files, directory).recovered.committed == zxid(1, 3)

    log = open_log(files, directory).log
    log.append(record(1, 6), committed=zxid(1, 900), durable_upto=0)
    log.sync()
    log.close()
    assert open_log(files, directory).recovered.committed == zxid(1, 6)


def test_a_bit_that_rots_is_refused_or_cuts_only_what_nothing_called_durable() -> None:
    refused = mended = 0
    rng = Random(7)
    for _ in range(150):
        disk = SimulatedDisk()
        log = open_log(disk.process(), DIRECTORY).log
        records = history(1, 40, size=400)
        append_all(log, records)
        log.close()
        path = rng.choice([p for p in disk.paths() if p.name.startswith("log.")])
        used = len(disk.content(path).rstrip(b"\0"))
        disk.rot(path, rng.randrange(12, used), flip=1 << rng.randrange(8))
        try:
            found = everything(open_log(disk.process(), DIRECTORY).log)
        except CorruptionError:
            refused += 1
        else:
            # Only of the very last record does no later one say that it was durable.
            assert found in (records, records[:-1])
            mended += 1
    assert refused > 50
    assert mended < 30
