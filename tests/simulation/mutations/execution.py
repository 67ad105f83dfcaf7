"""How rules of execution, sessions and replies are broken (node/tree, node/requests)."""

from typing import Any

from node.requests import processor as requests_processor
from node.requests.processor import Processor
from node.tree import execute as tree_execute
from node.tree.execute import HANDLERS, Replica
from node.tree.reads import READS
from node.tree.session_ops import end_session
from node.tree.set_data import set_data
from node.tree.watches import Watches
from node.tree.znode import CONTAINER_OWNER, Znode, pack_stat
from tests.simulation import jute_frames as jute
from tests.simulation.mutations.mutation import Method, Patch, around
from transport.errors import Err
from transport.opcodes import OpCode

ATTACHES = (OpCode.CREATE_SESSION, OpCode.REATTACH, OpCode.EXPIRE, OpCode.DELETE_CONTAINER)


def deaf_to_some() -> list[Patch]:
    told = 0

    def told_of_data(original: Method, watches: Watches, *of: Any, **named: Any) -> Any:
        nonlocal told
        watchers = original(watches, *of, **named)
        told += 1
        return watchers if told % 20 else []

    return around(Watches, "told_of_data", told_of_data)


def events_behind_replies() -> list[Patch]:
    held: list[tuple[Processor, tuple[Any, ...]]] = []
    tell: Method = vars(Processor)["event"]

    def event(_original: Method, processor: Processor, *of: Any) -> None:
        held.append((processor, of))

    def reply(original: Method, processor: Processor, *of: Any) -> None:
        original(processor, *of)
        waiting, held[:] = held[:], []
        for each, about in waiting:
            tell(each, *about)

    return [*around(Processor, "event", event), *around(Processor, "reply", reply)]


def newest_read_first(_original: Method, processor: Processor, conn: Any) -> None:
    due = [each for each in conn.parked if each[0] <= conn.done]
    for _ in due:
        conn.parked.popleft()
    for _, xid, op, body, _ in reversed(due):
        processor.read(conn, xid, op, body)


def forgetting_some() -> list[Patch]:
    """A replica leaves a set out now and then."""
    executed = 0

    def set_some(replica: Replica, record: bytes, at: int, *of: Any) -> Any:
        nonlocal executed
        executed += 1
        if executed % 30:
            return set_data(replica, record, at, *of)
        path, _ = jute.read_text(record, at)
        node = replica.nodes.get(path)
        return Err.NO_NODE if node is None else pack_stat(node)

    return [(tree_execute, "set_data", set_some)]


def naming_an_older_zxid() -> list[Patch]:
    """In an answer now and then."""
    answered = 0

    def read(original: Method, processor: Processor, *of: Any) -> Any:
        nonlocal answered
        answered += 1
        back = 3 if answered % 5 == 0 else 0
        processor.replica.state.zxid -= back
        try:
            return original(processor, *of)
        finally:
            processor.replica.state.zxid += back

    return around(Processor, "read", read)


def sync_without_the_log() -> list[Patch]:
    """It is answered like a read."""
    writes = requests_processor.WRITES - {int(OpCode.SYNC)}
    reads = {**READS, OpCode.SYNC: lambda _replica, body, *_its: body}
    return [(requests_processor, "WRITES", writes), (requests_processor, "READS", reads)]


def leaving_ephemerals(replica: Any, session: Any, zxid: int) -> None:
    for path in list(session.ephemerals)[1:]:
        del session.ephemerals[path]
    end_session(replica, session, zxid)


def of_older_connections(
    original: Method, replica: Replica, record: bytes, at: int, end: int, session: Any, op: int, *token: int,
) -> Any:
    """Leftovers are executed like any other request."""
    if session is None or op in ATTACHES or op not in HANDLERS:
        return original(replica, record, at, end, session, op, *token)
    return HANDLERS[op](replica, record, at, end, session, b"\0\0\0\0", token[-1])


def before_its_time(node: Znode, **_its: Any) -> bool:
    """A TTL counts for nothing."""
    return not node.children and (node.owner != CONTAINER_OWNER or node.cversion != 0)


def keeping_the_count(*_its: Any) -> None:
    """What a failed multi has counted at a parent stays."""
