"""python -m node.processes.past_read: one znode as it was, in a process of its own, whose memory goes with it.

Started by telemetry (node/processes/telemetry_past.py) with a msgpack PastRequest on stdin; answers with a PastAnswer
on stdout.
"""

import os
import resource
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import msgspec

from node.config.read import load_config
from node.history.place import AfterHistoryError, BeforeHistoryError, open_history, state_at, zxid_of
from node.history.points import Point
from node.processes.child import begin
from node.storage.errors import CorruptionError, LogGapError, RefusedError
from node.storage.files import RealFiles
from node.storage.reader import CHUNK_BYTES
from node.tree.execute import CorruptRecordError
from node.tree.snapshot import CorruptSnapshotError
from node.tree.znode import pack_stat
from transport.zxid import Zxid

NICE = 19
SPARE_BYTES = 8 * CHUNK_BYTES  # kept until memory is short, so that there is some to say so


class Outcome(StrEnum):
    FOUND = "found"
    NO_NODE = "no node"
    TOO_EARLY = "too early"
    TOO_LATE = "too late"
    NO_MEMORY = "no memory"
    FAILED = "failed"


class PastRequest(msgspec.Struct, frozen=True):
    """*parent*: pid. *zxid* or *time_ms*, the other is None. *executed*: up to where the member is.

    *memory_bytes*: that may be used; *children_max*: so many names are told.
    """

    parent: int
    file: str
    path: bytes
    executed: int
    memory_bytes: int
    children_max: int
    zxid: int | None = None
    time_ms: int | None = None


class PastNode(msgspec.Struct, frozen=True):
    """*acl*: (perms, scheme, id). *stat*: as clients get it. *children*: the first names."""

    data: bytes | None
    acl: tuple[tuple[int, bytes, bytes], ...]
    stat: bytes
    children: list[bytes]


class PastAnswer(msgspec.Struct, frozen=True):
    """*zxid*: as of which. *oldest*, *newest*: that can be asked for; 0: not known. *problem*: of a failure."""

    outcome: Outcome
    zxid: int = 0
    oldest: int = 0
    newest: int = 0
    node: PastNode | None = None
    problem: str = ""


def read(request: PastRequest) -> PastAnswer:
    config = load_config(Path(request.file)).config
    point = Point(None if request.zxid is None else Zxid(request.zxid), request.time_ms)
    try:
        history = open_history(RealFiles(), config, Zxid(request.executed))
        oldest, newest = history.begins, history.end.zxid
        try:
            zxid = zxid_of(history, point)
        except BeforeHistoryError as error:
            return PastAnswer(Outcome.TOO_EARLY, 0, oldest, newest, problem=error.problem)
        except AfterHistoryError as error:
            return PastAnswer(Outcome.TOO_LATE, 0, oldest, newest, problem=error.problem)
        node = state_at(history, zxid).tree.nodes.get(request.path)
    except (RefusedError, LogGapError, CorruptionError, CorruptRecordError, CorruptSnapshotError, OSError) as error:
        return PastAnswer(Outcome.FAILED, problem=str(error))
    if node is None:
        return PastAnswer(Outcome.NO_NODE, zxid, oldest, newest)
    return PastAnswer(Outcome.FOUND, zxid, oldest, newest, PastNode(
        node.data, node.acl, pack_stat(node), sorted(node.children or ())[:request.children_max]))


def main() -> None:
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=PastRequest)
    if not begin(b"past-read", request.parent):
        return
    with suppress(OSError):  # a unit may forbid it
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (request.memory_bytes, request.memory_bytes))
    try:
        spare = bytearray(SPARE_BYTES)
        answer = read(request)
    except MemoryError:
        spare = bytearray()
        answer = PastAnswer(Outcome.NO_MEMORY)
    del spare
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
