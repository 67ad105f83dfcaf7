"""Listings beyond ZooKeeper's (corral.extensions): ClickHouse Keeper's 500, 506, 507, and pages of children, 600;
and the checks 501 and 504, which are reads where they stand alone."""

import heapq
import struct
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from node.tree.acl import OPEN, READ, is_permitted
from node.tree.keeper import check, read_arguments
from node.tree.wire import INT, PACK_INT, pack_string, pack_strings, read_string
from node.tree.znode import Znode, pack_stat
from transport.errors import Err
from transport.jute import JuteError
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.tree.execute import Replica

Read = Callable[["Replica", bytes, bytes, int], bytes | Err]

ALL, PERSISTENT, EPHEMERAL = 0, 1, 2


def filtered_list(replica: "Replica", body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """Path, watch, type (0 all, 1 persistent, 2 ephemeral) -> names, Stat."""
    path, at = _path(body)
    watch, kind = body[at], body[at + 1]
    found = _children(replica, path, identities, kind=kind, reads_them=kind != ALL)
    if not isinstance(found, list):
        return found
    _watch(replica, path, connection, identities, wanted=bool(watch))
    return pack_strings([_name(each) for each in found]) + pack_stat(replica.nodes[path])


def filtered_list_with_stats_and_data(
    replica: "Replica", body: bytes, identities: bytes, connection: int
) -> bytes | Err:
    """Path, watch, type, whether Stats are wanted, whether data -> names, Stat, vector of Stats, vector of data."""
    path, at = _path(body)
    watch, kind, with_stat, with_data = body[at:at + 4]
    found = _children(
        replica, path, identities, kind=kind, reads_them=bool(kind != ALL or with_stat or with_data))
    if not isinstance(found, list):
        return found
    _watch(replica, path, connection, identities, wanted=bool(watch))
    stats, data = found if with_stat else [], found if with_data else []
    return b"".join((
        pack_strings([_name(each) for each in found]), pack_stat(replica.nodes[path]),
        PACK_INT(len(stats)), *[pack_stat(each) for each in stats],
        PACK_INT(len(data)), *[pack_string(each.data or b"") for each in data]))


def list_recursive(replica: "Replica", body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """Path, most (unsigned) -> paths of all below it, the nearer ones first; those that must not be read, and what is
    below them, are left out."""
    path, at = _path(body)
    most = INT(body, at)[0] & 0xFFFFFFFF
    found = _readable(replica, path, identities)
    if not isinstance(found, Znode):
        return found
    paths: list[bytes] = []
    level = [found]
    while level and len(paths) < most:
        below = [child for node in level for child in _below(replica, node, identities)]
        paths += [node.path for node in islice(below, most - len(paths))]
        level = below
    return pack_strings(paths)


def list_page(replica: "Replica", body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """Path, after (a name; null or empty: from the first), most -> names in the order of their bytes, Stat, whether
    there are more (a boolean). The Stat's cversion tells whether children came or went between two pages."""
    path, at = _path(body)
    after, at = read_string(body, at, len(body))
    most = INT(body, at)[0]
    if most < 1:
        return Err.BAD_ARGUMENTS
    node = _readable(replica, path, identities)
    if not isinstance(node, Znode):
        return node
    names = heapq.nsmallest(most + 1, (name for name in node.children or () if name > (after or b"")))
    has_more = len(names) > most
    return pack_strings(names[:most]) + pack_stat(node) + (b"\1" if has_more else b"\0")


def _check(kind: int) -> Read:
    def read(replica: "Replica", body: bytes, identities: bytes, connection: int) -> bytes | Err:
        path, (version, wanted), _ = read_arguments(kind, body, 0, len(body))
        err = check(replica, kind, path, version, wanted, identities)
        return b"" if err is Err.OK else err

    return read


# --- helpers ----------------------------------------------------------------------------------------------------


def _path(body: bytes) -> tuple[bytes, int]:
    path, at = read_string(body, 0, len(body))
    if path is None:
        raise JuteError("null path")
    return path, at


def _name(node: Znode) -> bytes:
    return node.path[node.path.rfind(b"/") + 1:]


def _readable(replica: "Replica", path: bytes, identities: bytes) -> Znode | Err:
    node = replica.nodes.get(path)
    if node is None:
        return Err.NO_NODE
    return node if _may_read(node, identities) else Err.NO_AUTH


def _may_read(node: Znode, identities: bytes) -> bool:
    return node.acl is OPEN or is_permitted(node.acl, READ, identities)


def _all_below(replica: "Replica", node: Znode) -> list[Znode]:
    prefix = node.path if node.path == b"/" else node.path + b"/"
    return [replica.nodes[prefix + name] for name in node.children or ()]


def _below(replica: "Replica", node: Znode, identities: bytes) -> list[Znode]:
    return [child for child in _all_below(replica, node) if _may_read(child, identities)]


def _children(
    replica: "Replica", path: bytes, identities: bytes, *, kind: int, reads_them: bool
) -> list[Znode] | Err:
    """*reads_them*: more than names is told, so that each must be readable."""
    node = _readable(replica, path, identities)
    if not isinstance(node, Znode):
        return node
    children = _all_below(replica, node)
    if reads_them and not all(_may_read(child, identities) for child in children):
        return Err.NO_AUTH
    if kind not in (PERSISTENT, EPHEMERAL):
        return children
    return [child for child in children if child.is_ephemeral == (kind == EPHEMERAL)]


def _watch(replica: "Replica", path: bytes, connection: int, identities: bytes, *, wanted: bool) -> None:
    if wanted:
        replica.watches.watch_children(path, connection, identities)


def _switched(read: Read) -> Read:
    """Only where corral.extensions says so; -5 of what decoding raises."""

    def switched(replica: "Replica", body: bytes, identities: bytes, connection: int) -> bytes | Err:
        if not replica.has_extensions:
            return Err.UNIMPLEMENTED
        try:
            return read(replica, body, identities, connection)
        except (struct.error, JuteError, IndexError, ValueError):
            return Err.MARSHALLING_ERROR

    return switched


LISTINGS: dict[int, Read] = {int(op): _switched(read) for op, read in {
    OpCode.FILTERED_LIST: filtered_list,
    OpCode.CHECK_NOT_EXISTS: _check(int(OpCode.CHECK_NOT_EXISTS)),
    OpCode.CHECK_STAT: _check(int(OpCode.CHECK_STAT)),
    OpCode.FILTERED_LIST_WITH_STATS_AND_DATA: filtered_list_with_stats_and_data,
    OpCode.LIST_RECURSIVE: list_recursive,
    OpCode.LIST_PAGE: list_page,
}.items()}
