"""What is left of a member that was killed, and what is not."""

import os
from pathlib import Path

import pytest

from node.run_dir import clear, make_private, remove_stale, temporary_prefix
from node.running import RunningMember, own_start_ticks, write_running
from node.storage.errors import RefusedError
from transport.endpoints import lock_ipc_path

LONG_AGO = 1_000_000_000


def left_behind(directory: Path, name: str = "0123456789ab") -> Path:
    path = directory / f"{temporary_prefix()}{name}"
    path.mkdir()
    (path / "b.lock").touch()
    (path / "metrics-port").write_text("1\n")
    make_old(path)
    return path


def make_old(path: Path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


def test_what_a_killed_member_left_is_removed(tmp_path: Path) -> None:
    left = left_behind(tmp_path)

    assert remove_stale(directory=tmp_path) == [left]
    assert not left.exists()


def test_what_a_living_process_holds_stays(tmp_path: Path) -> None:
    by_lock, by_state = left_behind(tmp_path, "lock"), left_behind(tmp_path, "state")
    lock = lock_ipc_path(f"ipc://{by_lock}/b")
    write_running(by_state, RunningMember(
        member=1, config="", pid=os.getpid(), start_ticks=own_start_ticks(), clients=[], metrics="", processes=[]))
    for each in (by_lock, by_state):
        make_old(each)

    assert remove_stale(directory=tmp_path) == []
    os.close(lock)


def test_a_young_one_and_what_is_not_ours_stay(tmp_path: Path) -> None:
    young = left_behind(tmp_path)
    os.utime(young)
    other = tmp_path / "corral-of-somebody"
    other.mkdir()
    make_old(other)

    assert remove_stale(directory=tmp_path) == []
    assert young.exists()
    assert other.exists()


def test_only_what_is_a_members_goes_from_a_directory_that_others_use_too(tmp_path: Path) -> None:
    (tmp_path / "state.json").touch()
    (tmp_path / "others.pid").touch()

    clear(tmp_path)

    assert [each.name for each in tmp_path.iterdir()] == ["others.pid"]


def test_a_run_directory_that_cannot_be_made_is_refused_with_the_cure() -> None:
    with pytest.raises(RefusedError, match=r"set corral\.runDir to a directory that this user may write"):
        make_private(Path("/proc/x"))
