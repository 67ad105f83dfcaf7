"""Taking a backup from a member's files: what is in it, and that it is good before it has a name."""

from pathlib import Path

import pytest

from node.backup.archive import Backup, DamagedBackupError, load_backup, read_header, written_aside
from node.backup.shelf import list_backups
from node.backup.take import take_backup
from node.storage.errors import CorruptionError, RefusedError
from node.storage.files import RealFiles
from node.storage.layout import data_directory, log_directory
from node.storage.place import record_that_holds
from node.storage.retention import purge
from node.storage.segments import list_segments, segment_path
from tests.backup.states import FILES, Written, configured, facts_of, tree_of
from tests.tree.ensemble import OPEN
from transport.opcodes import OpCode
from transport.records import CreateRequest
from transport.zxid import Zxid


@pytest.fixture
def member(tmp_path: Path) -> Written:
    (config,) = configured(tmp_path, members=1)
    ensemble, _ = tree_of(30)
    return Written(config, ensemble)


def log_of(member: Written) -> Path:
    return log_directory(member.config.log_dir)


def test_a_backup_holds_the_state_at_the_barrier_and_nothing_behind(member: Written, tmp_path: Path) -> None:
    barrier = member.log()
    expected, sessions = facts_of(member.ensemble.replica.state), len(member.ensemble.replica.sessions)
    digest = member.ensemble.replica.digest()
    member.ensemble.client(connection=2).create(b"/later")
    member.log()

    taken = member.back_up(tmp_path / "one", barrier=barrier)
    loaded = load_backup(FILES, tmp_path / "one")

    assert facts_of(loaded.state) == expected
    assert loaded.snapshot.epochs == [(1, barrier)]
    header = taken.backup.header
    assert (header.zxid, header.digest) == (barrier, digest)
    assert (header.znodes, header.sessions) == (len(expected) - 1, sessions)
    assert header.is_complete
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("one*")] == ["one"]


def test_it_goes_on_from_the_newest_snapshot_by_the_log(member: Written, tmp_path: Path) -> None:
    middle = member.log()
    member.snapshot(record_that_holds(FILES, log_of(member), middle))
    member.ensemble.client(connection=2).create(b"/later")
    last = member.log()

    member.back_up(tmp_path / "one", barrier=last)

    assert facts_of(load_backup(FILES, tmp_path / "one").state) == facts_of(member.ensemble.replica.state)


def test_a_snapshot_beyond_the_barrier_is_the_backup(member: Written, tmp_path: Path) -> None:
    barrier = Zxid(member.log() - 5)
    member.snapshot(record_that_holds(FILES, log_of(member), barrier + 5))

    taken = member.back_up(tmp_path / "one", barrier=barrier)

    assert taken.backup.header.zxid == barrier + 5


def test_a_barrier_within_a_record_takes_all_of_the_record(member: Written, tmp_path: Path) -> None:
    client = member.ensemble.client(connection=2)
    creates = [client.request(OpCode.CREATE, request) for request in _creates(3)]
    member.ensemble.submit(creates)
    last = member.log()

    taken = member.back_up(tmp_path / "one", barrier=Zxid(last - 2))

    assert taken.backup.header.zxid == last


def test_without_a_barrier_it_holds_what_the_stamps_prove_committed(member: Written, tmp_path: Path) -> None:
    last = member.log(proven=20)

    taken = member.back_up(tmp_path / "one", barrier=None)

    assert 0 < taken.backup.header.zxid < last - 10
    assert not taken.backup.header.is_complete


def test_a_member_without_data_has_nothing_to_back_up(member: Written, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="nothing to back up"):
        member.back_up(tmp_path / "one", barrier=None)
    assert not list(tmp_path.glob("one*"))


@pytest.mark.parametrize("barrier", [True, False])
def test_a_damaged_record_is_no_backup(member: Written, tmp_path: Path, *, barrier: bool) -> None:
    last = member.log()
    (first,) = list_segments(FILES, log_of(member))
    path = segment_path(log_of(member), first)
    content = bytearray(path.read_bytes())
    at = content.index(b"/node-7")
    content[at] ^= 1
    path.write_bytes(content)

    with pytest.raises(CorruptionError):
        member.back_up(tmp_path / "one", barrier=last if barrier else None)
    assert not list(tmp_path.glob("one*"))


