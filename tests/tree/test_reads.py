"""Reads from the local replica: what they show, refuse and answer to broken bodies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.tree.acl import encode_identities
from node.tree.reads import READS, SESSION_READS, get_ephemerals
from node.tree.wire import pack_string, pack_strings
from tests.tree.ensemble import IP, OPEN, Client, Ensemble, multi_body
from transport.errors import Err
from transport.jute import decode, decode_exact, encode
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    ClientInfo,
    CreateRequest,
    ExistsRequest,
    GetACLRequest,
    GetACLResponse,
    GetAllChildrenNumberRequest,
    GetChildren2Response,
    GetChildrenRequest,
    GetDataRequest,
    Id,
    Stat,
    WhoAmIResponse,
)

SECRET = ACL(31, Id(b"digest", b"u:hash"))
USER = encode_identities((IP, (b"digest", b"u:hash")))


@pytest.fixture
def client() -> Client:
    return Ensemble().client()


def test_the_root_has_an_empty_alias(client: Client) -> None:
    client.create(b"/a")
    assert client.children(b"") == client.children(b"/") == [b"zookeeper", b"a"]
    assert client.exists(b"") == client.exists(b"/")


def test_the_system_nodes_are_there_from_the_start(client: Client) -> None:
    assert client.children(b"/zookeeper") == [b"quota", b"config"]
    reply = client.read(OpCode.GET_ACL, GetACLRequest(b"/zookeeper/config"))
    assert isinstance(reply, bytes)
    assert decode(GetACLResponse, reply).acl == [ACL(1, Id(b"world", b"anyone"))]
    assert client.ensemble.replica.tree.count == 5


def test_children2_adds_the_stat(client: Client) -> None:
    client.create(b"/a")
    client.create(b"/a/b")
    reply = client.read(OpCode.GET_CHILDREN2, GetChildrenRequest(b"/a", False))
    assert isinstance(reply, bytes)
    assert decode_exact(GetChildren2Response, reply) == GetChildren2Response([b"b"], _stat(client, b"/a"))


def _stat(client: Client, path: bytes) -> Stat:
    found = client.exists(path)
    assert isinstance(found, Stat)
    return found


def test_reads_need_the_read_permission_and_watch_nothing_without_it(client: Client) -> None:
    client.create(b"/a", acl=[ACL(30, Id(b"world", b"anyone"))])

    assert client.get(b"/a", watch=True) is Err.NO_AUTH
    assert client.children(b"/a", watch=True) is Err.NO_AUTH
    assert client.exists(b"/a", watch=True) is Err.NO_AUTH
    assert client.ensemble.replica.watches.total == 0


def test_exists_needs_no_permission_at_level_3_8() -> None:
    client = Ensemble(compatibility="3.8").client()
    client.create(b"/a", acl=[ACL(30, Id(b"world", b"anyone"))])

    assert isinstance(client.exists(b"/a", watch=True), Stat)
    assert client.ensemble.replica.watches.total == 1


def test_exists_refuses_a_null_character(client: Client) -> None:
    assert client.exists(b"/a\0") is Err.BAD_ARGUMENTS
    assert client.get(b"/a\0") is Err.NO_NODE
    assert client.get(b"no slash") is Err.NO_NODE


def test_get_acl_hides_hashes_from_those_who_may_only_read(client: Client) -> None:
    owner = client.ensemble.client(2, identities=USER)
    owner.create(b"/a", acl=[SECRET, ACL(1, Id(b"world", b"anyone"))])
    owner.create(b"/closed", acl=[SECRET])

    def acl(who: Client, path: bytes) -> object:
        reply = who.read(OpCode.GET_ACL, GetACLRequest(path))
        return reply if isinstance(reply, Err) else decode(GetACLResponse, reply).acl

    assert acl(owner, b"/a") == [SECRET, ACL(1, Id(b"world", b"anyone"))]
    assert acl(client, b"/a") == [ACL(31, Id(b"digest", b"u:x")), ACL(1, Id(b"world", b"anyone"))]
    assert acl(client, b"/closed") is Err.NO_AUTH
    assert acl(client, b"/absent") is Err.NO_NODE


def test_all_children_number_counts_descendants(client: Client) -> None:
    for path in (b"/a", b"/a/b", b"/a/b/c", b"/ab"):
        client.create(path)

    def count(path: bytes) -> object:
        return client.read(OpCode.GET_ALL_CHILDREN_NUMBER, GetAllChildrenNumberRequest(path))

    assert count(b"/a") == b"\0\0\0\x02"
    assert count(b"/") == b"\0\0\0\x07"


def test_ephemerals_are_the_sessions_own_with_a_prefix_of_characters(client: Client) -> None:
    other = client.ensemble.client(2)
    client.create(b"/ea", flags=1)
    client.create(b"/eb", flags=1)
    other.create(b"/ec", flags=1)
    replica = client.ensemble.replica

    assert get_ephemerals(replica, pack_string(b"/ea"), client.session) == pack_strings([b"/ea"])
    assert get_ephemerals(replica, pack_string(b"/e"), client.session) == pack_strings([b"/ea", b"/eb"])
    assert get_ephemerals(replica, pack_string(b" / "), other.session) == pack_strings([b"/ec"])
    assert get_ephemerals(replica, b"\0\0", client.session) is Err.MARSHALLING_ERROR
    assert set(SESSION_READS) == {OpCode.GET_EPHEMERALS}


def test_who_am_i_names_the_identities(client: Client) -> None:
    reply = READS[OpCode.WHO_AM_I](client.ensemble.replica, b"", USER, 1)
    assert isinstance(reply, bytes)
    assert decode_exact(WhoAmIResponse, reply) == WhoAmIResponse(
        [ClientInfo(b"ip", b"127.0.0.1"), ClientInfo(b"digest", b"u")])


def test_multi_read_gives_each_read_its_own_outcome_and_sets_no_watch(client: Client) -> None:
    client.create(b"/a", b"x")
    body = multi_body([
        (OpCode.GET_DATA, GetDataRequest(b"/a", True)), (OpCode.GET_DATA, GetDataRequest(b"/absent", False)),
        (OpCode.GET_CHILDREN, GetChildrenRequest(b"/a", True))])

    reply = client.read_raw(OpCode.MULTI_READ, body)

    found = client.read(OpCode.GET_DATA, GetDataRequest(b"/a", False))
    assert isinstance(found, bytes)
    err = b"\xff\xff\xff\x9b"
    assert reply == (
        b"\0\0\0\x04\0\0\0\0\0" + found + b"\xff\xff\xff\xff\0" + err + err + b"\0\0\0\x08\0\0\0\0\0\0\0\0\0"
        + b"\xff\xff\xff\xff\x01\xff\xff\xff\xff")
    assert client.ensemble.replica.watches.total == 0


def test_multi_read_refuses_writes(client: Client) -> None:
    body = multi_body([(OpCode.CREATE, CreateRequest(b"/a", b"", OPEN, 0))])
    assert client.read_raw(OpCode.MULTI_READ, body) is Err.MARSHALLING_ERROR


@pytest.mark.parametrize("op", [OpCode.GET_DATA, OpCode.EXISTS, OpCode.GET_CHILDREN, OpCode.GET_CHILDREN2])
def test_truncated_and_null_paths_are_marshalling_errors(client: Client, op: int) -> None:
    body = encode(ExistsRequest(b"/", True))
    for length in range(len(body)):
        assert client.read_raw(op, body[:length]) is Err.MARSHALLING_ERROR
    assert client.read_raw(op, b"\xff\xff\xff\xff\0") is Err.MARSHALLING_ERROR
    assert client.read_raw(op, b"\xff\xff\xff\xfe\0") is Err.MARSHALLING_ERROR


@given(st.sampled_from(sorted(READS)), st.binary(max_size=60))
def test_any_bytes_get_an_answer(op: int, body: bytes) -> None:
    client = Ensemble().client()
    assert isinstance(client.read_raw(op, body), (bytes, Err))
