"""A snapshotter whose disk does not answer at its start says so, and is started again."""

import errno
import os
from pathlib import Path

import pytest

from node.processes import snapshotter
from node.processes.watched_files import WatchedFiles
from node.storage.files import Handle, RealFiles
from node.storage.layout import data_directory
from node.storage.snapshots import snapshot_path
from tests.processes.small_ensemble import make_configs

FAILED = 1


class FailingFiles(WatchedFiles):
    def pread(self, handle: Handle, size: int, offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_snapshot_that_the_disk_does_not_give_is_a_failure_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:
    [config] = make_configs(tmp_path, 1)
    directory = data_directory(config.data_dir)
    RealFiles().mkdir(directory)
    snapshot_path(directory, 1 << 40).write_bytes(bytes(1000))
    config.run_dir.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(snapshotter, "WatchedFiles", FailingFiles)

    with pytest.raises(SystemExit) as ended:
        snapshotter.run(config, 0)

    assert ended.value.code == FAILED
    assert '"storage_failed"' in capfd.readouterr().err
