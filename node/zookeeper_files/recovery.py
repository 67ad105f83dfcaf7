"""What a ZooKeeper server would have in memory after a start on these files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.zookeeper_files.data_tree import DataTree, DigestError
from node.zookeeper_files.directory import (
    COUNTER_BITS,
    DataDirectory,
    NoDataError,
    current_epoch,
    log_files,
    show_zxid,
    snapshot_files,
)
from node.zookeeper_files.errors import DamagedFileError
from node.zookeeper_files.log_file import read_log, read_log_file
from node.zookeeper_files.snapshot import SnapshotContents, read_snapshot

_COUNTER_MASK = (1 << COUNTER_BITS) - 1
PROGRESS_TXNS = 1000


class LogHoleError(Exception):
    """Transactions are missing between two others."""


@dataclass(slots=True)
class Recovered:
    """*snapshot*: the file that it began with.  *transactions*: from the log.

    *dead*: session that had ended -> its ephemerals.
    *passed_over*: newer snapshots that could not be read, and why.
    """

    tree: DataTree
    snapshot: Path
    transactions: int = 0
    passed_over: list[str] = field(default_factory=list)
    out_of_order: int = 0
    dead: dict[int, list[bytes]] = field(default_factory=dict)


def recover(
    directory: DataDirectory, on_transactions: Callable[[int], None] = lambda _: None
) -> Recovered:
    """Raises NoDataError, DamagedFileError, LogHoleError, DigestError, OSError."""
    contents, snapshot, passed_over = _newest(directory.snapshots)
    tree = DataTree(contents)
    recovered = Recovered(tree, snapshot, passed_over=passed_over)
    for path, entry in read_log(directory.logs, contents.zxid):
        zxid = entry.header.zxid
        if zxid <= tree.zxid:
            recovered.out_of_order += 1
            continue
        _refuse_hole(tree.zxid, zxid, path)
        try:
            tree.apply(entry)
        except DigestError as error:
            raise DamagedFileError(path, str(error)) from None
        recovered.transactions += 1
        if recovered.transactions % PROGRESS_TXNS == 0:
            on_transactions(recovered.transactions)
    if tree.unresolved:
        raise DamagedFileError(
            snapshot, f"the ACLs of {len(tree.unresolved)} nodes are neither in it nor in the log behind it")
    try:
        recovered.dead = tree.finish()
    except DigestError as error:
        raise DamagedFileError(snapshot, str(error)) from None
    return recovered


def last_zxid(directory: DataDirectory) -> int:
    """Of its last transaction, without a tree.  Raises DamagedFileError, OSError."""
    last = max((zxid for zxid, _ in snapshot_files(directory.snapshots)), default=0)
    for _, path in reversed(log_files(directory.logs)):
        zxids = [entry.header.zxid for entry in read_log_file(path)]
        if zxids:
            return max(last, zxids[-1])
    return last


def most_recent(directories: Sequence[DataDirectory]) -> DataDirectory:
    """The one that would be elected: of the highest epoch, then of the highest zxid."""
    if len(directories) == 1:
        return directories[0]
    return max(directories, key=lambda each: (current_epoch(each.snapshots), last_zxid(each)))


def _newest(directory: Path) -> tuple[SnapshotContents, Path, list[str]]:
    """The newest snapshot that reads well."""
    problems: list[str] = []
    for zxid, path in reversed(snapshot_files(directory)):
        try:
            return read_snapshot(path, zxid), path, problems
        except DamagedFileError as error:
            problems.append(str(error))
    if problems:
        raise DamagedFileError(directory, f"no snapshot is readable: {'; '.join(problems)}")
    raise NoDataError(
        f"{directory}: no snapshot.* in it — give the dataDir of a ZooKeeper server that has served (logs alone do "
        "not do: ZooKeeper writes snapshot.0 at its first start)")


def _refuse_hole(last: int, zxid: int, path: Path) -> None:
    """Within an epoch every zxid is taken; a new one begins with 1 (its 0 is the leader's, and in no log)."""
    is_next = zxid == last + 1 or (zxid >> COUNTER_BITS > last >> COUNTER_BITS and zxid & _COUNTER_MASK <= 1)
    if not is_next:
        raise LogHoleError(
            f"{path}: {show_zxid(zxid)} follows {show_zxid(last)}: transactions between them are missing — a log file "
            "was deleted or lost; take the data directory of another member")
