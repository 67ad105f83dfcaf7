"""A log entry's payload: TxnHeader, a record by its type, and from 3.6 on the digest of the tree after it.

`version` and `parent_cversion` are the values after the operation.
"""

from typing import Final, NamedTuple

from node.tree.acl import Acl
from node.tree.znode import CONTAINER_OWNER
from node.zookeeper_files.errors import EndsEarlyError
from node.zookeeper_files.fields import Fields

CREATE, CREATE2, CREATE_CONTAINER, CREATE_TTL = 1, 15, 19, 21
DELETE, DELETE_CONTAINER, SET_DATA, RECONFIG, SET_ACL, CHECK, MULTI = 2, 20, 5, 16, 7, 13, 14
CREATE_SESSION, CLOSE_SESSION, ERROR = -10, -11, -1
CREATES: Final = frozenset((CREATE, CREATE2, CREATE_CONTAINER, CREATE_TTL))

_TTL_OWNER: Final = 0xFF << 56
_DIGEST_BYTES: Final = 12
_MASK: Final = (1 << 64) - 1


class TxnHeader(NamedTuple):
    session: int
    cxid: int
    zxid: int
    time_ms: int
    type: int


class Create(NamedTuple):
    """*owner*: 0; a session; CONTAINER_OWNER; or a TTL's.  *parent_cversion*: -1: one more than it was."""

    path: bytes
    data: bytes | None
    acl: Acl
    owner: int
    parent_cversion: int


class Delete(NamedTuple):
    path: bytes


class SetData(NamedTuple):
    path: bytes
    data: bytes | None
    version: int


class SetAcl(NamedTuple):
    path: bytes
    acl: Acl
    version: int


class CreateSession(NamedTuple):
    timeout_ms: int


class CloseSession(NamedTuple):
    """*paths*: of its ephemerals; None: the log does not say (before 3.6)."""

    paths: list[bytes] | None


class Multi(NamedTuple):
    """Of one that failed: empty."""

    txns: list["Change"]


class Nothing(NamedTuple):
    """An error, or a check inside of a multi."""


Change = Create | Delete | SetData | SetAcl
Txn = Change | CreateSession | CloseSession | Multi | Nothing


class Entry(NamedTuple):
    """*digest*: version and value, where the log has it."""

    header: TxnHeader
    txn: Txn
    digest: tuple[int, int] | None


class UnknownTxnError(Exception):
    """A type that no release up to 3.9 writes."""


def read_entry(payload: bytes) -> Entry:
    """Raises EndsEarlyError, UnknownTxnError."""
    fields = Fields(payload)
    header = TxnHeader(fields.read_long(), fields.read_int(), fields.read_long(), fields.read_long(), fields.read_int())
    if header.type == CLOSE_SESSION:
        txn: Txn = _close_session(fields)
    elif header.type == MULTI:
        txn = _multi(fields, header.session)
    elif header.type == CREATE_SESSION:
        txn = CreateSession(fields.read_int())
    else:
        txn = _change(fields, header.type, header.session)
    if fields.left < _DIGEST_BYTES:
        return Entry(header, txn, None)
    return Entry(header, txn, (fields.read_int(), fields.read_long() & _MASK))


def _change(fields: Fields, kind: int, session: int) -> Change | Nothing:
    if kind in CREATES:
        return _create(fields, kind, session)
    if kind in (DELETE, DELETE_CONTAINER):
        return Delete(fields.string())
    if kind in (SET_DATA, RECONFIG):
        return SetData(fields.string(), fields.buffer(), fields.read_int())
    if kind == SET_ACL:
        return SetAcl(fields.string(), fields.acl(), fields.read_int())
    if kind == CHECK:
        fields.string()
        fields.read_int()
        return Nothing()
    if kind == ERROR:
        fields.read_int()
        return Nothing()
    raise UnknownTxnError(f"a transaction of type {kind}")


def _create(fields: Fields, kind: int, session: int) -> Create:
    path, data, acl = fields.string(), fields.buffer(), fields.acl()
    if kind == CREATE_CONTAINER:
        return Create(path, data, acl, CONTAINER_OWNER, fields.read_int())
    if kind == CREATE_TTL:
        parent_cversion, ttl_ms = fields.read_int(), fields.read_long()
        return Create(path, data, acl, (_TTL_OWNER | ttl_ms) - (1 << 64), parent_cversion)
    owner = session if fields.read_bool() else 0
    return Create(path, data, acl, owner, fields.read_int() if fields.left else -1)  # before 3.4 it ended here


def _close_session(fields: Fields) -> CloseSession:
    """Releases before 3.6 write no paths, later ones may be told to write none; a digest may follow in both cases."""
    at = fields.at
    try:
        paths = fields.strings()
        if fields.left in (0, _DIGEST_BYTES):
            return CloseSession(paths)
    except EndsEarlyError:
        pass
    fields.at = at
    return CloseSession(None)


def _multi(fields: Fields, session: int) -> Multi:
    kinds_and_bodies = [(fields.read_int(), fields.string()) for _ in range(fields.count(least_bytes=8))]
    if any(kind == ERROR for kind, _ in kinds_and_bodies):
        return Multi([])
    changes = [_change(Fields(body), kind, session) for kind, body in kinds_and_bodies]
    return Multi([change for change in changes if not isinstance(change, Nothing)])
