"""`corral status` tells the truth within two seconds, whatever the servers do."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.cli.asking import MemberStatus
from node.cli.commands import corral
from node.cli.status import serves, with_lag
from tests.genuine import genuine_zookeeper


@contextmanager
def server(answers: dict[bytes, bytes]) -> Iterator[str]:
    """A server that answers these words, and closes on others."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(answers.get(connection.recv(4), b""))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def own(**changed: Any) -> dict[bytes, bytes]:
    values = {
        "id": 1, "role": "leader", "serving": True, "epoch": 3, "zxid_counter": 70, "lag": None,
        "connections": 2, "uptime_s": 61.5, "quorum": 3, "differs": False,
    }  # fmt: skip
    return {b"corl": json.dumps({**values, **changed}).encode()}


SRVR = (
    b"Zookeeper version: 3.8.0-${x}, built on 2022\nLatency min/avg/max: 0/0.0/0\nReceived: 1\n"
    b"Sent: 0\nConnections: 4\nOutstanding: 0\nZxid: 0x200000005\nMode: follower\nNode count: 5\n"
)


def status(*arguments: str) -> Result:
    return CliRunner().invoke(corral, ["status", *arguments])


def members(result: Result) -> list[dict[str, Any]]:
    found = json.loads(result.stdout)["members"]
    assert isinstance(found, list)
    return found


def test_a_quorum_of_all_three_exits_with_zero() -> None:
    with (
        server(own()) as one,
        server(own(id=2, role="follower", zxid_counter=68)) as two,
        server(own(id=3, role="follower")) as three,
    ):
        result = status(one, two, three, "--json")

    assert result.exit_code == 0
    shown = [(m["id"], m["address"], m["role"], m["lag"]) for m in members(result)]
    assert shown == [
        (1, one, "leader", 0),
        (2, two, "follower", 2),
        (3, three, "follower", 0),
    ]


def test_hung_and_dead_servers_are_down_within_two_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung, socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        ports = [hung.getsockname()[1], dead.getsockname()[1]]
        with server(own()) as alive:
            began = time.monotonic()
            result = status(*(f"127.0.0.1:{port}" for port in ports), alive, "--json")
            took = time.monotonic() - began

    assert took < 2.0
    assert result.exit_code == 1
    assert [(m["role"], m.get("why")) for m in members(result)] == [
        ("down", "no answer, or it speaks TLS: --tls"),
        ("down", "Connection refused"),
        ("leader", None),
    ]


def test_a_genuine_zookeeper_serves_or_not_like_any_member(tmp_path: Path) -> None:
    with genuine_zookeeper(tmp_path, members=1) as [(host, port)]:
        alive = status(f"{host}:{port}", "--json")
    gone = status(f"{host}:{port}", "--json")

    assert (alive.exit_code, members(alive)[0]["role"]) == (0, "leader")
    assert members(alive)[0]["version"].startswith("3.8.0")
    assert (gone.exit_code, members(gone)[0]["role"]) == (1, "down")


def test_a_zookeeper_is_asked_by_srvr() -> None:
    with server({b"srvr": SRVR}) as address:
        result = status(address, "--json")

    assert result.exit_code == 0
    (member,) = members(result)
    assert (member["role"], member["epoch"], member["zxid_counter"]) == ("follower", 2, 5)


@pytest.mark.parametrize(
    ("answer", "role"),
    [
        (b"This ZooKeeper instance is not currently serving requests\n", "looking"),
        (b"srvr is not executed because it is not in the whitelist.\n", "looking"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "down"),
        (b"", "down"),
    ],
)
def test_a_server_that_does_not_serve_is_no_quorum(answer: bytes, role: str) -> None:
    with server({b"srvr": answer}) as address:
        result = status(address, "--json")

    assert result.exit_code == 1
    assert members(result)[0]["role"] == role


def test_the_table_shows_what_differs_and_who_is_down() -> None:
    with server(own(role="follower", differs=True)) as address:
        result = status(f"{address},[::1]:1")

    assert "follower (its data differ from the others')" in result.stdout
    assert "3:70" in result.stdout
    assert "1m1s" in result.stdout
    assert "[::1]:1" in result.stdout


def test_an_address_that_is_none_is_wrong_usage() -> None:
    result = status("zk1:port")

    assert result.exit_code == 2
    assert "is not host:port" in result.stderr


def test_without_a_local_ensemble_there_has_to_be_one_where_it_is_said(tmp_path: Path) -> None:
    result = status("--data", str(tmp_path))

    assert result.exit_code == 1
    assert "`corral up` makes one" in result.stderr


def member(role: str, *, serving: bool = True, voters: int = 3, slack: int | None = None) -> MemberStatus:
    return MemberStatus(
        "h:1", role, is_serving=serving, epoch=1, counter=5, voters=voters, values={"quorum_slack": slack})


@pytest.mark.parametrize(
    ("statuses", "is_serving"),
    [
        ([member("leader"), member("follower"), member("down", serving=False)], True),
        (
            [member("leader"), member("looking", serving=False), member("down", serving=False)],
            False,
        ),
        ([member("follower")], True),  # one was asked: it has a lease, so a quorum stands behind it
        ([member("looking", serving=False)], False),
        ([member("leader"), member("observer"), member("observer")], False),
        ([member("leader", voters=1)], True),
        ([member("leader", slack=0), member("down", serving=False), member("down", serving=False)], True),
        ([member("leader", slack=-1), member("down", serving=False), member("down", serving=False)], False),
        ([], False),
    ],
)
def test_a_quorum_serves_if_most_voters_do(
    statuses: list[MemberStatus], *, is_serving: bool
) -> None:
    assert serves(statuses) is is_serving


def test_a_member_of_another_epoch_has_no_lag() -> None:
    behind = MemberStatus("h:2", "follower", epoch=1, counter=1)
    ahead = MemberStatus("h:1", "leader", epoch=2, counter=7)

    assert [s.lag for s in with_lag([ahead, behind])] == [0, None]
