"""Clients whose reconfig has been executed, and waits for what the leader makes of it.

Execution says whether it may be, and what the members would be then (node/tree/reconfig.py). The shell takes that to
the leader, on every new link anew. The log has the answer: a RECONFIG entry that names the request, or the start of
another epoch before any such; only a refusal comes from the leader itself. Meanwhile nothing more of that connection is
looked at, so that replies stay in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from node.requests.connection import Connection, Phase
from node.requests.frames import REPLY, REPLY_HEADER_BYTES
from node.tree.paths import CONFIG
from node.tree.reconfig import Prepared
from node.tree.wire import pack_string
from node.tree.znode import pack_stat
from transport.entry import Kind, RecordHeader, read_control
from transport.errors import Err
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.requests.processor import Processor


@dataclass(frozen=True, slots=True)
class Waiting:
    """*number*: of its connection."""

    number: int
    xid: int
    prepared: Prepared


def _nobody_asks(intent: int, err: int) -> None:
    pass


class Reconfigs:
    """*waiting*: by the zxid of the request; *is_changed*: the shell has more to ask of the leader.

    *on_end*: told how the request at a zxid has ended: the error, 0 for none.
    """

    def __init__(self, core: "Processor") -> None:
        self.on_end: Callable[[int, int], None] = _nobody_asks
        self._core = core
        self.waiting: dict[int, Waiting] = {}
        self.is_changed = False

    def submit(self, conn: Connection, xid: int, body: bytes, rest: bytes) -> None:
        """*rest*: what came behind it."""
        submissions = self._core.submissions
        identity = submissions.identity_of(conn.identity)
        request = conn.pack_request(
            conn.session_id, conn.number, xid, int(OpCode.PREPARE_RECONFIG), 0, identity, 0, len(body))
        submissions.requests.append(request)
        submissions.requests.append(body)
        submissions.took(1, len(request) + len(body), is_traced=conn.trace_bytes > 0)
        conn.submitted += 1
        conn.phase = Phase.RECONFIGURING
        conn.input, conn.missing = rest, 0

    def on_executed(self, conn: Connection, xid: int, zxid: int, err: int, body: bytes) -> None:
        if err:
            self._answer(conn, xid, zxid, err, b"")
            return
        self.waiting[zxid] = Waiting(conn.number, xid, msgspec.msgpack.decode(body, type=Prepared))
        self.is_changed = True

    def on_refused(self, intent: int, err: int) -> None:
        waiting = self.waiting.pop(intent, None)
        if waiting is not None:
            self._end(intent, waiting, self._core.replica.zxid, err, b"")

    def on_control(self, header: RecordHeader) -> None:
        core = self._core
        if header.kind == Kind.RECONFIG:
            intent = read_control(core.replica.state.control).intent
            waiting = self.waiting.pop(intent, None)
            if waiting is not None:
                node = core.replica.nodes[CONFIG]
                self._end(intent, waiting, header.last_zxid, 0, pack_string(node.data) + pack_stat(node))
        elif header.kind == Kind.EPOCH:
            # What the leader before had ordered stands before this record.
            ended, self.waiting = self.waiting, {}
            for intent, each in ended.items():
                self._end(intent, each, header.last_zxid, Err.NEW_CONFIG_NO_QUORUM, b"")

    def _end(self, intent: int, waiting: Waiting, zxid: int, err: int, body: bytes) -> None:
        self.on_end(intent, err)
        conn = self._core.connections.get(waiting.number)
        if conn is not None and conn.phase is Phase.RECONFIGURING:
            self._answer(conn, waiting.xid, zxid, err, body)

    def _answer(self, conn: Connection, xid: int, zxid: int, err: int, body: bytes) -> None:
        core = self._core
        conn.out.append(REPLY.pack(REPLY_HEADER_BYTES + len(body), xid, zxid, err) + body)
        conn.frames_out += 1
        core.statistics.sent += 1
        if err:
            core.statistics.failed(err)
        conn.phase = Phase.READY
        core.dirty[conn] = None
        rest, conn.input = conn.input, b""
        if rest:
            core.feed(conn, bytes(rest), conn.heard_ms)
