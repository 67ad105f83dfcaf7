"""`snapshot.<zxid>`, read: sessions, ACLs, nodes, a seal; the digest, a seal; from 3.9 on the last zxid, a seal.

A seal is the Adler-32 of everything before it, and "/". Older releases end after an earlier one.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.tree.acl import OPEN, Acl, shared
from node.tree.paths import ROOT
from node.tree.znode import Znode
from node.zookeeper_files.digest import MASK
from node.zookeeper_files.errors import DamagedFileError
from node.zookeeper_files.stream import Stream, open_stream

MAGIC: Final = b"ZKSN"
FORMAT: Final = 2
OPEN_INDEX: Final = -1
_HEADER = struct.Struct(">4siq")
_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")
_SESSION = struct.Struct(">qi")
_TAIL = struct.Struct(">qqqqqiiiqq")  # ACL, then the Stat that is kept
_DIGEST = struct.Struct(">qi")
_HEX_DIGEST_BELOW: Final = 2
COUNT_MAX: Final = 1 << 28


@dataclass(slots=True)
class SnapshotContents:
    """*nodes*: by path, the root as "/".

    *unresolved*: path -> number of an ACL that is not in the snapshot, but in the log behind it.
    *digest*: (zxid, version, value); None: not in the file.
    """

    zxid: int
    sessions: dict[int, int] = field(default_factory=dict)
    nodes: dict[bytes, Znode] = field(default_factory=dict)
    unresolved: dict[bytes, int] = field(default_factory=dict)
    digest: tuple[int, int, int] | None = None


def read_snapshot(path: Path, zxid: int) -> SnapshotContents:
    """*zxid*: as its name says.  Raises DamagedFileError, OSError."""
    contents = SnapshotContents(zxid)
    with open_stream(path) as stream:
        magic, version, _ = _HEADER.unpack(stream.take(_HEADER.size))
        if magic != MAGIC or version != FORMAT:
            raise DamagedFileError(path, f"not a snapshot of ZooKeeper in format {FORMAT}")
        for _ in range(_count(stream)):
            session, timeout_ms = _SESSION.unpack(stream.take(_SESSION.size))
            contents.sessions[session] = timeout_ms
        _read_nodes(stream, contents, _read_acls(stream))
        _check_seal(path, stream)
        if not stream.is_at_end:
            contents.digest = _read_digest(stream)
            _check_seal(path, stream)
    if ROOT not in contents.nodes:
        raise DamagedFileError(path, "it has no root")
    return contents


def _count(stream: Stream) -> int:
    (count,) = _INT.unpack(stream.take(4))
    if count > COUNT_MAX:
        raise ValueError(f"{count} elements")
    return int(count)


def _string(stream: Stream) -> bytes:
    (size,) = _INT.unpack(stream.take(4))
    return stream.take(max(size, 0))


def _read_acls(stream: Stream) -> dict[int, Acl]:
    acls = {OPEN_INDEX: OPEN}
    for _ in range(_count(stream)):
        (index,) = _LONG.unpack(stream.take(8))
        entries = []
        for _ in range(_count(stream)):
            (perms,) = _INT.unpack(stream.take(4))
            entries.append((perms, _string(stream), _string(stream)))
        acls[index] = shared(tuple(entries))
    return acls


def _read_nodes(stream: Stream, contents: SnapshotContents, acls: dict[int, Acl]) -> None:
    """In ZooKeeper's order: parents before children."""
    nodes = contents.nodes
    while (path := _string(stream)) != ROOT:
        (size,) = _INT.unpack(stream.take(4))
        data = None if size < 0 else stream.take(size)
        (index, czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, pzxid) = _TAIL.unpack(
            stream.take(_TAIL.size))
        path = path or ROOT
        if index not in acls:
            contents.unresolved[path] = index
        node = Znode(path, data, acls.get(index, OPEN), owner, czxid, ctime)
        node.mzxid, node.mtime, node.pzxid = mzxid, mtime, pzxid
        node.version, node.cversion, node.aversion = version, cversion, aversion
        nodes[path] = node


def _read_digest(stream: Stream) -> tuple[int, int, int]:
    zxid, version = _DIGEST.unpack(stream.take(_DIGEST.size))
    if version < _HEX_DIGEST_BELOW:
        return zxid, version, int(_string(stream) or b"0", 16) & MASK
    (value,) = _LONG.unpack(stream.take(8))
    return zxid, version, value & MASK


def _check_seal(path: Path, stream: Stream) -> None:
    found = stream.checksum()
    (expected,) = _LONG.unpack(stream.take(8))
    if found != expected or _string(stream) != b"/":
        raise DamagedFileError(path, "its checksum is wrong")
