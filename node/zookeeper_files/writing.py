"""`snapshot.<zxid>`, written as ZooKeeper 3.6 and later write it: older ones stop after the first seal."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final
from zlib import adler32

from node.tree.acl import OPEN, Acl, encode_acl
from node.tree.paths import ROOT
from node.tree.tree import Tree
from node.tree.znode import Znode
from node.zookeeper_files.digest import MASK, VERSION, contribution
from node.zookeeper_files.directory import ACCEPTED_EPOCH, COUNTER_BITS, CURRENT_EPOCH
from node.zookeeper_files.snapshot import FORMAT, MAGIC, OPEN_INDEX

_HEADER = struct.Struct(">4siq")
_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")
_SESSION = struct.Struct(">qi")
_TAIL = struct.Struct(">qqqqqiiiqq")
_DIGEST = struct.Struct(">qiQ")
_NO_DBID: Final = -1
_SEAL_PATH: Final = b"\0\0\0\x01/"
_NULL: Final = _INT.pack(-1)


def write_snapshot(directory: Path, tree: Tree, sessions: dict[int, int], zxid: int) -> Path:
    """*directory*: a version-2. *sessions*: id -> timeout in ms. Durable on return.  Raises OSError."""
    path = directory / f"snapshot.{zxid:x}"
    aside = path.with_name(f"{path.name}.part")
    with aside.open("xb") as file:
        out = _Sealed(file)
        out.put(_HEADER.pack(MAGIC, FORMAT, _NO_DBID))
        out.put(_INT.pack(len(sessions)))
        for session in sessions.items():
            out.put(_SESSION.pack(*session))
        acls = _numbered_acls(tree)
        out.put(_INT.pack(len(acls)))
        for acl, index in acls.items():
            out.put(_LONG.pack(index) + encode_acl(acl))
        digest = 0
        for node in _nodes(tree):
            out.put(_packed(node, OPEN_INDEX if node.acl == OPEN else acls[node.acl]))
            digest += contribution(node)
        out.put(_SEAL_PATH)
        out.seal()
        out.put(_DIGEST.pack(zxid, VERSION, digest & MASK))
        out.seal()
        _sync(file)
    aside.rename(path)
    return path


def write_epochs(directory: Path, zxid: int) -> int:
    """currentEpoch and acceptedEpoch as they must be beside a last zxid; returns the epoch.  Raises OSError."""
    epoch = zxid >> COUNTER_BITS
    for name in (CURRENT_EPOCH, ACCEPTED_EPOCH):
        with (directory / name).open("x") as file:
            file.write(f"{epoch}\n")
            _sync(file)
    return epoch


class _Sealed:
    """Pieces into a file, with their Adler-32."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._checksum = 1

    def put(self, piece: bytes) -> None:
        self._checksum = adler32(piece, self._checksum)
        self._file.write(piece)

    def seal(self) -> None:
        self.put(_LONG.pack(self._checksum) + _SEAL_PATH)


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _numbered_acls(tree: Tree) -> dict[Acl, int]:
    acls = dict.fromkeys(node.acl for node in tree.nodes.values())
    return {acl: number for number, acl in enumerate((acl for acl in acls if acl != OPEN), 1)}


def _nodes(tree: Tree) -> Iterator[Znode]:
    """The root, then the others as they were created: a parent before its children."""
    return (node for path, node in tree.nodes.items() if path)


def _packed(node: Znode, acl: int) -> bytes:
    path = b"" if node.path == ROOT else node.path
    data = _NULL if node.data is None else _INT.pack(len(node.data)) + node.data
    return b"".join((
        _INT.pack(len(path)), path, data,
        _TAIL.pack(
            acl, node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion, node.owner,
            node.pzxid)))
