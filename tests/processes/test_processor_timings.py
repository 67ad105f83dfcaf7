"""A processor notes its batches, what failed and who was told, and when its loop stood still."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kazoo.exceptions import NoNodeError

from node.config.read import load_config
from tests.corral import kazoo_client
from tests.processes.note_taker import NoteTaker, Row
from tests.processes.small_ensemble import SmallEnsemble, make_configs
from tests.wire import Event, GetData, Reply, SetData, SetWatches
from tests.wire_connection import Connection
from transport.timings import Note

ROLES = ("broadcast", "election", "processor", "snapshotter")
STOPPED_S = 0.3
NOTES_BYTES_PER_1000_MAX = 50_000  # a record leaves about 1,000 bytes on three members together
MESSAGES_BEFORE = 50  # since the members' start: elections, the session


class Served(SmallEnsemble):
    """Whole members but for their telemetry, which the test is."""

    def __init__(self, directory: Path, members: int) -> None:
        configs = make_configs(directory, members, tick_ms=2000)
        for config in configs:
            with config.file.open("a") as file:
                file.write("\ncorral.snapshotBytes=1048576\n")
        super().__init__([load_config(config.file).config for config in configs])
        self.takers = {i: NoteTaker(config, self.sockets) for i, config in self.configs.items()}
        for member in self.configs:
            self.start(member, *ROLES)

    def address(self, member: int) -> tuple[str, int]:
        self.wait(lambda: self.takers[member].figure("processor-0", "client_port"))
        port = self.takers[member].figure("processor-0", "client_port")
        assert isinstance(port, int)
        return "127.0.0.1", port

    def one(self, member: int, kind: Note, zxid: int, *, process: str = "processor-0") -> Row:
        """The first note that covers the zxid."""
        self.wait(lambda: self.takers[member].upto(process, kind, zxid), f"no {kind.name}")
        found = self.takers[member].upto(process, kind, zxid)
        assert found is not None
        return found


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Served]:
    ensemble = Served(tmp_path, 1)
    yield ensemble
    ensemble.close()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Served]:
    ensemble = Served(tmp_path, 3)
    yield ensemble
    ensemble.close()


def test_a_write_leaves_every_note_on_its_way_through_three_processes(three: Served) -> None:
    with kazoo_client([three.address(1)]) as client:
        zxid = client.create("/a", b"x", include_data=True)[1].czxid

        read, submitted, applied, replied = (
            three.one(1, kind, zxid) for kind in (Note.READ, Note.SUBMITTED, Note.APPLIED, Note.REPLIED))
        published = three.one(1, Note.PUBLISHED, zxid, process="broadcast")
        elsewhere = [three.one(member, Note.APPLIED, zxid) for member in (2, 3)]

    assert [row.zxid for row in (read, submitted, applied, replied)] == [zxid] * 4
    assert [row.count for row in (read, submitted, applied, replied)] == [1, 0, 1, 1]
    assert submitted.part == 1
    assert submitted.who in three.configs
    life = [read, submitted, published, applied, replied]
    assert all(a.at_ns <= b.at_ns for a, b in pairwise(life))
    assert published.at_ns + applied.took_ns <= applied.at_ns
    assert applied.part == 0
    assert [row.part for row in elsewhere] == [1, 1]  # nobody is connected there


def test_all_stamps_of_a_leaders_own_client_are_in_order_over_both_processes(one: Served) -> None:
    with kazoo_client([one.address(1)]) as client:
        zxids = [client.create(f"/{i}", b"", include_data=True)[1].czxid for i in range(20)]

        for zxid in zxids:
            life = [
                one.one(1, Note.READ, zxid), one.one(1, Note.SUBMITTED, zxid),
                *(one.one(1, kind, zxid, process="broadcast") for kind in (
                    Note.TAKEN, Note.PROPOSED, Note.SYNCED, Note.COMMITTED, Note.PUBLISHED)),
                one.one(1, Note.APPLIED, zxid), one.one(1, Note.REPLIED, zxid)]
            assert all(a.at_ns <= b.at_ns for a, b in pairwise(life)), life


def test_a_request_that_fails_is_noted_with_its_code_and_one_that_does_not_is_not(one: Served) -> None:
    with kazoo_client([one.address(1)]) as client:
        with pytest.raises(NoNodeError):
            client.delete("/missing")
        zxid = client.create("/a", b"", include_data=True)[1].czxid
        one.one(1, Note.REPLIED, zxid)

    failed = one.takers[1].of("processor-0", Note.FAILED)
    assert [(row.zxid, row.count, row.part) for row in failed] == [(zxid - 1, 101, 0)]


def test_failures_in_a_row_are_one_note(one: Served) -> None:
    with kazoo_client([one.address(1)]) as client:
        results = [client.delete_async("/missing") for _ in range(200)]
        assert all(isinstance(each.exception, NoNodeError) for each in results if each.wait(20))
        zxid = client.create("/a", b"", include_data=True)[1].czxid
        one.one(1, Note.REPLIED, zxid)

    failed = one.takers[1].of("processor-0", Note.FAILED)
    assert sum(row.part + 1 for row in failed) == 200
    assert len(failed) < 200
    covered = [zxid for row in failed for zxid in range(row.zxid, row.zxid + row.part + 1)]
    assert covered == list(range(zxid - 200, zxid))


def test_watchers_that_were_told_are_noted_with_the_request_that_told_them(one: Served) -> None:
    with kazoo_client([one.address(1)]) as client, kazoo_client([one.address(1)]) as other:
        client.create("/a", b"")
        for each in (client, other):
            each.get("/a", watch=lambda event: None)
        zxid = client.set("/a", b"2").mzxid
        one.one(1, Note.NOTIFIED, zxid)

    told = one.takers[1].of("processor-0", Note.NOTIFIED)
    assert [(row.zxid, row.count) for row in told] == [(zxid, 2)]


def test_what_a_client_missed_is_told_by_no_request(one: Served) -> None:
    with kazoo_client([one.address(1)]) as creator:
        creator.create("/a")
    with Connection.open(one.address(1)) as client:
        client.send(SetWatches(0, exist=("/a",)))
        assert isinstance(client.receive(), Event)
        assert isinstance(client.receive(), Reply)
        zxid = client.call(SetData("/a", b"")).zxid  # by the processor that told it: it lives on
        one.one(1, Note.REPLIED, zxid)

    assert one.takers[1].of("processor-0", Note.NOTIFIED) == []


def test_reads_and_writes_are_counted_by_their_stages(one: Served) -> None:
    with kazoo_client([one.address(1)]) as client:
        client.create("/a", b"")
        for _ in range(30):
            client.get("/a")
        for _ in range(10):
            client.set("/a", b"x")

        def counted(name: str) -> int:
            figure = one.takers[1].figure("processor-0", name)
            return sum(figure["buckets"]) if isinstance(figure, dict) else 0

        one.wait(lambda: counted("request_read") >= 30)
        one.wait(lambda: counted("request_write") >= 11)
        for stage in ("collect", "order", "apply_wait", "apply", "reply"):
            one.wait(lambda stage=stage: counted(f"stage_{stage}") >= 11, stage)  # type: ignore[misc]


def test_a_read_behind_a_write_has_waited_for_it(one: Served) -> None:
    rounds = 20

    def figure(name: str) -> dict[str, Any]:
        found = one.takers[1].figure("processor-0", name)
        return found if isinstance(found, dict) else {"buckets": [], "sum": 0}

    with kazoo_client([one.address(1)]) as client_that_tries_until_it_is_served:
        client_that_tries_until_it_is_served.create("/a", b"")
    with Connection.open(one.address(1)) as client:
        for _ in range(rounds):
            client.send(SetData("/a", b"x", -1), GetData("/a"), GetData("/a"))
            for _ in range(3):
                client.receive()
        one.wait(lambda: sum(figure("read_stage_answer")["buckets"]) >= 2 * rounds)

    assert sum(figure("read_stage_park")["buckets"]) == sum(figure("request_read")["buckets"]) == 2 * rounds
    # A write goes to the disk and back first, a read does not.
    assert figure("read_stage_park")["sum"] > figure("read_stage_answer")["sum"]
    assert figure("request_read")["sum"] == figure("read_stage_park")["sum"] + figure("read_stage_answer")["sum"]


def stall_of(ensemble: Served, role: str, process: str, writes: object) -> list[Row]:
    """STALLED notes of a process that stands still for 0.3 s."""
    assert callable(writes)
    writes()
    before = len(ensemble.takers[1].of(process, Note.STALLED))
    ensemble.pause(1, role)
    stopped_ns = time.monotonic_ns()
    if role != "broadcast":
        writes()
    ensemble.wait(lambda: time.monotonic_ns() - stopped_ns > STOPPED_S * 1e9)
    ensemble.resume(1, role)
    ensemble.wait(lambda: len(ensemble.takers[1].of(process, Note.STALLED)) > before, f"{process} noted no stall")
    return ensemble.takers[1].of(process, Note.STALLED)[before:]


@pytest.mark.parametrize(("role", "process"), [("processor", "processor-0"), ("broadcast", "broadcast")])
def test_a_process_that_was_stopped_under_load_says_so(three: Served, role: str, process: str) -> None:
    with kazoo_client([three.address(1)]) as here, kazoo_client([three.address(2)]) as elsewhere:
        here.create("/a", b"")

        def write() -> None:
            elsewhere.set("/a", b"x")
            elsewhere.set("/a", b"y")

        stalls = stall_of(three, role, process, write)

    assert max(row.took_ns for row in stalls) > 0.15e9


def test_an_idle_process_that_was_stopped_says_so_where_a_timer_was_due(one: Served) -> None:
    one.wait(lambda: one.takers[1].figure("broadcast", "stalls") is not None)

    one.pause(1, "broadcast")
    stopped_ns = time.monotonic_ns()
    one.wait(lambda: time.monotonic_ns() - stopped_ns > 1.3e9)
    one.resume(1, "broadcast")

    one.wait(lambda: one.takers[1].of("broadcast", Note.STALLED), "no stall noted")
    one.wait(lambda: one.takers[1].figure("broadcast", "stalls"))


def test_notes_of_pipelined_writes_are_few_and_in_few_messages(three: Served) -> None:
    """Held by counts: what they cost in CPU time is for bench/telemetry_cost.py."""
    writes, window = 3000, 250
    with kazoo_client([three.address(1)]) as client_that_tries_until_it_is_served:
        client_that_tries_until_it_is_served.create("/a", b"")
    with Connection.open(three.address(1)) as client:
        began_ns = time.monotonic_ns()
        for _ in range(writes // window):
            client.send(*(SetData("/a", b"x" * 100) for _ in range(window)))
            answers = [client.receive() for _ in range(window)]
        last = answers[-1]
        assert isinstance(last, Reply)
        for member in three.configs:
            three.one(member, Note.APPLIED, last.zxid)
        three.one(1, Note.REPLIED, last.zxid)
        elapsed_s = (time.monotonic_ns() - began_ns) / 1e9

    messages = [each for taker in three.takers.values() for each in taker.messages]
    per_process = Counter((member, each.process) for member, taker in three.takers.items() for each in taker.messages)
    assert sum(len(each.notes) for each in messages) < NOTES_BYTES_PER_1000_MAX * writes // 1000
    assert max(per_process.values()) <= elapsed_s / 0.1 + MESSAGES_BEFORE
