"""What a processor answers from its replica, without the log; watches are set on the way.

READS[op](replica, body, identities, connection) -> the reply's body, or what to answer instead. *identities*: of the
connection, encoded; *connection*: under whose number watches are kept. Any bytes as a body give a reply or an Err.
"""

import struct
from collections.abc import Callable

from node.tree.acl import ADMIN, OPEN, READ, SKIPPED, encode_acl, identities_of, is_permitted, without_hashes
from node.tree.execute import Replica
from node.tree.listings import LISTINGS
from node.tree.setwatches import add_watch, check_watches, remove_watches, set_watches, set_watches2
from node.tree.wire import INT, PACK_INT, pack_string, pack_strings, read_string
from node.tree.znode import Znode, pack_stat
from transport.errors import Err
from transport.jute import JuteError, encode
from transport.opcodes import OpCode
from transport.records import ClientInfo, WhoAmIResponse

Read = Callable[[Replica, bytes, bytes, int], bytes | Err]

_MULTI_HEADER = struct.Struct(">i?i")
_MULTI_END = _MULTI_HEADER.pack(-1, True, -1)
_NULL = PACK_INT(-1)
_MARSHALLING_ERROR = Err.MARSHALLING_ERROR
_NO_NODE = Err.NO_NODE


def get_data(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """GetDataRequest -> data, Stat."""
    if len(body) < 5:
        return _MARSHALLING_ERROR
    (length,) = INT(body, 0)
    end = length + 4
    if length < 0 or end >= len(body):
        return _MARSHALLING_ERROR
    path = body[4:end]
    node = replica.nodes.get(path)
    if node is None:
        return _NO_NODE
    if node.acl is not OPEN and not is_permitted(node.acl, READ, identities):
        return Err.NO_AUTH
    if body[end]:
        replica.watches.watch_data(path, connection, identities)
    data = node.data
    if data is None:
        return _NULL + pack_stat(node)
    return PACK_INT(len(data)) + data + pack_stat(node)


def plainly_readable(nodes: dict[bytes, Znode], buffer: bytes, at: int, end: int) -> Znode | None:
    """The node that the GetDataRequest at *at* asks for, if get_data would do nothing but pack it: anybody may read it,
    its data are not null, no watch is wanted. None says nothing more than: call get_data."""
    length = end - at - 5
    if length < 0 or buffer[end - 1] or INT(buffer, at)[0] != length:
        return None
    node = nodes.get(buffer[at + 4:end - 1])
    return node if node is not None and node.acl is OPEN and node.data is not None else None


def exists(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """ExistsRequest -> Stat. The watch is set even where there is no node."""
    path, watch = _path_and_watch(body)
    if b"\0" in path:
        return Err.BAD_ARGUMENTS
    node = replica.nodes.get(path)
    if node is not None and node.acl is not OPEN and replica.compatibility.exists_needs_read and not is_permitted(
            node.acl, READ, identities):
        return Err.NO_AUTH
    if watch:
        replica.watches.watch_data(path, connection, identities)
    return _NO_NODE if node is None else pack_stat(node)


def get_children(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """GetChildrenRequest -> names."""
    path, watch = _path_and_watch(body)
    node = _readable(replica, path, identities)
    if not isinstance(node, Znode):
        return node
    if watch:
        replica.watches.watch_children(path, connection, identities)
    return pack_strings(list(node.children or ()))


def get_children2(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """GetChildren2Request -> names, Stat."""
    names = get_children(replica, body, identities, connection)
    if isinstance(names, Err):
        return names
    return names + pack_stat(replica.nodes[_path_and_watch(body)[0]])


def get_acl(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """GetACLRequest -> ACL, Stat. Readers who are not administrators do not see digests."""
    node = replica.nodes.get(_path(body))
    if node is None:
        return _NO_NODE
    acl = node.acl
    if not is_permitted(acl, READ | ADMIN, identities):
        return Err.NO_AUTH
    if not is_permitted(acl, ADMIN, identities):
        acl = without_hashes(acl)
    return encode_acl(acl) + pack_stat(node)


def get_all_children_number(
    replica: Replica, body: bytes, identities: bytes, connection: int
) -> bytes | Err:
    path = _path(body)
    node = _readable(replica, path, identities)
    if not isinstance(node, Znode):
        return node
    return PACK_INT(replica.tree.descendants(path))


def who_am_i(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """Empty -> scheme and user of each identity."""
    infos = [
        ClientInfo(scheme, _user_of(scheme, ident)) for scheme, ident in identities_of(identities)
        if (scheme, ident) != SKIPPED]
    return encode(WhoAmIResponse(infos))


def _user_of(scheme: bytes, ident: bytes) -> bytes:
    if scheme == b"digest":
        return ident.split(b":", 1)[0]
    return b"" if scheme == b"super" else ident


def multi_read(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """A multi of getData and getChildren: each with an error of its own; no watches."""
    parts: list[bytes] = []
    at = 0
    while True:
        op, done, _err = _MULTI_HEADER.unpack_from(body, at)
        at += _MULTI_HEADER.size
        if done:
            return b"".join((*parts, _MULTI_END))
        read = _MULTI_READS.get(op)
        if read is None and replica.has_extensions:
            read = _MULTI_READS_MORE.get(op)
        if read is None:
            return _MARSHALLING_ERROR
        path, at = read_string(body, at, len(body))
        if path is None or at >= len(body):
            return _MARSHALLING_ERROR
        at += 1  # of the watch flag, which ZooKeeper leaves out of account here
        more = body[at:at + 1] if op == OpCode.FILTERED_LIST else b""
        at += len(more)
        result = read(replica, pack_string(path) + b"\0" + more, identities, connection)
        if isinstance(result, Err):
            parts += (_MULTI_HEADER.pack(OpCode.ERROR, False, result), PACK_INT(result))
        else:
            parts += (_MULTI_HEADER.pack(op, False, 0), result)


_MULTI_READS: dict[int, Read] = {int(OpCode.GET_DATA): get_data, int(OpCode.GET_CHILDREN): get_children}
_MULTI_READS_MORE: dict[int, Read] = {  # as ClickHouse Keeper
    int(OpCode.EXISTS): exists, int(OpCode.GET_CHILDREN2): get_children2,
    int(OpCode.FILTERED_LIST): LISTINGS[OpCode.FILTERED_LIST]}


def get_ephemerals(replica: Replica, body: bytes, session_id: int) -> bytes | Err:
    """GetEphemeralsRequest -> the session's own paths that start with a prefix of characters."""
    try:
        prefix, _ = read_string(body, 0, len(body))
    except (struct.error, JuteError):
        return _MARSHALLING_ERROR
    session = replica.sessions.get(session_id)
    paths = list(session.ephemerals) if session is not None else []
    if prefix is not None and prefix.strip(_JAVA_TRIMS) not in (b"", b"/"):
        paths = [path for path in paths if path.startswith(prefix)]
    return pack_strings(paths)


_JAVA_TRIMS = bytes(range(33))


# --- helpers ----------------------------------------------------------------------------------------------------


def _readable(replica: Replica, path: bytes, identities: bytes) -> Znode | Err:
    node = replica.nodes.get(path)
    if node is None:
        return _NO_NODE
    if node.acl is not OPEN and not is_permitted(node.acl, READ, identities):
        return Err.NO_AUTH
    return node


def _path(body: bytes) -> bytes:
    """Raises LengthError, struct.error; null is as bad, as in ZooKeeper."""
    path, _ = read_string(body, 0, len(body))
    if path is None:
        raise JuteError("null path")
    return path


def _path_and_watch(body: bytes) -> tuple[bytes, bool]:
    path = _path(body)
    end = len(path) + 4
    if end >= len(body):
        raise JuteError("no watch flag")
    return path, body[end] != 0


def _guarded(read: Read) -> Read:
    """Makes -5 of what decoding raises."""

    def guarded(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
        try:
            return read(replica, body, identities, connection)
        except (struct.error, JuteError):
            return _MARSHALLING_ERROR

    return guarded


READS: dict[int, Read] = {
    int(OpCode.GET_DATA): get_data,  # the hottest: guards itself
    **{int(op): _guarded(read) for op, read in {
        OpCode.EXISTS: exists,
        OpCode.GET_CHILDREN: get_children,
        OpCode.GET_CHILDREN2: get_children2,
        OpCode.GET_ACL: get_acl,
        OpCode.GET_ALL_CHILDREN_NUMBER: get_all_children_number,
        OpCode.WHO_AM_I: who_am_i,
        OpCode.MULTI_READ: multi_read,
        OpCode.SET_WATCHES: set_watches,
        OpCode.SET_WATCHES2: set_watches2,
        OpCode.ADD_WATCH: add_watch,
        OpCode.CHECK_WATCHES: check_watches,
        OpCode.REMOVE_WATCHES: remove_watches,
    }.items()},
    **LISTINGS,
}

# That may be asked for at a place in the log (LINEARIZABLE_READ).
PLAIN_READS = frozenset((
    *(int(op) for op in (
        OpCode.GET_DATA, OpCode.EXISTS, OpCode.GET_CHILDREN, OpCode.GET_CHILDREN2, OpCode.GET_ACL,
        OpCode.GET_ALL_CHILDREN_NUMBER, OpCode.MULTI_READ)), *LISTINGS))

# Reads that are about the session rather than the connection.
SESSION_READS: dict[int, Callable[[Replica, bytes, int], bytes | Err]] = {
    int(OpCode.GET_EPHEMERALS): get_ephemerals,
}
