"""A restoration: every member of an ensemble, stopped, gets the state of one backup, and all of them start from it.

What makes it safe:
- The restored members begin at an epoch above any that an old member has seen, so each new zxid is above every old one:
  clients that were connected before, and know high zxids, come back.
- The first control entry of the restored history names the restoration: the backup, the epoch, the voters, the options.
  A member with other data (never restored, or restored otherwise) is refused as long as it has them, and refuses the
  others (node/zab/discovery.py): no quorum can be made of both, and no two histories can be mixed.
- Each directory gets a new random incarnation and the mark of an explicit first initialisation, as a new ensemble's
  (rule 9). So the first epoch's entry names who is there; a single member that is restored once more later on has
  another incarnation than the log names, and follows without a vote until it is readmitted.
- The new directory is built and synced aside, then old ones are moved aside, then it gets its name: wherever that is
  interrupted, the member does not start on a mixture, and the same command does it again.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from node.backup.archive import BackupHeader, Loaded
from node.backup.epochs import REPLACED, epoch_problem, highest_epoch, next_epoch
from node.config.member import MemberConfig
from node.keys import MemberKeys, load_keys
from node.lives import living
from node.run_dir import lock_exclusive
from node.running import read_running
from node.storage.epochs import Epochs
from node.storage.errors import RefusedError
from node.storage.files import Files
from node.storage.identity import DataLock, has_identity, initialise
from node.storage.layout import DIRECTORY, data_directory, log_directory
from node.storage.segments import list_segments
from node.storage.snapshots import SnapshotHeader, SnapshotWriter, list_snapshots
from node.tree.execute import Replica
from node.tree.session_ops import end_session
from node.tree.sink import NullSink
from node.tree.snapshot import encode_state
from node.tree.watches import Watches
from transport.entry import FEATURE_LEVEL, ControlEntry, read_control
from transport.zxid import Epoch, epoch_of

_BUILDING: Final = f"{DIRECTORY}.restoring"
_NAME_CHARACTERS: Final = 12  # of a hash: enough to tell restorations apart


@dataclass(frozen=True, slots=True)
class Target:
    """One member, as it lies there.  *highest_epoch*: that its directories have seen.  *running*: what of it runs."""

    config: MemberConfig
    keys: MemberKeys
    has_data: bool
    highest_epoch: int
    running: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """*name*: of the restoration, the same on every member, and in the log."""

    epoch: int
    name: str
    voters: list[int]
    ends_sessions: bool


def examine(files: Files, config: MemberConfig, *, may_run: bool = False) -> Target:
    """Raises KeysError; RefusedError: a process of the member runs, and none may."""
    running = _running(config)
    if running and not may_run:
        raise RefusedError(
            f"member {config.id} runs: {running}", file=config.data_dir,
            cure="stop every member of the ensemble first, with all its processes (systemctl stop corral@main.target)")
    data_dir, log_dir = data_directory(config.data_dir), log_directory(config.log_dir)
    has_data = bool(
        has_identity(files, data_dir) or list_snapshots(files, data_dir) or list_segments(files, log_dir))
    return Target(
        config, load_keys(config), has_data,
        highest_epoch(files, data_dir=config.data_dir, log_dir=config.log_dir), running)


def _running(config: MemberConfig) -> str:
    """Any one process would go on with what it has read of the old data."""
    supervisor = read_running(config.run_dir)
    if supervisor is not None:
        return f"process {supervisor.pid}"
    return ", ".join(f"{name} (process {pid})" for name, pid in living(config.run_dir).items())


@contextmanager
def _nothing_starts(config: MemberConfig) -> Iterator[None]:
    """Raises RefusedError: something runs."""
    if not config.run_dir.is_dir():  # after a reboot; broadcast at least is kept out by the lock in the data
        yield
        return
    lock = lock_exclusive(config.run_dir)
    try:
        yield
    finally:
        os.close(lock)


def make_plan(
    header: BackupHeader, sha256: str, targets: Sequence[Target], *, epoch: int | None, ends_sessions: bool,
    from_other_ensemble: bool, replaces: bool, settings: Sequence[dict[str, str]], control: ControlEntry,
) -> Plan:
    """*epoch*: as asked for.  *settings*: of each target, those that change results.  Raises RefusedError."""
    for target, own in zip(targets, settings, strict=True):
        _refuse_unfit(header, target, control, own, from_other_ensemble=from_other_ensemble, replaces=replaces)
    voters = [list(target.config.voters) for target in targets]
    if any(each != voters[0] for each in voters):
        raise RefusedError(
            "other voters than in the other files", file=targets[-1].config.file,
            cure="give every member the same server lines")
    highest = max(epoch_of(header.zxid), *(target.highest_epoch for target in targets))
    epoch = next_epoch(highest) if epoch is None else epoch
    problem = epoch_problem(epoch, highest)
    if problem:
        raise RefusedError(f"restoring at epoch {epoch}: {problem}", file=targets[0].config.data_dir, cure="as said")
    facts = f"{sha256} {epoch} {voters[0]} {ends_sessions}"
    name = f"{epoch}-{hashlib.sha256(facts.encode()).hexdigest()[:_NAME_CHARACTERS]}"
    return Plan(epoch, name, voters[0], ends_sessions)


def _refuse_unfit(
    header: BackupHeader, target: Target, control: ControlEntry, settings: dict[str, str], *,
    from_other_ensemble: bool, replaces: bool,
) -> None:
    config = target.config
    if header.ensemble != target.keys.ensemble and not from_other_ensemble:
        raise RefusedError(
            f"the backup is of ensemble {header.ensemble}, this member's keys are of {target.keys.ensemble}",
            file=config.keys_dir, cure="take a backup of this ensemble; or, for a copy of the other one under these "
            "keys, add --from-other-ensemble: no session of the other one's clients can be continued here")
    supported = min(config.feature_level, FEATURE_LEVEL)
    if header.feature_level > supported:
        raise RefusedError(
            f"the backup is at feature level {header.feature_level}, this member follows up to {supported}",
            file=config.file, cure=f"install Corral {control.version or header.version} or later here"
            + (", and take corral.featureLevel out of zoo.cfg" if supported < FEATURE_LEVEL else ""))
    if control.settings != settings:
        differing = sorted(
            key for key in {*control.settings, *settings} if control.settings.get(key) != settings.get(key))
        raise RefusedError(
            f"{', '.join(differing)} differ from what the backup was made with: "
            f"{[control.settings.get(key) for key in differing]}", file=config.file,
            cure="they change results: set them as they were, on every member")
    if target.has_data and not replaces:
        raise RefusedError(
            "this member has data", file=data_directory(config.data_dir),
            cure="add --replace: they are moved aside, not deleted")


def restore_member(
    files: Files, target: Target, loaded: Loaded, plan: Plan, now: datetime, *, by_member: bool = False,
) -> list[Path]:
    """Returns where the old directories are now.  Raises RefusedError: the member runs; StorageError, OSError.

    *loaded*: adapted to the plan.  *by_member*: its broadcast waits for this (node/backup/wanted.py).
    """
    config = target.config
    data_dir, log_dir = data_directory(config.data_dir), log_directory(config.log_dir)
    building = config.data_dir / _BUILDING
    with nullcontext() if by_member else _nothing_starts(config):
        lock = DataLock(files, data_dir=data_dir, log_dir=log_dir, pid=os.getpid())
        try:
            _build(files, building, target, loaded, plan)
            moved = [_move_aside(files, each, now) for each in dict.fromkeys((data_dir, log_dir))]
            files.rename(building, data_dir)
            files.fsync_dir(config.data_dir)
        finally:
            lock.release()
    if target.has_data:
        return moved
    for each in moved:
        shutil.rmtree(each)  # a lock and a mark: it was only ever initialised
    return []


def _build(files: Files, building: Path, target: Target, loaded: Loaded, plan: Plan) -> None:
    """The whole directory as the member will find it, durable; what an earlier attempt left goes."""
    shutil.rmtree(building, ignore_errors=True)
    files.mkdir(building)
    _write_state(files, building, loaded, plan)
    epochs = Epochs(files, building)
    epochs.save_accepted(Epoch(plan.epoch))
    epochs.save_current(Epoch(plan.epoch))
    initialise(
        files, building, ensemble=target.keys.ensemble, member=target.config.id, incarnation=secrets.token_hex(8))


def _move_aside(files: Files, directory: Path, now: datetime) -> Path:
    aside = directory.with_name(f"{REPLACED}{now.strftime('%Y%m%dT%H%M%SZ')}")
    while files.exists(aside):  # the same second: another attempt
        aside = aside.with_name(f"{aside.name}-again")
    files.rename(directory, aside)
    files.fsync_dir(directory.parent)
    return aside


def restored_control(before: ControlEntry, plan: Plan) -> ControlEntry:
    """Nobody is named: the first epoch's entry names those that start it."""
    return msgspec.structs.replace(
        before, incarnations={}, voters=plan.voters, restored=plan.name, servers={}, config_version=0, intent=0,
        voters_before=[], servers_before={})


def adapt(loaded: Loaded, plan: Plan) -> None:
    """The state as every restored member has it."""
    state = loaded.state
    if plan.ends_sessions:
        replica = Replica(state, Watches(), NullSink())
        for session in list(state.sessions.values()):
            end_session(replica, session, state.zxid)
    state.control = msgspec.msgpack.encode(restored_control(read_control(state.control), plan))


def _write_state(files: Files, directory: Path, loaded: Loaded, plan: Plan) -> None:
    state = loaded.state
    header: SnapshotHeader = msgspec.structs.replace(
        loaded.snapshot, control=state.control, count=len(state.tree.nodes))
    writer = SnapshotWriter(files, directory, header)
    for section in encode_state(state):
        writer.write(section)
    writer.finish(digest=state.digest())
