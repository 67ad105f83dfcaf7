"""Appending, reading back, cutting, on an orderly disk."""

from pathlib import Path

import pytest

from node.storage.errors import LogGapError
from node.storage.files import Files
from node.storage.reader import LogReader
from node.storage.segments import list_segments, list_spares, prepare_segment
from tests.storage.member import (
    append_all,
    epoch_record,
    everything,
    history,
    new_id,
    open_log,
    record,
)
from transport.zxid import make_zxid


def test_what_was_appended_and_synced_is_read_back_after_a_restart(files: Files, directory: Path) -> None:
    records = history(1, 20)
    log = open_log(files, directory).log
    append_all(log, records)
    log.close()

    recovery = open_log(files, directory)

    assert everything(recovery.log) == records
    assert recovery.recovered.last_zxid == make_zxid(epoch=1, counter=20)
    assert recovery.recovered.committed == make_zxid(epoch=1, counter=19)
    assert recovery.recovered.epochs == [(1, make_zxid(epoch=1, counter=20))]
    assert recovery.recovered.controls[-1][1] == epoch_record(1)[28:]
    assert recovery.torn_bytes == 0


def test_a_fresh_directory_is_an_empty_log(files: Files, directory: Path) -> None:
    recovery = open_log(files, directory)

    assert recovery.recovered.last_zxid == 0
    assert recovery.recovered.initial
    assert recovery.log.position(0) == (0, 0)
    assert recovery.log.start() == 0


def test_records_run_through_many_segments(files: Files, directory: Path) -> None:
    records = history(1, 300, size=400)
    log = open_log(files, directory).log
    append_all(log, records)

    assert len(list_segments(files, directory)) > 3
    assert everything(log) == records
    log.close()
    again = open_log(files, directory).log
    assert everything(again) == records


def test_a_record_larger_than_a_segment_gets_one_of_its_own(files: Files, directory: Path) -> None:
    records = [epoch_record(1), record(1, 1, body=bytes(3 << 20)), record(1, 2)]
    log = open_log(files, directory).log
    append_all(log, records)

    assert everything(log) == records


def test_a_record_that_does_not_follow_is_refused(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 2))

    for wrong in (record(1, 2), record(1, 4), record(2, 1), epoch_record(1)):
        with pytest.raises(LogGapError):
            log.append(wrong, committed=0, durable_upto=0)


def test_a_spare_segment_is_used_when_one_is_there(files: Files, directory: Path) -> None:
    prepare_segment(files, directory, 1 << 20)
    log = open_log(files, directory).log
    append_all(log, history(1, 100, size=400))

    assert len(list_segments(files, directory)) == 1
    assert list_spares(files, directory) == []


def test_truncation_leaves_the_records_before_it_and_room_for_others(files: Files, directory: Path) -> None:
    records = history(1, 300, size=400)
    log = open_log(files, directory).log
    for each in records:
        log.append(each, committed=0, durable_upto=0)
    log.sync()

    log.truncate(make_zxid(epoch=1, counter=17))
    after = [epoch_record(3), record(3, 1)]
    append_all(log, after)

    assert everything(log) == records[:18] + after
    log.close()
    recovery = open_log(files, directory)
    assert everything(recovery.log) == records[:18] + after
    assert [epoch for epoch, _ in recovery.recovered.epochs] == [1, 3]


def test_truncation_to_nothing_empties_the_log(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    for each in history(1, 5):
        log.append(each, committed=0, durable_upto=0)

    log.truncate(0)
    append_all(log, history(2, 3))

    assert everything(log) == history(2, 3)


def test_what_is_committed_is_never_truncated(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 5))

    with pytest.raises(LogGapError, match="committed"):
        log.truncate(make_zxid(epoch=1, counter=3))


def test_truncation_to_the_middle_of_a_record_is_refused(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    for each in [epoch_record(1), record(1, 1, requests=10)]:
        log.append(each, committed=0, durable_upto=0)

    with pytest.raises(LogGapError, match="no record ends there"):
        log.truncate(make_zxid(epoch=1, counter=5))


def test_a_reader_begins_anywhere_and_stops_at_the_watermark(files: Files, directory: Path) -> None:
    records = history(1, 300, size=400)
    log = open_log(files, directory).log
    append_all(log, records)

    for after, upto in ((0, 300), (17, 17), (17, 18), (100, 280)):
        reader = LogReader(files, directory, make_zxid(epoch=1, counter=after), verify=True)
        zxid = make_zxid(epoch=1, counter=upto)
        found = [b[o:o + s] for b, o, s in reader.read(zxid, *log.position(zxid))]
        assert found == records[after + 1:upto + 1]
        assert list(reader.read(zxid, *log.position(zxid))) == []
        reader.close()


def test_a_reader_follows_the_watermark_from_record_to_record(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    reader = LogReader(files, directory, 0)
    found = []
    for each in history(1, 200, size=400):
        append_all(log, [each])
        found += [b[o:o + s] for b, o, s in reader.read(log.last_zxid, *log.position(log.last_zxid))]

    assert found == history(1, 200, size=400)


def test_a_reader_does_not_see_what_is_beyond_the_watermark(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 10))
    reader = LogReader(files, directory, 0)
    zxid = make_zxid(epoch=1, counter=4)

    found = [b[o:o + s] for b, o, s in reader.read(zxid, *log.position(zxid))]

    assert found == history(1, 4)


def test_a_reader_that_starts_before_the_log_or_after_it_is_told(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(2, 10))
    end = (log.last_zxid, *log.position(log.last_zxid))

    for wrong in (make_zxid(epoch=1, counter=5), make_zxid(epoch=1, counter=0)):
        with pytest.raises(LogGapError):
            list(LogReader(files, directory, wrong).read(*end))


def test_the_position_of_an_old_record_is_found_in_the_files(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 300, size=400))
    known = {z: log.position(make_zxid(epoch=1, counter=z)) for z in range(301)}
    log.close()

    again = open_log(files, directory).log

    assert {z: again.position(make_zxid(epoch=1, counter=z)) for z in range(301)} == known
    with pytest.raises(LogGapError):
        again.position(make_zxid(epoch=1, counter=301))


def test_a_sync_in_another_thread_may_end_after_the_segment_has_changed(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    first, *rest = history(1, 100, size=400)
    log.append(first, committed=0, durable_upto=0)
    sync = log.begin_sync()
    for each in rest:
        log.append(each, committed=0, durable_upto=0)

    sync.run()
    log.end_sync(sync)

    # Rotation synced in line what is in the earlier segments, so more than the sync covered is durable.
    assert make_zxid(epoch=1, counter=0) < log.durable < log.last_zxid
    assert log.sync() == log.last_zxid
    assert new_id() != new_id()
