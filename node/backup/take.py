"""One backup: the barrier, the state at an exact zxid from files alone, the file, and its trial load."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from node.backup.archive import (
    Backup,
    BackupHeader,
    Progress,
    aside_path,
    load_backup,
    silent,
    write_backup,
    written_aside,
)
from node.backup.shelf import discard_unfinished, file_name, remove_older
from node.backup.watermark import known_mark
from node.config.member import MemberConfig
from node.history.place import History, state_at
from node.storage.errors import LogGapError, RefusedError
from node.storage.files import Files
from node.storage.layout import data_directory, log_directory
from node.storage.place import record_that_holds
from node.storage.snapshot_builder import Replayed, replay
from node.storage.snapshots import load_newest_with_header
from node.tree.execute import poison_hook
from node.tree.snapshot import CorruptSnapshotError, decode_state
from transport.entry import read_control
from transport.messages import Watermark
from transport.zxid import Zxid, epoch_of

ATTEMPTS: Final = 5  # the member purges its log, or takes the leader's snapshot, while we read


@dataclass(frozen=True, slots=True)
class Taken:
    """*removed*: older backups that had to go."""

    backup: Backup
    removed: list[Path]
    seconds: float


def take_backup(
    files: Files, config: MemberConfig, *, ensemble: str, to: Path, keep: int | None, barrier: Zxid | None,
    progress: Progress = silent,
) -> Taken:
    """To the file *to*, or into the directory *to* under a name of its own.

    *barrier*: the zxid that must be in it; None: what the files prove committed. Raises RefusedError, StorageError,
    DamagedBackupError, LogGapError, CorruptRecordError, OSError.
    """
    return _taken(
        files, config, lambda: state_of(files, config, barrier, progress), ensemble=ensemble, to=to, keep=keep,
        is_complete=barrier is not None, point="", progress=progress)


def take_backup_at(
    files: Files, history: History, zxid: Zxid, *, ensemble: str, to: Path, point: str, progress: Progress = silent,
) -> Taken:
    """Of what was then, exactly at *zxid*.  Raises as take_backup."""

    def replayed() -> Replayed:
        progress("going back", 0, 0)
        state = state_at(history, zxid)
        return Replayed(state, {epoch_of(state.zxid): state.zxid}, None)

    return _taken(
        files, history.config, replayed, ensemble=ensemble, to=to, keep=None, is_complete=False, point=point,
        progress=progress)


def _taken(
    files: Files, config: MemberConfig, replay_it: Callable[[], Replayed], *, ensemble: str, to: Path,
    keep: int | None, is_complete: bool, point: str, progress: Progress,
) -> Taken:
    began_s = time.monotonic()
    replayed = replay_it()
    state = replayed.state
    if not state.control:
        raise RefusedError("nothing had been written by then", file=config.data_dir, cure="give a later point")
    header = BackupHeader(
        ensemble=ensemble, member=config.id, version=version("corral"),
        feature_level=read_control(state.control).feature_level, zxid=Zxid(state.zxid),
        made_ms=time.time_ns() // 1_000_000, znodes=len(state.tree.nodes) - 1, sessions=len(state.sessions),
        digest=state.digest(), is_complete=is_complete, point=point)
    is_directory = to.is_dir()
    path = to / file_name(header) if is_directory else to
    if is_directory:
        discard_unfinished(files, path.parent, header)
    with written_aside(files, path) as handle:
        write_backup(files, handle, header, state, replayed.epochs, progress)
        del state, replayed  # two trees at once would be one too many
        backup = replace(load_backup(files, aside_path(path), progress).backup, path=path)
    removed = remove_older(files, backup, keep) if keep and is_directory else []
    return Taken(backup, removed, time.monotonic() - began_s)


def state_of(files: Files, config: MemberConfig, barrier: Zxid | None, progress: Progress = silent) -> Replayed:
    """At the barrier, or as far as the files prove committed; of a member that may run.  Raises as take_backup."""
    for attempt in range(ATTEMPTS):
        try:
            return _read_state(files, config, barrier, progress)
        except (LogGapError, FileNotFoundError):
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _read_state(files: Files, config: MemberConfig, barrier: Zxid | None, progress: Progress) -> Replayed:
    data_dir, log_dir = data_directory(config.data_dir), log_directory(config.log_dir)
    progress("reading the snapshot", 0, 0)
    newest = load_newest_with_header(files, data_dir)
    snapshot_zxid = newest[0].zxid if newest else Zxid(0)
    mark = _mark(files, log_dir, snapshot_zxid, barrier)
    if mark is None or mark.zxid <= snapshot_zxid:
        if newest is None:
            raise RefusedError(
                "no snapshot, and no committed record in the log: there is nothing to back up", file=data_dir,
                cure="start the member once, or give the zoo.cfg of a member that has data")
        return Replayed(decode_state(newest[1]), dict(newest[0].epochs), None)
    read = 0

    def on_record(size: int) -> None:
        nonlocal read
        read += size
        progress("reading the log", read, 0)

    try:
        return replay(
            files, newest, log_dir=log_dir, mark=mark, hook=poison_hook if config.test_hooks else None,
            on_record=on_record)
    except CorruptSnapshotError as error:
        raise RefusedError(
            f"the newest snapshot cannot be loaded: {error}", file=data_dir,
            cure="look at this disk, and take the backup on another member") from error


def _mark(files: Files, log_dir: Path, snapshot_zxid: Zxid, barrier: Zxid | None) -> Watermark | None:
    """Where the backup's last record ends; None: the snapshot has all of it."""
    if barrier is None:
        return known_mark(files, log_dir, snapshot_zxid)
    return record_that_holds(files, log_dir, barrier) if barrier > snapshot_zxid else None
