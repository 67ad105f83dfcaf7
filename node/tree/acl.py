"""ACLs: who may do what, as PrepRequestProcessor.fixupACL and ZooKeeperServer.checkACL decide it.

An ACL is a tuple of (perms, scheme, id). Equal ACLs of many nodes are one object; OPEN is always the same one,
so that the hot path tests `acl is OPEN` and looks no further.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from node.tree.addresses import Network, contains, parse_network
from node.tree.wire import INT, PACK_INT, pack_string, read_string
from transport.errors import Err
from transport.jute import LengthError

READ, WRITE, CREATE, DELETE, ADMIN, ALL = 1, 2, 4, 8, 16, 31

PROVEN_LEVEL = 2  # the feature level from which on ACLs of x509 and sasl exist

Entry = tuple[int, bytes, bytes]
Acl = tuple[Entry, ...]
WireAcl = list[tuple[int, bytes | None, bytes | None]]  # as a client sent it
Identity = tuple[bytes, bytes]  # scheme, id


def _of_everyone(perms: int) -> Acl:
    """By a call: compiled code may have an object of its own wherever it names a constant."""
    return ((perms, b"world", b"anyone"),)


OPEN: Final = _of_everyone(ALL)
READ_ONLY: Final = _of_everyone(READ)
_SHARED_MAX = 10_000
_shared: dict[Acl, Acl] = {OPEN: OPEN, READ_ONLY: READ_ONLY}


def shared(acl: Acl) -> Acl:
    """The one object for all equal ACLs (beyond a bound, at least for the two common ones)."""
    known = _shared.get(acl)
    if known is not None:
        return known
    if len(_shared) >= _SHARED_MAX:
        _shared.clear()
        _shared.update({OPEN: OPEN, READ_ONLY: READ_ONLY})
    _shared[acl] = acl
    return acl


def encode_acl(acl: Acl) -> bytes:
    """As jute vector<ACL>."""
    parts = [PACK_INT(len(acl))]
    for perms, scheme, ident in acl:
        parts += (PACK_INT(perms), pack_string(scheme), pack_string(ident))
    return b"".join(parts)


OPEN_WIRE: Final = encode_acl(OPEN)


def read_acl(record: bytes, at: int, end: int) -> tuple[WireAcl, int]:
    """A vector<ACL> and the offset after it; null is as good as empty. Raises LengthError, struct.error."""
    (count,) = INT(record, at)
    at += 4
    entries: WireAcl = []
    for _ in range(count):
        if at > end:
            raise LengthError(count)
        (perms,) = INT(record, at)
        scheme, at = read_string(record, at + 4, end)
        ident, at = read_string(record, at, end)
        entries.append((perms, scheme, ident))
    return entries, at


def decode_acl(data: bytes) -> Acl:
    """The inverse of encode_acl."""
    entries, _ = read_acl(data, 0, len(data))
    return shared(tuple((perms, scheme or b"", ident or b"") for perms, scheme, ident in entries))


@lru_cache(maxsize=4096)
def identities_of(encoded: bytes) -> tuple[Identity, ...]:
    """A jute vector<Id>, as a batch carries it."""
    (count,) = INT(encoded, 0)
    at = 4
    identities = []
    for _ in range(count):
        scheme, at = read_string(encoded, at, len(encoded))
        ident, at = read_string(encoded, at, len(encoded))
        identities.append((scheme or b"", ident or b""))
    return tuple(identities)


def encode_identities(identities: tuple[Identity, ...]) -> bytes:
    parts = [PACK_INT(len(identities))]
    for scheme, ident in identities:
        parts += (pack_string(scheme), pack_string(ident))
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _network(text: bytes) -> Network | None:
    return parse_network(text)


def is_permitted(acl: Acl, permission: int, identities: bytes) -> bool:
    """*permission*: any of its bits is enough. *identities*: encoded, those of the connection."""
    if not acl:
        return True
    known = identities_of(identities)
    if any(scheme == b"super" for scheme, _ in known):
        return True
    for perms, scheme, ident in acl:
        if not perms & permission:
            continue
        if scheme == b"world" and ident == b"anyone":
            return True
        if scheme in _PROVEN and ((scheme, ident) in known or (scheme == b"sasl" and _SASL_SUPER in known)):
            return True
        if scheme == b"ip" and _is_from(ident, known):
            return True
    return False


_PROVEN = (b"digest", b"x509", b"sasl")  # the schemes of who has proved who he is: `auth` stands for these
_SASL_SUPER = (b"sasl", b"super")  # passes every ACL of its scheme, as in ZooKeeper
SKIPPED = (b"super", b"skipACL")  # of clients for whom no ACL is checked: nobody has proved it, and nobody is told


def _is_from(network_text: bytes, identities: tuple[Identity, ...]) -> bool:
    network = _network(network_text)
    if network is None:
        return False
    for scheme, ident in identities:
        address = _network(ident) if scheme == b"ip" else None
        if address is not None and contains(network, address):
            return True
    return False


def fixed_up(wanted: WireAcl, identities: bytes, feature_level: int) -> Acl | Err:
    """The ACL to store for one that a client sent: duplicates gone, scheme `auth` replaced by who the client is.

    INVALID_ACL; or MARSHALLING_ERROR where ZooKeeper stumbles over a null id.
    """
    if not wanted:
        return Err.INVALID_ACL
    proven = _PROVEN if feature_level >= PROVEN_LEVEL else (b"digest",)
    fixed: list[Entry] = []
    for perms, scheme, ident in dict.fromkeys(wanted):
        if scheme is None:
            return Err.INVALID_ACL
        if scheme == b"auth":
            own = [(perms, *each) for each in identities_of(identities) if each[0] in proven]
            if not own:
                return Err.INVALID_ACL
            fixed += own
        elif scheme in (b"world", b"ip") or scheme in proven:
            if ident is None:
                return Err.MARSHALLING_ERROR
            if not _IS_VALID[scheme](ident):
                return Err.INVALID_ACL
            fixed.append((perms, scheme, ident))
        else:
            return Err.INVALID_ACL
    return shared(tuple(fixed))


def _is_valid_digest(ident: bytes) -> bool:
    """Java's split(":") makes exactly two parts of it; it drops empty ones at the end."""
    return ident.rstrip(b":").count(b":") == 1


