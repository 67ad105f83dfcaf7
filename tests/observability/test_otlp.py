"""Traces of a real ensemble at real receivers: one per write, whole, over all members, also across a failover."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError

from observability.spans import SPAN_OF
from tests.corral import ROOT, Ensemble, corral_ensemble, kazoo_client
from tests.observability.receivers import RECEIVERS, Received, Span, http_receiver
from tests.observability.scrapes import await_telemetry, series
from tests.waiting import wait_until

MEMBERS = {1, 2, 3}
Trace = list[Span]


def settings_of(receiver: Received, **more: str) -> dict[str, str]:
    return {
        "corral.otlpEndpoint": receiver.endpoint, "corral.otlpProtocol": receiver.protocol,
        "corral.traceBudget": "1000", **more}


@pytest.fixture(scope="module", params=sorted(RECEIVERS))
def receiver(request: pytest.FixtureRequest) -> Iterator[Received]:
    with RECEIVERS[request.param]() as received:
        yield received


@pytest.fixture(scope="module")
def ensemble(receiver: Received, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with corral_ensemble(tmp_path_factory.mktemp("otlp"), settings=settings_of(receiver)) as started:
        await_telemetry(started)
        yield started


@pytest.fixture(params=["leader", "follower"])
def zk(request: pytest.FixtureRequest, ensemble: Ensemble) -> Iterator[KazooClient]:
    """A client of that member."""
    leader = ensemble.leader()
    member = leader if request.param == "leader" else leader % len(MEMBERS) + 1
    with kazoo_client([ensemble.addresses[member - 1]]) as client:
        yield client


def traces_of(receiver: Received, path: str, count: int) -> list[Trace]:
    """In the order of their zxids; each with its root first."""
    def found() -> list[Trace]:
        traces = receiver.of_path(path)
        return traces if len(traces) >= count else []

    traces = wait_until(found, seconds=30, what=f"{count} traces of {path}")
    assert len(traces) == count
    return sorted(traces, key=lambda trace: int(trace[0].attributes["corral.zxid"], 16))


def told(trace: Trace, traces: list[Trace]) -> Trace:
    """The trace that shows the stages: this one's, or that of another write of the same batch."""
    of = trace[0].attributes.get("corral.stages_of")
    if of is None:
        return trace
    assert len(trace) == 1
    (found,) = [each for each in traces if each[0].attributes["corral.zxid"] == of]
    assert trace[0].links == [(found[0].trace_id, found[0].span_id)]
    return found


def named(trace: Trace, name: str) -> Trace:
    return [span for span in trace if span.name == name]


def members(spans: Trace) -> list[int]:
    return sorted(span.resource["corral.member"] for span in spans)


def check_parents(trace: Trace) -> None:
    """Every span stands where the table says."""
    root, *others = trace
    by_id = {span.span_id: span for span in trace}
    assert len(by_id) == len(trace)
    for span in others:
        parent = by_id[span.parent_id]
        assert SPAN_OF[span.name].parent == ("request" if parent is root else parent.name), span.name


def check_whole(trace: Trace) -> None:
    """What every member did is there."""
    root = trace[0].attributes
    leader = root["corral.leader"]
    assert {members(named(trace, name)) == sorted(MEMBERS) for name in ("append", "fsync", "apply")} == {True}
    acks = named(trace, "ack")
    assert {span.attributes["corral.follower"] for span in acks} == MEMBERS - {leader}
    assert all({"corral.network_s", "corral.queue_s", "corral.residence_s"} <= span.attributes.keys() for span in acks)
    for name in ("propose", "commit", "ack"):
        assert set(members(named(trace, name))) == {leader}, name
    for name in ("forward", "reply"):
        assert members(named(trace, name)) == [root["corral.origin"]], name
    assert "corral.members_missing" not in root
    (commit,) = named(trace, "commit")
    ((event, at_ns, attributes),) = commit.events
    assert (event, at_ns) == ("quorum", commit.end_ns)
    assert attributes["corral.completed_by"] in MEMBERS


