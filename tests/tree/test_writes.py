"""What each write does and refuses, in the order in which ZooKeeper checks (zookeeper-surface A1.8)."""

import pytest

from node.tree.acl import encode_identities
from node.tree.znode import INT_MAX
from tests.tree.ensemble import IP, OPEN, Client, Ensemble, own_source
from transport.entry import DIGEST_POINT
from transport.errors import Err
from transport.jute import decode, encode
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    CheckVersionRequest,
    Create2Response,
    CreateRequest,
    CreateTTLRequest,
    DeleteRequest,
    Id,
    ReconfigRequest,
    SetDataRequest,
    Stat,
)

READ_ONLY = [ACL(1, Id(b"world", b"anyone"))]
NO_READ = [ACL(30, Id(b"world", b"anyone"))]


@pytest.fixture
def ensemble() -> Ensemble:
    return Ensemble()


@pytest.fixture
def client(ensemble: Ensemble) -> Client:
    return ensemble.client()


def stat(client: Client, path: bytes) -> Stat:
    found = client.exists(path)
    assert isinstance(found, Stat)
    return found


# --- create -----------------------------------------------------------------------------------------------------


def test_a_new_node_has_the_records_time_and_the_requests_zxid(ensemble: Ensemble, client: Client) -> None:
    assert client.create(b"/a", b"data") == b"/a"

    zxid, now = ensemble.replica.zxid, ensemble.time_ms
    assert stat(client, b"/a") == Stat(zxid, zxid, now, now, 0, 0, 0, 0, 4, 0, zxid)


def test_create2_answers_with_the_stat(client: Client) -> None:
    created = client.create2(b"/a", b"data")

    assert created == Create2Response(b"/a", stat(client, b"/a"))


def test_the_cversion_that_clients_see_counts_creates_and_deletes(client: Client) -> None:
    client.create(b"/a")
    for name in (b"/a/1", b"/a/2", b"/a/3"):
        client.create(name)
    client.delete(b"/a/2")

    assert (stat(client, b"/a").cversion, stat(client, b"/a").num_children) == (4, 2)


def test_pzxid_is_that_of_the_last_create_or_delete_of_a_child(ensemble: Ensemble, client: Client) -> None:
    client.create(b"/a")
    client.create(b"/a/b")
    created = ensemble.replica.zxid
    client.set(b"/a/b", b"x")
    assert stat(client, b"/a").pzxid == created

    client.delete(b"/a/b")
    assert stat(client, b"/a").pzxid == ensemble.replica.zxid


def test_the_sequential_suffix_is_the_parents_number_of_creates(client: Client) -> None:
    client.create(b"/a")
    client.create(b"/a/x")
    client.delete(b"/a/x")

    assert client.create(b"/a/q-", flags=2) == b"/a/q-0000000001"
    assert client.create(b"/a/", flags=3) == b"/a/0000000002"
    assert client.create(b"/a/q-", flags=2) == b"/a/q-0000000003"


def test_the_sequential_suffix_wraps_as_javas_int(ensemble: Ensemble, client: Client) -> None:
    client.create(b"/a")
    ensemble.replica.nodes[b"/a"].cversion = INT_MAX

    assert client.create(b"/a/q", flags=2) == b"/a/q2147483647"
    assert client.create(b"/a/q", flags=2) == b"/a/q-2147483648"
    assert stat(client, b"/a").cversion == 0  # 2 * (-2^31 + 1) - 2, in 32 bits


def test_null_data_is_not_empty_data(client: Client) -> None:
    client.create(b"/null", None)
    client.create(b"/empty", b"")

    null, empty = client.get(b"/null"), client.get(b"/empty")
    assert not isinstance(null, Err)
    assert not isinstance(empty, Err)
    assert (null.data, null.stat.data_length) == (None, 0)
    assert (empty.data, empty.stat.data_length) == (b"", 0)


def test_an_ephemeral_belongs_to_its_session_and_has_no_children(client: Client) -> None:
    client.create(b"/e", flags=1)

    assert stat(client, b"/e").ephemeral_owner == client.session
    assert client.create(b"/e/child") is Err.NO_CHILDREN_FOR_EPHEMERALS


