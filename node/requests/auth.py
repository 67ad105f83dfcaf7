"""Who a connection is: by auth packets, a certificate or SASL. State of the connection, not of the session (A1.8, 29).

Identities are kept as they travel in a batch: a jute vector<Id{scheme, id}>.
"""

import hashlib
import struct
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from node.tree.acl import SKIPPED

_INT: Final = struct.Struct(">i")
IDENTITIES_BYTES_MAX: Final = 16 << 10  # of one connection: they travel with its writes; about 350 users


class AuthRefusedError(Exception):
    """Unknown scheme, bad credentials or too many of them: -115, then the connection is closed."""


class AuthPacketError(Exception):
    """Not an AuthPacket: closed without an answer."""


class OtherEnsembleError(Exception):
    """The client looks for another ensemble: closed without an answer, so that it tries its next server."""


@dataclass(frozen=True)
class AuthRules:
    """*digest*: hashlib's name of its hash; empty: the scheme does not exist here. *x509_super*, *sasl_supers*: ids
    that pass every ACL. *ensembles*: names that clients may ask for; empty: any.

    *required*: a connection must have an identity of one of these schemes before it asks for anything else.
    *keeps_failed_sasl*: a client whose SASL failed stays, as nobody. *skips_acls*: every client passes every ACL.
    """

    super_digest: str = ""
    digest: str = "sha1"
    x509_super: str = ""
    sasl_supers: frozenset[str] = frozenset()
    ensembles: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    keeps_failed_sasl: bool = False
    skips_acls: bool = False

    @property
    def requires_sasl(self) -> bool:
        return "sasl" in self.required


NO_RULES: Final = AuthRules()  # ZooKeeper's defaults


def _string(text: bytes) -> bytes:
    return _INT.pack(len(text)) + text


def _identity(scheme: bytes, ident: bytes) -> bytes:
    return _string(scheme) + _string(ident)


def first_identities(address: str, rules: AuthRules) -> bytes:
    """What every connection has from the start."""
    ip = _identity(b"ip", address.encode())
    if rules.skips_acls:
        return _INT.pack(2) + ip + _identity(*SKIPPED)
    return _INT.pack(1) + ip


def digest_id(credentials: bytes, algorithm: str = "sha1") -> bytes:
    """`user:base64(sha1(user:password))`, as generateDigest of ZooKeeper's DigestAuthenticationProvider."""
    user = credentials.split(b":", 1)[0]
    return user + b":" + b64encode(hashlib.new(algorithm, credentials, usedforsecurity=False).digest())


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


def authenticate(packet: bytes, identities: bytes, address: str, rules: AuthRules) -> bytes:
    """The identities after this AuthPacket. Raises AuthRefusedError, AuthPacketError, OtherEnsembleError."""
    scheme, credentials = fields_of(packet)
    if scheme == b"digest" and rules.digest:
        entry = digest_id(credentials, rules.digest)
        if rules.super_digest and entry == rules.super_digest.encode():
            identities = _added(identities, _identity(b"super", b""))
        return _added(identities, _identity(b"digest", entry))
    if scheme == b"ip":
        return _added(identities, _identity(b"ip", address.encode()))
    if scheme == b"x509" and has_scheme(identities, frozenset(("x509",))):
        return identities  # its certificate said so before
    if scheme == b"ensemble" and rules.ensembles:
        if credentials and credentials.decode(errors="replace") not in rules.ensembles:
            raise OtherEnsembleError(f"it looks for the ensemble {credentials[:80]!r}")
        return identities
    raise AuthRefusedError(f"unknown scheme {scheme[:40]!r}")


def certified(identities: bytes, name: str, rules: AuthRules) -> bytes:
    """With the scheme x509's id of a verified certificate. Raises AuthRefusedError: the name is too long."""
    if rules.x509_super and name == rules.x509_super:
        identities = _added(identities, _identity(b"super", name.encode()))
    return _added(identities, _identity(b"x509", name.encode()))


def with_sasl_user(identities: bytes, user: str, rules: AuthRules) -> bytes:
    """Raises AuthRefusedError: the name is too long."""
    if user in rules.sasl_supers:
        identities = _added(identities, _identity(b"super", b""))
    return _added(identities, _identity(b"sasl", user.encode()))


def has_scheme(identities: bytes, schemes: frozenset[str]) -> bool:
    (count,) = _INT.unpack_from(identities)
    at = _INT.size
    for _ in range(count):
        scheme, at = _field(identities, at)
        _, at = _field(identities, at)
        if scheme.decode(errors="replace") in schemes:
            return True
    return False
