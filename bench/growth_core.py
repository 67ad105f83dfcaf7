"""How what a replica does grows with what it holds, in one process: no socket, no disk, no other process's noise.

    python -m bench.growth_core                        up to 100,000 (20 s)
    python -m bench.growth_core --to 1000000           to a million (3 GB of memory, minutes)
    python -m bench.growth_core --only list,delete

Each line is a curve: microseconds of CPU per operation at each size, and the exponent of the power law that fits them
best: 0 means that the size does not matter, 1 that the cost grows in step with it. An exponent above the curve's limit
is a bug: the exit code is 1.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.execute import OPEN, VALUE, Writer
from bench.fit import exponent
from node.sessions.expiry import Expiry
from node.tree.reads import READS
from node.tree.snapshot import decode_state, encode_state
from node.tree.watches import EventType, Watches
from transport.batch import ATTACH_BODY
from transport.jute import encode
from transport.opcodes import OpCode
from transport.records import CreateRequest, DeleteRequest, GetChildrenRequest, MultiHeader, SetDataRequest

SIZES = (1_000, 10_000, 100_000)
SAMPLE = 1_000  # operations that a figure is the mean of, where one is too short
TIMES = 3  # the least of so many counts: only the machine makes it more
CONNECTIONS = 100
IDENTITIES = b""
SLACK = 0.3  # caches get slower with size, too: no law of ours
PARENT = b"/p"
EPHEMERAL, TIMEOUT_MS, TICK_MS = 1, 10_000, 1_000


def seconds(work: Callable[[], object]) -> float:
    """Of CPU."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def child(number: int) -> bytes:
    return PARENT + b"/c%08d" % number


def creates(numbers: range, flags: int = 0) -> list[bytes]:
    return [encode(CreateRequest(child(number), VALUE, OPEN, flags)) for number in numbers]


def parent_of(count: int, flags: int = 0) -> Writer:
    """One node with *count* children."""
    writer = Writer(owned=True, batch=100)
    writer.apply(writer.records(OpCode.CREATE, [encode(CreateRequest(PARENT, b"", OPEN, 0))]))
    writer.apply(writer.records(OpCode.CREATE, creates(range(count), flags)))
    return writer


def create_child(count: int) -> float:
    writer = parent_of(count)
    begins = [count + turn * SAMPLE for turn in range(TIMES)]
    return min(
        writer.apply(writer.records(OpCode.CREATE, creates(range(begin, begin + SAMPLE)))) for begin in begins) / SAMPLE


