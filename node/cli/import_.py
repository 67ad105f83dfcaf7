"""`corral import`: ZooKeeper's data files as a backup that `corral restore` puts in place."""

import json
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from node.backup.archive import (
    Backup,
    BackupHeader,
    DamagedBackupError,
    aside_path,
    load_backup,
    write_backup,
    written_aside,
)
from node.backup.remote import RemoteError, RemotePlace, is_remote
from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.cli.progress import progress
from node.config.member import MemberConfig
from node.config.read import load_config
from node.keys import load_keys
from node.migration.importing import Imported, ImportRefusedError, kinds_of, make_state
from node.processes.broadcast import replicated_settings
from node.processes.loop import EXIT_REFUSED
from node.storage.errors import RefusedError
from node.storage.files import RealFiles
from node.zookeeper_files.directory import DataDirectory, NoDataError, find_directory, show_zxid
from node.zookeeper_files.errors import DamagedFileError
from node.zookeeper_files.recovery import LogHoleError, Recovered, most_recent, recover
from transport.entry import FEATURE_LEVEL
from transport.zxid import Zxid, epoch_of, show


@click.command(name="import", epilog=EXIT_CODES)
@click.argument("sources", nargs=-1, required=True, metavar="ZOOKEEPER...",
                type=click.Path(path_type=Path, exists=True))
@click.option("--for", "config_file", required=True, metavar="CONFIG", type=click.Path(path_type=Path),
              help="The zoo.cfg of any member of the ensemble to be, with its keys made.")  # fmt: skip
@click.option("--to", metavar="FILE|URL", help="A new backup; also in a place that fsspec reaches, as "
              "s3://bucket/moved.backup.  [default: only look]")  # fmt: skip
@click.option("--log-dir", type=click.Path(path_type=Path, exists=True), metavar="DIR",
              help="ZooKeeper's dataLogDir, if it has one; with one ZOOKEEPER.")  # fmt: skip
@click.option("--end-sessions", is_flag=True, help="Carry no session over: every client starts afresh, ephemerals go.")
@click.option("--renumber", is_flag=True, help="Count zxids anew from 1, where ZooKeeper has nearly used them up; ends "
              "sessions.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@refusals_shown
def import_(
    sources: tuple[Path, ...], config_file: Path, to: str | None, log_dir: Path | None, end_sessions: bool,
    renumber: bool, as_json: bool,
) -> None:
    """Read the files of a stopped ZooKeeper, and write a backup that `corral restore` puts in place.

    ZOOKEEPER is a dataDir or a zoo.cfg of ZooKeeper 3.4 to 3.9; give those of all servers, and the one that would lead
    is taken. The newest snapshot and the log behind it are read as ZooKeeper reads them, and compared with the digests
    in them. Znodes, ACLs, Stats, sessions with their passwords and ephemerals come along; what cannot is said.
    The files of ZooKeeper are only read. docs/migration.md is the whole way.

    \b
    Examples:
      corral import /var/lib/zookeeper --for /etc/corral/main/zoo.cfg
      corral import zk1/ zk2/ zk3/ --for /etc/corral/main/zoo.cfg --to moved.backup
      corral restore moved.backup /etc/corral/main/zoo.cfg
    """
    began_s = time.monotonic()
    if log_dir is not None and len(sources) > 1:
        raise click.UsageError("--log-dir goes with one ZOOKEEPER; give each one's zoo.cfg instead")
    if to is not None and to.endswith("/"):
        raise click.UsageError("--to is a file's name, not a directory's")
    if to is not None and not is_remote(to) and Path(to).exists():
        raise Failure(f"{to} is there already — give another name", exit_code=EXIT_REFUSED)
    config = load_config(config_file).config
    ensemble = load_keys(config).ensemble
    try:
        source = most_recent([find_directory(each, log_dir) for each in sources])
        with progress() as shown:
            recovered = recover(source, lambda done: shown("transactions read:", done, 0))
        imported = make_state(
            recovered, settings=replicated_settings(config), feature_level=min(config.feature_level, FEATURE_LEVEL),
            keeps_sessions=not end_sessions, renumbers=renumber)
        facts = _facts(source, recovered, imported)  # the state goes while the file is verified
        made = None if to is None else _write(to, config, ensemble, imported)
    except (
        NoDataError, DamagedFileError, LogHoleError, ImportRefusedError, RefusedError, DamagedBackupError,
        RemoteError,
    ) as error:
        raise Failure(f"nothing was imported: {error}", exit_code=EXIT_REFUSED) from None
    facts |= {"file": to, "sha256": made and made.sha256,
              "seconds": round(time.monotonic() - began_s, 3)}
    if as_json:
        click.echo(json.dumps(facts))
    else:
        _say(facts, config)


def _write(to: str, config: MemberConfig, ensemble: str, imported: Imported) -> Backup:
    """Raises RefusedError, DamagedBackupError, RemoteError, OSError."""
    if not is_remote(to):
        return _write_file(Path(to), config, ensemble, imported)
    url, _, name = to.rpartition("/")
    place = RemotePlace(url)
    with TemporaryDirectory(prefix="corral-import-") as directory:
        file = Path(directory, name)
        made = _write_file(file, config, ensemble, imported)
        with progress() as shown:
            place.put(file, name, shown)
    return made


def _write_file(to: Path, config: MemberConfig, ensemble: str, imported: Imported) -> Backup:
    files, state = RealFiles(), imported.state
    header = BackupHeader(
        ensemble=ensemble, member=config.id, version=version("corral"),
        feature_level=min(config.feature_level, FEATURE_LEVEL), zxid=Zxid(state.zxid),
        made_ms=time.time_ns() // 1_000_000, znodes=len(state.tree.nodes) - 1, sessions=len(state.sessions),
        digest=state.digest(), is_complete=True)
    with written_aside(files, to) as handle, progress() as shown:
        write_backup(files, handle, header, state, {epoch_of(state.zxid): state.zxid}, shown)
        return load_backup(files, aside_path(to), shown).backup


def _facts(source: DataDirectory, recovered: Recovered, imported: Imported) -> dict[str, Any]:
    state = imported.state
    return {
        "source": str(source.snapshots), "snapshot": str(recovered.snapshot), "transactions": recovered.transactions,
        "digests_compared": imported.digests, "last_zxid": show_zxid(imported.last_zxid), "zxid": show(state.zxid),
        "renumbered": imported.is_renumbered, "znodes": len(state.tree.nodes) - 1, "kinds": dict(kinds_of(state)),
        "sessions": len(state.sessions), "remarks": imported.remarks,
    }


def _say(facts: dict[str, Any], config: MemberConfig) -> None:
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(facts["kinds"].items()))
    click.echo(f"{facts['source']}: {facts['znodes']} znodes ({kinds}), {facts['sessions']} sessions, as of "
               f"ZooKeeper's zxid {facts['last_zxid']}")
    click.echo(f"read: {Path(facts['snapshot']).name} and {facts['transactions']} transactions of the log behind it; "
               f"{facts['digests_compared']} of ZooKeeper's own digests compared, all agree")
    for remark in facts["remarks"]:
        click.echo(f"note: {remark}")
    if facts["file"] is None:
        click.echo("nothing was written; with --to FILE it becomes a backup")
        return
    click.echo(f"{facts['file']}: verified by loading it; sha256 {facts['sha256']}\n"
               f"next, on every member, stopped: corral restore {facts['file']} {config.file}")
