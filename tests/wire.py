"""The ZooKeeper protocol in bytes, for tests that compare or attack servers; tests/wire_connection.py sends them.

It shares no code with the product on purpose: a mistake in a codec used on both sides would be
invisible. Requests are plain values with a `body()`; what arrives is plain values too (`Reply`,
`Event`, `Handshake`). Nothing is checked before sending.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, GET_ACL, SET_ACL, GET_CHILDREN, SYNC = range(1, 10)
PING, GET_CHILDREN2, CHECK, MULTI, CREATE2 = range(11, 16)
AUTH, SET_WATCHES = 100, 101
CLOSE_SESSION, ERROR = -11, -1
EVENT_XID, PING_XID, AUTH_XID, SET_WATCHES_XID = -1, -2, -4, -8

ANYONE = ("world", "anyone")
READ_PERM, WRITE_PERM, CREATE_PERM, DELETE_PERM, ADMIN_PERM, ALL_PERMS = 1, 2, 4, 8, 16, 31

Text = str | bytes | None  # bytes are sent as they are: not every path on the wire is UTF-8


class ProtocolViolationError(Exception):
    """The server sent what no ZooKeeper server sends."""


# --- values ---------------------------------------------------------------------------------------


class Acl(NamedTuple):
    perms: int
    scheme: str | None
    id: str | None


class Acls(tuple[Acl, ...]):
    """The ACL of a znode, in the server's order."""

    __slots__ = ()


class Children(tuple[str, ...]):
    """Names of children, in the server's order, which is unspecified."""

    __slots__ = ()


class Stat(NamedTuple):
    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    aversion: int
    ephemeral_owner: int
    data_length: int
    num_children: int
    pzxid: int


OPEN_ACL = Acls([Acl(ALL_PERMS, *ANYONE)])


class Result(NamedTuple):
    """The answer to one operation of a multi."""

    opcode: int
    err: int
    body: tuple[Any, ...]


class Reply(NamedTuple):
    xid: int
    zxid: int
    err: int
    opcode: int  # of the request that it answers
    body: tuple[Any, ...]  # empty when err is not 0


class Event(NamedTuple):
    type: int
    state: int
    path: str | None
    zxid: int


class Handshake(NamedTuple):
    """A ConnectResponse; timeout_ms 0 is a refusal.  read_only: None when it was not sent."""

    protocol_version: int
    timeout_ms: int
    session_id: int
    password: bytes
    read_only: bool | None


# --- encoding -------------------------------------------------------------------------------------


def int32(value: int) -> bytes:
    return struct.pack(">i", value)


