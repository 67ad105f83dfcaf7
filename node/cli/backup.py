"""`corral backup`: a member's state in one verified file; list, verify."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click

from node.backup.archive import Backup, BackupHeader, DamagedBackupError, Progress, load_backup
from node.backup.remote import RemoteError, RemotePlace, is_remote
from node.backup.shelf import list_backups
from node.backup.take import Taken, take_backup, take_backup_at
from node.cli.backup_remote import at_hand, list_remote, load_from, put_away
from node.cli.barrier import barrier_of
from node.cli.errors import EXIT_CODES, EXIT_FAILED, Failure, refusals_shown
from node.cli.guessing import refuse_guess
from node.cli.history import POINTS, PointType, history_of
from node.cli.progress import progress
from node.cli.shell.target import Credentials, credential_options
from node.config.member import MemberConfig
from node.config.read import load_config
from node.history.place import zxid_of
from node.history.points import Point
from node.keys import load_keys
from node.processes.loop import EXIT_REFUSED
from node.storage.errors import LogGapError, RefusedError, StorageError
from node.storage.files import RealFiles
from node.tree.execute import CorruptRecordError
from transport.zxid import show

BY_FILES_ALONE: Final = "`corral backup --local`"
NICENESS: Final = 10  # whoever serves clients goes first


class _Backup(click.Group):
    """`corral backup CONFIG` beside `corral backup list DIR`: what is no command's name is a CONFIG."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            if not Path(args[0]).exists():
                refuse_guess(args[0], self.commands, ctx)
            args = ["take", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Backup, epilog=EXIT_CODES, subcommand_metavar="CONFIG [OPTIONS] | COMMAND")
def backup() -> None:
    """Write the whole state of a running member to one file, and prove that the file can be restored.

    The member goes on serving: the state is read from its files. Every write that was acknowledged before the
    backup began is in it. The file is loaded once before it gets its name, so what has a name is good.
    `corral restore` is the way back.

    \b
    Examples:
      corral backup /etc/corral/main/zoo.cfg
      corral backup /etc/corral/main/zoo.cfg --to /mnt/backups --keep 14
      corral backup /etc/corral/main/zoo.cfg --to before-upgrade.backup
      corral backup /etc/corral/main/zoo.cfg --to s3://bucket/corral --keep 30
      corral backup list /var/backups/corral/main
      corral backup verify /var/backups/corral/main/*.backup
    """


@backup.command(epilog=f"{POINTS}\n\n{EXIT_CODES}")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--to", metavar="FILE|DIR|URL", help="A new file, a directory, or a place that fsspec reaches, as "
              "s3://bucket/corral.  [default: corral.backupDir of CONFIG]")  # fmt: skip
@click.option("--keep", type=click.IntRange(1), metavar="N",
              help="Remove all but the N newest backups of this member in the directory, once the new one is verified.")
@click.option("--at", type=PointType(), metavar="WHEN", help="What was then: from the member's snapshots and log, as "
              "far back as they go.")  # fmt: skip
@click.option("--local", is_flag=True, help="Without asking the ensemble, also with the member stopped: what this "
              "member's files prove committed. The last writes may be missing.")  # fmt: skip
