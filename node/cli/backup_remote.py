"""Backups in remote places: putting one there, listing, having one at hand, loading it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from node.backup.archive import Backup, DamagedBackupError, Loaded, Progress, load_backup
from node.backup.remote import RemoteError, RemotePlace, is_remote
from node.backup.shelf import backup_names, older_names
from node.cli.errors import Failure
from node.storage.files import RealFiles


def put_away(place: RemotePlace, made: Backup, keep: int | None, shown: Progress) -> tuple[str, list[str]]:
    """Where it is now, and what had to go for it.  Raises RemoteError."""
    place.put(made.path, made.path.name, shown)
    removed = older_names(place.names(), made, keep) if keep else []
    for name in removed:
        place.remove(name)
    return f"{place.url}/{made.path.name}", [f"{place.url}/{name}" for name in removed]


def list_remote(url: str, *, as_json: bool) -> None:
    try:
        place = RemotePlace(url)
        sizes = place.names()
    except RemoteError as error:
        raise Failure(str(error)) from None
    names = backup_names(sizes)
    if as_json:
        click.echo(json.dumps({"backups": [{"file": f"{place.url}/{name}", "bytes": sizes[name]} for name in names]}))
        return
    for name in names:
        click.echo(f"{name}  {sizes[name] / 1e6:.1f} MB")
    if not names:
        click.echo(f"no backups in {url}", err=True)


@contextmanager
def at_hand(place: str, shown: Progress) -> Iterator[Path]:
    """A file as it is; one of a remote place is brought here for so long.  Raises RemoteError, RefusedError."""
    if not is_remote(place):
        yield Path(place)
        return
    url, _, name = place.rpartition("/")
    with TemporaryDirectory(prefix="corral-backup-") as directory:
        file = Path(directory, name)
        RemotePlace(url).fetch(name, file, shown)
        yield file


def load_from(place: str, shown: Progress) -> Loaded:
    """The backup of a file, or of a URL, from which it is brought here for so long.

    Raises DamagedBackupError, RefusedError, RemoteError, OSError.
    """
    with at_hand(place, shown) as file:
        try:
            return load_backup(RealFiles(), file, shown)
        except DamagedBackupError as error:
            raise DamagedBackupError(place, error.problem) from error