def buffer(data: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if data is None else int32(len(data)) + data


def ustring(text: Text) -> bytes:
    return buffer(text.encode() if isinstance(text, str) else text)


def ustrings(texts: tuple[Text, ...]) -> bytes:
    return int32(len(texts)) + b"".join(map(ustring, texts))


def acls(entries: tuple[Acl, ...] | None) -> bytes:
    if entries is None:
        return int32(-1)
    encoded = (int32(a.perms) + ustring(a.scheme) + ustring(a.id) for a in entries)
    return int32(len(entries)) + b"".join(encoded)


def frame(payload: bytes) -> bytes:
    return int32(len(payload)) + payload


@dataclass(frozen=True)
class Request:
    """One request.  xid: None lets the connection count; a number is sent as it is."""

    opcode: ClassVar[int]
    xid: ClassVar[int | None] = None

    def body(self) -> bytes:
        return b""


@dataclass(frozen=True)
class PathRequest(Request):
    path: Text

    def body(self) -> bytes:
        return ustring(self.path)


@dataclass(frozen=True)
class WatchingRequest(PathRequest):
    watch: bool = False

    def body(self) -> bytes:
        return ustring(self.path) + bytes([self.watch])


@dataclass(frozen=True)
class Create(PathRequest):
    opcode = CREATE
    data: bytes | None = b""
    acl: tuple[Acl, ...] | None = OPEN_ACL
    flags: int = 0

    def body(self) -> bytes:
        return ustring(self.path) + buffer(self.data) + acls(self.acl) + int32(self.flags)


@dataclass(frozen=True)
class Create2(Create):
    opcode = CREATE2


@dataclass(frozen=True)
class Delete(PathRequest):
    opcode = DELETE
    version: int = -1

    def body(self) -> bytes:
        return ustring(self.path) + int32(self.version)


@dataclass(frozen=True)
class Check(Delete):
    opcode = CHECK


@dataclass(frozen=True)
class SetData(PathRequest):
    opcode = SET_DATA
    data: bytes | None = b""
    version: int = -1

    def body(self) -> bytes:
        return ustring(self.path) + buffer(self.data) + int32(self.version)


@dataclass(frozen=True)
class SetAcl(PathRequest):
    opcode = SET_ACL
    acl: tuple[Acl, ...] | None = OPEN_ACL
    version: int = -1

    def body(self) -> bytes:
        return ustring(self.path) + acls(self.acl) + int32(self.version)


@dataclass(frozen=True)
class Exists(WatchingRequest):
    opcode = EXISTS


@dataclass(frozen=True)
class GetData(WatchingRequest):
    opcode = GET_DATA


@dataclass(frozen=True)
class GetChildren(WatchingRequest):
    opcode = GET_CHILDREN


@dataclass(frozen=True)
class GetChildren2(WatchingRequest):
    opcode = GET_CHILDREN2


@dataclass(frozen=True)
class GetAcl(PathRequest):
    opcode = GET_ACL


@dataclass(frozen=True)
class Sync(PathRequest):
    opcode = SYNC


@dataclass(frozen=True)
class Ping(Request):
    opcode = PING
    xid = PING_XID


@dataclass(frozen=True)
class CloseSession(Request):
    opcode = CLOSE_SESSION


@dataclass(frozen=True)
class Auth(Request):
    opcode = AUTH
    xid = AUTH_XID
    scheme: Text
    auth: bytes | None

    def body(self) -> bytes:
        return int32(0) + ustring(self.scheme) + buffer(self.auth)


@dataclass(frozen=True)
class SetWatches(Request):
    opcode = SET_WATCHES
    xid = SET_WATCHES_XID
    relative_zxid: int
    data: tuple[Text, ...] = ()
    exist: tuple[Text, ...] = ()
    child: tuple[Text, ...] = ()

    def body(self) -> bytes:
        lists = ustrings(self.data) + ustrings(self.exist) + ustrings(self.child)
        return struct.pack(">q", self.relative_zxid) + lists


@dataclass(frozen=True)
class Multi(Request):
    opcode = MULTI
    ops: tuple[Request, ...]

    def body(self) -> bytes:
        parts = [struct.pack(">i?i", op.opcode, False, -1) + op.body() for op in self.ops]
        return b"".join(parts) + struct.pack(">i?i", -1, True, -1)


@dataclass(frozen=True)
class Raw(Request):
    """Any opcode with any bytes as its body."""

    opcode: int  # type: ignore[misc]  # a field here, a constant in the others
    payload: bytes = b""

    def body(self) -> bytes:
        return self.payload


# --- decoding -------------------------------------------------------------------------------------


@dataclass
class Reader:
    """A cursor over one frame."""

    data: bytes
    at: int = 0

    def unpack(self, form: str) -> tuple[Any, ...]:
        try:
            values = struct.unpack_from(form, self.data, self.at)
        except struct.error as error:
            raise ProtocolViolationError(f"truncated at {self.at}: {self.data!r}") from error
        self.at += struct.calcsize(form)
        return values

    def int32(self) -> int:
        value: int = self.unpack(">i")[0]
        return value

    def buffer(self) -> bytes | None:
        length = self.int32()
        if length == -1:
            return None
        value = self.data[self.at : self.at + length]
        if length < 0 or len(value) < length:
            raise ProtocolViolationError(f"buffer of {length} at {self.at}: {self.data!r}")
        self.at += length
        return value

    def ustring(self) -> str | None:
        raw = self.buffer()
        return None if raw is None else raw.decode(errors="surrogateescape")

    def children(self) -> Children:
        return Children(self.ustring() or "" for _ in range(self.int32()))

    def acls(self) -> Acls:
        return Acls(Acl(self.int32(), self.ustring(), self.ustring()) for _ in range(self.int32()))

    def stat(self) -> Stat:
        return Stat._make(self.unpack(">qqqqiiiqiiq"))

    def results(self) -> Iterator[Result]:
        while True:
            opcode, done, err = self.unpack(">i?i")
            if done:
                return
            if opcode == ERROR:
                yield Result(ERROR, err, (self.int32(),))
            else:
                yield Result(opcode, err, self.of(opcode))

    def of(self, opcode: int) -> tuple[Any, ...]:
        """The body of a successful reply to this opcode; unknown ones give the bytes left."""
        match opcode:
            case 1 | 9:  # create, sync
                return (self.ustring(),)
            case 15 | 19 | 21:  # create2, createContainer, createTTL
                return (self.ustring(), self.stat())
            case 3 | 5 | 7:  # exists, setData, setACL
                return (self.stat(),)
            case 4 | 16:  # getData, reconfig
                return (self.buffer(), self.stat())
            case 6:  # getACL
                return (self.acls(), self.stat())
            case 8 | 103:  # getChildren, getEphemerals
                return (self.children(),)
            case 12:  # getChildren2
                return (self.children(), self.stat())
            case 14 | 22:  # multi, multiRead
                return tuple(self.results())
            case 104 | 106:  # getAllChildrenNumber, addWatch
                return (self.int32(),)
            case 107:  # whoAmI
                return tuple((self.ustring(), self.ustring()) for _ in range(self.int32()))
            case 2 | 11 | 13 | 17 | 18 | 100 | 101 | 105 | -11:  # header only
                return ()
            case _:
                rest, self.at = self.data[self.at :], len(self.data)
                return (rest,)

    def end(self) -> None:
        if self.at != len(self.data):
            raise ProtocolViolationError(f"{len(self.data) - self.at} bytes too many: {self.data!r}")


def decode_handshake(payload: bytes) -> Handshake:
    reader = Reader(payload)
    version, timeout_ms, session_id = reader.unpack(">iiq")
    password = reader.buffer() or b""
    read_only = None if reader.at == len(payload) else bool(reader.unpack(">?")[0])
    reader.end()
    return Handshake(version, timeout_ms, session_id, password, read_only)
