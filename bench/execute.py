"""What one request costs a replica: microseconds of `Replica.apply_record` per request, by operation.

    python -m bench.execute [--keys 10000] [--batch 100]

No sockets, no disk: a member pays this once in each of its processors and once in its snapshotter.
"""

import argparse
import time

from node.tree.acl import encode_identities
from node.tree.execute import Replica
from node.tree.sink import NullSink
from node.tree.state import State
from node.tree.watches import Watches
from transport.batch import ATTACH_BODY, REQUEST, BatchHeader, pack_batch
from transport.entry import DIGEST_POINT, pack_record
from transport.jute import encode
from transport.opcodes import OpCode
from transport.records import ACL, CreateRequest, DeleteRequest, Id, MultiHeader, SetDataRequest

IDENTITIES = encode_identities(((b"ip", b"127.0.0.1"),))
OPEN = [ACL(31, Id(b"world", b"anyone"))]
MULTI_OPS = 10
VALUE = b"v" * 100


class OwnerSink(NullSink):
    """Wants every reply, as the processor that holds the connections does."""

    def owns(self, header: BatchHeader, first_zxid: int) -> bool:
        return True


class Writer:
    """Makes records of full batches of one session."""

    def __init__(self, *, owned: bool, batch: int) -> None:
        self.replica = Replica(State(), Watches(), OwnerSink() if owned else NullSink())
        self.batch = batch
        self.zxid = 1 << 40
        self.replica.state.zxid = self.zxid
        self.session = 0
        self.apply(self.records(OpCode.CREATE_SESSION, [ATTACH_BODY.pack(10_000, bytes(16))]))
        (self.session,) = self.replica.sessions

    def records(self, op: OpCode, bodies: list[bytes], flags: int = 0) -> list[bytes]:
        records = []
        for start in range(0, len(bodies), self.batch):
            part = bodies[start:start + self.batch]
            requests = b"".join(
                REQUEST.pack(self.session, 1, 1, op, 0, 0, 0, len(body)) + body for body in part)
            batch = pack_batch(
                member=1, processor=0, generation=1, sequence=1, epoch=1, count=len(part),
                identities=[IDENTITIES], requests=requests)
            records.append(pack_record(
                first_zxid=self.zxid + 1, count=len(part), time_ms=1_700_000_000_000, body=batch, flags=flags))
            self.zxid += len(part)
        return records

    def apply(self, records: list[bytes]) -> float:
        """Seconds of CPU taken."""
        apply_record = self.replica.apply_record
        begin = time.process_time()
        for record in records:
            apply_record(record)
        return time.process_time() - begin


def key(number: int) -> bytes:
    return b"/bench/keys/k%08d" % number


def multi_body(keys: int, start: int) -> bytes:
    parts = []
    for offset in range(MULTI_OPS):
        parts.append(encode(MultiHeader(OpCode.SET_DATA, False, -1)))
        parts.append(encode(SetDataRequest(key((start + offset) % keys), VALUE, -1)))
    return b"".join(parts) + encode(MultiHeader(-1, True, -1))


def measure(*, owned: bool, keys: int, batch: int) -> dict[str, float]:
    writer = Writer(owned=owned, batch=batch)
    roots = [encode(CreateRequest(path, b"", OPEN, 0)) for path in (b"/bench", b"/bench/keys")]
    writer.apply(writer.records(OpCode.CREATE, roots))
    creates = [encode(CreateRequest(key(n), VALUE, OPEN, 0)) for n in range(keys)]
    sets = [encode(SetDataRequest(key(n * 7 % keys), VALUE, -1)) for n in range(keys)]
    multis = [multi_body(keys, n * MULTI_OPS) for n in range(keys // MULTI_OPS)]
    sequential = [encode(CreateRequest(b"/bench/seq-", VALUE, OPEN, 3)) for _ in range(keys)]
    deletes = [encode(DeleteRequest(key(n), -1)) for n in range(keys)]
    figures = {
        "create": writer.apply(writer.records(OpCode.CREATE, creates)) / keys,
        "set": writer.apply(writer.records(OpCode.SET_DATA, sets)) / keys,
        "set again": writer.apply(writer.records(OpCode.SET_DATA, sets)) / keys,
        f"multi of {MULTI_OPS}": writer.apply(writer.records(OpCode.MULTI, multis)) / len(multis),
        "create -e -s": writer.apply(writer.records(OpCode.CREATE, sequential)) / keys,
        "delete": writer.apply(writer.records(OpCode.DELETE, deletes)) / keys,
    }
    begin = time.process_time()
    writer.replica.digest()
    figures["digest, per node"] = (time.process_time() - begin) / keys
    writer.apply(writer.records(OpCode.SYNC, [b"\0\0\0\0"], flags=DIGEST_POINT))
    return {name: seconds * 1e6 for name, seconds in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{'operation':<20}{'follower µs':>12}{'owner µs':>12}")
    best: dict[bool, dict[str, float]] = {}
    for owned in (False, True):
        rounds = [
            measure(owned=owned, keys=arguments.keys, batch=arguments.batch)
            for _ in range(arguments.rounds)]
        best[owned] = {name: min(each[name] for each in rounds) for name in rounds[0]}
    for name, follower in best[False].items():
        print(f"{name:<20}{follower:>12.2f}{best[True][name]:>12.2f}")


if __name__ == "__main__":
    main()