@pytest.mark.parametrize("flags", [-1, 7, 1 << 30])
def test_unknown_flags_are_bad_arguments_before_anything_else(client: Client, flags: int) -> None:
    assert client.create(b"no slash", flags=flags, acl=[]) is Err.BAD_ARGUMENTS


def test_a_ttl_without_extended_types_is_unimplemented(client: Client) -> None:
    assert client.create(b"/t", flags=5) is Err.UNIMPLEMENTED
    assert client.write(OpCode.CREATE_TTL, CreateTTLRequest(b"/t", b"", OPEN, 5, 1000)) is Err.UNIMPLEMENTED


def test_container_and_ttl_nodes_show_no_owner_and_may_have_children() -> None:
    client = Ensemble(settings={"extendedTypesEnabled": "true"}).client()

    container = client.write(OpCode.CREATE_CONTAINER, CreateRequest(b"/c", b"", OPEN, 4))
    ttl = client.write(OpCode.CREATE_TTL, CreateTTLRequest(b"/t", b"", OPEN, 5, 1000))

    for reply in (container, ttl):
        assert isinstance(reply, bytes)
        assert decode(Create2Response, reply).stat.ephemeral_owner == 0
    assert client.create(b"/c/x") == b"/c/x"
    assert client.create(b"/t/x") == b"/t/x"
    assert client.write(OpCode.CREATE_TTL, CreateTTLRequest(b"/u", b"", OPEN, 5, 0)) is Err.BAD_ARGUMENTS
    assert list(client.ensemble.replica.tree.reapable) == [b"/c", b"/t"]


def test_create_with_the_containers_flag_makes_a_plain_node(client: Client) -> None:
    assert client.create(b"/c", flags=4) == b"/c"
    assert not client.ensemble.replica.tree.reapable


@pytest.mark.parametrize(("path", "acl", "expected"), [
    (b"no slash", [], Err.BAD_ARGUMENTS),
    (b"", OPEN, Err.BAD_ARGUMENTS),
    (b"/a\0b", [], Err.BAD_ARGUMENTS),
    (b"/absent/x", [], Err.INVALID_ACL),
    (b"/absent/\x01", OPEN, Err.NO_NODE),
    (b"/closed/\x01", OPEN, Err.NO_AUTH),
    (b"/open/\x01", OPEN, Err.BAD_ARGUMENTS),
    (b"/open/..", OPEN, Err.BAD_ARGUMENTS),
    (b"/open/\xff", OPEN, Err.BAD_ARGUMENTS),
    (b"/open/", OPEN, Err.BAD_ARGUMENTS),
    (b"//x", OPEN, Err.BAD_ARGUMENTS),
    (b"/", OPEN, Err.NODE_EXISTS),
    (b"/open", OPEN, Err.NODE_EXISTS),
    (b"/ephemeral/x", OPEN, Err.NO_CHILDREN_FOR_EPHEMERALS),
    (b"/ephemeral/\x01", OPEN, Err.BAD_ARGUMENTS),
    (b"/open/x", None, Err.INVALID_ACL),
    (None, OPEN, Err.MARSHALLING_ERROR),
])
def test_create_is_refused_by_the_first_check_that_fails(
    client: Client, path: bytes, acl: list[ACL], expected: Err
) -> None:
    client.create(b"/open")
    client.create(b"/closed", acl=READ_ONLY)
    client.create(b"/ephemeral", flags=1)

    assert client.create(path, acl=acl) is expected


# --- setData ----------------------------------------------------------------------------------------------------


def test_set_data_changes_version_mzxid_and_mtime(ensemble: Ensemble, client: Client) -> None:
    client.create(b"/a")
    before = stat(client, b"/a")

    after = client.set(b"/a", b"new", 0)

    assert after == Stat(
        before.czxid, ensemble.replica.zxid, before.ctime, ensemble.time_ms, 1, 0, 0, 0, 3, 0, before.pzxid)
    assert stat(client, b"/a") == after


def test_the_version_wraps_and_leaves_out_minus_one(ensemble: Ensemble, client: Client) -> None:
    client.create(b"/a")
    node = ensemble.replica.nodes[b"/a"]
    versions = []
    for start in (INT_MAX, -2, -3):
        node.version = start
        client.set(b"/a", b"")
        versions.append(node.version)

    assert versions == [-INT_MAX - 1, 0, -2]


