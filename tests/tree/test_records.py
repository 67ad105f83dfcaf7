"""Records as execution takes them: control entries, gaps, corruption, poison."""

import pytest

from node.tree.execute import CorruptRecordError, RecordGapError, Replica, poison_hook
from node.tree.sink import NullSink
from node.tree.state import State
from node.tree.watches import Watches
from tests.tree.ensemble import IDENTITIES, Ensemble, creating, setting
from transport.batch import BATCH, REQUEST, TRACE_CONTEXT_BYTES, TRACED, pack_batch
from transport.entry import RECORD, Kind, pack_record
from transport.errors import Err
from transport.jute import encode
from transport.opcodes import OpCode
from transport.records import DeleteRequest
from transport.zxid import make_zxid


def batch_of(requests: bytes, count: int) -> bytes:
    return pack_batch(
        member=1, processor=0, generation=7, sequence=1, epoch=1, count=count, identities=[IDENTITIES],
        requests=requests)


def test_a_control_record_is_kept_and_told() -> None:
    ensemble = Ensemble(settings={"extendedTypesEnabled": "true"})

    assert ensemble.sink.controls[0].kind == Kind.EPOCH
    assert ensemble.replica.zxid == make_zxid(epoch=1, counter=0)
    assert ensemble.replica.has_extended_types
    assert ensemble.replica.state.control


def test_a_gap_and_a_repetition_are_refused() -> None:
    ensemble = Ensemble()
    replica = ensemble.replica
    for first in (replica.zxid, replica.zxid + 2, make_zxid(epoch=2, counter=1)):
        with pytest.raises(RecordGapError):
            replica.apply_record(pack_record(first_zxid=first, count=1, time_ms=1, body=b""))


def test_a_record_may_lie_anywhere_in_a_buffer() -> None:
    ensemble = Ensemble()
    ensemble.client().create(b"/a", b"data")
    other = Replica(State(), Watches(), NullSink())
    log = memoryview(b"junk" + b"".join(ensemble.log) + b"junk")

    at = 4
    for _ in ensemble.log:
        at = other.apply_record(log, at)

    assert at == len(log) - 4
    assert other.digest() == ensemble.replica.digest()


@pytest.mark.parametrize(("count", "requests", "batch_count"), [
    (2, 1, 1),  # the record counts more than its batches hold
    (1, 2, 2),  # and less
])
def test_counts_that_do_not_add_up_are_fatal(count: int, requests: int, batch_count: int) -> None:
    ensemble = Ensemble()
    request = REQUEST.pack(0, 1, 1, OpCode.SYNC, 0, 0, 0, 4) + b"\0\0\0\0"
    record = pack_record(
        first_zxid=ensemble.replica.zxid + 1, count=count, time_ms=1, body=batch_of(request * requests, batch_count))

    with pytest.raises(CorruptRecordError):
        ensemble.replica.apply_record(record)


@pytest.mark.parametrize(("requests", "counted"), [(2, 1), (1, 2), (0, 1)])
def test_a_batch_that_does_not_add_up_takes_its_zxids_and_ends_nobody(requests: int, counted: int) -> None:
    """It stands in the log of every member: a replica that died of it would die of it for ever."""
    ensemble = Ensemble()
    client = ensemble.client()
    request = REQUEST.pack(0, 1, 1, OpCode.SYNC, 0, 0, 0, 4) + b"\0\0\0\0"
    first = ensemble.replica.zxid + 1

    ensemble.apply(pack_record(
        first_zxid=first, count=counted + 1, time_ms=1,
        body=batch_of(request * requests, counted) + batch_of(request, 1)))

    assert ensemble.replica.zxid == first + counted
    assert [name for name, _ in ensemble.sink.alarms] == ["batch_malformed"]
    assert client.create(b"/a") == b"/a"


@pytest.mark.parametrize("garbage", [b"\xff" * 40, b"\0" * 3, b"\x7f\xff\xff\xff" * 20])
def test_identities_that_do_not_add_up_end_nobody(garbage: bytes) -> None:
    ensemble = Ensemble()
    batch = bytearray(batch_of(garbage, 1))
    batch[BATCH.size - 4:BATCH.size] = len(garbage).to_bytes(4, "little")

    ensemble.apply(pack_record(first_zxid=ensemble.replica.zxid + 1, count=1, time_ms=1, body=bytes(batch)))

    assert [name for name, _ in ensemble.sink.alarms] == ["batch_malformed"]


def test_a_record_that_is_cut_off_is_fatal() -> None:
    ensemble = Ensemble()
    ensemble.client()
    record = ensemble.log[-1]
    other = Ensemble().replica
    for length in range(RECORD.size, len(record)):
        with pytest.raises(CorruptRecordError):
            other.apply_record(record[:length])


def test_a_trace_context_is_stepped_over() -> None:
    ensemble = Ensemble()
    client = ensemble.client()
    body = encode(DeleteRequest(b"/absent", 0))
    request = REQUEST.pack(client.session, 1, 5, OpCode.DELETE, TRACED, 0, 0, len(body))
    ensemble.apply(pack_record(
        first_zxid=ensemble.replica.zxid + 1, count=2, time_ms=1,
        body=batch_of((request + b"t" * TRACE_CONTEXT_BYTES + body) * 2, 2)))

    assert [reply[4] for reply in ensemble.sink.replies[-2:]] == [Err.NO_NODE, Err.NO_NODE]


# --- poison -----------------------------------------------------------------------------------------------------


def test_a_request_that_makes_execution_raise_is_answered_minus_one_and_all_goes_on() -> None:
    ensemble = Ensemble(hook=poison_hook)
    client = ensemble.client()
    client.create(b"/a", b"old")
    client.get(b"/a", watch=True)
    digest = ensemble.replica.digest()

    assert client.create(b"/corral-test-poison") is Err.SYSTEM_ERROR
    assert client.multi(setting(b"/a", b"new"), creating(b"/b", flags=3), creating(b"/corral-test-poison/x")) is (
        Err.SYSTEM_ERROR)

    assert ensemble.replica.digest() == digest
    assert ensemble.sink.events == []
    assert [name for name, _ in ensemble.sink.alarms] == ["execution_failed", "execution_failed"]
    assert client.create(b"/b") == b"/b"
    assert ensemble.follow().digest() == ensemble.replica.digest()


def test_lack_of_memory_is_not_the_requests_fault() -> None:
    def exhausted(op: int, path: bytes, feature_level: int) -> None:
        if path == b"/big":
            raise MemoryError

    client = Ensemble(hook=exhausted).client()
    with pytest.raises(MemoryError):
        client.create(b"/big")


def test_what_a_sink_raises_is_not_the_requests_fault_either() -> None:
    ensemble = Ensemble()
    client = ensemble.client()
    client.exists(b"/a", watch=True)

    def broken(*_: object) -> None:
        raise RuntimeError("a bug of the shell")

    ensemble.sink.event = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError):
        client.create(b"/a")
