"""Clients that keep the protocol and mean harm: memory stays bounded, others do not notice, the log says it once."""

import re
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from tests.corral import ROOT, Ensemble, corral_ensemble, kazoo_client
from tests.hostile.never_done import Unfinished
from tests.waiting import wait_until
from tests.wire import (
    Auth,
    Create,
    Exists,
    GetChildren,
    GetData,
    Ping,
    Reply,
    Request,
    SetData,
    frame,
    int32,
)
from tests.wire_connection import Address, Connection, four_letter

SHELLS_FILES = 1024  # the soft limit of a login shell
GROWTH_KB_MAX = 150_000
LOG_LINES_MAX = 5
AUTH_FAILED = -115


@contextmanager
def soft_limit_of_files(count: int) -> Iterator[None]:
    """For processes that are started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="session")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """Three members without a limit of connections per address, started from an ordinary shell."""
    settings = {"maxClientCnxns": "0", "maxSessionTimeout": "120000"}
    with ExitStack() as running:
        with soft_limit_of_files(SHELLS_FILES):
            started = running.enter_context(corral_ensemble(tmp_path_factory.mktemp("hostile"), settings=settings))
        yield started


@pytest.fixture(scope="session")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """One member with the default limit per address."""
    with corral_ensemble(tmp_path_factory.mktemp("lone"), members=1) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def unfinished(ensemble: Ensemble) -> Iterator[list[Unfinished]]:
    """Handshakes that never end, begun before the other tests: ten seconds are theirs."""
    begun = [Unfinished.begin(ensemble.addresses[0], first) for first in (b"", b"\0\0", int32(45) + b"\0\0")]
    yield begun
    for each in begun:
        each.sock.close()


@pytest.fixture
def neighbour(ensemble: Ensemble) -> Iterator[KazooClient]:
    """Somebody else's client, on the member that is attacked."""
    with kazoo_client(ensemble.addresses[:1]) as client:
        yield client


# More than a member can hold ----------------------------------------------------------------------


@contextmanager
def bounded(ensemble: Ensemble, member: int = 1) -> Iterator[None]:
    """The processor's peak of memory grows by less than GROWTH_KB_MAX, and the log by a few lines."""
    processor = Path(f"/proc/{ensemble.pids(member)['processor-0']}")
    lines = ensemble.log(member).count("\n")
    (processor / "clear_refs").write_text("5")  # the peak is counted anew
    before = peak_kb(processor)
    yield
    assert peak_kb(processor) - before < GROWTH_KB_MAX
    assert ensemble.log(member).count("\n") - lines <= LOG_LINES_MAX, ensemble.log(member)[-4000:]


def peak_kb(process: Path) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert found
    return int(found[1])


def works(client: KazooClient, rounds: int = 30) -> None:
    """Writes, and reads what it wrote."""
    path = client.create("/neighbour-", sequence=True)
    for number in range(rounds):
        client.set(path, b"%d" % number)
        assert client.get(path)[0] == b"%d" % number
    client.delete(path)


def greedy(address: Address) -> Connection:
    """A session of a client that takes little at a time."""
    connection = Connection.open(address)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return connection


def push(connection: Connection, request: Request, count: int) -> None:
    """Send it so often, as far as the server takes it within half a second of its silence."""
    body = struct.pack(">ii", 1, request.opcode) + request.body()
    connection.sock.settimeout(0.5)
    try:
        connection.sock.sendall(frame(body) * count)
    except TimeoutError:
        return  # it is not read any more


@pytest.fixture(scope="session")
def big(ensemble: Ensemble) -> str:
    """A znode of 500 kB with children whose names fill 200 kB; both are read to no end."""
    with Connection.open(ensemble.addresses[0]) as connection:
        connection.call(Create("/big", b"x" * 500_000))
        for number in range(1000):
            connection.send(Create(f"/big/{number:0200}"))
        for _ in range(1000):
            connection.receive()
    return "/big"


@pytest.mark.parametrize("kind", ["data", "watched data", "children", "behind a write"])
def test_a_reader_that_never_reads_costs_little_memory(
    ensemble: Ensemble, neighbour: KazooClient, big: str, kind: str
) -> None:
    requests = {
        "data": GetData(big),
        "watched data": GetData(big, watch=True),
        "children": GetChildren(big),
        "behind a write": GetData(big),
    }
    with bounded(ensemble), greedy(ensemble.addresses[0]) as connection:
        if kind == "behind a write":
            connection.send(Create(big))
        push(connection, requests[kind], 20_000)
        works(neighbour)


def test_who_reads_late_gets_every_answer_in_order(ensemble: Ensemble, big: str) -> None:
    kinds = [GetData(big), GetChildren(big), SetData("/late", b"x"), GetData(big, watch=True), Ping()]
    with bounded(ensemble), Connection.open(ensemble.addresses[0]) as connection:
        connection.call(Create("/late"))
        asked = [SetData("/late", b"y"), *[Exists("/late")] * 3000, *kinds * 40, *[GetData("/late")] * 3000]
        connection.send(*asked)
        expected = list(connection.pending)
        answers = [connection.receive() for _ in asked]

    got = [(answer.xid, answer.opcode) for answer in answers if isinstance(answer, Reply) and answer.err == 0]
    assert got == expected