def delete_child(count: int) -> float:
    """The oldest, which is the worst place for some tables, then the newest."""
    writer = parent_of(count)
    part = min(SAMPLE, count // 4)
    spans = (range(part), range(part, 2 * part), range(count - part, count))
    deletes = [[encode(DeleteRequest(child(number), -1)) for number in span] for span in spans]
    return max(writer.apply(writer.records(OpCode.DELETE, bodies)) for bodies in deletes) / part


def delete_all(count: int) -> float:
    """Per child, oldest first: a table full of holes must not cost more than a full one."""
    writer = parent_of(count)
    bodies = [encode(DeleteRequest(child(number), -1)) for number in range(count)]
    return writer.apply(writer.records(OpCode.DELETE, bodies)) / count


def list_children(count: int) -> float:
    replica = parent_of(count).replica
    body = encode(GetChildrenRequest(PARENT, False))
    read = READS[OpCode.GET_CHILDREN2]
    return min(seconds(lambda: read(replica, body, IDENTITIES, 1)) for _ in range(TIMES))


def set_data(count: int) -> float:
    """In a tree of so many nodes."""
    writer = parent_of(count)
    step = max(count // SAMPLE, 1)
    bodies = [encode(SetDataRequest(child(number), VALUE, -1)) for number in range(0, count, step)]
    return min(writer.apply(writer.records(OpCode.SET_DATA, bodies)) for _ in range(TIMES)) / len(bodies)


def multi(count: int) -> float:
    """One transaction of so many creates, which an error at its end then takes back."""
    writer = Writer(owned=True, batch=100)
    writer.apply(writer.records(OpCode.CREATE, [encode(CreateRequest(PARENT, b"", OPEN, 0))]))
    parts = [encode(MultiHeader(OpCode.CREATE, False, -1)) + body for body in creates(range(count))]
    parts.append(encode(MultiHeader(OpCode.DELETE, False, -1)) + encode(DeleteRequest(b"/none", -1)))
    body = b"".join(parts) + encode(MultiHeader(-1, True, -1))
    return writer.apply(writer.records(OpCode.MULTI, [body]))


def watched(count: int) -> Watches:
    """So many paths, each watched by one of CONNECTIONS."""
    watches = Watches()
    for number in range(count):
        watches.watch_data(child(number), number % CONNECTIONS, IDENTITIES)
    return watches


def set_watch(count: int) -> float:
    watches = watched(count)
    paths = [child(count + number) for number in range(SAMPLE)]

    def add() -> None:
        for path in paths:
            watches.watch_data(path, 1, IDENTITIES)
    return seconds(add) / SAMPLE


def fire_watch(count: int) -> float:
    """One watch, where there are so many on other paths, the oldest first."""
    watches = watched(count)
    part = min(SAMPLE, count)

    def fire() -> None:
        for number in range(part):
            watches.told_of_data(child(number), EventType.NODE_DATA_CHANGED)
    return seconds(fire) / part


def fan_out(count: int) -> float:
    """One change, so many watchers."""
    watches = Watches()
    for connection in range(count):
        watches.watch_data(PARENT, connection, IDENTITIES)
    return seconds(lambda: watches.told_of_data(PARENT, EventType.NODE_DATA_CHANGED))


def drop_watcher(count: int) -> float:
    """A connection that had so many watches."""
    watches = Watches()
    for number in range(count):
        watches.watch_data(child(number), 1, IDENTITIES)
    return seconds(lambda: watches.drop(1))


def sessions(count: int) -> Writer:
    writer = Writer(owned=False, batch=100)
    writer.apply(writer.records(OpCode.CREATE_SESSION, [ATTACH_BODY.pack(TIMEOUT_MS, bytes(16))] * count))
    return writer


def create_session(count: int) -> float:
    writer = sessions(count)
    bodies = [ATTACH_BODY.pack(TIMEOUT_MS, bytes(16))] * SAMPLE
    return min(writer.apply(writer.records(OpCode.CREATE_SESSION, bodies)) for _ in range(TIMES)) / SAMPLE


def close_session(count: int) -> float:
    """That owns so many ephemerals."""
    writer = parent_of(count, EPHEMERAL)
    return writer.apply(writer.records(OpCode.CLOSE_SESSION, [b""]))


def expire(count: int) -> float:
    """All that the leader does in a session's life to know that so many are alive: looks, a tick apart."""
    expiry = Expiry(sessions(count).replica.sessions, tick_ms=TICK_MS, now_ms=0)
    return seconds(lambda: [expiry.due(now_ms) for now_ms in range(0, 2 * TIMEOUT_MS, TICK_MS)])


def digest(count: int) -> float:
    """After so many nodes have changed."""
    replica = parent_of(count).replica
    for node in replica.nodes.values():
        replica.tree.digest.touched(node)
    return seconds(replica.digest)


def snapshot(count: int) -> float:
    """Written and read again."""
    state = parent_of(count).replica.state
    return seconds(lambda: decode_state(encode_state(state)))


@dataclass(frozen=True)
class Curve:
    name: str
    title: str
    measure: Callable[[int], float]  # seconds of CPU per operation, by size
    exponent_max: float


CURVES = (
    Curve("create", "create a child of a node with N children", create_child, SLACK),
    Curve("delete", "delete a child of a node with N children", delete_child, SLACK),
    Curve("empty", "delete all of N children, per child", delete_all, SLACK),
    Curve("list", "list N children", list_children, 1 + SLACK),
    Curve("set", "set in a tree of N nodes", set_data, SLACK),
    Curve("multi", "a transaction of N creates, taken back", multi, 1 + SLACK),
    Curve("watch", "set a watch beside N others", set_watch, SLACK),
    Curve("fire", "fire a watch beside N others", fire_watch, SLACK),
    Curve("fan-out", "fire the watches of N watchers of one node", fan_out, 1 + SLACK),
    Curve("drop", "drop a connection with N watches", drop_watcher, 1 + SLACK),
    Curve("session", "create a session beside N others", create_session, SLACK),
    Curve("close", "close a session with N ephemerals", close_session, 1 + SLACK),
    Curve("expire", "look after N sessions for twenty ticks", expire, 1 + SLACK),
    Curve("digest", "digest after N nodes have changed", digest, 1 + SLACK),
    Curve("snapshot", "write and read a snapshot of N nodes", snapshot, 1 + SLACK),
)


def points(curve: Curve, sizes: Sequence[int]) -> list[tuple[int, float]]:
    """(size, microseconds)."""
    found = []
    for size in sizes:
        gc.collect()
        found.append((size, curve.measure(size) * 1e6))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench.growth_core", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ",".join(curve.name for curve in CURVES)
    parser.add_argument("--to", type=int, default=SIZES[-1], help="the largest size")
    parser.add_argument("--only", default=names, help=f"some of {names}")
    args = parser.parse_args()
    chosen = args.only.split(",")
    if unknown := set(chosen) - set(names.split(",")):
        parser.error(f"no curve {', '.join(sorted(unknown))}: choose from {names}")
    sizes = [10 ** power for power in range(3, 9) if 10 ** power <= args.to]
    gc.disable()  # as in a processor
    too_steep = []
    print(f"{'µs of CPU per operation at N =':46}" + "".join(f"{size:>12,}" for size in sizes) + "   exponent   limit")
    for curve in CURVES:
        if curve.name in chosen:
            found = points(curve, sizes)
            fitted = exponent(found)
            print(
                f"{curve.title:46}" + "".join(f"{us:>12,.2f}" for _, us in found)
                + f"{fitted:>11.2f}{curve.exponent_max:>8.2f}", flush=True)
            if fitted > curve.exponent_max:
                too_steep.append(curve.name)
    if too_steep:
        print(f"grows faster than it may: {', '.join(too_steep)}")
    return 1 if too_steep else 0


if __name__ == "__main__":
    sys.exit(main())
