"""A voter whose disk was replaced must not elect away what its old disk had acknowledged (rule 9)."""

import shutil
from pathlib import Path

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.conftest import Start
from tests.faults.figures import (
    await_all_serving,
    await_serving,
    log_lines,
    pids_of_all,
    statuses,
    stays,
)
from tests.faults.trees import agreed_tree, tree_of
from tests.faults.writers import await_progress, check, writing
from tests.waiting import wait_until

BALLAST = b"x" * 200_000
WAIT_S = 3.0  # an election takes a tenth of it


def wipe(ensemble: Ensemble, member: int) -> None:
    """A new disk; keys are kept elsewhere."""
    shutil.rmtree(ensemble.home(member) / "data" / "corral")


def start(ensemble: Ensemble, *members: int) -> None:
    for member in members:
        ensemble.corral("start", str(member), "--data", str(ensemble.data))


def test_it_elects_nobody_recovers_by_snapshot_and_votes_again(own: Start) -> None:
    ensemble = own()
    root = fresh_root(ensemble)
    everywhere = ensemble.addresses
    with writing(root, everywhere, everywhere) as before, kazoo_client(everywhere) as client:
        client.create(f"{root}/own-w1/ballast")  # so much that the log is cut behind snapshots
        firsts = first_segments(ensemble)
        wait_until(
            lambda: client.set(f"{root}/own-w1/ballast", BALLAST) and not {*firsts} & {*first_segments(ensemble)},
            seconds=60, what="every member's log begins after a snapshot",
        )
    ensemble.kill(3)
    with writing(f"{root}/own-w0", everywhere[:2]) as alone:  # acknowledged by 1 and 2, unknown to 3
        await_progress(alone, 30)

    for member in (1, 2):
        ensemble.kill(member)
    wipe(ensemble, 2)
    start(ensemble, 2, 3)
    # 2 and 3 are a majority. If 2 voted, 3 would lead without the last writes.
    wait_until(lambda: all(0 not in pids_of_all(ensemble, m).values() for m in (2, 3)), what="both run")
    stays(lambda: not any(status.is_serving for status in statuses(ensemble).values()), seconds=WAIT_S)
    assert log_lines(ensemble, 2, "recovered")[-1]["votes"] is False

    start(ensemble, 1)
    await_all_serving(ensemble)
    assert log_lines(ensemble, 2, "snapshot_received")
    wait_until(
        lambda: any(log_lines(ensemble, member, "readmitted") for member in (1, 3)), what="2 is readmitted"
    )
    tree = agreed_tree(ensemble, root)
    check(tree, root, before)
    check(tree, f"{root}/own-w0", alone)

    ensemble.kill(1)  # of a quorum of two, 2 is one now
    await_serving(ensemble, 2, 3)
    with kazoo_client(everywhere[1:]) as client:
        client.create(f"{root}/voted")
    assert f"{root}/voted" in tree_of(ensemble, 2, root)


def first_segments(ensemble: Ensemble) -> list[Path]:
    """Of each member's log."""
    return [min((ensemble.home(m) / "data" / "corral").glob("log.*")) for m in (1, 2, 3)]
