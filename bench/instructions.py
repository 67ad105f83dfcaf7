"""What one request costs a replica in instructions: counted by valgrind, so that a busy machine changes nothing.

    python -m bench.instructions                    of the compiled wheel, which is built first; a minute
    python -m bench.instructions --plain            of the Python that it is made of
    python -m bench.instructions --only set --functions 30      and where they go, function by function

Three columns: *replays*, a snapshotter, or whoever starts; *follows*, a processor whose clients did not send it;
*owns*, the processor that answers it (without taking it in from the client, which is the row "taken in").
Debian: valgrind, gcc.
"""

import argparse
import ctypes
import gc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.compiled import ROOT, library
from bench.load import BenchError
from node.tree.execute import Replica
from node.tree.sink import NullSink
from node.tree.snapshot import decode_state, encode_state
from node.tree.watches import Watches
from tests.requests.solo import Solo, create, request, set_data, string
from transport.batch import BATCH, read_header
from transport.entry import pack_record
from transport.opcodes import OpCode

CONNECTIONS, REQUESTS, OPS_OF_MULTI, VALUE = 10, 1000, 10, b"v" * 100
ROLES = ("replays", "follows", "owns")
LIBRARY = Path("build/bench/counting.so")


def path_of(number: int) -> bytes:
    return b"/bench/keys/k%08d" % number


def multi_frame(kind: int, frames: list[bytes]) -> bytes:
    """Of requests that each came as a frame of its own."""
    header, end = int(kind).to_bytes(4, "big") + b"\0" + b"\xff" * 4, b"\xff" * 4 + b"\1" + b"\xff" * 4
    return request(1, OpCode.MULTI, b"".join(header + each[12:] for each in frames) + end)


def frames_of(kind: str) -> list[bytes]:
    """REQUESTS operations, at nodes that are there for all but "create"."""
    numbers = range(REQUESTS)
    sets = [set_data(1, path_of(n * 7 % REQUESTS), VALUE) for n in numbers]
    creates = [create(1, path_of(REQUESTS + n), VALUE) for n in numbers]
    match kind:
        case "set" | "taken in":
            return sets
        case "create":
            return creates
        case "create -e -s":
            return [create(1, b"/bench/seq-", VALUE, flags=3) for _ in numbers]
        case "delete":
            return [request(1, OpCode.DELETE, string(path_of(n)) + b"\xff" * 4) for n in numbers]
        case "multi of 10 sets":
            return [multi_frame(OpCode.SET_DATA, sets[n:n + OPS_OF_MULTI]) for n in numbers[::OPS_OF_MULTI]]
        case "multi of 10 creates":
            return [multi_frame(OpCode.CREATE, creates[n:n + OPS_OF_MULTI]) for n in numbers[::OPS_OF_MULTI]]
    raise AssertionError(kind)


KINDS = ("set", "create", "create -e -s", "delete", "multi of 10 sets", "multi of 10 creates", "taken in", "digest")


