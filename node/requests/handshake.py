"""The first frame of a session and its answer (zookeeper-surface A1.2)."""

import struct
from dataclasses import dataclass
from typing import Final

from node.requests.passwords import NO_PASSWORD

_FIXED: Final = struct.Struct(">iqiqi")  # protocolVersion, lastZxidSeen, timeOut, sessionId, length of passwd
_RESPONSE: Final = struct.Struct(">iiiqi16s")
PASSWORD_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    last_zxid_seen: int
    timeout_ms: int
    session_id: int
    password: bytes
    read_only: bool
    knows_read_only: bool  # clients before 3.4 do not send the byte, and cannot read it in the answer


class HandshakeError(Exception):
    """Not a ConnectRequest: ZooKeeper closes without an answer."""


def parse_connect_request(frame: bytes) -> ConnectRequest:
    """frame: the bytes after the 4-byte length. Raises HandshakeError."""
    if len(frame) < _FIXED.size:
        raise HandshakeError(f"a ConnectRequest has at least {_FIXED.size} bytes, this has {len(frame)}")
    _version, seen, timeout_ms, session_id, length = _FIXED.unpack_from(frame)
    if length == -1:
        length = 0
    rest = len(frame) - _FIXED.size - length
    if not 0 <= length <= PASSWORD_MAX or rest < 0:
        raise HandshakeError(f"password length {length} in a frame of {len(frame)} bytes")
    password = frame[_FIXED.size:_FIXED.size + length]
    return ConnectRequest(
        last_zxid_seen=seen, timeout_ms=timeout_ms, session_id=session_id,
        password=password.ljust(len(NO_PASSWORD), b"\0")[:len(NO_PASSWORD)],
        read_only=rest > 0 and frame[-1] != 0, knows_read_only=rest > 0)


def pack_connect_response(
    *, timeout_ms: int, session_id: int, password: bytes, with_read_only: bool, is_read_only: bool = False
) -> bytes:
    """With the 4-byte length in front. Refusal: everything 0."""
    length = _RESPONSE.size - 4 + with_read_only
    body = _RESPONSE.pack(length, 0, timeout_ms, session_id, len(password), password)
    return body + bytes((is_read_only,)) if with_read_only else body


def refusal(*, with_read_only: bool) -> bytes:
    return pack_connect_response(
        timeout_ms=0, session_id=0, password=NO_PASSWORD, with_read_only=with_read_only)
