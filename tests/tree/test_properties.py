"""What must hold for every sequence of requests: replicas agree, digests are recounts, multi is all or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from node.tree.create import read_create
from node.tree.digest import SUM_MOD, contribution
from node.tree.execute import HANDLERS, Replica
from node.tree.snapshot import decode_state, encode_state
from tests.tree.ensemble import OPEN, Client, Ensemble, Request, multi_body
from transport.entry import DIGEST_POINT
from transport.errors import Err
from transport.jute import Record, encode
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    CheckVersionRequest,
    CreateRequest,
    DeleteRequest,
    Id,
    SetACLRequest,
    SetDataRequest,
)

Op = tuple[int, Record]

QUOTA_OF_A = b"/zookeeper/quota/a"
LIMITS_OF_A, USAGE_OF_A = QUOTA_OF_A + b"/zookeeper_limits", QUOTA_OF_A + b"/zookeeper_stats"
PATHS = st.sampled_from([
    b"/a", b"/b", b"/a/x", b"/a/y", b"/a/x/z", b"/a/", b"/", b"", b"bad", b"/zookeeper", QUOTA_OF_A, LIMITS_OF_A,
    USAGE_OF_A])
DATA = st.sampled_from([None, b"", b"1", b"22", b"count=-1,bytes=-1=;byteHardLimit=1;countHardLimit=3"])
SETTINGS = {"enforceQuota": "true"}
VERSIONS = st.sampled_from([-1, 0, 1, 2])
FLAGS = st.sampled_from([0, 0, 0, 1, 2, 3, 4, 9])
ACLS = st.sampled_from([
    OPEN, OPEN, OPEN, [ACL(17, Id(b"world", b"anyone"))], [ACL(31, Id(b"ip", b"127.0.0.1"))],
    [ACL(31, Id(b"auth", b""))], []])

CREATES = st.builds(lambda *args: (OpCode.CREATE, CreateRequest(*args)), PATHS, DATA, ACLS, FLAGS)
DELETES = st.builds(lambda *args: (OpCode.DELETE, DeleteRequest(*args)), PATHS, VERSIONS)
SETS = st.builds(lambda *args: (OpCode.SET_DATA, SetDataRequest(*args)), PATHS, DATA, VERSIONS)
CHECKS = st.builds(lambda *args: (OpCode.CHECK, CheckVersionRequest(*args)), PATHS, VERSIONS)
SET_ACLS = st.builds(lambda *args: (OpCode.SET_ACL, SetACLRequest(*args)), PATHS, ACLS, VERSIONS)

SUB_OPS = st.one_of(CREATES, CREATES, DELETES, SETS, CHECKS)
MULTIS = st.lists(SUB_OPS, max_size=5)
SINGLES = st.one_of(CREATES, CREATES, DELETES, SETS, SET_ACLS)
PLAIN_STEPS = st.lists(st.one_of(SINGLES, SINGLES, MULTIS), max_size=25)


def request(client: Client, step: Op | list[Op]) -> Request:
    if isinstance(step, list):
        return Request(OpCode.MULTI, multi_body(step), client.session, client.connection)
    return client.request(*step)


def shape(replica: Replica) -> object:
    """All of a tree that can be seen from outside, children and ephemerals without their order."""
    return (
        {path: (
            node.data, node.acl, node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime, node.version,
            node.cversion, node.aversion, node.owner, frozenset(node.children or ()))
         for path, node in replica.nodes.items()},
        {session.id: frozenset(session.ephemerals) for session in replica.sessions.values()},
        frozenset(replica.tree.reapable),
        frozenset(replica.tree.quotas),
    )


def with_quota(steps: list[Op | list[Op]]) -> list[Op | list[Op]]:
    """A quota is there before the first step."""
    made = (QUOTA_OF_A, LIMITS_OF_A, USAGE_OF_A)
    return [*((OpCode.CREATE, CreateRequest(path, b"", OPEN, 0)) for path in made), *steps]


def naive_digest(replica: Replica) -> int:
    return sum(contribution(node) for path, node in replica.nodes.items() if path) % SUM_MOD


STEPS = st.one_of(PLAIN_STEPS, PLAIN_STEPS.map(with_quota))


@given(STEPS, st.integers(1, 4))
def test_replicas_that_execute_the_same_records_are_equal(steps: list[Op | list[Op]], batch: int) -> None:
    ensemble = Ensemble(settings=SETTINGS)
    clients = [ensemble.client(1), ensemble.client(2)]
    requests = [request(clients[index % 2], step) for index, step in enumerate(steps)]
    for start in range(0, len(requests), batch):
        ensemble.submit(requests[start:start + batch], flags=DIGEST_POINT * (start % 3 == 0))
    clients[0].close()

    other = ensemble.follow()

    assert shape(other) == shape(ensemble.replica)
    assert other.digest() == ensemble.replica.digest()
    assert ensemble.replica.tree.digest.total == naive_digest(ensemble.replica)
    assert ensemble.sink.alarms == []


@given(STEPS)
def test_a_state_comes_back_from_its_snapshot(steps: list[Op | list[Op]]) -> None:
    ensemble = Ensemble(settings=SETTINGS)
    client = ensemble.client(1)
    for step in steps:
        ensemble.submit([request(client, step)])

    state = decode_state(encode_state(ensemble.replica.state))

    assert state.digest() == ensemble.replica.digest()
    assert state.tree.quotas.keys() == ensemble.replica.quotas.keys()
    assert {path: list(node.children or ()) for path, node in state.tree.nodes.items()} == {
        path: list(node.children or ()) for path, node in ensemble.replica.nodes.items()}
    assert [list(session.ephemerals) for session in state.sessions.values()] == [
        list(session.ephemerals) for session in ensemble.replica.sessions.values()]


@given(STEPS, MULTIS)
def test_a_multi_that_fails_might_never_have_been(steps: list[Op | list[Op]], sub_ops: list[Op]) -> None:
    ensemble = Ensemble(settings=SETTINGS)
    client = ensemble.client(1)
    for step in steps:
        ensemble.submit([request(client, step)])
    before, digest = shape(ensemble.replica), ensemble.replica.digest()

    client.multi(*sub_ops, (OpCode.DELETE, DeleteRequest(b"/absent", -1)))

    assert shape(ensemble.replica) == before
    assert ensemble.replica.digest() == digest
    assert ensemble.replica.tree.digest.total == naive_digest(ensemble.replica)


@given(MULTIS)
def test_a_multi_that_succeeds_is_its_operations_one_after_the_other(sub_ops: list[Op]) -> None:
    together, apart = Ensemble(), Ensemble()
    for ensemble in (together, apart):
        ensemble.client(1).create(b"/a")
    one = Client(together, *_only(together))
    two = Client(apart, *_only(apart))
    sub_ops = [op for op in sub_ops if op[0] != OpCode.CHECK and getattr(op[1], "flags", 0) != 4]

    whole = one.multi(*sub_ops)
    singles = [two.write(*op) for op in sub_ops]

    all_succeeded = not any(isinstance(reply, Err) for reply in singles)
    if all_succeeded:
        assert whole is not Err.MARSHALLING_ERROR
        assert {path: node.data for path, node in together.replica.nodes.items()} == {
            path: node.data for path, node in apart.replica.nodes.items()}
    elif isinstance(whole, bytes):
        assert whole.count(b"\xff\xff\xff\xff\0") >= len(sub_ops)  # every result is an error


def _only(ensemble: Ensemble) -> tuple[int, int, bytes]:
    (session_id,) = ensemble.replica.sessions
    return session_id, 1, Request(0).identities


@given(st.sampled_from(sorted(HANDLERS)), st.binary(max_size=60), st.binary(max_size=40))
def test_any_bytes_as_a_body_get_an_answer_and_no_alarm(op: int, body: bytes, rest: bytes) -> None:
    ensemble = Ensemble()
    client = ensemble.client(1)

    replies = ensemble.submit([
        Request(op, body, client.session, 1), Request(OpCode.SYNC, rest, client.session, 1)])

    assert len(replies) == 2
    assert ensemble.sink.alarms == []


@given(st.sampled_from(sorted(HANDLERS)), st.binary(max_size=40), st.binary(max_size=30), st.binary(max_size=30))
def test_the_answer_depends_on_the_request_not_on_what_follows_in_the_record(
    op: int, body: bytes, one: bytes, two: bytes
) -> None:
    answers = []
    for following in (one, two):
        ensemble = Ensemble()
        client = ensemble.client(1)
        replies = ensemble.submit([
            Request(op, body, client.session, 1), Request(OpCode.SYNC, following, client.session, 1)])
        answers.append((replies[0], ensemble.replica.tree.digest.settle()))

    assert answers[0] == answers[1]


@given(
    st.one_of(st.none(), st.binary(max_size=600)), st.one_of(st.none(), st.binary(max_size=600)),
    st.lists(st.builds(ACL, st.integers(-5, 40), st.builds(
        Id, st.one_of(st.none(), st.binary(max_size=9)), st.one_of(st.none(), st.binary(max_size=9)))), max_size=3),
    st.integers(-2**31, 2**31 - 1))
def test_the_flattened_create_request_is_the_declared_one(
    path: bytes | None, data: bytes | None, acl: list[ACL], flags: int
) -> None:
    body = encode(CreateRequest(path, data, acl, flags))

    arguments, end = read_create(b"before" + body + b"after", 6, 6 + len(body), with_ttl=False)

    entries = [(entry.perms, entry.id.scheme, entry.id.id) for entry in acl]
    assert end == 6 + len(body)
    assert arguments == (path, data, entries, flags, -1)


def test_the_flattened_create_request_recognises_the_open_acl() -> None:
    body = encode(CreateRequest(b"/a", b"", OPEN, 0))
    assert read_create(body, 0, len(body), with_ttl=False) == ((b"/a", b"", None, 0, -1), len(body))
