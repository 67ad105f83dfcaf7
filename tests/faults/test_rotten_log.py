"""What has rotted on disk is told as what it is, and goes no further: not into a tree, not to another member."""

import os
import shutil
import signal
from pathlib import Path

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.figures import await_all_serving, followers_of, leader_of, log_lines
from tests.faults.trees import agreed_tree
from tests.rot import flip
from tests.waiting import wait_until

LARGE = bytes(200_000)  # beyond corral.snapshotBytes: a snapshot is due after each
MARK = b"a value that is nowhere else, and long enough to be found"


def place_of(ensemble: Ensemble, member: int) -> tuple[Path, int]:
    """Where the value stands in the member's log."""
    local = ensemble.local
    for path in sorted((local.config(local.member(member)).log_dir / "corral").glob("log.*")):
        offset = path.read_bytes().find(MARK)
        if offset >= 0:
            return path, offset
    raise AssertionError("the log does not hold it")


def test_a_processor_that_starts_does_not_execute_a_rotten_record(ensemble: Ensemble) -> None:
    root, member = fresh_root(ensemble), followers_of(ensemble)[0]
    with kazoo_client([ensemble.addresses[member - 1]]) as client:
        client.create(f"{root}/node", MARK)
    place = place_of(ensemble, member)
    told = said(ensemble, member)

    flip(*place)
    os.kill(ensemble.pids(member)["processor-0"], signal.SIGKILL)
    try:
        wait_until(lambda: said(ensemble, member) > told, what="it says that a record is damaged")
    finally:
        flip(*place)
    await_all_serving(ensemble)

    assert agreed_tree(ensemble, root)[f"{root}/node"][0] == MARK


def test_who_needs_a_snapshot_gets_a_whole_one_though_the_leaders_newest_is_rotten(ensemble: Ensemble) -> None:
    """No write comes that would bring a newer one."""
    root, leader, member = fresh_root(ensemble), leader_of(ensemble), followers_of(ensemble)[0]
    with kazoo_client(ensemble.addresses) as client:
        client.create(f"{root}/large")
        wait_until(
            lambda: client.set(f"{root}/large", LARGE) and not first_segment(ensemble, leader).exists(),
            seconds=60, what="the leader's log begins behind a snapshot")
        last = client.set(f"{root}/large", LARGE).mzxid
    wait_until(lambda: zxid_of(snapshots(ensemble, leader)[-1]) >= last, what="no other snapshot is due")
    ensemble.kill(member)
    shutil.rmtree(ensemble.home(member) / "data" / "corral")
    newest = snapshots(ensemble, leader)[-1]
    flip(newest, newest.stat().st_size // 2)
    ensemble.corral("start", str(member), "--data", str(ensemble.data))

    await_all_serving(ensemble)

    assert log_lines(ensemble, member, "snapshot_received")
    told = log_lines(ensemble, leader, "snapshot_damaged")
    assert [Path(line["file"]).name for line in told] == [newest.name]
    agreed_tree(ensemble, root)


def first_segment(ensemble: Ensemble, member: int) -> Path:
    """Of the ensemble's life."""
    return ensemble.home(member) / "data" / "corral" / "log.0000010000000000"


def snapshots(ensemble: Ensemble, member: int) -> list[Path]:
    """Oldest first."""
    return sorted((ensemble.home(member) / "data" / "corral").glob(f"snapshot.{'[0-9a-f]' * 16}"))


def zxid_of(snapshot: Path) -> int:
    return int(snapshot.suffix[1:], 16)


def said(ensemble: Ensemble, member: int) -> int:
    """How often the member's log has told of a damaged record."""
    return ensemble.log(member).count("a damaged record")
