"""When each process says that it is ready: after its own work, and not for want of a quorum."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli.asking import exchange
from node.config.address import Address
from node.lives import read_lives
from node.roles import ROLES
from node.storage.files import RealFiles
from node.storage.snapshot_builder import build_snapshot
from node.storage.snapshots import list_snapshots, snapshot_path
from tests.corral import kazoo_client
from tests.systemd.listener import DEADLINE_S
from tests.systemd.units import Host, held_back
from tests.waiting import wait_until
from transport.messages import LocalHello, Watermark, decode_local, encode
from transport.poller import Poller
from transport.sockets import Sockets
from transport.wiring import ipc_endpoint

IN_ORDER = [role.name for role in sorted(ROLES, key=lambda role: role.start_order)]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


@pytest.fixture
def used(host: Host) -> Host:
    """It has served, and stopped: there is a log, and a snapshot."""
    units = host.started("broadcast", "election", "processor")
    port = units[2].listener.statuses[-1].split(";")[0].rsplit(" ", 1)[1]
    with kazoo_client([("127.0.0.1", int(port))]) as client:
        client.create("/a", b"1")
    snapshot_now(host)
    for unit in reversed(units):
        assert unit.end() == 0
    return host


def snapshot_now(host: Host) -> None:
    """At the newest watermark, as its snapshotter would."""
    sockets, poller, found = Sockets(), Poller(), list[Watermark]()
    stream = sockets.stream(ipc_endpoint(str(host.config.run_dir), "local"))
    poller.add(stream)
    stream.send(encode(LocalHello("snapshotter", 0, 1, 0, 0)))

    def has_come() -> bool:
        poller.poll(10)
        while (payload := stream.receive()) is not None:
            message = decode_local(payload)
            if isinstance(message, Watermark):
                found.append(message)
        return bool(found)

    wait_until(has_come, what="a watermark")
    sockets.close()
    directory = host.config.data_dir / "corral"
    assert build_snapshot(RealFiles(), data_dir=directory, log_dir=directory, mark=found[-1]) is not None


def newest_snapshot(host: Host) -> Path:
    directory = host.config.data_dir / "corral"
    return snapshot_path(directory, list_snapshots(RealFiles(), directory)[-1])


def newest_segment(host: Host) -> Path:
    return max((host.config.data_dir / "corral").glob("log.*"))


def test_broadcast_is_ready_when_it_has_recovered_and_asks_for_time_until_then(used: Host) -> None:
    with held_back(newest_segment(used)) as hold:
        broadcast = used.start("broadcast")
        hold.wait_met()
        before = broadcast.listener.lines

    broadcast.listener.wait_ready()
    assert "READY=1" not in before
    assert "STATUS=recovers from the log" in before
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in before)


def test_who_is_asked_to_stop_in_the_midst_of_recovery_ends_at_once_and_as_asked(used: Host) -> None:
    with held_back(newest_segment(used)) as hold:
        broadcast = used.start("broadcast")
        hold.wait_met()
        code = broadcast.end()

    assert code == 0
    assert read_lives(used.config.run_dir)["broadcast"].has_ended


def test_a_processor_is_ready_when_its_tree_is_loaded(used: Host) -> None:
    used.started("broadcast", "election")
    with held_back(newest_snapshot(used)) as hold:
        processor = used.start("processor")
        hold.wait_met()
        before = processor.listener.lines

    processor.listener.wait_ready()
    assert "READY=1" not in before
    assert "STATUS=loads the newest snapshot" in before


def test_a_processor_is_not_ready_before_its_broadcast_has_told_it_how_far_the_log_goes(used: Host) -> None:
    with held_back(newest_segment(used)) as hold:
        broadcast = used.start("broadcast")
        hold.wait_met()
        processor = used.start("processor")
        line = wait_until(lambda: next(
            (line for line in processor.text.splitlines() if "clients_welcome" in line), ""))
        until_s = time.monotonic() + DEADLINE_S
        assert exchange(Address("127.0.0.1", json.loads(line)["port"]), b"ruok", until_s)  # its loop turns
        is_ready = processor.listener.is_ready

    processor.listener.wait_ready()
    assert not is_ready
    assert broadcast.listener.is_ready


def test_a_snapshotter_is_ready_when_it_has_read_through_its_newest_snapshot(used: Host) -> None:
    with held_back(newest_snapshot(used)) as hold:
        snapshotter = used.start("snapshotter")
        hold.wait_met()
        is_ready = snapshotter.listener.is_ready

    snapshotter.listener.wait_ready()
    assert not is_ready
    assert snapshotter.listener.statuses == [f"newest snapshot: {hex_of(newest_snapshot(used))}, verified"]


def hex_of(snapshot: Path) -> str:
    zxid = int(snapshot.suffix[1:], 16)
    return f"{zxid >> 40}:{zxid & ((1 << 40) - 1)}"


def test_every_process_of_a_member_is_ready_without_a_quorum(tmp_path: Path) -> None:
    host = Host(tmp_path, members=3)
    try:
        units = host.started(*IN_ORDER)

        assert units[IN_ORDER.index("broadcast")].listener.statuses[-1] == "looking for a leader that a quorum follows"
    finally:
        host.close()


def test_processors_that_share_a_port_are_ready_without_a_quorum_too(tmp_path: Path) -> None:
    host = Host(tmp_path, members=3, text="corral.processors=2\nclientPort=28765\nclientPortAddress=127.0.0.1")
    try:
        host.started("broadcast")
        processors = [host.start("processor", index) for index in range(2)]
        for each in processors:
            each.listener.wait_ready()
    finally:
        host.close()


def test_who_is_asked_to_stop_says_so_and_ends_in_good_order(host: Host) -> None:
    units = host.started(*IN_ORDER)

    codes = [unit.end(signal.SIGTERM) for unit in reversed(units)]

    assert codes == [0] * len(units)
    assert all("STOPPING=1" in unit.listener.lines for unit in units)
    assert not any("Traceback" in unit.text for unit in units)
