"""What requests cost in counts, not in time: calls and memory in a processor's core, messages and bytes on the links.

A simulated ensemble of three in virtual time, or a core alone: the same cores as in the processes. One seed gives the
same counts on every machine.
"""

import gc
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from tests.requests.solo import Solo, create, frame, get_data, request, set_data, string
from tests.simulation.client import Client, ClientOptions
from tests.simulation.disk import SimulatedDisk
from tests.simulation.durable import DurableEnd
from tests.simulation.ensemble import Ensemble, Scale
from tests.simulation.host import DATA_DIR, LOG_DIR, HostOptions
from tests.simulation.network import Direction, Network, NetworkOptions
from tests.simulation.process import Process
from tests.simulation.scheduler import SECOND
from tests.simulation.world import World
from transport.opcodes import OpCode

REQUESTS = 1_000
CONNECTIONS = 10
VALUE = b"v" * 100
SERVE_US, DONE_US = 30 * SECOND, 120 * SECOND


class Core:
    """A processor's core with a thousand nodes, and connections that send to it."""

    def __init__(self) -> None:
        self.solo = Solo()
        self.clients = [self.solo.connect() for _ in range(CONNECTIONS)]
        self.paths = [b"/k%08d" % number for number in range(REQUESTS)]
        self.turn([create(1, path, VALUE) for path in self.paths])

    def turn(self, frames: list[bytes]) -> None:
        """All taken in, ordered, executed and answered at once."""
        for number, conn in enumerate(self.clients):
            self.solo.core.feed(conn, b"".join(frames[number::CONNECTIONS]), 0)
        self.solo.execute()
        for conn in self.clients:
            conn.out.clear()
        self.solo.core.dirty.clear()

    def turns(self, frames: list[bytes]) -> None:
        """One for each."""
        for each in frames:
            self.turn([each])

    def frames(self, kind: str) -> list[bytes]:
        """A thousand requests."""
        return [self._frame(kind, number) for number in range(REQUESTS)]

    def _frame(self, kind: str, number: int) -> bytes:
        path = self.paths[number]
        match kind:
            case "set":
                return set_data(1, path, VALUE)
            case "create":
                return create(1, b"/new%08d" % number, VALUE)
            case "delete":
                return request(1, OpCode.DELETE, string(path) + b"\xff\xff\xff\xff")
            case "get":
                return get_data(1, path)
            case "get with a watch":
                return get_data(1, path, watch=True)
            case "exists":
                return request(1, OpCode.EXISTS, string(path) + b"\0")
            case "children":
                return request(1, OpCode.GET_CHILDREN2, string(b"/zookeeper") + b"\0")
            case "sync":
                return request(1, OpCode.SYNC, string(path))
            case "ping":
                return frame(b"\xff\xff\xff\xfe\0\0\0\x0b")
        raise AssertionError(kind)


def calls(work: Callable[[], object]) -> int:
    """Of functions, those in C too."""
    found = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal found
        found += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found - 1  # the setprofile that ends it


def kept_blocks(work: Callable[[], object]) -> int:
    """Blocks of memory that are still there afterwards."""
    gc.collect()
    before = sys.getallocatedblocks()
    work()
    gc.collect()
    return sys.getallocatedblocks() - before


class Link(NamedTuple):
    sender: int
    sender_role: str
    receiver: int
    receiver_role: str


def role_of(process: Process) -> str:
    return process.name.partition("/")[2].partition("-")[0]


class CountingNetwork(Network):
    """*messages* and *bytes* by the two ends of a link."""

    def __init__(self, world: World) -> None:
        super().__init__(world, NetworkOptions(hiccup_probability=0))
        self.messages: Counter[Link] = Counter()
        self.bytes: Counter[Link] = Counter()

    def put(self, direction: Direction, data: bytes | None) -> None:
        super().put(direction, data)
        sender, receiver = direction.sender, direction.receiver
        if data is None or min(sender.member, receiver.member) < 0:  # an end, or a client's
            return
        link = Link(sender.member, role_of(sender), receiver.member, role_of(receiver))
        self.messages[link] += 1
        self.bytes[link] += len(data)


class CountingDisk(SimulatedDisk):
    """*calls* of the system by name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def check(self, operation: str) -> None:
        self.calls[operation] += 1
        super().check(operation)


class Costs(NamedTuple):
    """*disk*: calls of the system, of all three members."""

    messages: Counter[Link]
    bytes: Counter[Link]
    disk: Counter[str]


class Pipeline(Client):
    """Keeps *window* sets in flight until *left* is used up."""

    window = left = 0

    def burst(self) -> None:
        """Nothing by chance."""

    def begin(self, *, requests: int, window: int) -> None:
        self.left, self.window = requests, window
        self.fill()

    def fill(self) -> None:
        while self.left and len(self.waiting) < self.window:
            self.left -= 1
            self.request(OpCode.SET_DATA, path=self.home, value=True)

    def on_reply(self, frame: bytes) -> None:
        super().on_reply(frame)
        self.fill()

    @property
    def is_done(self) -> bool:
        return not self.left and not self.waiting


class Three:
    """Three members that serve one client of a follower."""

    def __init__(self, seed: int = 2) -> None:
        self.world = World(seed)
        self.network = CountingNetwork(self.world)
        # Nothing but requests: no snapshots, no segments that fill, no digests to speak of.
        scale = Scale(
            members=3, clients=1, segment_bytes=64 << 20, snapshot_watermarks=1_000_000, digest_records=1_000_000)
        self.ensemble = Ensemble(
            self.world, scale=scale, host_options=HostOptions(), client_options=ClientOptions())
        self.disks = [CountingDisk() for _ in self.ensemble.members]
        for host, disk in zip(self.ensemble.hosts.values(), self.disks, strict=True):
            host.disk = disk
            host.durable = DurableEnd(disk, data_dir=DATA_DIR, log_dir=LOG_DIR)
        self.ensemble.start()
        self.run(SERVE_US, lambda: self.ensemble.leader() is not None)
        follower = next(member for member in self.ensemble.members if member != self.ensemble.leader())
        self.client = Pipeline(
            self.world, number=1, addresses=[(follower, "client-0")], history=self.ensemble.history,
            options=ClientOptions())
        self.ensemble.clients = {1: self.client}
        self.client.start()
        self.run(SERVE_US, lambda: self.client.has_home and not self.client.waiting)

    def run(self, for_us: int, done: Callable[[], bool]) -> None:
        scheduler = self.world.scheduler
        assert scheduler.run(until_us=scheduler.now_us + for_us, done=done), "not within its virtual time"

    def kind_of(self, link: Link) -> str:
        """In words, whoever leads."""
        leader = self.ensemble.leader()
        if link.sender != link.receiver and link.sender_role == link.receiver_role == "broadcast":
            return "leader → follower" if link.sender == leader else "follower → leader"
        if link.receiver_role == "broadcast":
            own = link.sender == link.receiver
            return f"{link.sender_role} → {'its broadcast' if own else 'leader'}"
        return f"{link.sender_role} → {link.receiver_role}"

    def count(self, *, requests: int, window: int) -> Costs:
        """Of so many sets."""
        for each in (self.network.messages, self.network.bytes, *(disk.calls for disk in self.disks)):
            each.clear()
        self.client.begin(requests=requests, window=window)
        self.run(DONE_US, lambda: self.client.is_done)
        calls = sum((disk.calls for disk in self.disks), Counter[str]())
        return Costs(self.network.messages, self.network.bytes, calls)
