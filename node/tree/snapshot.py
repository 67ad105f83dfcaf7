"""The state as bytes: what a snapshot's sections hold. Compression and checksums are the storage's.

    HEAD      format u16 · zxid u64 · digest u64 · sessions u64 · nodes u64 · control: length u32, bytes
    SESSIONS  per session: SESSION, password
    NODES     new ACLs: count u32, per ACL length u32 and bytes; then per node: NODE, path, data

Every section begins with its kind, one byte. Nodes come in the order of their creation, so a parent before its
children; that order is also the order of children and of a session's ephemerals, and is not stored again.
"""

import struct
from collections.abc import Iterable, Iterator

from node.sessions.table import Session
from node.tree.acl import Acl, decode_acl, encode_acl
from node.tree.state import State
from node.tree.tree import Tree
from node.tree.znode import Znode

FORMAT = 2
SECTION_BYTES = 1 << 20

_HEAD = struct.Struct("<cHQQQQI")
_SESSION = struct.Struct("<qiQIb")  # id, timeout, source, connection, bytes of password (-1: none of its own)
_NODE = struct.Struct("<IiIqqqqqiiiq")  # lengths of path and data (-1: null), ACL, the Stat
_COUNT = struct.Struct("<I")


class CorruptSnapshotError(Exception):
    """The sections do not make the state that they say they are."""


def encode_state(state: State) -> Iterator[bytes]:
    """The state must not change before the last section has been taken."""
    nodes = state.tree.nodes
    yield _HEAD.pack(
        b"H", FORMAT, state.zxid, state.digest(), len(state.sessions), len(nodes) - 1,
        len(state.control)) + state.control
    yield from _encode_sessions(state)
    yield from _encode_nodes(state.tree)


def _encode_sessions(state: State) -> Iterator[bytes]:
    parts, size = [b"S"], 0
    for session in state.sessions.values():
        password = session.password
        parts.append(_SESSION.pack(
            session.id, session.timeout_ms, session.source, session.connection,
            -1 if password is None else len(password)))
        if password is not None:
            parts.append(password)
        size += _SESSION.size + 16
        if size >= SECTION_BYTES:
            yield b"".join(parts)
            parts, size = [b"S"], 0
    yield b"".join(parts)


def _encode_nodes(tree: Tree) -> Iterator[bytes]:
    numbers: dict[Acl, int] = {}
    new_acls: list[Acl] = []
    parts: list[bytes] = []
    size = 0
    for key, node in tree.nodes.items():
        if not key:
            continue  # the root by its other name
        number = numbers.get(node.acl)
        if number is None:
            number = numbers[node.acl] = len(numbers)
            new_acls.append(node.acl)
        data = node.data
        parts += (_NODE.pack(
            len(node.path), -1 if data is None else len(data), number, node.czxid, node.mzxid,
            node.pzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion,
            node.owner), node.path, data or b"")
        size += _NODE.size + len(node.path) + len(data or b"")
        if size >= SECTION_BYTES:
            yield _node_section(new_acls, parts)
            new_acls, parts, size = [], [], 0
    yield _node_section(new_acls, parts)


def _node_section(new_acls: list[Acl], parts: list[bytes]) -> bytes:
    acls = [encode_acl(acl) for acl in new_acls]
    table = b"".join([_COUNT.pack(len(acl)) + acl for acl in acls])
    return b"".join((b"N", _COUNT.pack(len(acls)), table, *parts))


def decode_state(sections: Iterable[bytes]) -> State:
    """Raises CorruptSnapshotError: also where the digest is not the one that was written down."""
    state = State(tree=Tree())
    acls: list[Acl] = []
    head: tuple[int, int, int] | None = None
    try:
        for section in sections:
            kind = section[:1]
            if kind == b"H":
                head = _decode_head(section, state)
            elif kind == b"S":
                _decode_sessions(section, state)
            elif kind == b"N":
                _decode_nodes(section, state, acls)
            else:
                raise CorruptSnapshotError(f"section of unknown kind {kind!r}")
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise CorruptSnapshotError(repr(error)) from error
    if head is None:
        raise CorruptSnapshotError("no head")
    found = (state.digest(), len(state.sessions), len(state.tree.nodes) - 1)
    if found != head:
        raise CorruptSnapshotError(
            f"digest, sessions, nodes are {found}, should be {head}")
    return state


def _decode_head(section: bytes, state: State) -> tuple[int, int, int]:
    """Returns digest, sessions, nodes."""
    _kind, version, zxid, digest, sessions, nodes, control = _HEAD.unpack_from(section)
    if version != FORMAT:
        raise CorruptSnapshotError(f"format {version}: this build reads {FORMAT}")
    state.zxid = zxid
    state.control = section[_HEAD.size:]
    if len(state.control) != control:
        raise CorruptSnapshotError("head is cut off")
    return digest, sessions, nodes


def _read_nullable(section: bytes, at: int, length: int) -> tuple[bytes | None, int]:
    """The *length* bytes at *at*, and the offset after them."""
    end = at + max(length, 0)
    if length < -1 or end > len(section):
        raise CorruptSnapshotError("section is cut off")
    return (None if length == -1 else section[at:end]), end


def _decode_sessions(section: bytes, state: State) -> None:
    at = 1
    while at < len(section):
        session_id, timeout_ms, source, connection, length = _SESSION.unpack_from(section, at)
        at += _SESSION.size
        password, at = _read_nullable(section, at, length)
        state.sessions.add(Session(
            session_id=session_id, timeout_ms=timeout_ms, source=source, connection=connection,
            password=password))


def _decode_nodes(section: bytes, state: State, acls: list[Acl]) -> None:
    (count,) = _COUNT.unpack_from(section, 1)
    at = 1 + _COUNT.size
    for _ in range(count):
        (length,) = _COUNT.unpack_from(section, at)
        at += _COUNT.size
        acls.append(decode_acl(section[at:at + length]))
        at += length
    tree, sessions = state.tree, state.sessions
    while at < len(section):
        (path_bytes, data_bytes, acl, czxid, mzxid, pzxid, ctime, mtime, version, cversion,
         aversion, owner) = _NODE.unpack_from(section, at)
        at += _NODE.size
        data, end = _read_nullable(section, at + path_bytes, data_bytes)
        path = section[at:at + path_bytes]
        at = end
        node = Znode(path, data, acls[acl], owner, czxid, ctime)
        node.mzxid, node.pzxid, node.mtime = mzxid, pzxid, mtime
        node.version, node.cversion, node.aversion = version, cversion, aversion
        tree.add(node)
        if owner and node.is_ephemeral and (session := sessions.get(owner)) is not None:
            session.ephemerals[path] = None
