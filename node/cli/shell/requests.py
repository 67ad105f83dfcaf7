"""What the shell asks of a server, each as kazoo's connection sends it: also what kazoo itself does not know.

Paths here are whole, from the server's root on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

from node.tree.watches import WatcherType
from transport.errors import Err
from transport.jute import decode, decode_from, encode
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    AddWatchRequest,
    CheckVersionRequest,
    CheckWatchesRequest,
    Create2Response,
    CreateRequest,
    CreateResponse,
    CreateTTLRequest,
    DeleteRequest,
    ErrorResponse,
    ExistsRequest,
    GetACLRequest,
    GetACLResponse,
    GetAllChildrenNumberRequest,
    GetAllChildrenNumberResponse,
    GetChildren2Response,
    GetChildrenRequest,
    GetDataRequest,
    GetDataResponse,
    GetEphemeralsRequest,
    GetEphemeralsResponse,
    Id,
    MultiHeader,
    ReconfigRequest,
    SetACLRequest,
    SetDataRequest,
    SetDataResponse,
    Stat,
    SyncRequest,
    WhoAmIResponse,
)

ANY_VERSION: Final = -1
OPEN_ACL: Final = (ACL(31, Id(b"world", b"anyone")),)
_EPHEMERAL, _SEQUENTIAL, _CONTAINER, _TTL = 1, 2, 4, 5


class WatchMode(IntEnum):
    """Of addWatch."""

    PERSISTENT = 0
    PERSISTENT_RECURSIVE = 1


@dataclass(frozen=True, slots=True)
class Request:
    """*read*: the body of the answer, to what the caller gets. *path*: for messages."""

    type: int
    body: bytes
    path: str
    read: Callable[[bytes], Any] = lambda _: None

    def serialize(self) -> bytes:
        return self.body

    def deserialize(self, buffer: bytes, offset: int) -> Any:
        return self.read(bytes(buffer[offset:]))


class Result(NamedTuple):
    """Of one operation of a multi. *path*, *stat*: where its answer has them."""

    err: int
    path: str = ""
    stat: Stat | None = None


def exists(path: str, *, watch: bool = False) -> Request:
    """Answers with a Stat, or None."""
    return Request(OpCode.EXISTS, encode(ExistsRequest(_encoded(path), watch)), path, _read_stat)


def get(path: str, *, watch: bool = False) -> Request:
    """Answers with (value or None, Stat)."""
    return Request(OpCode.GET_DATA, encode(GetDataRequest(_encoded(path), watch)), path, _read_data)


def children(path: str, *, watch: bool = False) -> Request:
    """Answers with (sorted names, Stat)."""
    return Request(OpCode.GET_CHILDREN2, encode(GetChildrenRequest(_encoded(path), watch)), path, _read_children)


def get_acl(path: str) -> Request:
    """Answers with ([ACL], Stat)."""

    def read(body: bytes) -> tuple[list[ACL], Stat]:
        found = decode(GetACLResponse, body)
        return found.acl or [], found.stat

    return Request(OpCode.GET_ACL, encode(GetACLRequest(_encoded(path))), path, read)


def create(
    path: str, data: bytes | None, acl: Sequence[ACL] = OPEN_ACL, *, ephemeral: bool = False, sequential: bool = False,
    container: bool = False, ttl_ms: int = 0,
) -> Request:
    """Answers with (path as created, Stat)."""
    name, acls = _encoded(path), list(acl)
    if ttl_ms:
        flags = _TTL + sequential
        return Request(
            OpCode.CREATE_TTL, encode(CreateTTLRequest(name, data, acls, flags, ttl_ms)), path, _read_created)
    flags = _CONTAINER if container else (_EPHEMERAL if ephemeral else 0) | (_SEQUENTIAL if sequential else 0)
    op = OpCode.CREATE_CONTAINER if container else OpCode.CREATE2
    return Request(op, encode(CreateRequest(name, data, acls, flags)), path, _read_created)


def set_data(path: str, data: bytes | None, version: int = ANY_VERSION) -> Request:
    """Answers with a Stat."""
    return Request(OpCode.SET_DATA, encode(SetDataRequest(_encoded(path), data, version)), path, _read_stat)


def set_acl(path: str, acl: Sequence[ACL], version: int = ANY_VERSION) -> Request:
    """Answers with a Stat. *version*: of the ACL."""
    return Request(OpCode.SET_ACL, encode(SetACLRequest(_encoded(path), list(acl), version)), path, _read_stat)


def delete(path: str, version: int = ANY_VERSION) -> Request:
    return Request(OpCode.DELETE, encode(DeleteRequest(_encoded(path), version)), path)


def check(path: str, version: int = ANY_VERSION) -> Request:
    """Only as a part of a multi."""
    return Request(OpCode.CHECK, encode(CheckVersionRequest(_encoded(path), version)), path)


def sync(path: str) -> Request:
    return Request(OpCode.SYNC, encode(SyncRequest(_encoded(path))), path)


def multi(operations: Sequence[Request]) -> Request:
    """Answers with a list of Result."""
    parts = [encode(MultiHeader(each.type, False, -1)) + each.body for each in operations]
    body = b"".join(parts) + encode(MultiHeader(-1, True, -1))
    return Request(OpCode.MULTI, body, operations[0].path if operations else "/", _read_results)


def count_descendants(path: str) -> Request:
    """Answers with an int."""
    return Request(
        OpCode.GET_ALL_CHILDREN_NUMBER, encode(GetAllChildrenNumberRequest(_encoded(path))), path,
        lambda body: decode(GetAllChildrenNumberResponse, body).total_number)


def own_ephemerals(prefix: str) -> Request:
    """Answers with sorted paths: the session's own that begin so."""
    return Request(
        OpCode.GET_EPHEMERALS, encode(GetEphemeralsRequest(_encoded(prefix))), prefix,
        lambda body: _texts(decode(GetEphemeralsResponse, body).ephemerals))


