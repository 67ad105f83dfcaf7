"""Auth packets: who a connection is. State of the connection, not of the session (A1.8, 29).

Identities are kept as they travel in a batch: a jute vector<Id{scheme, id}>.
"""

import struct
from base64 import b64encode
from hashlib import sha1

_INT = struct.Struct(">i")
IDENTITIES_BYTES_MAX = 16 << 10  # of one connection: they travel with its writes; about 350 users


class AuthRefusedError(Exception):
    """Unknown scheme, bad credentials or too many of them: -115, then the connection is closed."""


class AuthPacketError(Exception):
    """Not an AuthPacket: closed without an answer."""


def _string(text: bytes) -> bytes:
    return _INT.pack(len(text)) + text


def _identity(scheme: bytes, ident: bytes) -> bytes:
    return _string(scheme) + _string(ident)


def ip_identity(address: str) -> bytes:
    """What every connection has from the start."""
    return _INT.pack(1) + _identity(b"ip", address.encode())


def digest_id(credentials: bytes) -> bytes:
    """`user:base64(sha1(user:password))`, as generateDigest of ZooKeeper's DigestAuthenticationProvider."""
    user = credentials.split(b":", 1)[0]
    return user + b":" + b64encode(sha1(credentials, usedforsecurity=False).digest())


def _added(identities: bytes, entry: bytes) -> bytes:
    """A set: what is there already is not added again. Raises AuthRefusedError: there are too many."""
    (count,) = _INT.unpack_from(identities)
    at = _INT.size
    for _ in range(count):
        start = at
        for _ in range(2):
            (length,) = _INT.unpack_from(identities, at)
            at += _INT.size + length
        if identities[start:at] == entry:
            return identities
    if len(identities) + len(entry) > IDENTITIES_BYTES_MAX:
        raise AuthRefusedError(f"more identities than fit into {IDENTITIES_BYTES_MAX} bytes")
    return _INT.pack(count + 1) + identities[_INT.size:] + entry


def _field(packet: bytes, at: int) -> tuple[bytes, int]:
    """A ustring or buffer, null as empty, and where it ends. Raises AuthPacketError."""
    if at + _INT.size <= len(packet):
        (length,) = _INT.unpack_from(packet, at)
        start = at + _INT.size
        end = start + max(length, 0)
        if length >= -1 and end <= len(packet):
            return packet[start:end], end
    raise AuthPacketError("truncated auth packet")


def fields_of(packet: bytes) -> tuple[bytes, bytes]:
    """Scheme and credentials of an AuthPacket{int type, ustring scheme, buffer auth}. Raises AuthPacketError."""
    scheme, at = _field(packet, 4)
    return scheme, _field(packet, at)[0]


def authenticate(packet: bytes, identities: bytes, address: str, super_digest: str) -> bytes:
    """The identities after this AuthPacket. Raises AuthRefusedError, AuthPacketError."""
    scheme, credentials = fields_of(packet)
    if scheme == b"digest":
        entry = digest_id(credentials)
        if super_digest and entry == super_digest.encode():
            identities = _added(identities, _identity(b"super", b""))
        return _added(identities, _identity(b"digest", entry))
    if scheme == b"ip":
        return _added(identities, _identity(b"ip", address.encode()))
    raise AuthRefusedError(f"unknown scheme {scheme[:40]!r}")
