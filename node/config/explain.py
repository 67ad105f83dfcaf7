"""What each key of the table is for one member: its value, where that comes from, what it means, and what is lost.

The answer to "why is it so?": of files as they lie there, whether or not a member could start with them.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from node.config.key import Key, Standing
from node.config.member import MemberConfig
from node.config.problems import ConfigError
from node.config.properties import Entry, parse_properties
from node.config.read import load_config
from node.config.table import KEYS, find_key, nearest_name

HIDDEN = "***"
_SECRET = re.compile(r"password$|superDigest$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Explained:
    """*origin*: FILE:LINE, `default`, or what the default follows from. *standing*: as Standing, or unknown.

    *note*: what is not done, and is asked for or could be; empty: the key does what it says. *is_live*: `corral config
    reload` changes it in a running member.
    """

    key: str
    value: str
    origin: str
    standing: str
    meaning: str
    note: str = ""
    is_given: bool = False
    is_live: bool = False


def explain(path: Path) -> list[Explained]:
    """Every key that is given, and every other row of the table with its default. Raises ConfigError: unreadable."""
    config, given = _config_of(path), _entries(path)
    found = [_given(entry) for entry in given.values()]
    named = {found_key.name for entry in given.values() if (found_key := find_key(entry.key)) is not None}
    found += [_absent(key, config) for key in KEYS if key.name not in named]
    order = {key.name: at for at, key in enumerate(KEYS)}
    return sorted(found, key=lambda each: (_place(each.key, order), each.key))


def is_secret(key: str) -> bool:
    return _SECRET.search(key) is not None


def _place(name: str, order: dict[str, int]) -> int:
    key = find_key(name)
    return order[name] if name in order else order[key.name] if key is not None else len(order)


def _config_of(path: Path) -> MemberConfig | None:
    try:
        return load_config(path).config
    except ConfigError:
        return None  # then defaults that follow from other keys are not known


def _entries(path: Path) -> dict[str, Entry]:
    """By key; of a key that is given twice the last counts, as in ZooKeeper."""
    found = {entry.key: entry for entry in _read(path.absolute())}
    pointer = found.get("dynamicConfigFile")
    if pointer is not None and Path(pointer.value).is_file():
        found |= {entry.key: entry for entry in _read(Path(pointer.value))}
    return found


def _read(path: Path) -> Iterator[Entry]:
    try:
        yield from parse_properties(path.read_text(encoding="utf-8", errors="replace"), path)
    except OSError:
        load_config(path)  # raises what is to be said
        raise


def _given(entry: Entry) -> Explained:
    origin = f"{entry.file}:{entry.line}"
    key = find_key(entry.key)
    if key is None:
        near = nearest_name(entry.key)
        return Explained(entry.key, entry.value, origin, "unknown", "no such key",
                         f"did you mean {near}?" if near else "remove the line", is_given=True)
    value = HIDDEN if is_secret(entry.key) and entry.value else entry.value
    return Explained(entry.key, value, origin, key.standing, key.meaning,
                     key.loss if key.standing is not Standing.HONOURED else "", is_given=True, is_live=key.is_live)


def _absent(key: Key, config: MemberConfig | None) -> Explained:
    value, origin = key.default, "default"
    follows = _FOLLOWS.get(key.name)
    if follows is not None and config is not None:
        origin, value_of = follows
        value = value_of(config)
    return Explained(key.name, value, origin, key.standing, key.meaning,
                     key.loss if key.standing is not Standing.HONOURED else "", is_live=key.is_live)


# Defaults that are no constants: why, and what they are.
_FOLLOWS: dict[str, tuple[str, Callable[[MemberConfig], str]]] = {
    "dataLogDir": ("as dataDir", lambda config: str(config.log_dir)),
    "clientPort": ("of the own server line", lambda config: str(config.client_port)),
    "clientPortAddress": (
        "of the own server line, else every address", lambda config: ",".join(config.client_addresses)),
    "minSessionTimeout": ("2 × tickTime", lambda config: str(config.min_session_timeout_ms)),
    "maxSessionTimeout": ("20 × tickTime", lambda config: str(config.max_session_timeout_ms)),
    "peerType": ("of the own server line", lambda config: str(config.me.role)),
    "corral.keys": ("dataDir/keys", lambda config: str(config.keys_dir)),
    "corral.runDir": ("dataDir/run, where that is short", lambda config: str(config.run_dir)),
    "corral.backupDir": ("dataDir/backup", lambda config: str(config.backup_dir)),
    "corral.auditFile": ("dataDir/audit.log", lambda config: str(config.data_dir / "audit.log")),
}
