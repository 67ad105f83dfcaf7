"""The messages of sd_notify(3), to a socket of the test's."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.notify import NEVER_MS, SILENT, Notify, from_environment
from tests.systemd.listener import Listener


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(tmp_path / "s" if request.param == "path" else None)
    yield listener
    listener.close()


@pytest.fixture
def notify(listener: Listener) -> Iterator[Notify]:
    """With a watchdog that is to be fed every two seconds."""
    notify = Notify(listener.address, watchdog_us=8_000_000)
    yield notify
    notify.close()


def test_ready_is_said_once_and_then_only_how_it_does(listener: Listener, notify: Notify) -> None:
    notify.ready("recovered")
    notify.ready("recovered again")

    assert listener.lines == ["READY=1", "STATUS=recovered", "STATUS=recovered again"]


def test_a_status_is_one_line(listener: Listener, notify: Notify) -> None:
    notify.status("one\ntwo READY=1\n three")

    assert listener.lines == ["STATUS=one two READY=1 three"]


def test_the_watchdog_is_fed_when_it_is_due_and_not_before_the_process_is_ready(
    listener: Listener, notify: Notify,
) -> None:
    notify.feed(1_000_000)
    assert listener.lines == []

    notify.ready("")
    for now_ms in (1_000_000, 1_000_001, 1_001_999, 1_002_000):
        notify.feed(now_ms)

    assert listener.feeds == 2
    assert notify.feed_due_ms == 1_004_000


def test_a_poll_ends_in_time_to_feed_it(listener: Listener, notify: Notify) -> None:
    assert notify.timeout_ms(-1, 1_000) == -1

    notify.ready("")
    notify.feed(1_000)

    assert notify.timeout_ms(-1, 1_500) == 1_500
    assert notify.timeout_ms(20, 1_500) == 20
    assert notify.timeout_ms(-1, 9_000) == 0


def test_where_systemd_wants_no_watchdog_none_is_fed(listener: Listener) -> None:
    notify = Notify(listener.address)
    notify.ready("")
    notify.feed(1_000)

    assert listener.feeds == 0
    assert notify.timeout_ms(-1, 1_000) == -1
    notify.close()


def test_a_start_that_goes_on_asks_for_more_time_now_and_then_and_a_ready_process_for_none(
    listener: Listener, notify: Notify,
) -> None:
    for _ in range(1000):
        notify.progress()
    assert listener.lines == ["EXTEND_TIMEOUT_USEC=30000000"]

    notify.ready("")
    notify.progress()

    assert listener.lines[1:] == ["READY=1", "STATUS="]


def test_long_work_within_a_turn_feeds_the_watchdog(listener: Listener, notify: Notify) -> None:
    notify.ready("")
    for _ in range(1000):
        notify.at_work()

    assert listener.feeds == 1


def test_a_stop_is_announced_and_may_ask_for_time(listener: Listener, notify: Notify) -> None:
    notify.stopping("closes 12 connections")
    notify.extend(2.5)

    assert listener.lines == ["STOPPING=1", "STATUS=closes 12 connections", "EXTEND_TIMEOUT_USEC=2500000"]


def test_a_watchdog_message_that_is_not_taken_is_sent_again_at_the_next_turn(
    listener: Listener, notify: Notify,
) -> None:
    notify.ready("")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        fill(other, listener)

    notify.feed(1_000)
    fed_to_the_full = listener.feeds
    notify.feed(1_001)

    assert (fed_to_the_full, listener.feeds) == (0, 1)


def fill(other: socket.socket, listener: Listener) -> None:
    """Until no more is taken."""
    name = listener.socket.getsockname()
    with contextlib.suppress(BlockingIOError):
        while True:
            other.sendto(b"X=1", name)


def test_nobody_hears_a_silent_one() -> None:
    SILENT.ready("")
    SILENT.feed(NEVER_MS - 1)
    SILENT.stopping()

    assert not SILENT.is_heard
    assert SILENT.feed_due_ms == NEVER_MS


def test_the_variables_of_systemd_are_taken_out_of_the_environment(listener: Listener) -> None:
    environment = {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "8000000", "HOME": "/"}

    notify = from_environment(environment)
    notify.ready("")
    notify.feed(5)

    assert environment == {"HOME": "/"}
    assert listener.feeds == 1
    notify.close()


def test_a_watchdog_that_was_meant_for_a_parent_is_not_fed(listener: Listener) -> None:
    notify = from_environment(
        {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"})
    notify.ready("")
    notify.feed(5)

    assert listener.feeds == 0
    notify.close()


def test_a_listener_that_is_gone_is_no_error(listener: Listener, notify: Notify) -> None:
    listener.close()

    notify.ready("nobody hears it")
