"""One node of the tree."""

import struct
from typing import Final

from node.tree.acl import Acl

STAT = struct.Struct(">qqqqiiiqiiq")
_PACK: Final = STAT.pack
INT_MAX: Final = 0x7FFFFFFF

CONTAINER_OWNER: Final = -(1 << 63)
TTL_OWNER_MIN: Final = -(1 << 56)  # owners with the top byte 0xff; the low 40 bits are the ttl in ms
TTL_MS_MAX: Final = (1 << 40) - 1


def is_session(owner: int) -> bool:
    """Whether an owner is a session, so that its node is ephemeral."""
    return owner > 0 or CONTAINER_OWNER < owner < TTL_OWNER_MIN


def wrapped(number: int) -> int:
    """As Java's int."""
    return (number + 0x80000000 & 0xFFFFFFFF) - 0x80000000


class Znode:
    """*cversion* counts creates of children, as ZooKeeper keeps it inside; clients see 2 * cversion - numChildren.

    *contribution* and *size*: what this node adds to the tree's digest and to its bytes since it was last settled;
    *is_dirty*: it stands in the digest's list of those to settle.
    """

    __slots__ = (
        "acl", "aversion", "children", "contribution", "ctime", "cversion", "czxid", "data", "is_dirty",
        "mtime", "mzxid", "owner", "path", "pzxid", "size", "version",
    )

    def __init__(
        self, path: bytes, data: bytes | None, acl: Acl, owner: int, zxid: int, time_ms: int
    ) -> None:
        self.path = path
        self.data = data
        self.acl = acl
        self.owner = owner
        self.czxid = self.mzxid = self.pzxid = zxid
        self.ctime = self.mtime = time_ms
        self.version = self.cversion = self.aversion = self.contribution = self.size = 0
        self.children: dict[bytes, None] | None = None
        self.is_dirty = True  # whoever makes a node puts it into the list

    @property
    def is_ephemeral(self) -> bool:
        return is_session(self.owner)


def pack_stat(node: Znode) -> bytes:
    """The Stat that a client sees, 68 bytes."""
    children = node.children
    count = len(children) if children else 0
    data = node.data
    owner = node.owner
    if owner < 0 and not is_session(owner):
        owner = 0
    try:
        return _PACK(
            node.czxid, node.mzxid, node.ctime, node.mtime, node.version,
            2 * node.cversion - count, node.aversion, owner, len(data) if data else 0, count,
            node.pzxid)
    except struct.error:
        return _PACK(
            node.czxid, node.mzxid, node.ctime, node.mtime, node.version,
            wrapped(2 * node.cversion - count), node.aversion, owner, len(data) if data else 0,
            count, node.pzxid)
