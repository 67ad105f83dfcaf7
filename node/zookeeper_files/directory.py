"""ZooKeeper's data directory: `version-2` with snapshots, logs and the epoch files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION: Final = "version-2"
CURRENT_EPOCH, ACCEPTED_EPOCH = "currentEpoch", "acceptedEpoch"
_SUFFIXES: Final = ("", ".gz", ".snappy")
COUNTER_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """*snapshots*, *logs*: the directories `version-2` that hold them; mostly one and the same."""

    snapshots: Path
    logs: Path


class NoDataError(Exception):
    """There is no such directory; the message says what was looked for."""


def find_directory(path: Path, log_path: Path | None = None) -> DataDirectory:
    """*path*: a dataDir, its version-2, or a zoo.cfg.  *log_path*: the dataLogDir, if it is another one.

    Raises NoDataError, OSError.
    """
    if path.is_file():
        settings = _settings(path)
        if "dataDir" not in settings:
            raise NoDataError(f"{path}: no dataDir in it — give the data directory, or the server's zoo.cfg")
        path, log_path = Path(settings["dataDir"]), log_path or Path(settings.get("dataLogDir", settings["dataDir"]))
    snapshots = _version_2(path)
    return DataDirectory(snapshots, _version_2(log_path) if log_path else snapshots)


def snapshot_files(directory: Path) -> list[tuple[int, Path]]:
    """(zxid in the name, file), ascending."""
    return _numbered(directory, "snapshot.")


def log_files(directory: Path) -> list[tuple[int, Path]]:
    """(first zxid, as the name says it; file), ascending."""
    return _numbered(directory, "log.")


def current_epoch(directory: Path) -> int:
    """0: not said, as by a standalone server."""
    try:
        return int((directory / CURRENT_EPOCH).read_text().strip())
    except (FileNotFoundError, ValueError):
        return 0


def show_zxid(zxid: int) -> str:
    """As ZooKeeper's tools do."""
    return f"0x{zxid:x}"


def _numbered(directory: Path, prefix: str) -> list[tuple[int, Path]]:
    found = []
    for path in directory.iterdir():
        number, dot, suffix = path.name.removeprefix(prefix).partition(".")
        if path.name.startswith(prefix) and dot + suffix in _SUFFIXES:
            try:
                found.append((int(number, 16), path))
            except ValueError:
                continue  # somebody's copy
    return sorted(found)


def _version_2(path: Path) -> Path:
    if not path.is_dir():
        raise NoDataError(f"{path}: no such directory — give ZooKeeper's dataDir, or its zoo.cfg")
    return path / VERSION if (path / VERSION).is_dir() else path


def _settings(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, separator, value in pairs if separator}