@pytest.mark.parametrize(("path", "version", "expected"), [
    (None, -1, Err.BAD_ARGUMENTS),
    (b"", -1, Err.BAD_ARGUMENTS),
    (b"/closed/", 7, Err.BAD_ARGUMENTS),
    (b"/absent", 7, Err.NO_NODE),
    (b"/closed", 7, Err.NO_AUTH),
    (b"/open", 7, Err.BAD_VERSION),
    (b"/zookeeper/config", -1, Err.NO_AUTH),
])
def test_set_data_is_refused_by_the_first_check_that_fails(
    client: Client, path: bytes, version: int, expected: Err
) -> None:
    client.create(b"/open")
    client.create(b"/closed", acl=READ_ONLY)

    assert client.set(path, b"x", version) is expected


# --- delete -----------------------------------------------------------------------------------------------------


def test_delete_asks_the_parents_permission_not_the_nodes(client: Client) -> None:
    client.create(b"/open")
    client.create(b"/open/closed", acl=READ_ONLY)
    client.create(b"/p")
    client.create(b"/p/x")
    client.set_acl(b"/p", READ_ONLY)

    assert client.delete(b"/open/closed") == b""
    assert client.delete(b"/p/x") is Err.NO_AUTH
    assert client.delete(b"/p/absent") is Err.NO_AUTH


@pytest.mark.parametrize(("path", "version", "expected"), [
    (b"/", -1, Err.BAD_ARGUMENTS),
    (b"/zookeeper", -1, Err.BAD_ARGUMENTS),
    (b"/zookeeper/quota", -1, Err.BAD_ARGUMENTS),
    (b"/zookeeper/config", -1, Err.BAD_ARGUMENTS),
    (b"none", -1, Err.BAD_ARGUMENTS),
    (b"", -1, Err.BAD_ARGUMENTS),
    (b"/absent/x", 7, Err.NO_NODE),
    (b"/absent", 7, Err.NO_NODE),
    (b"/a/", 7, Err.NO_NODE),
    (b"/a", 7, Err.BAD_VERSION),
    (b"/a", 0, Err.NOT_EMPTY),
])
def test_delete_is_refused_by_the_first_check_that_fails(
    client: Client, path: bytes, version: int, expected: Err
) -> None:
    client.create(b"/a")
    client.create(b"/a/b")

    assert client.delete(path, version) is expected


# --- setACL -----------------------------------------------------------------------------------------------------


def test_set_acl_changes_aversion_only(client: Client) -> None:
    client.create(b"/a", b"x")
    before = stat(client, b"/a")

    after = client.set_acl(b"/a", READ_ONLY, 0)

    assert after == Stat(*(
        1 if name == "aversion" else getattr(before, name) for name, _ in Stat.FIELDS))


@pytest.mark.parametrize(("path", "acl", "version", "expected"), [
    (b"x", [], 7, Err.BAD_ARGUMENTS),
    (b"/absent", [], 7, Err.INVALID_ACL),
    (b"/absent", OPEN, 7, Err.NO_NODE),
    (b"/closed", OPEN, 7, Err.NO_AUTH),
    (b"/open", OPEN, 7, Err.BAD_VERSION),
])
def test_set_acl_is_refused_by_the_first_check_that_fails(
    client: Client, path: bytes, acl: list[ACL], version: int, expected: Err
) -> None:
    client.create(b"/open")
    client.create(b"/closed", acl=READ_ONLY)

    assert client.set_acl(path, acl, version) is expected


def test_scheme_auth_locks_a_node_to_who_made_it(ensemble: Ensemble, client: Client) -> None:
    owner = ensemble.client(2, identities=encode_identities((IP, (b"digest", b"u:h"))))
    owner.create(b"/mine", acl=[ACL(31, Id(b"auth", b""))])

    assert client.set(b"/mine", b"x") is Err.NO_AUTH
    assert isinstance(owner.set(b"/mine", b"x"), Stat)


# --- what all have in common ------------------------------------------------------------------------------------


def test_a_failed_request_takes_its_zxid_too(ensemble: Ensemble, client: Client) -> None:
    before = ensemble.replica.zxid
    assert client.delete(b"/absent") is Err.NO_NODE
    assert ensemble.replica.zxid == before + 1
    assert ensemble.sink.replies[-1][3] == before + 1


