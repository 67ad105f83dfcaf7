"""An upgrade to a build of a later version, a later feature level and later records, member by member, and back."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pytest

from node.storage.files import RealFiles
from node.storage.scan import SegmentScan
from node.storage.segments import list_segments, load_header, segment_path
from tests.corral import Ensemble, corral, kazoo_client
from tests.deploy.next_build import NEW, make_tree, next_version
from tests.faults.conftest import Start
from tests.faults.figures import await_all_serving, await_serving, leader_of, log_lines, statuses
from tests.faults.trees import agreed_tree
from tests.waiting import wait_until
from tests.wire import Create
from tests.wire_connection import Connection
from transport.entry import FEATURE_LEVEL, read_record_header

UNIMPLEMENTED = -6
EVERYBODY = (1, 2, 3)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source tree of the next build."""
    return make_tree(tmp_path_factory.mktemp("next"))


def run(ensemble: Ensemble, member: int, build: Path | None) -> None:
    """Stop it, and start it by *build*, or by this one."""
    ensemble.stop(member)
    start(ensemble, member, build)
    await_all_serving(ensemble)


def start(ensemble: Ensemble, member: int, build: Path | None) -> None:
    environment = dict(ensemble.environment)
    if build is not None:
        environment["PYTHONPATH"] = str(build)
    corral("start", str(member), "--data", str(ensemble.data), environment=environment, check=False)


def versions(ensemble: Ensemble) -> dict[int, str]:
    return {member: status.values["version"] for member, status in statuses(ensemble).items()}


def levels(ensemble: Ensemble) -> set[int]:
    return {status.values["feature_level"] for status in statuses(ensemble).values()}


def creates(ensemble: Ensemble, path: str, members: Iterable[int] = EVERYBODY) -> list[int]:
    """The error of a create through each member, each on a path of its own."""
    errors = []
    for member in members:
        with Connection.open(ensemble.addresses[member - 1]) as connection:
            errors.append(connection.call(Create(f"{path}-{member}")).err)
    return errors


def record_versions(ensemble: Ensemble, member: int) -> list[int]:
    """Of all records of its log, in order, each once."""
    files, directory = RealFiles(), ensemble.home(member) / "data" / "corral"
    found: dict[int, None] = {}
    for first in list_segments(files, directory):
        path = segment_path(directory, first)
        handle = files.open(path)
        header = load_header(files, handle, path)
        assert header is not None
        for scanned in SegmentScan(files, handle, segment_id=header.segment_id):
            found[read_record_header(scanned.buffer, scanned.offset).version] = None
        files.close(handle)
    return list(found)


def let_go(ensemble: Ensemble, member: int) -> None:
    """Of the level that zoo.cfg holds."""
    path = ensemble.home(member) / "zoo.cfg"
    path.write_text(re.sub(r"corral\.featureLevel=\d+\n", "", path.read_text()))


def command_of(build: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "node", *arguments], env={**os.environ, "PYTHONPATH": str(build)},
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_builds_of_two_levels_work_together_and_after_the_last_upgrade_only_a_backup_leads_back(
    own: Start, later: Path, tmp_path: Path,
) -> None:
    ensemble = own({"corral.testHooks": "false"})
    first, second = (member for member in EVERYBODY if member != leader_of(ensemble))
    last = next(iter({*EVERYBODY} - {first, second}))
    with kazoo_client(ensemble.addresses) as client:
        client.create("/before", b"of the first build")
    backup = str(tmp_path / "before.backup")
    ensemble.corral("backup", str(ensemble.home(1) / "zoo.cfg"), "--to", backup)

    for member in (first, second):
        run(ensemble, member, later)
    assert sorted(versions(ensemble).values()) == sorted([version("corral"), next_version(), next_version()])
    assert creates(ensemble, f"{NEW}-mixed") == [0] * 3
    run(ensemble, second, None)  # back, while the level has not risen
    assert creates(ensemble, f"{NEW}-back") == [0] * 3
    assert levels(ensemble) == {FEATURE_LEVEL}
    assert record_versions(ensemble, first) == [1]

    for member in (second, last):
        run(ensemble, member, later)
    wait_until(lambda: levels(ensemble) == {FEATURE_LEVEL + 1}, what="the level rises")
    assert creates(ensemble, f"{NEW}-risen") == [UNIMPLEMENTED] * 3
    assert record_versions(ensemble, first) == [1, 2]

    ensemble.stop(last)
    start(ensemble, last, None)
    refused = wait_until(lambda: log_lines(ensemble, last, "refused"), what="the first build refuses")
    reason = refused[-1]["reason"]
    assert f"feature level {FEATURE_LEVEL + 1}, this version supports up to {FEATURE_LEVEL}" in reason
    assert f"install Corral {next_version()} or later" in reason
    assert "corral restore" in reason
    wait_until(lambda: ensemble.running(last) is None, what="it ends")
    await_serving(ensemble, first, second)

    start(ensemble, last, later)
    tree = agreed_tree(ensemble)
    assert tree["/before"][0] == b"of the first build"
    assert f"{NEW}-back-{last}" in tree
    assert f"{NEW}-risen-{last}" not in tree

    for member in EVERYBODY:
        ensemble.stop(member)
    configs = [str(ensemble.home(member) / "zoo.cfg") for member in EVERYBODY]
    ensemble.corral("restore", backup, *configs, "--replace", "--yes")
    for member in EVERYBODY:
        start(ensemble, member, None)
    tree = agreed_tree(ensemble)
    assert tree["/before"][0] == b"of the first build"
    assert f"{NEW}-back-{last}" not in tree
    assert levels(ensemble) == {FEATURE_LEVEL}


def test_a_level_that_is_held_leaves_the_way_back_open_until_it_is_let_go(
    own: Start, later: Path, tmp_path: Path,
) -> None:
    ensemble = own({"corral.testHooks": "false", "corral.featureLevel": str(FEATURE_LEVEL)})
    for member in EVERYBODY:
        run(ensemble, member, later)
    assert creates(ensemble, f"{NEW}-held") == [0] * 3
    run(ensemble, 2, None)
    run(ensemble, 2, later)
    assert levels(ensemble) == {FEATURE_LEVEL}

    for member in EVERYBODY:
        let_go(ensemble, member)
        run(ensemble, member, later)
    wait_until(lambda: levels(ensemble) == {FEATURE_LEVEL + 1}, what="the level rises")
    assert creates(ensemble, f"{NEW}-let-go") == [UNIMPLEMENTED] * 3

    file = tmp_path / "next-level.backup"
    command_of(later, "backup", str(ensemble.home(1) / "zoo.cfg"), "--to", str(file))
    for member in EVERYBODY:
        ensemble.stop(member)
    configs = [str(ensemble.home(member) / "zoo.cfg") for member in EVERYBODY]
    refused = ensemble.corral("restore", str(file), *configs, "--check", "--replace", check=False)
    assert refused.returncode == 78
    assert f"install Corral {next_version()} or later" in refused.stderr
