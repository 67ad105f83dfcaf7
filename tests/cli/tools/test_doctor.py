"""`corral doctor` finds each illness, made for real where that can be, and nothing on what is well."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kazoo.client import KazooClient

from node.cli.doctor import (
    certificates,
    clocks,
    disks,
    drift,
    files,
    members,
    names,
    processes,
    versions,
    watches,
    znodes,
)
from node.cli.doctor.command import doctor
from node.cli.doctor.subject import Scrapes, Subject
from node.cli.local import LocalEnsemble, create_ensemble
from node.cli.scrape import Figures
from node.cli.shell.walk import Found
from node.cli.site import site_of_member
from node.cli.status import ask_all
from node.config.address import Address
from node.self_check.finding import Finding, Level
from tests.corral import Ensemble, Servers, connect_string, fresh_root, kazoo_client
from tests.genuine import free_ports
from tests.waiting import wait_until
from tests.wire import Exists
from tests.wire_connection import Connection, four_letter
from transport.records import Stat

KB = 1 << 10


def look(*words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and what is said as JSON."""
    done = CliRunner().invoke(doctor, [*words, "--json"], catch_exceptions=False)
    return done.exit_code, json.loads(done.stdout)


def evidence(found: dict[str, Any], check: str) -> str:
    return "\n".join(each["evidence"] for each in found["findings"] if each["check"] == check)


@pytest.fixture
def address(server: Servers) -> str:
    return connect_string(server.addresses)


@pytest.fixture
def client(server: Servers) -> Iterator[KazooClient]:
    with kazoo_client(server.addresses) as connected:
        yield connected


def test_nothing_is_found_in_what_is_well(server: Servers, address: str) -> None:
    code, found = look(address, "--watch", "0")

    assert found["findings"] == []
    assert (code, found["result"]) == (0, "ok")
    assert set(found["looked_at"]) >= {
        "members", "configuration", "names", "znodes", "hot znodes", "watches", "sessions"}
    assert "say the members' metrics ports" in found["left_out"]["disks"]


def test_large_values_and_families_are_found(server: Servers, address: str, client: KazooClient) -> None:
    root = fresh_root(server)
    client.create(f"{root}/large", bytes(600 * KB))
    transaction = client.transaction()
    client.create(f"{root}/family")
    for index in range(200):
        transaction.create(f"{root}/family/{index:0>2700}")
    transaction.commit()
    try:
        code, found = look(address, "--watch", "0")
    finally:
        client.delete(root, recursive=True)

    said = evidence(found, "znodes")
    assert (code, found["result"]) == (1, "warning")
    assert f"{root}/large holds 600.0 KiB" in said
    assert f"{root}/family has 200 children, 528.1 KiB of names" in said


def test_a_znode_that_takes_most_writes_is_found(server: Servers, address: str, client: KazooClient) -> None:
    root = fresh_root(server)
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            for pending in [client.set_async(root, b"again") for _ in range(50)]:
                pending.get()

    metrics = []
    if isinstance(server, Ensemble):
        metrics = ["--metrics", str(site_of_member(server.local.config(server.local.members[0])))]
    thread = threading.Thread(target=write)
    thread.start()
    try:
        wait_until(
            lambda: f"{root} takes" in evidence(look(address, "--watch", "1", *metrics)[1], "hot znodes"), seconds=60)
    finally:
        is_over.set()
        thread.join()


def test_a_session_that_is_silent_for_most_of_its_timeout_is_found(server: Servers, address: str) -> None:
    with contextlib.ExitStack() as silent:

        def is_found() -> bool:
            # One more each time: whatever the machine's pace, one is as old as it should be.
            connection = silent.enter_context(Connection.open(server.addresses[0], timeout_ms=4000))
            assert connection.session_id
            return "expires after 4 s" in evidence(look(address, "--watch", "0.3")[1], "sessions")

        wait_until(is_found, seconds=60)


def test_sessions_that_watch_one_znode_are_counted(server: Servers) -> None:
    root = fresh_root(server)
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(Connection.open(server.addresses[0])).call(Exists(root, True))
        watchers = watches.counted(four_letter(server.addresses[0], "wchp"))

    assert watchers[root] == 5
    (finding,) = watches.judge({root: 5, "/other": 4}, herd=5)
    assert finding.evidence.startswith(f"5 sessions watch {root}")


def test_configuration_that_differs_is_found(server: Servers) -> None:
    conf = four_letter(server.addresses[0], "conf")
    assert "maxClientCnxns=" in conf
    other = "\n".join("maxClientCnxns=7" if line.startswith("maxClientCnxns=") else line for line in conf.splitlines())

    alike, found = (drift.judge({"a:1": drift.parsed(conf), "b:1": drift.parsed(text)}) for text in (conf, other))

    assert alike == []
    assert [finding.evidence.split(":")[0] for finding in found] == ["maxClientCnxns differs"]
    assert "7 at b:1" in found[0].evidence


def test_a_server_that_is_down_is_a_failure(server: Servers, address: str) -> None:
    (port,) = free_ports(1)

    code, found = look(f"{address},127.0.0.1:{port}", "--watch", "0")

    assert code == 2
    assert f"127.0.0.1:{port} does not serve: " in evidence(found, "members")


def test_where_nobody_answers_that_is_said_and_what_was_not_looked_at() -> None:
    (port,) = free_ports(1)
    subject = Subject([Address("127.0.0.1", port)])
    subject.statuses = ask_all(subject.servers)

    (finding,) = members.check(subject)

    assert finding.level is Level.FAILURE
    assert versions.check(subject) == []


