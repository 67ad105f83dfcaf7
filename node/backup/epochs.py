"""The epochs that a member's directories have seen: a restored ensemble begins above all of them."""

import contextlib
from pathlib import Path
from typing import Final

from node.storage.epochs import ACCEPTED, CURRENT
from node.storage.errors import RefusedError
from node.storage.files import Files
from node.storage.layout import DIRECTORY
from node.storage.replaced import read_number
from node.storage.segments import list_segments
from node.storage.snapshots import list_snapshots
from transport.zxid import EPOCH_MAX, epoch_of

REPLACED: Final = f"{DIRECTORY}.replaced-"  # and a time: what a restoration moved aside
STEP: Final = 1000


def highest_epoch(files: Files, *, data_dir: Path, log_dir: Path) -> int:
    """Of what lies in dataDir and dataLogDir, moved aside or not; 0: nothing does.  As configured, both."""
    found = [0]
    for parent in {data_dir, log_dir}:
        names = [name for name in files.listdir(parent) if name == DIRECTORY or name.startswith(REPLACED)]
        found += [_highest_in(files, parent / name) for name in names]
    return max(found)


def next_epoch(*highest: int) -> int:
    """What a restored ensemble counts from where nobody says: the next round thousand but one.

    Each leader takes one epoch, so members that cannot be asked, or whose disks are gone, have hardly seen as many; and
    members that are restored each on its own host come to the same number.
    """
    return (max(highest) // STEP + 2) * STEP


def epoch_problem(epoch: int, highest: int) -> str:
    """Why *epoch* is no good; empty if it is."""
    if epoch <= highest:
        return f"epoch {highest} has been used here, so give --epoch {next_epoch(highest)}, on every member"
    if epoch >= EPOCH_MAX - STEP:
        return f"epochs end at {EPOCH_MAX}"
    return ""


def _highest_in(files: Files, directory: Path) -> int:
    numbers = []
    for name in (ACCEPTED, CURRENT):
        with contextlib.suppress(RefusedError):  # unreadable: the names of the files beside it will do
            numbers.append(read_number(files, directory / name, absent=0))
    zxids = [*list_snapshots(files, directory), *list_segments(files, directory)]
    return max([*numbers, *map(epoch_of, zxids)])
