"""Raw clients that keep many requests in flight on one connection, and never connect again."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.corral import Address
from tests.waiting import wait_until
from tests.wire import Create, GetData, Reply, Request, SetData
from tests.wire_connection import Connection

IN_FLIGHT = 30  # rounds of three requests
SEQUENTIAL = 2
RUN_S = 60.0
WAIT_S = 30.0  # for one answer: longer than any change of leader, or the socket's own timeout fails


@dataclass
class Pipeline:
    """Rounds of a sequential create, a set and a read of the set; replies are checked as they come.

    names: of the nodes created, in order.  rounds: fully answered.
    """

    address: Address
    own: str
    prefix: str
    names: list[str] = field(default_factory=list)
    rounds: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until told to stop; then until all is answered.  Raises AssertionError at anything amiss."""
        with Connection.open(self.address) as connection:
            connection.sock.settimeout(WAIT_S)
            assert connection.call(Create(self.own, b"0")).err == 0
            first_xid = connection.xid + 1
            sent = 0
            while not self.stopping.is_set() or self.rounds < sent:
                while sent < self.rounds + IN_FLIGHT and not self.stopping.is_set():
                    connection.send(*self.round(sent))
                    sent += 1
                for kind in range(3):
                    self.take(connection, first_xid + 3 * self.rounds + kind, kind)
                self.rounds += 1

    def round(self, number: int) -> list[Request]:
        value = b"%d" % (number + 1)
        return [Create(self.prefix, value, flags=SEQUENTIAL), SetData(self.own, value), GetData(self.own)]

    def take(self, connection: Connection, xid: int, kind: int) -> None:
        reply = connection.receive()
        assert isinstance(reply, Reply), f"closed after {self.rounds} rounds"
        assert (reply.xid, reply.err) == (xid, 0)
        value = self.rounds + 1
        match kind:
            case 0:
                self.names.append(reply.body[0])
            case 1:
                assert reply.body[0].version == value  # done once: its version counts the sets
            case _:
                data, stat = reply.body
                assert (data, stat.version) == (b"%d" % value, value)


@contextmanager
def pipelining(root: str, addresses: list[Address]) -> Iterator[list[Pipeline]]:
    """A pipeline per address.  At the end all has been answered; what was amiss is raised."""
    with Connection.open(addresses[0]) as connection:
        assert connection.call(Create(f"{root}/all")).err == 0
    pipelines = [
        Pipeline(address, f"{root}/own-{i}", f"{root}/all/") for i, address in enumerate(addresses)
    ]
    with ThreadPoolExecutor(len(pipelines)) as threads, ExitStack() as stopping:
        for pipeline in pipelines:
            stopping.callback(threads.submit(pipeline.run).result, RUN_S)
        for pipeline in pipelines:
            stopping.callback(pipeline.stopping.set)
        yield pipelines


def await_rounds(pipelines: list[Pipeline], rounds: int = 50) -> None:
    goals = [pipeline.rounds + rounds for pipeline in pipelines]
    wait_until(
        lambda: all(p.rounds >= goal for p, goal in zip(pipelines, goals, strict=True)),
        seconds=WAIT_S,
        what=f"{rounds} more rounds of each pipeline",
    )
