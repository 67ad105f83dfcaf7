"""What a path may be: PathUtils.validatePath of ZooKeeper, on UTF-8 bytes."""

import re

# Plain ASCII, which nearly all paths are: no control characters, no empty, "." or ".." element.
_PLAIN = re.compile(rb"(?:/(?!\.{1,2}(?:/|\Z))[\x20-\x2e\x30-\x7e]+)+\Z").match
# One element that needs no closer look; for a name below a node whose own path is known to be good.
PLAIN_NAME = re.compile(rb"[\x20-\x2d\x30-\x7e][\x20-\x2e\x30-\x7e]*\Z").match
# ZooKeeper judges UTF-16 code units: the surrogates of every character above U+FFFF are refused with them.
_REFUSED = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff\U00010000-\U0010ffff]").search

ROOT = b"/"
ZOOKEEPER = b"/zookeeper"
QUOTA = b"/zookeeper/quota"
CONFIG = b"/zookeeper/config"
KEEPER = b"/keeper"
LIMITS, STATS = b"zookeeper_limits", b"zookeeper_stats"
QUOTA_NODES = frozenset((LIMITS, STATS))
UNDELETABLE = frozenset((ROOT, ZOOKEEPER, QUOTA, CONFIG))


def is_valid(path: bytes) -> bool:
    if _PLAIN(path) or path == ROOT:
        return True
    if not path.startswith(b"/") or path.endswith(b"/"):
        return False
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return False  # Java decodes it to U+FFFD, which is refused
    if _REFUSED(text):
        return False
    return not any(element in ("", ".", "..") for element in text[1:].split("/"))


def guarded_path(path: bytes) -> bytes:
    """Whose quota the node at *path* below /zookeeper/quota holds; empty: nobody's, and the root can't have one."""
    parent, _, name = path.rpartition(b"/")
    return parent[len(QUOTA):] if name in QUOTA_NODES and parent.startswith(QUOTA + b"/") else b""


def java_echo(path: bytes) -> bytes:
    """What a Java server sends back of a string: its malformed bytes become U+FFFD."""
    return path.decode(errors="replace").encode()
