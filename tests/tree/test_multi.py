"""multi: all or nothing (A1.6)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tree.ensemble import (
    OPEN,
    Client,
    Ensemble,
    Reply,
    checking,
    creating,
    deleting,
    multi_body,
    multi_errors,
    setting,
)
from transport.errors import Err
from transport.jute import Record, decode_from, encode
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    Create2Response,
    CreateRequest,
    CreateResponse,
    CreateTTLRequest,
    GetDataRequest,
    Id,
    MultiHeader,
    SetDataRequest,
    SetDataResponse,
)

END = encode(MultiHeader(-1, True, -1))


@pytest.fixture
def client() -> Client:
    return Ensemble().client()


def results(reply: Reply) -> list[tuple[int, Record | None]]:
    """Of a multi that succeeded: type and record of each result."""
    assert isinstance(reply, bytes)
    records: dict[int, type[Record]] = {
        OpCode.CREATE: CreateResponse, OpCode.CREATE2: Create2Response, OpCode.SET_DATA: SetDataResponse}
    at = 0
    found: list[tuple[int, Record | None]] = []
    while True:
        header, at = decode_from(MultiHeader, reply, at, len(reply))
        if header.done:
            assert at == len(reply)
            return found
        record: Record | None = None
        if header.type in records:
            record, at = decode_from(records[header.type], reply, at, len(reply))
        found.append((header.type, record))


def test_later_operations_see_earlier_ones_and_share_one_zxid(client: Client) -> None:
    reply = client.multi(creating(b"/a", b"1"), creating(b"/a/b"), setting(b"/a", b"22", 0), checking(b"/a", 1),
                         deleting(b"/a/b"))

    zxid, now = client.ensemble.replica.zxid, client.ensemble.time_ms
    (created, _), (_, child), (_, changed), checked, deleted = results(reply)
    assert (created, child, checked, deleted) == (
        OpCode.CREATE, CreateResponse(b"/a/b"), (OpCode.CHECK, None), (OpCode.DELETE, None))
    assert isinstance(changed, SetDataResponse)
    assert (changed.stat.czxid, changed.stat.mzxid, changed.stat.mtime) == (zxid, zxid, now)
    assert (changed.stat.version, changed.stat.num_children) == (1, 1)


def test_an_empty_multi_is_legal(client: Client) -> None:
    assert client.multi() == END


def test_a_failure_applies_nothing_and_tells_each_operation_its_share(client: Client) -> None:
    client.create(b"/a", b"old")
    client.create(b"/gone")
    ensemble = client.ensemble
    digest = ensemble.replica.digest()

    reply = client.multi(
        creating(b"/b"), setting(b"/a", b"new"), deleting(b"/gone"), checking(b"/a", 7), creating(b"/c"))

    assert multi_errors(reply) == [0, 0, 0, Err.BAD_VERSION, Err.RUNTIME_INCONSISTENCY]
    assert ensemble.replica.digest() == digest
    assert isinstance(reply, bytes)
    assert reply.endswith(END)


def test_a_failed_multi_repeats_no_sequence_number_and_loses_none(client: Client) -> None:
    client.create(b"/q")
    client.multi(creating(b"/q/n-", flags=3), deleting(b"/absent"))

    assert client.create(b"/q/n-", flags=2) == b"/q/n-0000000000"


def test_rolled_back_ephemerals_are_the_sessions_again(client: Client) -> None:
    client.create(b"/e", flags=1)

    client.multi(deleting(b"/e"), creating(b"/f", flags=1), deleting(b"/absent"))

    session = client.ensemble.replica.sessions[client.session]
    assert list(session.ephemerals) == [b"/e"]
    assert client.close() == b""
    assert b"/e" not in client.ensemble.replica.nodes


def test_a_failed_multi_tells_no_watcher_and_uses_no_watch_up(client: Client) -> None:
    client.create(b"/a")
    client.get(b"/a", watch=True)

    client.multi(setting(b"/a", b"x"), deleting(b"/absent"))
    assert client.ensemble.sink.take_events() == []

    client.multi(setting(b"/a", b"x"))
    assert client.ensemble.sink.take_events() == [([1], 3, b"/a")]


KINDS_OF_CREATE = [
    (OpCode.CREATE2, CreateRequest(b"/a", b"", OPEN, 0)),
    (OpCode.CREATE_CONTAINER, CreateRequest(b"/b", b"", OPEN, 4)),
    (OpCode.CREATE, CreateRequest(b"/c", b"", OPEN, 4)),
    (OpCode.CREATE_CONTAINER, CreateRequest(b"/d", b"", OPEN, 0)),
    (OpCode.CREATE, CreateRequest(b"/e", b"", OPEN, 0)),
]
CREATE, CREATE2 = OpCode.CREATE, OpCode.CREATE2


@pytest.mark.parametrize(("release", "kinds"), [
    ("3.8", [CREATE, CREATE2, CREATE2, CREATE, CREATE]),
    ("3.9", [CREATE2, CREATE2, CREATE2, CREATE2, CREATE]),
])
def test_a_create2_inside_answers_with_its_stat_from_3_9_on(release: str, kinds: list[int]) -> None:
    client = Ensemble(compatibility=release).client()

    reply = client.multi(*KINDS_OF_CREATE)

    assert [kind for kind, _ in results(reply)] == kinds
    assert list(client.ensemble.replica.tree.reapable) == [b"/b", b"/c"]


def test_a_ttl_node_inside_answers_with_its_stat() -> None:
    client = Ensemble(settings={"extendedTypesEnabled": "true"}).client()

    reply = client.multi((OpCode.CREATE_TTL, CreateTTLRequest(b"/t", b"", OPEN, 5, 60_000)))

    assert [kind for kind, _ in results(reply)] == [OpCode.CREATE2]


@pytest.mark.parametrize("wrong", [
    creating(b"/b", flags=99), creating(b"/b", flags=5), (OpCode.CREATE2, CreateRequest(b"/b", b"", None, 0)),
])
def test_a_create_that_makes_no_sense_fails_the_whole_request_from_3_9_on(client: Client, wrong: Any) -> None:
    assert client.multi(creating(b"/a"), wrong) is Err.MARSHALLING_ERROR
    assert client.exists(b"/a") is Err.NO_NODE


def test_an_unknown_flag_failed_its_operation_only_in_3_8() -> None:
    client = Ensemble(compatibility="3.8").client()

    assert multi_errors(client.multi(creating(b"/a"), creating(b"/b", flags=99))) == [0, Err.BAD_ARGUMENTS]


def test_what_zookeeper_stumbles_over_fails_the_whole_request(client: Client) -> None:
    null_id = [ACL(31, Id(b"world", None))]
    digest = client.ensemble.replica.digest()
    for sub_ops in (
        [(OpCode.GET_DATA, GetDataRequest(b"/", False))],
        [creating(b"/a"), (OpCode.GET_DATA, GetDataRequest(b"/", False))],
        [creating(b"/a"), (OpCode.CREATE, CreateRequest(None, b"", OPEN, 0))],
        [creating(b"/a"), (OpCode.CREATE, CreateRequest(b"/b", b"", null_id, 0))],
        [creating(b"/a"), (OpCode.CREATE, CreateRequest(b"/b", b"", OPEN, 5))],
        [deleting(b"/absent"), (4711, GetDataRequest(b"/", False))],
    ):
        assert client.multi(*sub_ops) is Err.MARSHALLING_ERROR
    assert client.ensemble.replica.digest() == digest
    assert not client.ensemble.sink.alarms


def test_every_truncation_is_a_marshalling_error_that_changes_nothing(client: Client) -> None:
    body = multi_body([
        creating(b"/a", b"data"), setting(b"/a", b"x" * 600), setting(b"/a", b"1"), setting(b"/a", b"2"),
        setting(b"/a", b"3"), deleting(b"/a"), checking(b"/", 0)])
    digest = client.ensemble.replica.digest()
    request = client.request(OpCode.MULTI)
    for length in range(len(body)):
        (reply,) = client.ensemble.submit([
            type(request)(request.op, body[:length], request.session, request.connection)])
        assert reply is Err.MARSHALLING_ERROR
    assert client.ensemble.replica.digest() == digest


@given(st.lists(st.tuples(
    st.sampled_from([b"/a", b"/b", b"/cc"]), st.sampled_from([None, b"", b"x", b"y", b"zz", b"w" * 600, b"v" * 600]),
    st.booleans())))
def test_setdatas_of_like_lengths_are_decoded_as_any_others(writes: list[tuple[bytes, bytes | None, bool]]) -> None:
    client = Ensemble().client()
    for path in (b"/a", b"/b", b"/cc"):
        client.create(path)
    data: dict[bytes, bytes | None] = {}
    versions = {b"/a": 0, b"/b": 0, b"/cc": 0}
    sub_ops: list[tuple[int, Record]] = []
    expected = []
    for path, value, is_checked in writes:
        if is_checked:
            sub_ops.append(checking(path, versions[path]))
        sub_ops.append((OpCode.SET_DATA, SetDataRequest(path, value, versions[path])))
        data[path] = value
        versions[path] += 1
        expected.append((versions[path], len(value or b"")))

    reply = client.multi(*sub_ops)

    stats = [record.stat for _, record in results(reply) if isinstance(record, SetDataResponse)]
    assert [(stat.version, stat.data_length) for stat in stats] == expected
    assert {path: client.ensemble.replica.nodes[path].data for path in data} == data


def test_a_run_of_setdatas_ends_where_the_multi_does(client: Client) -> None:
    client.create(b"/a")
    alike = multi_body([setting(b"/a", b"1"), setting(b"/a", b"2")])
    last = (len(alike) - len(END)) // 2  # where the second one's header stands
    assert alike[last:last + 4] == b"\0\0\0\5"
    done = alike[:last + 4] + b"\1" + alike[last + 5:]

    request = client.request(OpCode.MULTI)
    (reply,) = client.ensemble.submit([type(request)(request.op, done, request.session, request.connection)])

    assert [kind for kind, _ in results(reply)] == [OpCode.SET_DATA]
    assert client.ensemble.replica.nodes[b"/a"].data == b"1"
