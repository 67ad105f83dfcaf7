"""What monitoring reads from the words is laid out as genuine ZooKeeper lays it out, line by line."""

import contextlib
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from kazoo.client import KazooClient

from tests.corral import kazoo_client
from tests.fourletter.conftest import Pair
from tests.fourletter.words import ask, rows, shape
from tests.waiting import wait_until
from tests.wire_connection import Address

WORDS = ["ruok", "srvr", "stat", "conf", "cons", "isro", "dump", "wchs", "wchc", "wchp", "dirs", "gtmk"]
MODES = ("leader", "follower", "standalone")

Clients = tuple[KazooClient, KazooClient]


def ignore(_event: object) -> None:
    """A watch that only has to be there."""


@contextlib.contextmanager
def busy(address: Address) -> Iterator[Clients]:
    """Two clients, an ephemeral each, and three data watches on two paths."""
    with kazoo_client([address]) as first, kazoo_client([address]) as second:
        for name, client in (("a", first), ("b", second)):
            client.create(f"/{name}", ephemeral=True)
        for client in (first, second):
            client.sync("/")
            client.get("/a", watch=ignore)
        first.get("/b", watch=ignore)
        yield first, second


@pytest.fixture(params=MODES)
def members(
    request: pytest.FixtureRequest, pair: Pair, lone_pair: Pair
) -> Iterator[tuple[Address, Address]]:
    """A member of each kind, genuine first, in the same mode and with clients at work."""
    asked = lone_pair if request.param == "standalone" else pair
    genuine, corral = (asked.member(servers, request.param) for servers in asked.both)
    with busy(genuine), busy(corral):
        yield genuine, corral


def in_order(word: str, text: str) -> list[str]:
    """Lines; whose connections, sessions and watches come first is nobody's promise, nor how many
    of them are due at the same time."""
    lines = text.split("\n")
    if word == "conf":  # `corral up` names the port for clients in the server line, which is shown where it is
        lines = [line.removesuffix(";ADDRESS:N") for line in lines]
    if word == "dump":
        lines = [line for line in lines if line != "N expire at TIME:"]
    return sorted(lines) if word in ("cons", "dump", "wchc", "wchp", "stat") else lines


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_laid_out_as_zookeepers(members: tuple[Address, Address], word: str) -> None:
    genuine, corral = (in_order(word, shape(ask(member, word))) for member in members)

    assert corral == genuine


def test_the_lines_of_mntr_are_zookeepers(members: tuple[Address, Address]) -> None:
    genuine, corral = (rows(ask(member, "mntr"), "\t") for member in members)

    assert set(corral) - set(genuine) == set()
    for name in set(corral) - {"zk_version"}:
        assert shape(corral[name]) == shape(genuine[name]), name


EVERYWHERE = {
    f"zk_{name}"
    for name in [
        "version", "server_state", "ephemerals_count", "num_alive_connections",
        "avg_latency", "min_latency", "max_latency", "outstanding_requests",
        "znode_count", "global_sessions", "local_sessions", "packets_sent",
        "packets_received", "watch_count", "approximate_data_size", "uptime",
        "open_file_descriptor_count", "max_file_descriptor_count",
        "connection_rejected",
    ]
}
OF_A_LEADER = {"zk_learners", "zk_synced_followers", "zk_synced_observers", "zk_pending_syncs"}


def test_mntr_has_what_dashboards_ask_for(members: tuple[Address, Address]) -> None:
    genuine, corral = (rows(ask(member, "mntr"), "\t") for member in members)

    wanted = EVERYWHERE | (OF_A_LEADER if genuine["zk_server_state"] == "leader" else set())
    assert wanted <= set(genuine)  # else this list is wrong
    assert wanted - set(corral) == set()


def test_mntr_counts_what_there_is(members: tuple[Address, Address]) -> None:
    def counted(address: Address) -> dict[str, str]:
        found = rows(ask(address, "mntr"), "\t")
        names = "ephemerals_count num_alive_connections znode_count global_sessions watch_count"
        return {name: found[f"zk_{name}"] for name in names.split()}

    genuine, corral = members

    # Sessions of earlier tests that were closed on another member may end a moment later.
    wait_until(lambda: counted(corral) == counted(genuine), what="the same figures")


def test_environment_names_are_zookeepers_or_say_what_runs_instead_of_java(
    members: tuple[Address, Address],
) -> None:
    genuine, corral = (rows(ask(member, "envi"), "=") for member in members)

    assert set(corral) - set(genuine) == {"python.version"}
    shared = [name for name in genuine if not name.startswith(("java.", "os.memory"))]
    assert [name for name in corral if name != "python.version"] == shared
    assert corral["user.name"] == genuine["user.name"]


def test_the_version_begins_with_zookeepers(members: tuple[Address, Address]) -> None:
    """Clients and agents take the numbers before the first dash."""
    genuine, corral = (rows(ask(member, "envi"), "=")["zookeeper.version"] for member in members)

    assert corral.partition("-")[0] == genuine.partition("-")[0]
    assert "corral" in corral.partition("-")[2]


def test_kazoo_understands_the_version(pair: Pair) -> None:
    with kazoo_client(pair.corral.addresses) as client:
        assert client.server_version() == (3, 8, 0)
        assert client.command(b"ruok") == "imok"


@pytest.mark.parametrize("pieces", [["ru", "ok"], ["ruok\n"], ["r", "u", "o", "k"]])
def test_a_word_may_come_in_pieces_and_with_a_line_end(pair: Pair, pieces: list[str]) -> None:
    for servers in pair.both:
        with socket.create_connection(servers.addresses[0], timeout=10) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                sock.sendall(piece.encode())
            with contextlib.suppress(ConnectionResetError):  # closed with the line end unread
                assert sock.recv(100) == b"imok"
                assert sock.recv(100) == b""


def test_a_session_is_due_after_its_timeout(pair: Pair, lone_pair: Pair) -> None:
    for address in (pair.member(pair.corral, "leader"), lone_pair.corral.addresses[0]):
        with busy(address):
            text = ask(address, "dump")
            sessions = text.partition("ephemeral nodes dump:")[0]
            due = re.findall(r"expire at (.*) UTC (\d+):", sessions)
            times = [datetime.strptime(f"{day} {year} +0000", "%a %b %d %H:%M:%S %Y %z") for day, year in due]
            now = datetime.now(UTC)
            assert times
            assert all(now < time < now + timedelta(seconds=20) for time in times)


def test_the_zxid_of_srvr_is_that_of_the_last_write(pair: Pair) -> None:
    for servers in pair.both:
        address = servers.addresses[0]
        with kazoo_client([address]) as client:
            stat = client.create("/z", ephemeral=True, include_data=True)[1]
            shown = re.search(r"Zxid: 0x([0-9a-f]+)", ask(address, "srvr"))
        assert shown is not None
        assert int(shown[1], 16) == stat.czxid
