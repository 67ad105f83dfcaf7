"""The few client frames that simulated clients write and read: made apart from the code under test, on purpose."""

import struct
from typing import NamedTuple

INT = struct.Struct(">i")
HEAD = struct.Struct(">ii")  # xid, opcode
REPLY = struct.Struct(">iqi")  # xid, zxid, err
CONNECT = struct.Struct(">iqiq")  # protocol version, last zxid seen, timeout, session
CONNECTED = struct.Struct(">iiqi16s")  # protocol version, timeout, session, length of the password, password
STAT = struct.Struct(">qqqqiiiqiiq")

MULTI_HEADER = struct.Struct(">i?i")  # operation, whether it is the end, error
PERSISTENT, EPHEMERAL, SEQUENCE, CONTAINER, WITH_TTL = 0, 1, 2, 4, 5
CREATE, SET_DATA, ERROR = 1, 5, -1
OPEN_ACL = INT.pack(1) + INT.pack(31) + INT.pack(5) + b"world" + INT.pack(6) + b"anyone"


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
    children: int
    pzxid: int


def framed(body: bytes) -> bytes:
    return INT.pack(len(body)) + body


def text(value: bytes) -> bytes:
    return INT.pack(len(value)) + value


def connect(*, session: int, password: bytes, timeout_ms: int, zxid_seen: int) -> bytes:
    return framed(CONNECT.pack(0, zxid_seen, timeout_ms, session) + text(password) + b"\0")


def request(xid: int, op: int, body: bytes = b"") -> bytes:
    return framed(HEAD.pack(xid, op) + body)


def create(path: bytes, value: bytes, flags: int) -> bytes:
    return text(path) + text(value) + OPEN_ACL + INT.pack(flags)


def set_data(path: bytes, value: bytes, version: int = -1) -> bytes:
    return text(path) + text(value) + INT.pack(version)


def get_data(path: bytes, *, watch: bool) -> bytes:
    return text(path) + bytes([watch])


def delete(path: bytes) -> bytes:
    return text(path) + INT.pack(-1)


def create_ttl(path: bytes, value: bytes, ttl_ms: int) -> bytes:
    return create(path, value, WITH_TTL) + ttl_ms.to_bytes(8, "big")


def check(path: bytes, version: int) -> bytes:
    return text(path) + INT.pack(version)


def multi(*operations: tuple[int, bytes]) -> bytes:
    """*operations*: opcode, request."""
    parts = [MULTI_HEADER.pack(op, False, -1) + body for op, body in operations]
    return b"".join(parts) + MULTI_HEADER.pack(-1, True, -1)


def multi_kinds(body: bytes) -> list[int]:
    """The operations of a multi whose creates are open to everybody."""
    kinds, at = [], 0
    while True:
        kind, is_end, _ = MULTI_HEADER.unpack_from(body, at)
        if is_end:
            return kinds
        kinds.append(kind)
        at = behind(body, at + MULTI_HEADER.size, kind)


def behind(body: bytes, at: int, kind: int) -> int:
    """The offset behind an operation of a multi."""
    _, at = read_text(body, at)
    if kind in (CREATE, SET_DATA):
        _, at = read_text(body, at)
    return at + (len(OPEN_ACL) if kind == CREATE else 0) + INT.size


def multi_errors(body: bytes) -> tuple[int, ...]:
    """Of a reply: the results of the operations if one of them failed, else none."""
    errors, at = [], 0
    while at < len(body):
        kind, is_end, _ = MULTI_HEADER.unpack_from(body, at)
        if is_end or kind != ERROR:
            break
        at += MULTI_HEADER.size
        errors.append(INT.unpack_from(body, at)[0])
        at += INT.size
    return tuple(errors)


def read_text(body: bytes, at: int) -> tuple[bytes, int]:
    (length,) = INT.unpack_from(body, at)
    start = at + INT.size
    return body[start:start + length], start + length


def read_data_reply(body: bytes) -> tuple[bytes, Stat]:
    value, at = read_text(body, 0)
    return value, Stat(*STAT.unpack_from(body, at))


class FrameCutter:
    """Bytes in, whole frames out."""

    def __init__(self) -> None:
        self.rest = b""

    def frames(self, data: bytes) -> list[bytes]:
        self.rest += data
        out = []
        while len(self.rest) >= INT.size:
            (length,) = INT.unpack_from(self.rest)
            if len(self.rest) < INT.size + length:
                break
            out.append(self.rest[INT.size:INT.size + length])
            self.rest = self.rest[INT.size + length:]
        return out
