"""`corral export`: files that a ZooKeeper server starts from."""

import json
import os
from pathlib import Path
from typing import Final

import click

from node.backup.archive import MAGIC, DamagedBackupError
from node.backup.remote import RemoteError, is_remote
from node.backup.take import state_of
from node.cli.backup import NICENESS
from node.cli.backup_remote import load_from
from node.cli.barrier import barrier_of
from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.cli.progress import progress
from node.cli.shell.target import Credentials, credential_options
from node.config.read import load_config
from node.keys import load_keys
from node.migration.exporting import Exported
from node.migration.exporting import export as export_state
from node.processes.loop import EXIT_REFUSED
from node.storage.errors import LogGapError, RefusedError, StorageError
from node.storage.files import RealFiles
from node.tree.execute import CorruptRecordError
from node.tree.state import State
from node.zookeeper_files.directory import VERSION, show_zxid
from transport.zxid import show

_BY_FILES_ALONE: Final = "`corral backup --local`, then `corral export` of the backup,"


@click.command(epilog=EXIT_CODES)
@click.argument("source", metavar="CONFIG|BACKUP|URL")
@click.option("--to", "directories", multiple=True, required=True, type=click.Path(path_type=Path), metavar="DIR",
              help="A dataDir for ZooKeeper, to be made or without a version-2; once per server.")  # fmt: skip
@click.option("--end-sessions", is_flag=True, help="Leave out all sessions, and their ephemerals.")
@credential_options()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@refusals_shown
def export(
    source: str, directories: tuple[Path, ...], end_sessions: bool, credentials: Credentials, as_json: bool,
) -> None:
    """Write the state of a running member, or of a backup, as files that a ZooKeeper server starts from.

    The same files are for every server of the new ensemble; each needs its own myid beside them. Every write that was
    acknowledged before the command began is in them: so first keep the clients out, then export, then stop Corral.
    Znodes, ACLs, Stats and zxids stay as they are; what cannot is said. Where clients must prove who they are
    (enforce.auth.enabled), say who you are: --auth, --sasl or --cert. docs/migration.md is the whole way.

    \b
    Examples:
      corral export /etc/corral/main/zoo.cfg --to /var/lib/zookeeper
      corral export main.backup --to zk1 --to zk2 --to zk3 --end-sessions
      corral export s3://bucket/corral/corral-….backup --to zk1
    """
    for directory in directories:
        if (directory / VERSION).exists():
            raise Failure(f"{directory / VERSION} is there already — give another directory, or move it away",
                          exit_code=EXIT_REFUSED)
    os.nice(NICENESS)
    try:
        state = _state_of_backup(source) if _is_backup(source) else _state_of_member(Path(source), credentials)
        exported = export_state(state, directories, keeps_sessions=not end_sessions)
    except (
        RefusedError, DamagedBackupError, StorageError, LogGapError, CorruptRecordError, RemoteError,
    ) as error:
        raise Failure(f"nothing was exported: {error}", exit_code=EXIT_REFUSED) from None
    _say(exported, as_json=as_json)


def _is_backup(place: str) -> bool:
    if is_remote(place):
        return True
    with Path(place).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _state_of_backup(place: str) -> State:
    with progress() as shown:
        return load_from(place, shown).state


def _state_of_member(path: Path, credentials: Credentials) -> State:
    config = load_config(path).config
    barrier = barrier_of(config, load_keys(config).ensemble, credentials, "export", _BY_FILES_ALONE)
    with progress() as shown:
        return state_of(RealFiles(), config, barrier, shown).state


def _say(exported: Exported, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({
            "directories": [str(each) for each in exported.directories], "zxid": show(exported.zxid),
            "zookeeper_zxid": show_zxid(exported.zxid), "zookeeper_epoch": exported.epoch, "znodes": exported.znodes,
            "sessions": exported.sessions, "sessions_continued": exported.continued, "remarks": exported.remarks}))
        return
    click.echo(f"{exported.znodes} znodes, {exported.sessions} sessions, zxid {show(exported.zxid)}: for ZooKeeper "
               f"{show_zxid(exported.zxid)}, epoch {exported.epoch}")
    for remark in exported.remarks:
        click.echo(f"note: {remark}")
    for directory in exported.directories:
        click.echo(f"{directory / VERSION}")
    click.echo("next: stop Corral, make each directory a server's dataDir, with its myid, and start ZooKeeper")
