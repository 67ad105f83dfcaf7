"""Every key of zoo.cfg that ZooKeeper 3.9 knows, and Corral's own: the one table. Its rows stand in node/config/tables.

Source of names and defaults: ZooKeeper's QuorumPeerConfig, and the system properties of its
administrator's guide (a key `x` in zoo.cfg becomes the property `zookeeper.x`).
A key that is not here is an error, with the nearest name that is.
"""

import difflib
import re

from node.config.key import Key as Key
from node.config.key import Kind as Kind
from node.config.key import Standing as Standing
from node.config.tables.corral import CORRAL
from node.config.tables.http import HTTP
from node.config.tables.others import OTHERS
from node.config.tables.overload import OVERLOAD
from node.config.tables.security import SECURITY
from node.config.tables.service import SERVICE

KEYS: tuple[Key, ...] = (*SERVICE, *OVERLOAD, *CORRAL, *SECURITY, *HTTP, *OTHERS)


def _pattern(name: str) -> re.Pattern[str]:
    escaped = re.escape(name).replace(r"\*", ".+")
    return re.compile(re.sub(r"\bN$", r"\\d+", escaped))


_EXACT = {key.name: key for key in KEYS if not re.search(r"\*|\.N$", key.name)}
_FAMILIES = [(_pattern(key.name), key) for key in KEYS if key.name not in _EXACT]


def find_key(name: str) -> Key | None:
    """The table's row for a key of a file, the exact name before a family; None: unknown."""
    if exact := _EXACT.get(name):
        return exact
    return next((key for pattern, key in _FAMILIES if pattern.fullmatch(name)), None)


def nearest_name(name: str) -> str:
    """The known key that was probably meant; empty if none is like it."""
    bare = name.removeprefix("zookeeper.")
    if find_key(bare) is not None:
        return bare
    folded = {known.lower(): known for known in _EXACT} | {
        key.name.lower(): key.name for _, key in _FAMILIES
    }
    found = difflib.get_close_matches(bare.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""
