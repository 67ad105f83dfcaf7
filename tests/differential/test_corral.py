"""Corral against genuine ZooKeeper: whatever a client does, it must not be able to tell them apart."""

import os
from dataclasses import astuple, dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.differential.comparison import compare, compare_together
from tests.differential.steps import Burst, Sequence
from tests.differential.strategies import quota_sequences, sequences
from tests.wire import (
    OPEN_ACL,
    Acls,
    Create,
    Create2,
    Delete,
    Exists,
    GetAcl,
    GetChildren,
    Request,
    SetAcl,
    SetData,
)
from tests.wire_connection import NO_PASSWORD, Address, Connection

TOGETHER = 4  # sequences at the same time, at least
SHARE_OF_QUOTAS = 16  # of all sequences one in so many, for each kind

pytestmark = pytest.mark.timeout(3600)  # for so many sequences as are asked for


def how_many() -> int:
    """Sequences to compare: CORRAL_SEQUENCES, or by where we run."""
    if asked := os.environ.get("CORRAL_SEQUENCES"):
        return int(asked)
    if os.environ.get("CORRAL_TEST_ALL"):
        return 10_000
    return 1_000 if os.environ.get("CI") else 200


compared = settings(
    max_examples=how_many(),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@compared
@given(sequence=sequences())
def test_the_cores_answer_as_genuine_zookeeper(
    genuine: list[Address], corral_cores: list[Address], sequence: Sequence
) -> None:
    assert compare(sequence, genuine, corral_cores) == ""


@settings(compared, max_examples=how_many() // TOGETHER)
@given(together=st.lists(sequences(), min_size=TOGETHER, max_size=2 * TOGETHER))
def test_an_ensemble_answers_as_genuine_zookeeper(
    genuine: list[Address], corral: list[Address], together: list[Sequence]
) -> None:
    assert compare_together(together, genuine, corral) == ""


@pytest.mark.long
@settings(compared, max_examples=how_many() // TOGETHER)
@given(sequence=sequences())
def test_the_cores_answer_alike_where_there_are_ttl_nodes(
    extended: tuple[list[Address], list[Address]], sequence: Sequence
) -> None:
    assert compare(sequence, *extended) == ""


@settings(compared, max_examples=how_many() // SHARE_OF_QUOTAS)
@given(sequence=quota_sequences(is_enforced=False))
def test_usages_are_counted_alike(
    genuine: list[Address], corral_cores: list[Address], sequence: Sequence
) -> None:
    assert compare(sequence, genuine, corral_cores) == ""


@settings(compared, max_examples=how_many() // SHARE_OF_QUOTAS)
@given(sequence=quota_sequences(is_enforced=True))
def test_quotas_that_are_enforced_refuse_alike(
    enforcing: tuple[list[Address], list[Address]], sequence: Sequence
) -> None:
    assert compare(sequence, *enforcing) == ""


# Around each border of what ZooKeeper's PathUtils refuses.
BORDERS = "a./\x00\x01\x1e\x1f\x20\x7e\x7f\x80\x9f\xa0é\ud7ff\ue000\uf8fe\uf8ff\uf900\uffef\ufff0\uffff\U00010000"


def creates(names: list[str]) -> Sequence:
    """Each name as a path to create, and as one to look for."""
    requests = [request(f"/{name}") for name in names for request in (Create, Exists, GetChildren)]
    return Sequence(1, (), (Burst(0, tuple(requests)),))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(sequence=creates(list(BORDERS)))
@given(sequence=st.builds(creates, st.lists(st.text(BORDERS, max_size=5), min_size=5, max_size=30)))
def test_every_path_is_judged_alike(genuine: list[Address], corral_cores: list[Address], sequence: Sequence) -> None:
    assert compare(sequence, genuine, corral_cores) == ""


@dataclass(frozen=True)
class Hello:
    """What a client opens with.  read_only None: the byte is not sent."""

    timeout_ms: int = 10_000
    read_only: bool | None = False
    password: bytes | None = NO_PASSWORD
    session_id: int = 0
    zxid_seen: int = 0


HELLOS = [
    *(Hello(timeout_ms) for timeout_ms in (-1, 0, 1, 3_999, 4_000, 4_001, 39_999, 40_001, 2**31 - 1)),
    *(Hello(read_only=read_only) for read_only in (None, True)),
    *(Hello(password=password) for password in (None, b"", b"short", bytes(40))),
    Hello(zxid_seen=2**62),
    Hello(zxid_seen=-1),
    Hello(session_id=12345),
    Hello(session_id=12345, read_only=None),
    Hello(session_id=-1, password=b""),
]


@pytest.mark.parametrize("hello", HELLOS, ids=lambda hello: str(astuple(hello)))
def test_every_handshake_is_answered_alike(genuine: list[Address], corral_cores: list[Address], hello: Hello) -> None:
    assert answer(corral_cores[0], hello) == answer(genuine[0], hello)


def answer(address: Address, hello: Hello) -> tuple[object, ...] | None:
    with Connection.to(address) as connection:
        connection.send_handshake(
            timeout_ms=hello.timeout_ms,
            read_only=hello.read_only,
            password=hello.password,
            session_id=hello.session_id,
            zxid_seen=hello.zxid_seen,
        )
        handshake = connection.receive_handshake()
        if handshake is None:
            return None
        told = (handshake.timeout_ms, len(handshake.password), handshake.read_only)
        return (*told, handshake.session_id != 0)


SYSTEM_REQUESTS: list[Request] = [
    *(Delete(path) for path in ("/", "", "/zookeeper", "/zookeeper/quota", "/zookeeper/config")),
    *(Create(path) for path in ("/", "", "/zookeeper", "/zookeeper/config", "/zookeeper/made")),
    *(GetAcl(path) for path in ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config")),
    *(GetChildren(path) for path in ("/zookeeper", "/zookeeper/quota", "/zookeeper/config")),
    Create2("/zookeeper/config/made"),
    Delete("/zookeeper/made"),
    SetData("/zookeeper/config", b"x"),
    SetAcl("/zookeeper/config", OPEN_ACL),
    Exists("zookeeper"),
    Exists(""),
]


@pytest.mark.parametrize("request_", SYSTEM_REQUESTS, ids=repr)
def test_the_system_nodes_are_alike(genuine: list[Address], corral_cores: list[Address], request_: Request) -> None:
    def result(address: Address) -> tuple[object, ...]:
        with Connection.open(address) as connection:
            reply = connection.call(request_)
            plain = [sorted(v) for v in reply.body if isinstance(v, tuple) and is_plain(v)]
            return (reply.err, *plain)

    assert result(corral_cores[0]) == result(genuine[0])


def is_plain(value: tuple[object, ...]) -> bool:
    """Names or an ACL: the Stats of what is common to all tests depend on what ran before."""
    return isinstance(value, Acls) or all(isinstance(part, str) for part in value)