class Bench:
    """A processor's core with REQUESTS nodes and CONNECTIONS clients."""

    def __init__(self) -> None:
        self.solo = Solo()
        self.clients = [self.solo.connect() for _ in range(CONNECTIONS)]
        self.feed([create(1, path) for path in (b"/bench", b"/bench/keys")])
        self.solo.execute()
        self.feed([create(1, path_of(n), VALUE) for n in range(REQUESTS)])
        self.solo.execute()
        self.solo.core.replica.digest()
        self.take()

    def feed(self, frames: list[bytes]) -> None:
        share = -(-len(frames) // CONNECTIONS)
        for number, conn in enumerate(self.clients):
            self.solo.core.feed(conn, b"".join(frames[number * share:(number + 1) * share]), 0)

    def take(self) -> list[bytes]:
        """What the clients are answered."""
        answers = [b"".join(conn.out) for conn in self.clients]
        for conn in self.clients:
            conn.out.clear()
        self.solo.core.dirty.clear()
        return answers

    def record(self, frames: list[bytes], *, is_own: bool) -> bytes:
        """Of one batch, which this processor has sent or another one, for the same sessions."""
        self.feed(frames)
        self.solo.submit()
        batch, = self.solo.queue
        self.solo.queue.clear()
        count = read_header(batch).count
        if not is_own:
            fields = list(BATCH.unpack_from(batch))
            fields[4] += 1  # the generation
            batch = BATCH.pack(*fields) + batch[BATCH.size:]
            sessions = self.solo.core.replica.sessions
            for each in sessions.values():
                sessions.attach(
                    each, timeout_ms=each.timeout_ms, source=each.source + (1 << 16), connection=each.connection)
        return pack_record(first_zxid=self.solo.core.replica.zxid + 1, count=count, time_ms=2, body=batch)


def work_of(kind: str, role: str) -> Callable[[], object]:
    """Ready to be done once."""
    bench = Bench()
    replica = bench.solo.core.replica
    if kind == "taken in":
        frames = frames_of(kind)

        def take_in() -> None:
            bench.feed(frames)
            bench.solo.submit()
        return take_in
    if kind == "digest":
        bench.solo.core.replica.apply_record(bench.record(frames_of("set"), is_own=True))
        return replica.digest
    record = bench.record(frames_of(kind), is_own=role == "owns")
    if role == "replays":
        state = decode_state(encode_state(replica.state))
        replica = Replica(state, Watches(), NullSink())
    return lambda: replica.apply_record(record)


# --- in valgrind -------------------------------------------------------------------------------------------------


def count(kinds: list[str], marks: ctypes.CDLL) -> None:
    """The child's work: each kind in each role once to warm up, once counted."""
    for kind in kinds:
        for role in ROLES if kind not in ("taken in", "digest") else ROLES[-1:]:
            work_of(kind, role)()
            work = work_of(kind, role)
            gc.collect()
            gc.disable()  # as in a processor
            marks.counting_begin()
            work()
            marks.counting_end(f"{kind}/{role}".encode())
            gc.enable()


# --- around it ---------------------------------------------------------------------------------------------------


def marks() -> Path:
    """The library that talks to valgrind.  Raises BenchError."""
    if not LIBRARY.exists() or LIBRARY.stat().st_mtime < Path(__file__).with_name("counting.c").stat().st_mtime:
        LIBRARY.parent.mkdir(parents=True, exist_ok=True)
        source = str(Path(__file__).with_name("counting.c"))
        done = subprocess.run(
            ["gcc", "-O2", "-shared", "-fPIC", "-o", str(LIBRARY), source], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{done.stderr.strip()}; apt-get install gcc libc6-dev valgrind")
    return LIBRARY.resolve()


def run(folder: Path, code: Path, kinds: list[str]) -> dict[str, tuple[int, Path]]:
    """Name -> instructions, and the file that says where.  Raises BenchError."""
    out = folder / "counted"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=yes", f"--callgrind-out-file={out}",
         sys.executable, "-P", "-m", "bench.instructions", "--child", str(marks()), "--only", ",".join(kinds)],
        env={**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{ROOT}", "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(done.stderr[-2000:])
    found = {}
    for path in folder.glob("counted.*"):
        text = path.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE)
        total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
        if name and total:
            found[name[1]] = (int(total[1]), path)
    return found


def show(found: dict[str, tuple[int, Path]], kinds: list[str]) -> None:
    print(f"{'instructions per operation':<28}" + "".join(f"{role:>10}" for role in ROLES))
    for kind in kinds:
        cells = [found.get(f"{kind}/{role}") for role in ROLES]
        operations = REQUESTS // OPS_OF_MULTI if kind.startswith("multi") else REQUESTS
        print(f"{kind:<28}" + "".join(f"{cell[0] / operations:>10,.0f}" if cell else f"{'':>10}" for cell in cells))


def show_functions(found: dict[str, tuple[int, Path]], lines: int) -> None:
    for name, (total, path) in sorted(found.items()):
        told = subprocess.run(
            ["callgrind_annotate", "--threshold=100", str(path)], capture_output=True, text=True, check=True).stdout
        rows = [line for line in told.splitlines() if re.match(r"^ *[\d,]+ +\(", line)][1:lines + 1]
        print(f"\n{name}: {total:,}")
        for line in rows:
            number, _, where = line.strip().partition(" ")
            print(f"{int(number.replace(',', '')) / REQUESTS:>10.1f}  {where.strip()[:110]}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.instructions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(KINDS), help=f"some of {','.join(KINDS)}")
    parser.add_argument("--plain", action="store_true", help="not compiled")
    parser.add_argument("--functions", type=int, default=0, metavar="N", help="the N that take most of each figure")
    parser.add_argument("--code", type=Path, help="the folder that has the packages; else the wheel is built")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    kinds = args.only.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no {', '.join(sorted(unknown))}: choose from {', '.join(KINDS)}")
    if args.child:
        count(kinds, ctypes.CDLL(str(args.child)))
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            code = args.code or (ROOT if args.plain else library())
            found = run(Path(folder), code, kinds)
            show(found, kinds)
            if args.functions:
                show_functions(found, args.functions)
    except BenchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