def test_the_requests_of_a_batch_see_each_other_in_order(ensemble: Ensemble, client: Client) -> None:
    replies = ensemble.submit([
        client.request(OpCode.CREATE, CreateRequest(b"/a", b"", OPEN, 0)),
        client.request(OpCode.SET_DATA, SetDataRequest(b"/a", b"1", 0)),
        client.request(OpCode.SET_DATA, SetDataRequest(b"/a", b"2", 0)),
        client.request(OpCode.DELETE, DeleteRequest(b"/a", 1)),
    ])

    assert replies[2] is Err.BAD_VERSION
    assert replies[3] == b""
    assert [reply[1] for reply in ensemble.sink.replies[-4:]] == [0, 1, 2, 3]


def test_sync_echoes_its_path_unchecked(client: Client) -> None:
    assert client.sync(b"no path") == b"\0\0\0\x07no path"
    assert client.sync(b"\xff") == b"\0\0\0\x03\xef\xbf\xbd"


def test_check_alone_and_unknown_operations_are_unimplemented(client: Client) -> None:
    assert client.write(OpCode.CHECK, CheckVersionRequest(b"/", 0)) is Err.UNIMPLEMENTED
    assert client.write(OpCode.DELETE_CONTAINER, DeleteRequest(b"/", 0)) is Err.UNIMPLEMENTED
    assert client.write(4711) is Err.UNIMPLEMENTED


def test_reconfig_is_disabled(client: Client) -> None:
    assert client.write(OpCode.RECONFIG, ReconfigRequest(None, b"2", None, -1)) is Err.RECONFIG_DISABLED
    assert client.write(OpCode.RECONFIG, DeleteRequest(b"/", 0)) is Err.MARSHALLING_ERROR


@pytest.mark.parametrize("op", [
    OpCode.CREATE, OpCode.CREATE2, OpCode.DELETE, OpCode.SET_DATA, OpCode.SET_ACL, OpCode.MULTI, OpCode.SYNC])
def test_a_truncated_body_is_a_marshalling_error_and_changes_nothing(
    ensemble: Ensemble, client: Client, op: int
) -> None:
    digest = ensemble.replica.digest()
    assert client.write(op) is Err.MARSHALLING_ERROR
    assert ensemble.replica.digest() == digest
    assert not ensemble.sink.alarms


def test_bytes_after_the_record_are_ignored(ensemble: Ensemble, client: Client) -> None:
    request = client.request(OpCode.CREATE, CreateRequest(b"/a", b"", OPEN, 0))
    (reply,) = ensemble.submit([type(request)(
        request.op, request.body + b"junk", request.session, request.connection, request.identities)])
    assert reply == b"\0\0\0\x02/a"


def test_long_paths_and_values_take_the_long_way(client: Client) -> None:
    path = b"/" + b"p" * 2000
    value = b"v" * 100_000
    assert client.create(path, value) == path
    assert isinstance(client.set(path, value + b"!"), Stat)
    found = client.get(path)
    assert not isinstance(found, Err)
    assert found.data == value + b"!"
    assert client.delete(path) == b""


def test_replies_come_only_for_own_batches(ensemble: Ensemble) -> None:
    stranger = ensemble.client(5, member=2)
    replies = len(ensemble.sink.replies)

    ensemble.submit([stranger.request(OpCode.CREATE, CreateRequest(b"/a", b"", OPEN, 0))], member=2)

    assert len(ensemble.sink.replies) == replies
    assert b"/a" in ensemble.replica.nodes
    assert own_source(2) == ensemble.replica.sessions[stranger.session].source


def test_a_digest_point_reports_the_digest(ensemble: Ensemble, client: Client) -> None:
    ensemble.submit([client.request(OpCode.CREATE, CreateRequest(b"/a", b"", OPEN, 0))], flags=DIGEST_POINT)
    assert ensemble.sink.digests == [(ensemble.replica.zxid, ensemble.replica.digest())]


def test_encoded_acl_other_than_open_is_kept(client: Client) -> None:
    assert client.create(b"/a", acl=NO_READ) == b"/a"
    assert client.get(b"/a") is Err.NO_AUTH
    assert encode(NO_READ[0]) != encode(OPEN[0])
