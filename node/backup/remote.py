"""A place for backups that is no directory: whatever fsspec reaches, S3-compatible storage above all.

A file is written aside there, read back whole and compared, then gets its name; so what has a name is good, as in a
directory.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from node.backup.archive import ASIDE, Progress, silent
from node.storage.errors import RefusedError

_CHUNK_BYTES: Final = 1 << 20
_MISSING: Final = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs",
                   "sftp": "paramiko", "ssh": "paramiko"}  # scheme -> the package that fsspec needs for it


_OF_BUCKETS: Final = ("s3", "s3a", "gs", "gcs")  # where the first part of a path is made by its owner, apart
_KEYS: Final = {"s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "gs": "GOOGLE_APPLICATION_CREDENTIALS"}
_NO_KEYS: Final = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")  # of botocore
_NO_ANSWER: Final = ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError")


class RemoteError(Exception):
    """The storage did not do it; with what it said."""


def is_remote(place: str) -> bool:
    return "://" in place


class RemotePlace:
    """*url*: a directory, or a prefix of keys, as s3://bucket/corral.  Everything raises RemoteError."""

    def __init__(self, url: str) -> None:
        """Raises RefusedError: no such scheme, or its package is not installed."""
        self.url = url.rstrip("/")
        scheme = url.partition("://")[0]
        try:
            from fsspec.core import url_to_fs

            with _errors(self.url):
                self._system, self._root = url_to_fs(self.url)
            self._bucket = self._root.partition("/")[0] if scheme in _OF_BUCKETS else ""
        except (ImportError, ValueError) as error:
            package = _MISSING.get(scheme)
            raise RefusedError(
                f"{scheme}:// is not reachable: {error}", file=Path(scheme),
                cure=f"install {package} into Corral's environment: bin/pip install {package}" if package else
                "give a directory, or a URL that fsspec knows") from None

    def names(self) -> dict[str, int]:
        """Name -> bytes; none where there is no such directory."""
        with _errors(self.url):
            try:
                found: list[dict[str, Any]] = self._system.ls(self._root, detail=True, refresh=True)
            except FileNotFoundError:
                self._demand_bucket()
                return {}
            return {each["name"].rpartition("/")[2]: int(each["size"] or 0) for each in found
                    if each["type"] == "file"}

    def put(self, file: Path, name: str, progress: Progress = silent) -> None:
        """Raises RemoteError: also where what is read back is not what was written, or the name is taken."""
        size, aside = file.stat().st_size, f"{self._root}/{name}{ASIDE}"
        with _errors(f"{self.url}/{name}"):
            if self._system.exists(f"{self._root}/{name}"):
                raise RemoteError(f"{self.url}/{name} is there already")
            if self._bucket:  # which s3fs would make, of any name that somebody mistyped
                self._demand_bucket()
            else:
                self._system.makedirs(self._root, exist_ok=True)
            with file.open("rb") as source, self._system.open(aside, "wb") as sink:
                written = _copy(source.read, sink.write, lambda done: progress("uploading", done, size))
            with self._system.open(aside, "rb") as source:
                read = _copy(source.read, len, lambda done: progress("reading back", done, size))
            if read != written:
                self._system.rm(aside)
                raise RemoteError(f"{self.url}/{name}: what is read back is not what was written")
            self._system.mv(aside, f"{self._root}/{name}")

    def fetch(self, name: str, to: Path, progress: Progress = silent) -> None:
        """Into the new file *to*."""
        with (
            _errors(f"{self.url}/{name}"), self._system.open(f"{self._root}/{name}", "rb") as source,
            to.open("xb") as sink,
        ):
            _copy(source.read, sink.write, lambda done: progress("downloading", done, 0))

    def remove(self, name: str) -> None:
        with _errors(f"{self.url}/{name}"):
            self._system.rm(f"{self._root}/{name}")

    def _demand_bucket(self) -> None:
        if self._bucket and not self._system.exists(self._bucket):
            raise RemoteError(f"{self.url}: there is no bucket {self._bucket} — make it by the storage's own tools, or "
                              "correct the URL")


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], object], tell: Callable[[int], None]) -> bytes:
    """The sha256 of it all."""
    digest, done = hashlib.sha256(), 0
    while piece := read(_CHUNK_BYTES):
        digest.update(piece)
        write(piece)
        done += len(piece)
        tell(done)
    return digest.digest()


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Each of fsspec's systems has errors of its own; all of them mean that the storage did not do it."""
    try:
        yield
    except (RemoteError, ImportError, ValueError):
        raise
    except Exception as error:
        told = str(error).rstrip(".") or type(error).__name__
        cure = _cure(error, where)
        raise RemoteError(f"{where}: {told} — {cure}" if cure else f"{where}: {told}") from error


def _cure(error: Exception, where: str) -> str:
    """Empty: none is known. botocore's errors go by name, since it is not installed everywhere."""
    kind = type(error).__name__
    keys = _KEYS.get(where.partition("://")[0].removesuffix("a"), "its keys")
    if kind in _NO_KEYS:
        return f"set {keys} in the environment of this command"
    if isinstance(error, PermissionError):
        return f"the storage refuses these keys, or they may not do that: look at {keys}, and the bucket's policy"
    if kind in _NO_ANSWER:
        return "look at AWS_ENDPOINT_URL, and whether the storage answers there"
    if isinstance(error, FileNotFoundError):
        return f"there is no such file: `corral backup list {where.rpartition('/')[0]}` shows which there are"
    return ""
