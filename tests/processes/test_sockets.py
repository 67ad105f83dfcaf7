"""Sockets on loopback: real connections, real handshakes, a real process that is killed."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from transport.curve import CurveKeys, make_keys
from transport.endpoints import EndpointError, bind_endpoints, private_directory
from transport.poller import Poller
from transport.sockets import TELEMETRY_MESSAGES, Listener, Sockets, Stream, StreamGapError, StreamId

SERVER, MEMBER_2, STRANGER = make_keys(), make_keys(), make_keys()
DEADLINE_S = 10.0


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets()
    yield made
    made.close()


@pytest.fixture
def refused() -> list[str]:
    return []


@pytest.fixture
def guarded(sockets: Sockets, refused: list[str]) -> Sockets:
    members = {SERVER.public: 1, MEMBER_2.public: 2}
    sockets.authorise(members.get, lambda key, _address: refused.append(key))
    return sockets


def poll_until(poller: Poller, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        poller.poll(50)


def receive_one(poller: Poller, listener: Listener) -> tuple[StreamId, int, bytes]:
    found: list[tuple[StreamId, int, bytes]] = []

    def is_received() -> bool:
        message = listener.receive()
        if message is not None:
            found.append((message[0], message[1], bytes(message[2])))
        return bool(found)

    poll_until(poller, is_received)
    return found[0]


def polling(*sources: Listener | Stream) -> Poller:
    poller = Poller()
    for source in sources:
        poller.add(source)
    return poller


def connect(sockets: Sockets, listener: Listener, keys: CurveKeys) -> Stream:
    return sockets.stream(listener.endpoints[0], keys=keys, server_key=SERVER.public)


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_a_stream_tells_whose_key_it_proved(guarded: Sockets, address: str) -> None:
    listener = guarded.listener([f"tcp://{address}:0"], keys=SERVER)
    stream = connect(guarded, listener, MEMBER_2)
    stream.send(b"hello")

    _, member, payload = receive_one(polling(listener, stream), listener)

    assert (member, payload) == (2, b"hello")


def test_an_unlisted_key_is_refused_and_told_once(guarded: Sockets, refused: list[str]) -> None:
    listener = guarded.listener(["tcp://127.0.0.1:0"], keys=SERVER)

    for _ in range(3):
        stream = connect(guarded, listener, STRANGER)
        stream.send(b"let me in")
        poll_until(polling(listener, stream), lambda stream=stream: stream.is_lost)  # type: ignore[misc]

    assert refused == [STRANGER.public]
    assert listener.receive() is None


def test_a_wrong_server_key_connects_to_nobody(guarded: Sockets) -> None:
    listener = guarded.listener(["tcp://127.0.0.1:0"], keys=SERVER)
    stream = guarded.stream(listener.endpoints[0], keys=MEMBER_2, server_key=STRANGER.public)
    stream.send(b"hello")

    poll_until(polling(listener, stream), lambda: stream.is_lost)

    assert listener.receive() is None


def test_tcp_without_an_allow_list_is_not_bound(sockets: Sockets) -> None:
    with pytest.raises(AssertionError, match="ZAP"):
        sockets.listener(["tcp://127.0.0.1:0"], keys=SERVER)


def test_messages_go_both_ways_in_order(sockets: Sockets, tmp_path: Path) -> None:
    listener = sockets.listener([f"ipc://{tmp_path}/b"])
    stream = sockets.stream(listener.endpoints[0])
    poller = polling(listener, stream)
    for i in range(1000):
        assert stream.send(str(i).encode())
    echoed: list[int] = []

    def is_echoed() -> bool:
        while (message := listener.receive()) is not None:
            assert listener.send(message[0], bytes(message[2]))
        while (payload := stream.receive()) is not None:
            echoed.append(int(bytes(payload)))
        return len(echoed) == 1000

    poll_until(poller, is_echoed)
    assert echoed == list(range(1000))


def test_a_gap_ends_the_stream(sockets: Sockets, tmp_path: Path) -> None:
    listener = sockets.listener([f"ipc://{tmp_path}/b"])
    stream = sockets.stream(listener.endpoints[0])
    poller = polling(listener, stream)
    stream.send(b"first")
    name, _, _ = receive_one(poller, listener)
    stream.socket.send((3).to_bytes(8, "little") + b"third")

    with pytest.raises(StreamGapError) as caught:
        receive_one(poller, listener)

    assert (caught.value.stream, caught.value.expected, caught.value.received) == (name, 2, 3)


@pytest.mark.parametrize(
    "frames", [[b""], [b"short"], [b"1234567", b"x"], [b"\1" + bytes(7), b"x"]])
def test_a_message_without_a_number_is_a_gap(
    sockets: Sockets, tmp_path: Path, frames: list[bytes],
) -> None:
    listener = sockets.listener([f"ipc://{tmp_path}/b"])
    stream = sockets.stream(listener.endpoints[0])
    poller = polling(listener, stream)
    poll_until(poller, lambda: stream.is_open)
    stream.socket.send_multipart(frames)

    with pytest.raises(StreamGapError):
        receive_one(poller, listener)


def test_a_dropped_stream_is_neither_heard_nor_sent_to(sockets: Sockets, tmp_path: Path) -> None:
    listener = sockets.listener([f"ipc://{tmp_path}/b"])
    dropped, kept = sockets.stream(listener.endpoints[0]), sockets.stream(listener.endpoints[0])
    poller = polling(listener, dropped, kept)
    dropped.send(b"hello")
    name, _, _ = receive_one(poller, listener)

    listener.drop(name)
    dropped.send(b"more")
    kept.send(b"kept")

    assert receive_one(poller, listener)[2] == b"kept"
    assert not listener.send(name, b"x")


def test_a_stream_to_nobody_is_lost(guarded: Sockets, tmp_path: Path) -> None:
    listener = guarded.listener(["tcp://127.0.0.1:0"], keys=SERVER)
    endpoint = listener.endpoints[0]
    listener.close()

    for target in (endpoint, f"ipc://{tmp_path}/nobody"):
        stream = guarded.stream(target, keys=MEMBER_2, server_key=SERVER.public)
        poll_until(polling(stream), lambda stream=stream: stream.is_lost)  # type: ignore[misc]
        assert not stream.send(b"x")


def test_a_listener_that_closes_is_noticed_by_its_streams(guarded: Sockets) -> None:
    listener = guarded.listener(["tcp://127.0.0.1:0"], keys=SERVER)
    stream = connect(guarded, listener, MEMBER_2)
    poll_until(polling(listener, stream), lambda: stream.is_open)

    listener.close()

    poll_until(polling(stream), lambda: stream.is_lost)


def test_descriptors_tell_of_messages_and_of_losses(sockets: Sockets, tmp_path: Path) -> None:
    listener = sockets.listener([f"ipc://{tmp_path}/b"])
    stream = sockets.stream(listener.endpoints[0])
    woken = select.epoll()
    for descriptor in (stream.fileno(), stream.monitor_fileno()):
        woken.register(descriptor, select.EPOLLIN)
    received: list[bytes] = []

    def receive_until(condition: Callable[[], bool]) -> None:
        while True:
            stream.maintain()
            while (payload := stream.receive()) is not None:
                received.append(bytes(payload))
            if condition():
                return
            assert woken.poll(DEADLINE_S)

    stream.send(b"hello")
    receive_until(lambda: not stream.wants_out)
    name, _, _ = receive_one(polling(listener), listener)
    listener.send(name, b"welcome")
    receive_until(lambda: bool(received))
    listener.close()
    receive_until(lambda: stream.is_lost)

    assert received == [b"welcome"]
    woken.close()


PEER = """
import sys
from transport.curve import CurveKeys
from transport.poller import Poller
from transport.sockets import Sockets
endpoint, public, secret, server = sys.argv[1:]
sockets = Sockets()
stream = sockets.stream(endpoint, keys=CurveKeys(public, secret), server_key=server)
stream.send(b"hello")
poller = Poller()
poller.add(stream)
while not stream.is_lost:
    poller.poll(-1)
    while stream.receive() is not None:
        pass
