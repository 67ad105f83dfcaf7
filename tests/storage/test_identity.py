"""Whose data this is: lock, identity, mark, epochs."""

import subprocess
import sys
from pathlib import Path

import pytest

from node.storage.epochs import Epochs
from node.storage.errors import RefusedError
from node.storage.files import Files
from node.storage.identity import DataLock, Identity, consume_mark, open_identity
from node.storage.replaced import replace_file
from tests.simulation.disk import SimulatedDisk
from tests.storage.member import append_all, history, open_log
from transport.zxid import Epoch


def identify(
    files: Files, directory: Path, *, ensemble: str = "e1", member: int = 1, alone: bool = False
) -> Identity:
    return open_identity(
        files, data_dir=directory, log_dir=directory, ensemble=ensemble, member=member, alone=alone,
        new_incarnation=iter(["aa", "bb"]).__next__)


def mark(files: Files, directory: Path) -> None:
    files.close(files.open(directory / "initialize", create=True))


def test_an_incarnation_is_made_once_and_stays(files: Files, directory: Path) -> None:
    mark(files, directory)
    first = identify(files, directory)
    replace_file(files, directory / "unrelated", b"x")

    assert first == Identity(ensemble="e1", member=1, incarnation="aa", initial=True)
    assert identify(files, directory) == first


def test_a_consumed_mark_makes_a_member_that_is_not_new(files: Files, directory: Path) -> None:
    mark(files, directory)
    identify(files, directory)

    consume_mark(files, directory)
    consume_mark(files, directory)

    assert not identify(files, directory).initial


def test_an_empty_directory_may_join_but_not_found_an_ensemble(files: Files, directory: Path) -> None:
    assert not identify(files, directory).initial


def test_an_empty_directory_of_an_ensemble_of_one_is_refused(files: Files, directory: Path) -> None:
    with pytest.raises(RefusedError, match="corral keys init"):
        identify(files, directory, alone=True)
    mark(files, directory)
    assert identify(files, directory, alone=True).initial


@pytest.mark.parametrize(
    ("other", "cure"), [({"ensemble": "e2"}, "correct dataDir or corral.keys"), ({"member": 2}, "or myid")])
def test_data_of_others_are_refused(files: Files, directory: Path, other: dict[str, object], cure: str) -> None:
    identify(files, directory)

    with pytest.raises(RefusedError, match=cure):
        identify(files, directory, **other)  # type: ignore[arg-type]


def test_a_log_without_an_identity_is_refused(files: Files, directory: Path) -> None:
    log = open_log(files, directory).log
    append_all(log, history(1, 2))

    with pytest.raises(RefusedError, match="no file that says whose they are"):
        identify(files, directory)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": "x"}'])
def test_an_unreadable_identity_is_refused(files: Files, directory: Path, content: bytes) -> None:
    replace_file(files, directory / "identity", content)

    with pytest.raises(RefusedError, match="unreadable"):
        identify(files, directory)


def test_a_newer_format_names_the_version(files: Files, directory: Path) -> None:
    replace_file(files, directory / "identity", b'{"format": 2, "needs": "8.8.8", "shape": {}}')

    with pytest.raises(RefusedError, match=r"Corral 8\.8\.8 or later"):
        identify(files, directory)


def test_a_second_process_on_the_same_data_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", (
            "import os, sys; from pathlib import Path; from node.storage.identity import DataLock;"
            "from node.storage.files import RealFiles;"
            f"DataLock(RealFiles(), data_dir=Path({str(tmp_path / 'a')!r}), log_dir=Path({str(tmp_path / 'b')!r}),"
            "pid=os.getpid()); print('held', flush=True); sys.stdin.read()")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"held\n"
    from node.storage.files import RealFiles

    # Either directory alone is enough.
    for data, log in (("a", "c"), ("c", "b")):
        with pytest.raises(RefusedError, match=f"process {holder.pid} uses this data"):
            DataLock(RealFiles(), data_dir=tmp_path / data, log_dir=tmp_path / log, pid=1)
    holder.stdin.close()
    assert holder.wait(10) == 0
    holder.stdout.close()
    DataLock(RealFiles(), data_dir=tmp_path / "a", log_dir=tmp_path / "b", pid=1).release()


def test_a_lock_goes_with_its_process() -> None:
    disk, directory = SimulatedDisk(), Path("/data")
    first = disk.process()
    DataLock(first, data_dir=directory, log_dir=directory, pid=11)
    with pytest.raises(RefusedError, match="process 11"):
        DataLock(disk.process(), data_dir=directory, log_dir=directory, pid=12)

    first.crash()

    DataLock(disk.process(), data_dir=directory, log_dir=directory, pid=12)


def test_epochs_and_generation_survive_and_never_go_back(files: Files, directory: Path) -> None:
    epochs = Epochs(files, directory)
    assert (epochs.accepted, epochs.current, epochs.generation) == (0, 0, 0)

    epochs.save_accepted(Epoch(4))
    epochs.save_current(Epoch(3))
    assert [epochs.next_generation(), epochs.next_generation()] == [1, 2]

    again = Epochs(files, directory)
    assert (again.accepted, again.current, again.generation) == (4, 3, 2)
    with pytest.raises(AssertionError):
        again.save_accepted(Epoch(3))


@pytest.mark.parametrize("content", [b"", b"12", b"-1\n", b"x\n", b"\0\0\0"])
def test_an_epoch_file_that_holds_no_number_is_refused(files: Files, directory: Path, content: bytes) -> None:
    replace_file(files, directory / "currentEpoch", content)

    with pytest.raises(RefusedError, match="not a number"):
        Epochs(files, directory)
