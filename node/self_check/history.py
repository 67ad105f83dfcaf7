"""Whether what is on disk can be read back: the newest snapshot, the log behind it, the newest backup."""

import time
from pathlib import Path

from node.backup.archive import DamagedBackupError, load_backup
from node.backup.shelf import list_backups
from node.backup.watermark import known_mark
from node.config.member import MemberConfig
from node.self_check.finding import Finding, Level
from node.storage.errors import CorruptionError, LogGapError, RefusedError
from node.storage.files import Files
from node.storage.layout import data_directory, log_directory
from node.storage.snapshot_builder import replay
from node.storage.snapshots import SnapshotHeader, load_newest_with_header, newest_valid
from node.tree.execute import CorruptRecordError, RecordGapError, poison_hook
from node.tree.snapshot import CorruptSnapshotError, decode_state
from node.tree.state import State
from transport.messages import Watermark
from transport.zxid import Zxid, show

ATTEMPTS = 3  # the member may purge, or take the leader's snapshot, under our eyes
_DISK = "look at this disk (SMART, the kernel's log); "
_ANEW = (_DISK + "if the other members serve, stop this one, move its data and log directories away and start it: it "
         "takes a snapshot from the leader")


def check_history(files: Files, config: MemberConfig) -> list[Finding]:
    """The snapshot loads and has its digest; each record from there on has its checksum, and executes."""
    data_dir, log_dir = data_directory(config.data_dir), log_directory(config.log_dir)
    for _ in range(ATTEMPTS):
        try:
            return [*_check_snapshots(files, data_dir), *_check_log(files, config, data_dir, log_dir)]
        except (LogGapError, FileNotFoundError) as error:
            gap = error
    return [Finding("log", Level.FAILURE, f"snapshot and log do not join: {gap}", _ANEW)]


def _check_snapshots(files: Files, data_dir: Path) -> list[Finding]:
    newest, damaged = newest_valid(files, data_dir)
    found = [Finding("snapshot", Level.FAILURE, f"{path}: damaged", _DISK + "the next snapshot takes its place")
             for path in damaged]
    if newest is not None:
        size = f"{newest.bytes / 1e6:.1f} MB"
        found.append(Finding(
            "snapshot", Level.OK, f"zxid {show(newest.header.zxid)}, {size}, every checksum right"))
    return found


def _check_log(files: Files, config: MemberConfig, data_dir: Path, log_dir: Path) -> list[Finding]:
    """Raises LogGapError, FileNotFoundError: they were replaced meanwhile, or do not join."""
    loaded = load_newest_with_header(files, data_dir)
    begin = loaded[0].zxid if loaded else Zxid(0)
    state: State | None = None
    try:
        mark = known_mark(files, log_dir, begin)
        if mark is not None:
            hook = poison_hook if config.test_hooks else None
            state = replay(files, loaded, log_dir=log_dir, mark=mark, hook=hook).state
        elif loaded is not None:
            state = decode_state(loaded[1])
    except CorruptSnapshotError as error:
        return [Finding("snapshot", Level.FAILURE, f"at zxid {show(begin)}: {error}", _ANEW)]
    except (CorruptionError, CorruptRecordError, RecordGapError, RefusedError) as error:
        return [Finding("log", Level.FAILURE, str(error), _ANEW)]
    if state is None:
        return [Finding("log", Level.OK, "empty: this member has not served yet")]
    return [Finding("log", Level.OK, f"{_span(loaded, mark)}; {len(state.tree.nodes) - 1} znodes, digest "
                    f"{state.digest():016x}")]


def _span(loaded: tuple[SnapshotHeader, object] | None, mark: Watermark | None) -> str:
    if mark is None:
        return "nothing behind the snapshot"
    begin = f"from the snapshot at {show(loaded[0].zxid)}" if loaded else "from its beginning"
    return f"every record {begin} to {show(mark.zxid)} is sound and executes"


def check_backup(files: Files, config: MemberConfig, *, age_max_h: float) -> list[Finding]:
    """The newest one of the member's own directory."""
    cure = f"corral backup {config.file}, and see why the timer has not (systemctl status 'corral-backup@*')"
    entries = list_backups(files, config.backup_dir)
    if not entries:
        return [Finding("backup", Level.WARNING, f"no backup in {config.backup_dir}", cure)]
    newest = entries[-1]
    try:
        header = load_backup(files, newest.path).backup.header
    except (DamagedBackupError, RefusedError) as error:
        return [Finding("backup", Level.FAILURE, str(error), _DISK + f"then corral backup {config.file}")]
    age_h = (time.time() - header.made_ms / 1000) / 3600
    evidence = f"{newest.path}: {age_h:.1f} hours old, zxid {show(header.zxid)}, loads"
    if age_h > age_max_h:
        return [Finding("backup", Level.WARNING, f"{evidence}; older than {age_max_h:g} hours", cure)]
    return [Finding("backup", Level.OK, evidence)]