"""


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
def test_a_killed_peer_is_noticed_without_sending(
    guarded: Sockets, tmp_path: Path, kind: str,
) -> None:
    endpoint = "tcp://127.0.0.1:0" if kind == "tcp" else f"ipc://{tmp_path}/b"
    listener = guarded.listener([endpoint], keys=SERVER if kind == "tcp" else None)
    other = connect(guarded, listener, MEMBER_2)
    poller = polling(listener, other)
    other.send(b"other")
    other_name, _, _ = receive_one(poller, listener)
    command = [sys.executable, "-c", PEER, listener.endpoints[0], MEMBER_2.public, MEMBER_2.secret]
    with subprocess.Popen([*command, SERVER.public]) as peer:
        name, _, _ = receive_one(poller, listener)
        os.kill(peer.pid, signal.SIGKILL)
        poll_until(poller, lambda: listener.has_lost)

    assert listener.take_lost() == [name]
    assert not listener.is_open(name)
    assert listener.is_open(other_name)


def test_a_name_stands_for_all_its_addresses_and_a_wildcard_for_both_families() -> None:
    assert bind_endpoints("::1", 2888) == ["tcp://[::1]:2888"]
    assert bind_endpoints("127.0.0.1", 2888) == ["tcp://127.0.0.1:2888"]
    assert bind_endpoints("0.0.0.0", 2888) == bind_endpoints("::", 2888)
    assert bind_endpoints("127.0.0.1", 2888, all_addresses=True) == bind_endpoints("::", 2888)


def test_a_wildcard_is_reached_by_both_families(guarded: Sockets) -> None:
    listener = guarded.listener(bind_endpoints("::", 0), keys=SERVER)
    port = listener.endpoints[0].rpartition(":")[2]
    poller = polling(listener)
    for address in ("127.0.0.1", "[::1]"):
        stream = guarded.stream(f"tcp://{address}:{port}", keys=MEMBER_2, server_key=SERVER.public)
        poller.add(stream)
        stream.send(address.encode())
        assert receive_one(poller, listener)[2] == address.encode()


def test_a_port_in_use_is_refused_with_a_cure(guarded: Sockets) -> None:
    listener = guarded.listener(["tcp://127.0.0.1:0"], keys=SERVER)

    with pytest.raises(EndpointError, match="in use"):
        guarded.listener(listener.endpoints, keys=SERVER)


def test_a_living_socket_file_is_not_taken_over(sockets: Sockets, tmp_path: Path) -> None:
    listener = sockets.listener([f"ipc://{tmp_path}/b"])
    with pytest.raises(EndpointError, match="in use"):
        sockets.listener(listener.endpoints)

    listener.close()

    sockets.listener([f"ipc://{tmp_path}/b"])


def test_a_socket_directory_is_private(tmp_path: Path) -> None:
    private_directory(tmp_path / "run")
    (tmp_path / "run").chmod(0o755)

    private_directory(tmp_path / "run")

    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_telemetry_gets_what_waited_for_it_and_the_rest_is_counted(sockets: Sockets, tmp_path: Path) -> None:
    push = sockets.push(f"ipc://{tmp_path}/t")
    sent = [b"%d" % number for number in range(TELEMETRY_MESSAGES + 5)]
    taken = [payload for payload in sent if push.send(payload)]

    assert taken == sent[:TELEMETRY_MESSAGES]
    assert push.dropped == 5

    pull = sockets.pull(f"ipc://{tmp_path}/t")
    deadline = time.monotonic() + DEADLINE_S
    received: list[bytes] = []
    while len(received) < len(taken):
        assert time.monotonic() < deadline
        payload = pull.receive()
        if payload is not None:
            received.append(payload)
    assert received == taken
