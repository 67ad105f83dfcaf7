"""A state that goes forward through the log, and says what changes on the way.

A watch on the whole subtree, of a connection that nobody has, hears of every change of data whatever operation made it;
changed ACLs, of which watches say nothing, are those of the setACLs that succeeded.
"""

from dataclasses import dataclass
from typing import Any, Final

from node.history.prefix import record_up_to
from node.history.requests import Request, requests_of
from node.tree.acl import SKIPPED, encode_identities
from node.tree.execute import Hook, Replica
from node.tree.paths import ROOT
from node.tree.sink import NullSink
from node.tree.state import State
from node.tree.watches import EventType, Watches
from transport.batch import BatchHeader
from transport.entry import read_record_header
from transport.errors import Err
from transport.opcodes import OpCode

CREATED, CHANGED, DELETED, ACL_CHANGED, FAILED = "created", "changed", "deleted", "acl", "failed"
_WORDS: Final = {
    EventType.NODE_CREATED: CREATED, EventType.NODE_DATA_CHANGED: CHANGED, EventType.NODE_DELETED: DELETED}
_NOBODY: Final = 1  # the number of a connection that there is not
_MAY_READ_ALL: Final = encode_identities((SKIPPED,))


@dataclass(frozen=True, slots=True)
class Change:
    """*what*: CREATED, …; FAILED: a request that changed nothing, *error* says why. *request*: that made it; None: a
    control record. *data*, *version*: after it; of a deleted node None and 0."""

    zxid: int
    what: str
    path: bytes
    request: Request | None
    data: bytes | None = None
    version: int = 0
    owner: int = 0
    error: str = ""


class Traveller:
    """*state*: after the last record that was applied."""

    def __init__(self, state: State, *, below: bytes = ROOT, hook: Hook | None = None) -> None:
        """below: only changes of this node and of those below it are told."""
        self.state = state
        self._below = below
        self._sink = _Sink()
        watches = Watches()
        watches.watch_recursively(below, _NOBODY, _MAY_READ_ALL)
        self._replica = Replica(state, watches, self._sink, hook)
        self._sink.nodes = self._replica.nodes

    def apply(self, record: bytes) -> list[Change]:
        """Raises CorruptRecordError, RecordGapError."""
        self._sink.clear()
        self._replica.apply_record(record)
        heard, errors = self._sink.heard, self._sink.errors
        if not heard and not errors and not self._sink.acls:
            return []
        asked = {request.zxid: request for request in requests_of(record)}
        changes = [
            Change(zxid, what, path, asked.get(zxid), data, version, owner)
            for zxid, what, path, data, version, owner in heard]
        changes += [each for zxid in self._sink.acls if (each := self._acl_change(asked.get(zxid))) is not None]
        changes += [
            Change(zxid, FAILED, request.path, request, error=_name_of(err)) for zxid, err in errors.items()
            if (request := asked.get(zxid)) is not None and self._is_below(request.path)]
        return sorted(changes, key=lambda change: change.zxid)

    def go_to(self, record: bytes, zxid: int) -> None:
        """No further than *zxid*, be it in the middle of the record."""
        header = read_record_header(record)
        if header.first_zxid <= zxid:
            self._replica.apply_record(record if header.last_zxid <= zxid else record_up_to(record, zxid))

    def _acl_change(self, request: Request | None) -> Change | None:
        if request is None or not self._is_below(request.path):
            return None
        node = self._replica.nodes.get(request.path)
        return Change(request.zxid, ACL_CHANGED, request.path, request, version=node.aversion if node else 0)

    def _is_below(self, path: bytes) -> bool:
        return self._below == ROOT or path == self._below or path.startswith(self._below + b"/")


class _Sink(NullSink):
    """Owns every batch, to hear of errors."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, Any] = {}
        self.clear()

    def clear(self) -> None:
        self.heard: list[tuple[int, str, bytes, bytes | None, int, int]] = []
        self.errors: dict[int, int] = {}
        self.acls: list[int] = []

    def owns(self, header: BatchHeader, first_zxid: int) -> bool:
        return True

    def reply(
        self, connection: int, session_id: int, xid: int, op: int, zxid: int, err: int, body: bytes
    ) -> None:
        if err:
            self.errors[zxid] = err
        elif op == OpCode.SET_ACL:
            self.acls.append(zxid)

    def event(self, watchers: list[int], event_type: int, path: bytes, zxid: int) -> None:
        node = self.nodes.get(path)
        what = _WORDS[EventType(event_type)]
        if node is None or what == DELETED:
            self.heard.append((zxid, what, path, None, 0, 0))
        else:
            self.heard.append((zxid, what, path, node.data, node.version, node.owner))


def _name_of(err: int) -> str:
    try:
        return Err(err).name.lower()
    except ValueError:
        return str(err)