def test_new_identities_without_end_are_refused(ensemble: Ensemble, neighbour: KazooClient) -> None:
    with bounded(ensemble), Connection.open(ensemble.addresses[0]) as connection:
        connection.send(*[Auth("digest", b"user%d:secret" % number) for number in range(10_000)])
        errors = []
        while (answer := connection.receive()) is not None:
            assert isinstance(answer, Reply)
            errors.append(answer.err)
        works(neighbour)

    assert errors[-1] == AUTH_FAILED
    assert set(errors[:-1]) == {0}
    assert len(errors) > 100


def test_the_same_identity_again_and_again_is_one(ensemble: Ensemble) -> None:
    with bounded(ensemble), Connection.open(ensemble.addresses[0]) as connection:
        connection.send(*[Auth("digest", b"user:secret")] * 10_000)
        answers = [connection.receive() for _ in range(10_000)]
        assert all(isinstance(answer, Reply) and answer.err == 0 for answer in answers)


def test_watches_cost_little_and_go_with_their_connection(ensemble: Ensemble, neighbour: KazooClient) -> None:
    address = ensemble.addresses[0]
    with bounded(ensemble), Connection.open(address) as connection:
        for start in range(0, 100_000, 1000):
            connection.send(*[Exists(f"/missing/{number}", True) for number in range(start, start + 1000)])
            for _ in range(1000):
                connection.receive()
        works(neighbour)
        assert watches(address) >= 100_000

    wait_until(lambda: watches(address) < 100_000, what="the watches are gone")


def watches(address: Address) -> int:
    found = re.search(r"Total watches:(\d+)", four_letter(address, "wchs"))
    return int(found[1]) if found else -1


# Connections --------------------------------------------------------------------------------------


def test_beyond_sixty_of_one_address_connections_are_refused(lone: Ensemble) -> None:
    (address,) = lone.addresses
    lines = lone.log(1).count("\n")
    with ExitStack() as closing:
        held = [closing.enter_context(Connection.open(address)) for _ in range(60)]
        for _ in range(500):
            with Connection.to(address) as refused:
                refused.send_handshake()
                assert refused.receive_handshake() is None
        for connection in held:
            assert connection.call(Exists("/zookeeper")).err == 0
        elsewhere = socket.create_connection(address, source_address=("127.0.0.2", 0))
        with Connection(elsewhere) as other:
            other.send_handshake()
            assert other.receive_handshake() is not None

    said = lone.log(1).splitlines()[lines:]
    assert sum("too_many_connections" in line for line in said) == 1
    assert len(said) <= LOG_LINES_MAX
    with Connection.open(address) as again:
        assert again.call(Exists("/zookeeper")).err == 0


def test_a_handshake_that_never_ends_is_closed(ensemble: Ensemble, unfinished: list[Unfinished]) -> None:
    for each in unfinished:
        wait_until(lambda each=each: each.is_closed, seconds=20, what=f"{each.first!r} is closed")  # type: ignore[misc]


def test_ten_thousand_idle_sessions_are_held_and_others_work(
    ensemble: Ensemble, neighbour: KazooClient
) -> None:
    host, port = ensemble.addresses[0]
    command = [sys.executable, "-m", "tests.hostile.idle_clients", host, str(port), "2500"]
    with bounded(ensemble), ExitStack() as closing:
        crowd = []
        for _ in range(4):
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            closing.enter_context(process)
            closing.callback(process.kill)
            crowd.append(process)
        assert [process.stdout.readline() for process in crowd if process.stdout] == ["2500\n"] * 4

        works(neighbour)
        assert int(re.findall(r"Connections: (\d+)", four_letter((host, port), "srvr"))[0]) >= 10_000


# Ends ----------------------------------------------------------------------------------------------


def test_a_client_that_breaks_off_while_its_requests_are_held_ends_nothing(
    ensemble: Ensemble, neighbour: KazooClient
) -> None:
    before = ensemble.pids(1)

    for _ in range(20):
        connection = Connection.open(ensemble.addresses[0])
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # with a reset
        connection.send(Create("/broken-off", b""), *[GetData("/")] * 400)
        connection.sock.close()
        works(neighbour, rounds=3)

    assert ensemble.pids(1) == before
    assert "process_failed" not in ensemble.log(1)


def anonymous_kb(process: Path) -> int:
    found = re.search(r"RssAnon:\s+(\d+) kB", (process / "status").read_text())
    assert found
    return int(found[1])


def test_connections_that_have_ended_leave_nothing_behind(lone: Ensemble) -> None:
    processor = Path(f"/proc/{lone.pids(1)['processor-0']}")

    def come_and_go(times: int) -> None:
        for _ in range(times):
            assert four_letter(lone.addresses[0], "ruok") == "imok"

    come_and_go(1000)
    before = anonymous_kb(processor)
    come_and_go(4000)

    assert anonymous_kb(processor) - before < 2000  # half a kilobyte of each; what one holds takes three times that