def who_am_i() -> Request:
    """Answers with [(scheme, user)]."""

    def read(body: bytes) -> list[tuple[str, str]]:
        found = decode(WhoAmIResponse, body).client_info or []
        return [(_text(each.auth_scheme), _text(each.user)) for each in found]

    return Request(OpCode.WHO_AM_I, b"", "/", read)


def add_watch(path: str, mode: WatchMode) -> Request:
    return Request(OpCode.ADD_WATCH, encode(AddWatchRequest(_encoded(path), mode)), path)


def remove_watches(path: str, kind: WatcherType) -> Request:
    return Request(OpCode.REMOVE_WATCHES, encode(CheckWatchesRequest(_encoded(path), kind)), path)


def reconfig(joining: str | None, leaving: str | None, members: str | None, version: int) -> Request:
    """Answers with (value, Stat) of /zookeeper/config. *version*: it must have; -1: any."""
    first, second, third = (None if each is None else each.encode() for each in (joining, leaving, members))
    return Request(
        OpCode.RECONFIG, encode(ReconfigRequest(first, second, third, version)), "/zookeeper/config", _read_data)


# Reading the answers -----------------------------------------------------------------------------


def _read_stat(body: bytes) -> Stat:
    return decode(SetDataResponse, body).stat


def _read_data(body: bytes) -> tuple[bytes | None, Stat]:
    found = decode(GetDataResponse, body)
    return found.data, found.stat


def _read_children(body: bytes) -> tuple[list[str], Stat]:
    found = decode(GetChildren2Response, body)
    return _texts(found.children), found.stat


def _read_created(body: bytes) -> tuple[str, Stat]:
    found = decode(Create2Response, body)
    return _text(found.path), found.stat


def _read_results(body: bytes) -> list[Result]:
    results: list[Result] = []
    at, end = 0, len(body)
    while True:
        header, at = decode_from(MultiHeader, body, at, end)
        if header.done:
            return results
        if header.type == Err.SYSTEM_ERROR:  # what stands for an error among the types
            error, at = decode_from(ErrorResponse, body, at, end)
            results.append(Result(error.err))
        elif header.type == OpCode.SET_DATA:
            changed, at = decode_from(SetDataResponse, body, at, end)
            results.append(Result(Err.OK, stat=changed.stat))
        elif header.type == OpCode.CREATE:  # as ZooKeeper 3.8.0 answers a create2, too
            made, at = decode_from(CreateResponse, body, at, end)
            results.append(Result(Err.OK, _text(made.path)))
        elif header.type == OpCode.CREATE2:
            created, at = decode_from(Create2Response, body, at, end)
            results.append(Result(Err.OK, _text(created.path), created.stat))
        else:
            results.append(Result(Err.OK))


def _encoded(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="surrogateescape")


def _texts(values: list[bytes | None] | None) -> list[str]:
    return sorted(_text(each) for each in values or [])
