"""A record that has rotted is not executed by a processor that is started again, and is told as what it is."""

import os
import signal
from pathlib import Path

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.figures import await_all_serving, followers_of
from tests.faults.trees import agreed_tree
from tests.waiting import wait_until

MARK = b"a value that is nowhere else, and long enough to be found"


def place_of(ensemble: Ensemble, member: int) -> tuple[Path, int]:
    """Where the value stands in the member's log."""
    local = ensemble.local
    for path in sorted((local.config(local.member(member)).log_dir / "corral").glob("log.*")):
        offset = path.read_bytes().find(MARK)
        if offset >= 0:
            return path, offset
    raise AssertionError("the log does not hold it")


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((byte ^ 1,)))


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


def said(ensemble: Ensemble, member: int) -> int:
    """How often the member's log has told of a damaged record."""
    return ensemble.log(member).count("a damaged record")
