"""A sync that fails ends the process, which says so, and lets go of what it holds: found by `make nemesis`."""

import errno
import os
import select
from pathlib import Path

import pytest

from node.processes.broadcast_disk import Disk
from node.storage.errors import StorageError
from node.storage.files import Handle, RealFiles
from tests.processes.small_ensemble import make_configs
from tests.storage.member import history

WOKEN_S = 10.0


class Failing(RealFiles):
    def fdatasync(self, handle: Handle) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """With a record to sync, on a disk that fails from now on."""
    found = Disk(make_configs(tmp_path, 3)[0], "small")
    for each in history(1, 3):
        found.log.append(each, committed=0, durable_upto=0)
    found.log.write_out()
    found.log.files = Failing()
    return found


def is_free(disk: Disk) -> bool:
    """The lock on the data is nobody's."""
    return disk.files.lock_exclusive(disk.files.open(disk.data_dir / "lock", create=True))


def test_after_a_failed_sync_in_line_the_disk_is_closed(disk: Disk) -> None:
    with pytest.raises(StorageError, match="Input/output error"):
        disk.sync()

    disk.close()

    assert is_free(disk)


def test_after_a_failed_sync_in_the_thread_the_disk_is_closed(disk: Disk) -> None:
    disk.begin_sync()
    assert select.select([disk.fileno()], [], [], WOKEN_S)[0]
    with pytest.raises(StorageError, match="Input/output error"):
        disk.finish_sync()

    disk.close()

    assert is_free(disk)


def test_a_sync_that_fails_while_the_disk_is_closed_is_told_and_the_disk_is_closed(disk: Disk) -> None:
    disk.begin_sync()

    with pytest.raises(StorageError, match="Input/output error"):
        disk.close()

    assert is_free(disk)
