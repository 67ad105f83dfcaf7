"""A disk that does not answer is a failure, after which a process is started again; a refusal is for good."""

import subprocess
import sys
from pathlib import Path

import pytest

from node.config.read import load_config
from node.keys import KeysUnreadableError, load_keys
from tests.processes.small_ensemble import make_configs

# Reading it from its start is answered with EIO, and its mode is 0600.
FAILING = Path("/proc/self/mem")
REFUSED, FAILED = 78, 1


def spoil(path: Path) -> None:
    path.unlink()
    path.symlink_to(FAILING)


def ended(config: Path) -> int:
    return subprocess.run(
        [sys.executable, "-m", "node.processes", "broadcast", str(config)], capture_output=True, timeout=60,
        check=False).returncode


@pytest.mark.parametrize("name", ["member.json", "ensemble.json"])
def test_keys_that_the_disk_does_not_give_are_no_refusal(tmp_path: Path, name: str) -> None:
    [config] = make_configs(tmp_path, 1)
    spoil(config.keys_dir / name)

    with pytest.raises(KeysUnreadableError, match="look at that disk"):
        load_keys(config)
    assert ended(config.file) == FAILED


def test_a_key_that_is_missing_is_a_refusal(tmp_path: Path) -> None:
    [config] = make_configs(tmp_path, 1)
    (config.keys_dir / "member.json").unlink()

    assert ended(config.file) == REFUSED


@pytest.mark.parametrize("name", ["myid", "zoo.cfg"])
def test_a_configuration_that_the_disk_does_not_give_is_no_refusal(tmp_path: Path, name: str) -> None:
    [config, *_] = make_configs(tmp_path, 3)
    spoil(config.file.parent / name)

    with pytest.raises(OSError, match="Input/output error"):
        load_config(config.file)
    assert ended(config.file) == FAILED