@credential_options()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@refusals_shown
def take(
    config: Path, to: str | None, keep: int | None, at: Point | None, local: bool, credentials: Credentials,
    as_json: bool,
) -> None:
    """Back up the member of CONFIG, its zoo.cfg.

    Where clients must prove who they are (enforce.auth.enabled), say who you are: --auth, --sasl or --cert.

    \b
    Examples:
      corral backup /etc/corral/main/zoo.cfg --keep 14
      corral backup /etc/corral/main/zoo.cfg --local --to rescue.backup
      corral backup /etc/corral/main/zoo.cfg --at 4:17 --to before-the-mistake.backup
    """
    if at is not None and (local or keep):
        raise click.UsageError("--at goes with neither --local nor --keep")
    os.nice(NICENESS)
    loaded = load_config(config).config
    ensemble = load_keys(loaded).ensemble
    barrier = None if local or at is not None else barrier_of(
        loaded, ensemble, credentials, "backup", BY_FILES_ALONE)
    try:
        with _place(to) as (place, directory), progress() as shown:
            target = directory or _target(loaded, Path(to) if to else None, keep)
            if at is not None:
                taken = _take_at(config, at, ensemble, target, shown)
            else:
                taken = take_backup(
                    RealFiles(), loaded, ensemble=ensemble, to=target, keep=None if place else keep, barrier=barrier,
                    progress=shown)
            where, removed = put_away(place, taken.backup, keep, shown) if place else _in_files(taken)
    except (
        RefusedError, DamagedBackupError, StorageError, LogGapError, CorruptRecordError, RemoteError,
    ) as error:
        raise Failure(f"no backup was made: {error}", exit_code=_code_of(error)) from None
    _say(taken, where, removed, as_json=as_json)


@contextmanager
def _place(to: str | None) -> Iterator[tuple[RemotePlace, Path] | tuple[None, None]]:
    """A remote place, and a directory in which the backup is made and proved before it goes there."""
    if to is None or not is_remote(to):
        yield None, None
        return
    place = RemotePlace(to)
    with TemporaryDirectory(prefix="corral-backup-") as directory:
        yield place, Path(directory)


def _in_files(taken: Taken) -> tuple[str, list[str]]:
    return str(taken.backup.path), [str(path) for path in taken.removed]


@backup.command(name="list", epilog=EXIT_CODES)
@click.argument("directory", metavar="DIR|URL")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@refusals_shown
def list_(directory: str, as_json: bool) -> None:
    """Show the backups in DIR, oldest first; only their headers are read, and at a URL only names.

    \b
    Examples:
      corral backup list /var/backups/corral/main
      corral backup list s3://bucket/corral
    """
    if is_remote(directory):
        list_remote(directory, as_json=as_json)
        return
    if not Path(directory).is_dir():
        raise click.BadParameter(f"{directory} is no directory", param_hint="DIR|URL")
    entries = list_backups(RealFiles(), Path(directory))
    if as_json:
        rows = [{"file": str(e.path), "bytes": e.bytes, **(_facts(e.header) if e.header else {"problem": e.problem})}
                for e in entries]
        click.echo(json.dumps({"backups": rows}))
        return
    for entry in entries:
        what = _sentence(entry.header) if entry.header else entry.problem
        click.echo(f"{entry.path.name}  {_size(entry.bytes)}  {what}")
    if not entries:
        click.echo(f"no backups in {directory}", err=True)