def _is_valid_principal(ident: bytes) -> bool:
    """A name of Kerberos: user, user/host or either with @realm. Without an @ anything is one user."""
    return b"@" not in ident or _PRINCIPAL.fullmatch(ident) is not None


def _is_valid_subject(ident: bytes) -> bool:
    """A name of X.500: attribute=value, comma separated."""
    return _SUBJECT.fullmatch(ident) is not None


_PRINCIPAL = re.compile(rb"[^/@]*+(?:/[^/@]*+)?+@[^/@]*+")
# Nothing here goes back over what it has matched: an id may be as long as a request.
_VALUE = rb'(?:"(?:[^"\\]|\\.)*+"|#[0-9a-fA-F]++|(?:[^,+;"<>#\\]|\\.)(?:[^,+;"<>\\]|\\.)*+)?+'
_ATTRIBUTE = rb" *+[A-Za-z0-9][A-Za-z0-9.-]*+ *+= *+" + _VALUE
_SUBJECT = re.compile(rb"(?:" + _ATTRIBUTE + rb"(?:[,;+]" + _ATTRIBUTE + rb")*+)?+", re.DOTALL)

_IS_VALID: dict[bytes, Callable[[bytes], bool]] = {
    b"world": lambda ident: ident == b"anyone",
    b"digest": _is_valid_digest,
    b"ip": lambda ident: _network(ident) is not None,
    b"sasl": _is_valid_principal,
    b"x509": _is_valid_subject,
}


def without_hashes(acl: Acl) -> Acl:
    """What getACL shows to those who may read, but not administer."""
    return tuple(
        (perms, scheme, ident.split(b":", 1)[0] + b":x" if scheme == b"digest" and b":" in ident else ident)
        for perms, scheme, ident in acl)
