"""The log read from its end: the same records, the newest first, over segments and large records alike."""

from pathlib import Path

import pytest

from node.storage.backwards import read_back
from node.storage.errors import LogGapError
from node.storage.files import RealFiles
from node.storage.log import Log
from tests.storage.member import append_all, history, open_log, record


def log_with(directory: Path, records: list[bytes]) -> Log:
    log = open_log(RealFiles(), directory).log
    append_all(log, records)
    return log


def backwards(log: Log, zxid: int) -> list[bytes]:
    segment, offset = log.position(zxid)
    return list(read_back(log.files, log.directory, segment=segment, offset=offset))


def test_records_come_newest_first_through_all_segments(tmp_path: Path) -> None:
    records = history(4, 300, size=400)
    log = log_with(tmp_path, records)
    assert len(list(log.directory.glob("log.*"))) > 3

    assert backwards(log, log.last_zxid) == records[::-1]


def test_it_begins_at_the_end_of_any_record(tmp_path: Path) -> None:
    records = history(4, 100)
    log = log_with(tmp_path, records)

    assert backwards(log, log.last_zxid - 40) == records[:-40][::-1]


def test_a_record_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    records = [*history(4, 3), record(4, 4, body=b"x" * 300_000), record(4, 5)]
    log = log_with(tmp_path, records)

    assert backwards(log, log.last_zxid) == records[::-1]


def test_bytes_that_look_like_a_segment_id_mislead_nobody(tmp_path: Path) -> None:
    log = log_with(tmp_path, history(4, 3))
    (segment,) = log.directory.glob("log.*")
    identifier = segment.read_bytes()[16:24]
    more = [record(4, 4, body=b"y" * 70_000 + identifier * 50), record(4, 5)]
    append_all(log, more)

    assert backwards(log, log.last_zxid)[:2] == more[::-1]


def test_an_offset_that_is_no_records_end_is_refused(tmp_path: Path) -> None:
    log = log_with(tmp_path, history(4, 3))
    segment, offset = log.position(log.last_zxid)

    with pytest.raises(LogGapError):
        list(read_back(log.files, log.directory, segment=segment, offset=offset - 3))
