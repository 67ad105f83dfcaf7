"""The replicated table of sessions: part of the state, changed by execution only."""

import struct
from typing import Final
from zlib import crc32

from node.tree.digest import MASK, mixed

_FIXED: Final = struct.Struct(">qiQI")

GLOBAL, LOCAL_FOR_GOOD, LOCAL_TO_UPGRADE = range(3)


class Session:
    """Its token is (*source*, *connection*): requests with another one are a leftover of an older connection.

    *password* is None where it is the HMAC of the id; imported sessions keep theirs.
    *ephemerals*: paths in order of creation, which is the order of their deletion.
    *locality*: what is in the table is GLOBAL; a local session's request is executed with a Session of its own.
    """

    __slots__ = ("connection", "ephemerals", "id", "locality", "password", "source", "timeout_ms")

    def __init__(
        self, *, session_id: int, timeout_ms: int, source: int, connection: int,
        password: bytes | None = None, locality: int = GLOBAL,
    ) -> None:
        self.id = session_id
        self.timeout_ms = timeout_ms
        self.source = source
        self.connection = connection
        self.password = password
        self.locality = locality
        self.ephemerals: dict[bytes, None] = {}

    def contribution(self) -> int:
        fixed = _FIXED.pack(self.id, self.timeout_ms, self.source, self.connection)
        return mixed(crc32(fixed) << 32 | crc32(self.password or b"", crc32(fixed, 1) ^ len(fixed)))


class SessionTable(dict[int, Session]):
    """*digest*: of all sessions, kept up to date. *changed*: ids of sessions that came, moved or went since an
    Expiry last looked; None while none follows."""

    def __init__(self) -> None:
        super().__init__()
        self.digest = 0
        self.changed: dict[int, None] | None = None

    def add(self, session: Session) -> None:
        self[session.id] = session
        self._count(session, +1)

    def attach(self, session: Session, *, timeout_ms: int, source: int, connection: int) -> None:
        self._count(session, -1)
        session.timeout_ms = timeout_ms
        session.source = source
        session.connection = connection
        self._count(session, +1)

    def remove(self, session: Session) -> None:
        del self[session.id]
        self._count(session, -1)

    def _count(self, session: Session, sign: int) -> None:
        self.digest = self.digest + sign * session.contribution() & MASK
        if self.changed is not None:
            self.changed[session.id] = None

    @property
    def ephemerals(self) -> int:
        return sum(len(session.ephemerals) for session in self.values())