@backup.command(epilog=EXIT_CODES)
@click.argument("files", metavar="FILE|URL...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@refusals_shown
def verify(files: tuple[str, ...], as_json: bool) -> None:
    """Read each FILE whole and load it, as a restoration would: a rehearsal. Nothing is written.

    \b
    Examples:
      corral backup verify /mnt/backups/*.backup
      corral backup verify s3://bucket/corral/corral-….backup
    """
    results: list[dict[str, Any]] = []
    for path in files:
        try:
            with progress() as shown:
                found = load_from(path, shown).backup
        except (DamagedBackupError, RefusedError, RemoteError) as error:
            results.append({"file": path, "good": False, "is_read": not isinstance(error, RemoteError),
                            "problem": str(error).removeprefix(f"{path}: ")})
        else:
            results.append({"file": path, "good": True, "bytes": found.bytes, "sha256": found.sha256,
                            **_facts(found.header)})
        if not as_json:
            _say_result(results[-1])
    if as_json:
        click.echo(json.dumps({"backups": results}))
    sys.exit(0 if all(result["good"] for result in results) else EXIT_FAILED)


@backup.command(epilog=EXIT_CODES)
@click.argument("url", metavar="URL")
@click.option("--to", type=click.Path(path_type=Path), required=True, metavar="FILE", help="A new file.")
@refusals_shown
def fetch(url: str, to: Path) -> None:
    """Bring the backup at URL here, and prove it by loading it: once for many members of one host, or to carry on.

    \b
    Example:
      corral backup fetch s3://bucket/corral/corral-….backup --to main.backup
    """
    if to.exists():
        raise Failure(f"{to} is there already — give another name", exit_code=EXIT_REFUSED)
    try:
        with progress() as shown, at_hand(url, shown) as file:
            found = load_backup(RealFiles(), file, shown).backup
            shutil.copyfile(file, to)
    except (DamagedBackupError, RefusedError, RemoteError) as error:
        raise Failure(f"nothing was fetched: {error}", exit_code=_code_of(error)) from None
    click.echo(f"{to}\n{_size(found.bytes)}: {_sentence(found.header)}\nsha256 {found.sha256}")


def _say_result(result: dict[str, Any]) -> None:
    if result["good"]:
        click.echo(f"{result['file']}: good: zxid {result['zxid']}, {result['znodes']} znodes, "
                   f"{result['sessions']} sessions, sha256 {result['sha256']}")
    else:
        word = "DAMAGED" if result["is_read"] else "NOT VERIFIED"
        click.echo(f"{result['file']}: {word}: {result['problem']}")


def _take_at(config: Path, at: Point, ensemble: str, target: Path, shown: Progress) -> Taken:
    """Raises Failure, DamagedBackupError."""
    with history_of(config) as history:
        return take_backup_at(
            RealFiles(), history, zxid_of(history, at), ensemble=ensemble, to=target, point=str(at), progress=shown)


# Where to, and what must be in it --------------------------------------------------------------


def _target(config: MemberConfig, to: Path | None, keep: int | None) -> Path:
    """Raises Failure, UsageError."""
    if to is None:
        config.backup_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return config.backup_dir
    if to.is_dir():
        return to
    if keep:
        raise click.UsageError("--keep goes with a directory: it removes older backups there")
    if to.exists():
        raise Failure(f"{to} is there already — give another name, or a directory", exit_code=EXIT_REFUSED)
    if not to.parent.is_dir():
        raise Failure(f"{to.parent} is no directory — make it first: mkdir -p {to.parent}", exit_code=EXIT_REFUSED)
    return to


# What it prints --------------------------------------------------------------------------------


def _say(taken: Taken, where: str, removed: list[str], *, as_json: bool) -> None:
    made: Backup = taken.backup
    if as_json:
        click.echo(json.dumps({
            "file": where, "bytes": made.bytes, "sha256": made.sha256, "seconds": round(taken.seconds, 3),
            "removed": removed, **_facts(made.header)}))
        return
    click.echo(f"{where}\n{_size(made.bytes)} in {taken.seconds:.1f} s, verified by loading it: "
               f"{_sentence(made.header)}\nsha256 {made.sha256}")
    for path in removed:
        click.echo(f"removed {path.rpartition('/')[2]}")


def _facts(header: BackupHeader) -> dict[str, Any]:
    return {
        "ensemble": header.ensemble, "member": header.member, "version": header.version,
        "feature_level": header.feature_level, "zxid": show(header.zxid), "made": when(header.made_ms),
        "znodes": header.znodes, "sessions": header.sessions, "digest": f"{header.digest:016x}",
        "complete": header.is_complete, "point": header.point,
    }


def _sentence(header: BackupHeader) -> str:
    local = "" if header.is_complete else "; taken with --local"
    tail = f"; the state at {header.point}" if header.point else local
    return (f"ensemble {header.ensemble}, member {header.member}, {when(header.made_ms)}, zxid {show(header.zxid)}, "
            f"{header.znodes} znodes, {header.sessions} sessions{tail}")


def when(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def _code_of(error: Exception) -> int:
    return EXIT_REFUSED if isinstance(error, RefusedError) else EXIT_FAILED