def test_each_write_is_one_whole_trace_named_by_its_operation(
        ensemble: Ensemble, receiver: Received, zk: KazooClient) -> None:
    path = f"/whole-{zk.client_id[0]:x}"
    zk.create(path, b"0")
    stat = zk.set(path, b"12345678")
    with pytest.raises(BadVersionError):
        zk.set(path, b"1", version=99)
    zk.delete(path)

    created, changed, refused, deleted = traces = traces_of(receiver, path, 4)

    assert [trace[0].name for trace in traces] == ["create", "setData", "setData", "delete"]
    for trace in traces:
        check_parents(trace)
        check_whole(trace)
    for trace in traces:
        root = trace[0].attributes
        assert root["corral.session"] == f"{zk.client_id[0] & (1 << 64) - 1:#x}"
        assert int(root["corral.zxid"], 16) == root["corral.zxid.epoch"] << 40 | root["corral.zxid.counter"]
        assert root["corral.sampled_because"] in {"sampled", "slow"}
        assert root["corral.slowest.stage"] in SPAN_OF
    assert int(changed[0].attributes["corral.zxid"], 16) == stat.last_modified_transaction_id
    assert [trace[0].attributes.get("error.type") for trace in traces] == [None, None, "BAD_VERSION", None]
    assert created[0].attributes["corral.bytes"] > deleted[0].attributes["corral.bytes"] > 0
    assert refused[0].status == 0


def test_durations_fit_into_each_other(ensemble: Ensemble, receiver: Received, zk: KazooClient) -> None:
    path = f"/fit-{zk.client_id[0]:x}"
    zk.create(path, b"0")

    (trace,) = traces_of(receiver, path, 1)

    root = trace[0]
    by_id = {span.span_id: span for span in trace}
    for name in ("forward", "propose", "reply"):  # a follower's client may have its answer before the leader knows
        assert all(span.seconds <= root.seconds + span.attributes.get("corral.uncertainty_s", 0)
                   for span in named(trace, name)), name
    for fsync in named(trace, "fsync"):
        assert fsync.seconds > 0
        append = by_id[fsync.parent_id]
        assert fsync.end_ns == append.end_ns


def test_watchers_told_by_any_member_are_linked_to_the_write(
        ensemble: Ensemble, receiver: Received, zk: KazooClient) -> None:
    path = f"/watched-{zk.client_id[0]:x}"
    zk.create(path, b"0")
    told: list[Any] = []
    with kazoo_client([ensemble.addresses[0]]) as one, kazoo_client([ensemble.addresses[2]]) as other:
        for client in (one, other):
            wait_until(lambda client=client: client.exists(path), what="the node is everywhere")
            client.get(path, watch=told.append)
        zk.set(path, b"1")
        wait_until(lambda: len(told) == 2, what="both watchers are told")

    _created, changed = traces_of(receiver, path, 2)

    notified = named(changed, "notify")
    assert members(notified) == [1, 3]
    assert all(span.links == [(changed[0].trace_id, changed[0].span_id)] for span in notified)
    assert [span.attributes["corral.watchers"] for span in notified] == [1, 1]


def test_writes_of_one_batch_or_record_say_what_they_share_and_link_to_it(
        ensemble: Ensemble, receiver: Received, zk: KazooClient) -> None:
    path = f"/shared-{zk.client_id[0]:x}"
    zk.create(path, b"0")
    for result in [zk.set_async(path, str(number).encode()) for number in range(20)]:
        result.get(timeout=30)

    traces = traces_of(receiver, path, 21)[1:]

    riders = [trace for trace in traces if "corral.stages_of" in trace[0].attributes]
    assert riders
    for trace in riders:
        check_whole(told(trace, traces))
    shared = [span for trace in traces for span in trace[1:] if span.name != "notify" and span.links]
    shown = {(span.trace_id, span.span_id): span for span in receiver.spans}
    for span in shared:
        first = shown[span.links[0]]
        same = ("corral.last_zxid", "corral.shared_by")
        assert [first.attributes[key] for key in same] == [span.attributes[key] for key in same]
        assert (first.name, first.resource, first.seconds) == (span.name, span.resource, span.seconds)
        assert span.attributes["corral.shared_by"] > 1


@pytest.mark.parametrize("receiver", ["http/protobuf"], indirect=True)  # by which the example sends its own span
def test_the_example_puts_its_writes_into_its_own_trace(ensemble: Ensemble, receiver: Received) -> None:
    host, port = ensemble.addresses[1]

    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/traced_kazoo.py"), f"{host}:{port}", receiver.endpoint],
        capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    trace_id = done.stdout.strip()

    def roots() -> Trace:
        own = [span for span in receiver.traces.get(trace_id, []) if span.name == "place order"]
        return [span for span in receiver.traces[trace_id] if own and span.parent_id == own[0].span_id]

    writes = wait_until(lambda: len(roots()) == 2 and roots(), seconds=30, what="both writes are in its trace")
    assert [span.name for span in sorted(writes, key=lambda span: span.start_ns)] == ["create", "setData"]


