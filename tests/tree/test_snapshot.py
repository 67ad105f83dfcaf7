"""The state as bytes and back."""

import pytest

from node.sessions.table import Session
from node.tree.execute import Replica
from node.tree.sink import NullSink
from node.tree.snapshot import CorruptSnapshotError, decode_state, encode_state
from node.tree.state import State
from node.tree.watches import Watches
from tests.tree.ensemble import Client, Ensemble
from transport.opcodes import OpCode
from transport.records import ACL, CreateRequest, CreateTTLRequest, Id

ADMIN_ONLY = [ACL(31, Id(b"digest", b"a:b"))]


@pytest.fixture
def client() -> Client:
    client = Ensemble(settings={"extendedTypesEnabled": "true"}).client()
    client.create(b"/a", b"x" * 100)
    client.create(b"/a/null", None)
    client.create(b"/a/closed", b"", acl=ADMIN_ONLY)
    client.create(b"/a/e-", b"", flags=3)
    client.create(b"/a/d-", b"", flags=3)
    client.write(OpCode.CREATE_CONTAINER, CreateRequest(b"/c", b"", ADMIN_ONLY, 4))
    client.write(OpCode.CREATE_TTL, CreateTTLRequest(b"/t", b"", ADMIN_ONLY, 5, 10))
    client.set(b"/a", b"y")
    client.ensemble.replica.sessions.add(
        Session(session_id=-5, timeout_ms=9, source=2**63, connection=2**32 - 1, password=b"p" * 16))
    return client


def test_the_state_comes_back_whole(client: Client) -> None:
    state = client.ensemble.replica.state

    other = decode_state(encode_state(state))

    assert (other.zxid, other.control, other.digest()) == (state.zxid, state.control, state.digest())
    assert list(other.tree.nodes) == [b"/", b"", *[path for path in state.tree.nodes if path not in (b"", b"/")]]
    assert [node.children for node in other.tree.nodes.values()] == [
        node.children for node in state.tree.nodes.values()]
    assert list(other.tree.reapable) == list(state.tree.reapable)
    assert [(s.id, s.password, list(s.ephemerals)) for s in other.sessions.values()] == [
        (s.id, s.password, list(s.ephemerals)) for s in state.sessions.values()]


def test_a_snapshot_of_a_snapshot_is_the_same_bytes(client: Client) -> None:
    sections = list(encode_state(client.ensemble.replica.state))
    assert list(encode_state(decode_state(sections))) == sections


def test_an_empty_state_comes_back(client: Client) -> None:
    assert decode_state(encode_state(State())).digest() == State().digest()


def test_execution_goes_on_from_a_snapshot_as_if_nothing_had_been(client: Client) -> None:
    ensemble = client.ensemble
    other = Replica(decode_state(encode_state(ensemble.replica.state)), Watches(), NullSink())
    mark = len(ensemble.log)
    client.create(b"/a/e-", b"", flags=3)
    client.close()
    for record in ensemble.log[mark:]:
        other.apply_record(record)

    assert other.digest() == ensemble.replica.digest()
    assert other.nodes.keys() == ensemble.replica.nodes.keys()


def test_large_states_come_in_several_sections(client: Client) -> None:
    for number in range(5):
        client.create(b"/big%d" % number, b"v" * 700_000)
    sections = list(encode_state(client.ensemble.replica.state))

    assert len(sections) > 4
    assert max(map(len, sections)) < 2_000_000
    assert decode_state(sections).digest() == client.ensemble.replica.digest()


def test_any_damage_is_found(client: Client) -> None:
    whole = list(encode_state(client.ensemble.replica.state))
    with pytest.raises(CorruptSnapshotError):
        decode_state(whole[:-1])
    with pytest.raises(CorruptSnapshotError):
        decode_state(whole[1:])
    for index, section in enumerate(whole):
        for at in range(0, len(section), 7):
            damaged = bytearray(section)
            damaged[at] ^= 0x10
            sections = [*whole[:index], bytes(damaged), *whole[index + 1:]]
            try:
                decoded = decode_state(sections)
            except CorruptSnapshotError:
                continue
            # what no digest covers: the head's zxid
            assert decoded.zxid != client.ensemble.replica.zxid
