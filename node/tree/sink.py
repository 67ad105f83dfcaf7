"""Who hears of what execution does."""

from collections.abc import Collection
from typing import Any, Protocol

from transport.batch import BatchHeader
from transport.entry import RecordHeader
from transport.errors import Err


class Sink(Protocol):
    """What a processor gives to hear of what execution does; NullSink for those who only want the state."""

    def owns(self, header: BatchHeader, first_zxid: int) -> bool:
        """Whether replies are wanted to this batch, which is about to be executed from *first_zxid* on."""

    def reply(
        self, connection: int, session_id: int, xid: int, op: int, zxid: int, err: int, body: bytes
    ) -> None:
        """A request of an own batch, right after its execution and its events."""

    def linearizable(self, op: int, body: bytes, identities: bytes, connection: int) -> bytes | Err:
        """A linearizable read of an own batch, at its place in the log: the body of its answer."""

    def event(self, watchers: list[int], event_type: int, path: bytes, zxid: int) -> None: ...

    def session_ended(
        self, session_id: int, source: int, connection: int, ephemerals: Collection[bytes]
    ) -> None:
        """Before the reply to the request that ended it. *ephemerals*: paths that went with it."""

    def session_moved(self, session_id: int, old_source: int, old_connection: int) -> None: ...

    def control(self, header: RecordHeader, body: bytes) -> None: ...

    def digest(self, zxid: int, value: int) -> None: ...

    def alarm(self, event: str, **values: Any) -> None: ...


class NullSink:
    def owns(self, header: BatchHeader, first_zxid: int) -> bool:
        return False

    def reply(
        self, connection: int, session_id: int, xid: int, op: int, zxid: int, err: int, body: bytes
    ) -> None: ...

    def linearizable(self, op: int, body: bytes, identities: bytes, connection: int) -> bytes | Err:
        return b""

    def event(self, watchers: list[int], event_type: int, path: bytes, zxid: int) -> None: ...

    def session_ended(
        self, session_id: int, source: int, connection: int, ephemerals: Collection[bytes]
    ) -> None: ...

    def session_moved(self, session_id: int, old_source: int, old_connection: int) -> None: ...

    def control(self, header: RecordHeader, body: bytes) -> None: ...

    def digest(self, zxid: int, value: int) -> None: ...

    def alarm(self, event: str, **values: Any) -> None: ...


class LastDigest(NullSink):
    """*digest_point*: the last (zxid, digest) that other replicas report too; None: none was executed."""

    def __init__(self) -> None:
        self.digest_point: tuple[int, int] | None = None

    def digest(self, zxid: int, value: int) -> None:
        self.digest_point = (zxid, value)