def test_a_clients_span_becomes_the_parent_and_only_of_what_it_covers(
        ensemble: Ensemble, receiver: Received, zk: KazooClient) -> None:
    trace_id, span_id = f"{zk.client_id[0]:032x}", "b7ad6b7169203331"
    path = f"/child-{zk.client_id[0]:x}"
    zk.create(path, b"0")
    zk.add_auth("traceparent", f"00-{trace_id}-{span_id}-01")
    zk.set(path, b"1")
    zk.add_auth("traceparent", "")
    zk.set(path, b"2")

    def found() -> dict[str, Span]:
        roots = {span.attributes["corral.zxid"]: span for span in receiver.spans
                 if span.attributes.get("corral.path") == path}
        return roots if len(roots) == 3 else {}

    before, child, after = [
        root for _zxid, root in sorted(wait_until(found, seconds=30, what="three writes are traced").items())]

    assert (child.trace_id, child.parent_id) == (trace_id, span_id)
    assert child.attributes["corral.sampled_because"] in {"client", "slow"}
    assert before.parent_id == after.parent_id == ""
    assert len({before.trace_id, child.trace_id, after.trace_id}) == 3


def test_a_write_in_flight_when_the_leader_dies_shows_the_election(
        receiver: Received, ensemble: Ensemble) -> None:
    leader = ensemble.leader()
    follower = next(member for member in sorted(MEMBERS) if member != leader)
    address = [ensemble.addresses[follower - 1]]
    with kazoo_client(address) as zk, kazoo_client(address) as other:
        path = f"/failover-{zk.client_id[0]:x}"
        zk.create(path, b"0")
        other.sync("/")
        try:
            ensemble.signal(leader, "broadcast", signal.SIGSTOP)
            results = [zk.set_async(path, b"in flight") for _ in range(3)]
            other.get(path)  # answered by a turn of the processor that had the writes before it, and sent them
            ensemble.kill(leader)
            for result in results:
                result.get(timeout=60)
        finally:
            ensemble.start(leader)
        traces = traces_of(receiver, path, 4)[1:]

    for trace in traces:
        root = trace[0].attributes
        whole = told(trace, traces)
        check_parents(whole)
        (election,) = named(whole, "election")
        (forward,) = named(whole, "forward")
        assert forward.attributes["corral.times_sent"] > 1
        assert root["corral.sampled_because"] in {"slow", "election"}
        assert root["corral.leader"] != leader
        assert election.attributes["corral.leader"] == root["corral.leader"]
        assert election.attributes["corral.epoch"] == root["corral.zxid.epoch"]
        assert election.seconds <= forward.seconds + forward.attributes["corral.uncertainty_s"]


def test_what_is_beyond_the_budget_is_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    with http_receiver() as receiver:
        settings = settings_of(receiver, **{"corral.traceBudget": "2", "corral.traceSlowMs": "60000"})
        with corral_ensemble(tmp_path_factory.mktemp("budget"), settings=settings) as ensemble:
            await_telemetry(ensemble)
            with kazoo_client([ensemble.addresses[0]]) as zk:
                for result in [zk.create_async("/b-", sequence=True) for _ in range(2000)]:
                    result.get(timeout=60)
                expected = 2000 + 1  # and the session

                def decided() -> bool:
                    figures = series(ensemble, 1)
                    kept = total(figures, "corral_traces_total")
                    return kept + total(figures, "corral_traces_dropped_total") >= expected

                wait_until(decided, seconds=30, what="every write is decided on")
            figures = series(ensemble, 1)
            kept = total(figures, "corral_traces_total")
            wait_until(lambda: len(receiver.traces) >= kept, seconds=30, what="the kept ones arrive")
    assert figures["corral_traces_dropped_total", "budget"] > 0
    assert 0 < kept < 1500


def total(figures: dict[tuple[str, str], float], name: str) -> float:
    return sum(value for (found, _reason), value in figures.items() if found == name)
