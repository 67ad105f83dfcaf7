"""Configuration, keys, directories, and room for what the member will write next."""

import os
import stat
from pathlib import Path
from typing import Final

from node.config.member import MemberConfig
from node.config.read import LoadedConfig
from node.keys import KeysError, load_keys
from node.self_check.finding import Finding, Level
from node.storage.files import Files
from node.storage.layout import data_directory, log_directory
from node.storage.segments import SEGMENT_BYTES
from node.storage.snapshots import list_snapshots, snapshot_path

SCARCE_FACTOR: Final = 3  # less room than so many times the need is a warning
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_configuration(loaded: LoadedConfig) -> list[Finding]:
    if not loaded.warnings:
        return [Finding("configuration", Level.OK, f"{loaded.config.file} is as it should be")]
    return [Finding("configuration", Level.WARNING, f"{each.key}: {each.text}", each.cure or "take the line out")
            for each in loaded.warnings]


def check_keys(config: MemberConfig) -> list[Finding]:
    try:
        keys = load_keys(config)
    except KeysError as error:
        return [Finding("keys", Level.FAILURE, f"{error.file}: {error.text}", error.cure)]
    missing = sorted(set(config.members) - set(keys.allowed))
    if missing:
        return [Finding(
            "keys", Level.FAILURE, f"no public key of member {', '.join(map(str, missing))}: it cannot connect",
            f"corral keys add {config.file} ID PUBLIC_KEY")]
    owner, wanted = config.keys_dir.stat().st_uid, config.data_dir.stat().st_uid
    if owner != wanted:
        return [Finding(
            "keys", Level.FAILURE, f"{config.keys_dir} belongs to user {owner}, the data to user {wanted}",
            f"chown -R {wanted} {config.keys_dir}")]
    return [Finding("keys", Level.OK, f"own key and those of {len(keys.allowed)} members, readable by the owner alone")]


def check_directories(config: MemberConfig) -> list[Finding]:
    found = [problem for directory in _directories(config) for problem in _problems_of(directory, config)]
    return found or [Finding("directories", Level.OK, f"{config.data_dir}: modes and owners are as they should be")]


def _problems_of(directory: Path, config: MemberConfig) -> list[Finding]:
    try:
        facts = directory.stat()
    except OSError as error:
        cure = "start the member once" if isinstance(error, FileNotFoundError) else "run this as the member's user"
        return [Finding("directories", Level.FAILURE, f"{directory}: {error.strerror}", cure)]
    found = []
    if stat.S_IMODE(facts.st_mode) & _OTHERS:
        mode = f"{stat.S_IMODE(facts.st_mode):04o}"
        found.append(Finding(
            "directories", Level.FAILURE, f"{directory}: mode {mode} is open to others", f"chmod 0700 {directory}"))
    wanted = config.data_dir.stat().st_uid
    if facts.st_uid != wanted:
        found.append(Finding(
            "directories", Level.FAILURE, f"{directory} belongs to user {facts.st_uid}, dataDir to user {wanted}",
            f"chown -R {wanted} {directory}"))
    return found


def _directories(config: MemberConfig) -> list[Path]:
    return list(dict.fromkeys((data_directory(config.data_dir), log_directory(config.log_dir))))


def check_room(files: Files, config: MemberConfig) -> list[Finding]:
    """The next snapshot, and the log until then, must fit."""
    data_dir, log_dir = _directories(config)[0], _directories(config)[-1]
    newest = max(list_snapshots(files, data_dir), default=0)
    snapshot_bytes = snapshot_path(data_dir, newest).stat().st_size if newest else 0
    needs = {data_dir: 2 * snapshot_bytes}
    needs[log_dir] = needs.get(log_dir, 0) + config.snapshot_bytes + 2 * SEGMENT_BYTES
    if data_dir != log_dir and data_dir.stat().st_dev == log_dir.stat().st_dev:
        needs[data_dir] += needs.pop(log_dir)
    return [_room(directory, need) for directory, need in needs.items()]


def _room(directory: Path, need: int) -> Finding:
    disk = os.statvfs(directory)
    free = disk.f_bavail * disk.f_frsize
    evidence = f"{directory}: {_megabytes(free)} free; the next snapshot and the log until then need {_megabytes(need)}"
    cure = "make room on this disk, or move dataDir or dataLogDir to a larger one"
    if free < need:
        return Finding("room", Level.FAILURE, evidence, cure)
    if free < SCARCE_FACTOR * need:
        return Finding("room", Level.WARNING, evidence, cure)
    return Finding("room", Level.OK, evidence)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
