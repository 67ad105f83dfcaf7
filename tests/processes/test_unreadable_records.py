"""Records that the log's files do not give: told as what they are, and a learner that needs them gets a snapshot."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.config.member import MemberConfig
from node.processes.broadcast_disk import Disk
from node.processes.broadcast_records import Records, UnreadableError
from node.storage.errors import CorruptionError, StorageError
from node.storage.files import Handle, RealFiles
from node.storage.layout import HEADER
from node.storage.segments import list_segments, segment_path
from tests.processes.small_ensemble import SmallEnsemble, make_configs
from tests.rot import flip
from transport.entry import pack_record
from transport.sockets import StreamId
from transport.zxid import Zxid, make_zxid

LEARNER: StreamId = b"learner"
MEBIBYTE = 1 << 20
BEYOND_MEMORY = 10  # records of a MiB: the first of them are no longer in the leader's memory


class FailingFiles(RealFiles):
    """*fails*: reads of the disk do."""

    fails = False

    def pread(self, handle: Handle, size: int, offset: int) -> bytes:
        if self.fails:
            raise OSError(5, "Input/output error")
        return super().pread(handle, size, offset)


@pytest.fixture
def config(tmp_path: Path) -> MemberConfig:
    return make_configs(tmp_path, 1)[0]


@pytest.fixture
def files() -> FailingFiles:
    return FailingFiles()


@pytest.fixture
def disk(config: MemberConfig, files: FailingFiles) -> Iterator[Disk]:
    made = Disk(config, "ensemble", files)
    for counter in range(3):
        made.log.append(record(counter), committed=0, durable_upto=0)
    made.log.sync()
    yield made
    files.fails = False
    made.close()


def record(counter: int) -> bytes:
    return pack_record(first_zxid=zxid(counter), count=1, time_ms=0, body=b"x" * 100)


def zxid(counter: int) -> Zxid:
    return make_zxid(epoch=1, counter=counter)


def read(records: Records, after: int) -> bytes:
    return records.read(LEARNER, after=Zxid(after), upto=zxid(2), bytes_max=MEBIBYTE)[0]


def spoil_body(path: Path) -> None:
    flip(path, HEADER.size + 100)


def spoil_length(path: Path) -> None:
    flip(path, HEADER.size)


def empty(path: Path) -> None:
    """The record's place reads as zeros, as if nothing had been written."""
    with path.open("r+b") as file:
        file.seek(HEADER.size)
        file.write(bytes(2000))


@pytest.mark.parametrize("spoil", [spoil_body, spoil_length, empty])
def test_a_damaged_record_is_told_as_damage_wherever_it_is(disk: Disk, spoil: Callable[[Path], None]) -> None:
    records = Records(disk.log)  # as after a restart: nothing in memory
    [segment] = list_segments(disk.files, disk.log_dir)

    spoil(segment_path(disk.log_dir, segment))

    for after in (0, zxid(0)):
        try:
            read(records, after)
        except UnreadableError as error:
            assert isinstance(error.cause, CorruptionError)  # noqa: PT017  # what is behind the damage may be read
            break
    else:
        pytest.fail("it was read")


def test_a_disk_that_does_not_read_is_no_damage(disk: Disk, files: FailingFiles) -> None:
    records = Records(disk.log)
    disk.log.write_out()

    files.fails = True
    with pytest.raises(UnreadableError) as failed:
        read(records, 0)
    files.fails = False

    assert isinstance(failed.value.cause, StorageError)
    assert read(records, 0) == record(0) + record(1) + record(2)


def test_a_follower_takes_a_snapshot_where_the_leaders_log_has_rotted(tmp_path: Path) -> None:
    ensemble = SmallEnsemble(make_configs(tmp_path, 3))
    try:
        ensemble.start_all()
        leader = ensemble.leader()
        absent = next(i for i in ensemble.configs if i != leader)
        processor, late = ensemble.link(leader), ensemble.processors[absent]
        processor.submit(b"%08d" % 0)
        ensemble.wait(lambda: all(len(each.read()) == 1 for each in ensemble.processors.values()))
        ensemble.kill(absent)
        for i in range(1, BEYOND_MEMORY):
            processor.submit(bytes(MEBIBYTE) + b"%08d" % i)
            ensemble.wait(lambda i=i: len(processor.read()) == i + 1)  # type: ignore[misc]
        epoch = processor.lease.epoch
        ensemble.take_snapshot(processor, b"a section", keep=2)
        log = ensemble.configs[leader].log_dir / "corral"
        flip(min(log.glob("log.*")), 2 * MEBIBYTE)

        ensemble.start(absent)
        ensemble.wait(lambda: late.serves, "the follower does not serve")
        processor.submit(b"%08d" % 99)
        late.read_from(ensemble.snapshot_zxid(absent))
        ensemble.wait(lambda: late.read() == [b"%08d" % 99])

        assert processor.lease.epoch == epoch
        assert '"log_unreadable"' in ensemble.log_text(leader)
    finally:
        ensemble.close()