# Without servers ----------------------------------------------------------------------------------


@pytest.fixture
def local(tmp_path: Path) -> LocalEnsemble:
    return create_ensemble(tmp_path / "e", count=1, host="127.0.0.1", client_port=0, settings={})


def test_modes_of_files_that_let_others_in_are_found(local: LocalEnsemble) -> None:
    (member,) = local.members
    config = local.home(member) / "zoo.cfg"
    subject = Subject([], configs=[config])
    directory = local.config(member).data_dir / "corral"
    assert not any("mode" in each.evidence for each in files.check(subject))

    directory.chmod(0o755)

    assert f"member 1: {directory}: mode 0755 is open to others" in [each.evidence for each in files.check(subject)]


def test_a_broken_configuration_is_a_finding(local: LocalEnsemble) -> None:
    config = local.home(local.members[0]) / "zoo.cfg"
    config.write_text(config.read_text() + "tickTime=fast\n")

    assert any("tickTime" in each.evidence for each in files.check(Subject([], configs=[config])))


def test_names_that_do_not_resolve_or_mean_this_machine_are_found() -> None:
    nowhere = "a" * 64 + ".invalid"  # no label is that long

    found = names.judge(["localhost", nowhere, "192.0.2.1"], names.resolve(["localhost", nowhere]))

    assert [(each.level, each.evidence.split()[0]) for each in found] == [
        (Level.FAILURE, nowhere), (Level.WARNING, "localhost")]
    assert names.judge(["localhost", "127.0.0.1"], names.resolve(["localhost"])) == []


def test_counters_near_their_end_are_found() -> None:
    def znode(path: str, creates: int) -> Found:
        return Found(path, 1, Stat(1, 1, 0, 0, 0, 2 * creates - 3, 0, 0, 0, 3, 1), ())

    found = znodes.judge([znode("/fine", 1000), znode("/soon", 1 << 30), znode("/over", (1 << 31) - 1000)])

    assert [(each.level, each.evidence.split()[0]) for each in found] == [
        (Level.FAILURE, "/over"), (Level.WARNING, "/soon")]


def scrapes(now: str, before: str = "") -> Scrapes:
    return Scrapes("member 1", Figures(before), Figures(now))


def fsyncs(fast: int, slow: int) -> str:
    counts = {"0.01": fast, "0.5": fast + slow, "+Inf": fast + slow}
    return "# TYPE corral_fsync_seconds histogram\n" + "".join(
        f'corral_fsync_seconds_bucket{{le="{bound}"}} {count}\n' for bound, count in counts.items())


def levels(found: list[Finding]) -> list[Level]:
    return [each.level for each in found]


def test_slow_disks_are_found_also_when_they_have_just_become_slow() -> None:
    assert disks.judge(scrapes(fsyncs(1000, 0))) == []
    assert levels(disks.judge(scrapes(fsyncs(1000, 30)))) == [Level.WARNING]
    assert levels(disks.judge(scrapes(fsyncs(100_000, 30), fsyncs(100_000, 0)))) == [Level.WARNING]


def test_disks_without_room_are_found() -> None:
    def room(free: float, full_s: float) -> list[Level]:
        figures = {"corral_disk_free_bytes": free, "corral_disk_full_in_seconds": full_s}
        return levels(disks.judge(scrapes(
            "".join(f'{name}{{directory="log"}} {value}\n' for name, value in figures.items()))))

    assert [room(1e10, 1e7), room(1e10, 7200), room(1e10, 60), room(1e6, 1e7)] == [
        [], [Level.WARNING], [Level.FAILURE], [Level.FAILURE]]


def test_clocks_that_differ_by_more_than_is_uncertain_are_found() -> None:
    def clock(offset_s: float, sure_s: float) -> list[Level]:
        figures = {"corral_clock_offset_seconds": offset_s, "corral_clock_uncertainty_seconds": sure_s}
        return levels(clocks.judge(scrapes(
            "".join(f'{name}{{peer="2"}} {value}\n' for name, value in figures.items()))))

    assert [clock(0.1, 0.0), clock(-2.0, 0.1), clock(2.0, 1.9), clock(60, 0.1)] == [
        [], [Level.WARNING], [], [Level.FAILURE]]


@pytest.mark.parametrize(("figure", "said"), [
    ('corral_process_up{process="processor-0"} 0', "processor-0 is dead"),
    ('corral_process_restarts_total{process="broadcast"} 4', "broadcast was started again 4 times"),
    ('corral_process_open_fds{process="processor-0"} 900\ncorral_process_max_fds{process="processor-0"} 1000',
     "900 of 1,000 files"),
    ('corral_event_loop_stalled_seconds_total{process="broadcast"} 8', "stood still for 3.0 of 10.0 s"),
    ('corral_alarms_total{event="poison_request",process="processor-0"} 1', "raised the alarm poison_request"),
])
def test_what_is_wrong_with_processes_is_found(figure: str, said: str) -> None:
    before = 'corral_event_loop_stalled_seconds_total{process="broadcast"} 5\n'

    (finding,) = processes.judge(scrapes(f"{figure}\n", before), 10.0)

    assert said in finding.evidence
    assert processes.judge(scrapes(before, before), 10.0) == []


def test_certificates_that_are_over_soon_are_found() -> None:
    def ends(after_s: float) -> list[Level]:
        return levels(certificates.judge(scrapes(f"corral_certificate_expires_seconds {1e9 + after_s}\n"), 1e9))

    assert [ends(30 * 86400), ends(86400), ends(-1)] == [[], [Level.WARNING], [Level.FAILURE]]
