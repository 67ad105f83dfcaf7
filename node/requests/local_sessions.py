"""Local sessions: of one processor alone, so that neither their beginning nor their end is a write (A1.8, 38).

Nobody else knows of them: a client that comes back to another processor finds its session expired. Their requests are
marked LOCAL in the batch; where localSessionsUpgradingEnabled says so, the first ephemeral node makes the session a
global one, by the request that creates it (node/tree/session_ops.py).
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from node.requests.traceparent import Pack
from transport.batch import LOCAL, MAY_UPGRADE, REQUEST, TENTHS_MAX

# The place of the epoch in a global id (session_ops.py): elections do not come to that number.
_EPOCH: Final = 0xFFFF << 40
# Bits of an id that count the sessions of one life of a processor; as many above tell the lives apart.
_COUNTED: Final = 20


@dataclass(slots=True)
class LocalSession:
    """*heard_ms*: of its last connection, once that is gone."""

    id: int
    timeout_ms: int
    heard_ms: int


class LocalSessions(dict[int, LocalSession]):
    def __init__(self, *, member: int) -> None:
        super().__init__()
        self._member = member
        self._count = 0

    def open(self, *, generation: int, timeout_ms: int, now_ms: int, taken: Container[int]) -> LocalSession:
        session_id = self.next_id(generation=generation, taken=taken)
        session = self[session_id] = LocalSession(session_id, timeout_ms, now_ms)
        return session

    def next_id(self, *, generation: int, taken: Container[int]) -> int:
        """*taken*: ids that are somebody's."""
        session_id = 0
        while not session_id or session_id in taken or session_id in self:
            self._count += 1
            number = (generation << _COUNTED | self._count & (1 << _COUNTED) - 1) & (1 << 40) - 1
            session_id = self._member << 56 | _EPOCH | number
            session_id -= (session_id >> 63) << 64
        return session_id


def local_pack(*, timeout_ms: int, may_upgrade: bool) -> Pack:
    """What packs a REQUEST of a local session, in the place of REQUEST.pack."""
    pack = REQUEST.pack
    marks = LOCAL | MAY_UPGRADE if may_upgrade else LOCAL
    tenths = min(-(-timeout_ms // 100), TENTHS_MAX)

    def packed(session: int, connection: int, xid: int, op: int, flags: int, who: int, _: int, length: int) -> bytes:
        return pack(session, connection, xid, op, flags | marks, who, tenths, length)

    return packed