class PurgedUnderway(RealFiles):
    """The member snapshots and purges at the moment when the backup has found its snapshot."""

    def __init__(self, member: Written) -> None:
        self.member: Written | None = member

    def listdir(self, directory: Path) -> list[str]:
        names = super().listdir(directory)
        member, is_log = self.member, any(name.startswith("log.") for name in names)
        if member is not None and is_log:
            self.member = None
            last = member.ensemble.replica.zxid
            member.snapshot(record_that_holds(FILES, log_of(member), last))
            purge(FILES, data_dir=data_directory(member.config.data_dir), log_dir=log_of(member), keep=1)
            segment_path(log_of(member), list_segments(FILES, log_of(member))[0]).unlink()
        return names


def test_a_log_that_is_purged_meanwhile_is_read_from_the_newer_snapshot(member: Written, tmp_path: Path) -> None:
    barrier = member.log()
    files = PurgedUnderway(member)

    taken = take_backup(files, member.config, ensemble="e", to=tmp_path / "one", keep=None, barrier=barrier)

    assert files.member is None
    assert taken.backup.header.zxid == barrier


class Full(RealFiles):
    """A disk without room for a second chunk."""

    def pwrite(self, handle: int, buffers: object, offset: int) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_nothing_behind(member: Written, tmp_path: Path) -> None:
    barrier = member.log()
    with pytest.raises(OSError, match="No space"):
        take_backup(Full(), member.config, ensemble="e", to=tmp_path / "one", keep=None, barrier=barrier)
    assert not list(tmp_path.glob("one*"))


# The file --------------------------------------------------------------------------------------


@pytest.fixture
def made(member: Written, tmp_path: Path) -> Backup:
    return member.back_up(tmp_path / "one", barrier=member.log()).backup


def test_a_changed_byte_anywhere_is_found(made: Backup) -> None:
    content = made.path.read_bytes()
    places = [*range(0, 200, 7), *range(200, len(content), max(1, len(content) // 60)), len(content) - 1]
    for at in places:
        made.path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1:])
        with pytest.raises(DamagedBackupError):
            load_backup(FILES, made.path)
    made.path.write_bytes(content)
    assert load_backup(FILES, made.path).backup == made


@pytest.mark.parametrize("size", [0, 5, 60, -33, -1])
def test_a_file_cut_short_is_found(made: Backup, size: int) -> None:
    made.path.write_bytes(made.path.read_bytes()[:size])

    with pytest.raises(DamagedBackupError):
        load_backup(FILES, made.path)


def test_bytes_behind_the_end_are_found(made: Backup) -> None:
    made.path.write_bytes(made.path.read_bytes() + b"x")

    with pytest.raises(DamagedBackupError):
        load_backup(FILES, made.path)


def test_another_file_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "zoo.cfg").write_text("tickTime=2000\n" * 20)

    with pytest.raises(DamagedBackupError, match="not a backup"):
        read_header(FILES, tmp_path / "zoo.cfg")


# The shelf -------------------------------------------------------------------------------------


def test_the_newest_are_kept_and_others_are_left_alone(member: Written, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    barrier = member.log()
    first = member.back_up(shelf, barrier=barrier)
    name = first.backup.path.name
    time = name.split("-")[3]
    older = [name.replace(time, f"2001010{i}T000000Z") for i in (1, 2, 3)]
    for each in (*older, name.replace("-m1-", "-m2-"), "notes.txt", f"{older[0]}.part"):
        (shelf / each).write_bytes(first.backup.path.read_bytes())

    taken = member.back_up(shelf, barrier=barrier, keep=2)

    kept = sorted({older[-1], name, taken.backup.path.name})[-2:]
    assert {path.name for path in taken.removed} == {*older, name} - {*kept, taken.backup.path.name}
    assert {path.name for path in shelf.iterdir()} == {*kept, name.replace("-m1-", "-m2-"), "notes.txt"}


def test_backups_at_the_same_time_leave_each_other_alone(member: Written, tmp_path: Path) -> None:
    barrier = member.log()
    first = member.back_up(tmp_path, barrier=barrier).backup.path
    other = first.with_name(first.name.replace(first.name.split("-")[3], "20010101T000000Z"))
    with written_aside(FILES, other):
        member.back_up(tmp_path, barrier=barrier)
        with pytest.raises(RefusedError, match="another backup"):
            member.back_up(other, barrier=barrier)

    assert other.exists()
    assert not list(tmp_path.glob("*.part"))


def test_a_list_shows_a_damaged_one_as_such(member: Written, tmp_path: Path) -> None:
    taken = member.back_up(tmp_path, barrier=member.log())
    taken.backup.path.write_bytes(b"x" * 100)

    (entry,) = list_backups(FILES, tmp_path)

    assert entry.header is None
    assert "not a backup" in entry.problem


def _creates(number: int) -> list[CreateRequest]:
    return [CreateRequest(b"/together-%d" % i, b"", OPEN, 0) for i in range(number)]
