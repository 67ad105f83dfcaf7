"""What a znode is, to the field: semantics of zookeeper-surface A1.8 by number, of both kinds of server."""

import itertools

import pytest

from tests.clients.conftest import Dial
from tests.corral import Servers, fresh_root
from tests.later_requests import (
    CreateContainer,
    CreateTtl,
    GetAllChildrenNumber,
    GetEphemerals,
)
from tests.waiting import wait_until
from tests.wire import (
    ALL_PERMS,
    ANYONE,
    CREATE_PERM,
    OPEN_ACL,
    READ_PERM,
    Acl,
    Acls,
    CloseSession,
    Create,
    Create2,
    Delete,
    Exists,
    GetAcl,
    GetChildren,
    GetData,
    Reply,
    Request,
    SetAcl,
    SetData,
    Stat,
    Sync,
)
from tests.wire_connection import Connection

NO_NODE, NO_AUTH, BAD_VERSION, NO_CHILDREN, NODE_EXISTS, NOT_EMPTY = -101, -102, -103, -108, -110, -111
BAD_ARGUMENTS, INVALID_ACL, QUOTA_EXCEEDED = -8, -114, -125
EPHEMERAL, SEQUENTIAL = 1, 2
NOBODY = (Acl(0, *ANYONE),)


@pytest.fixture
def zk(servers: Servers, dial: Dial, root: str) -> Connection:
    return dial(servers)


def made(connection: Connection, *requests: Request) -> list[Reply]:
    """The replies; all of them good."""
    replies = [connection.call(request) for request in requests]
    assert [reply.err for reply in replies] == [0] * len(replies), replies
    return replies


def stat_of(connection: Connection, path: str) -> Stat:
    (reply,) = made(connection, Exists(path))
    stat: Stat = reply.body[0]
    return stat


def test_01_a_sequential_suffix_is_the_number_of_creates_below_the_parent(zk: Connection, root: str) -> None:
    made(zk, Create(f"{root}/x"), Create(f"{root}/y"), Delete(f"{root}/x"))
    zk.call(Create(f"{root}/y"))  # fails, and counts for nothing

    (reply,) = made(zk, Create(f"{root}/q-", flags=SEQUENTIAL))

    assert reply.body == (f"{root}/q-0000000002",)


def test_02_the_cversion_that_is_shown_counts_creates_and_deletes(zk: Connection, root: str) -> None:
    made(zk, Create(f"{root}/x"), Create(f"{root}/y"), Delete(f"{root}/x"))

    assert stat_of(zk, root).cversion == 3
    assert stat_of(zk, root).num_children == 1


def test_03_pzxid_is_of_the_last_child_that_came_or_went(zk: Connection, root: str) -> None:
    (created,) = made(zk, Create(f"{root}/x"))
    made(zk, SetData(f"{root}/x", b"1"), Create(f"{root}/x/y"))
    assert stat_of(zk, root).pzxid == created.zxid

    (deleted,) = made(zk, Delete(f"{root}/x/y"))

    assert stat_of(zk, f"{root}/x").pzxid == deleted.zxid
    assert stat_of(zk, root).pzxid == created.zxid


def test_04_a_new_node_has_one_zxid_one_time_and_versions_0(zk: Connection, root: str) -> None:
    (reply,) = made(zk, Create2(f"{root}/x", data=b"abc"))
    stat = reply.body[1]

    assert (stat.czxid, stat.mzxid, stat.pzxid) == (reply.zxid,) * 3
    assert stat.ctime == stat.mtime
    assert (stat.version, stat.cversion, stat.aversion, stat.num_children) == (0, 0, 0, 0)
    assert stat.data_length == 3


def test_05_set_data_and_set_acl_change_their_own_fields_only(zk: Connection, root: str) -> None:
    made(zk, Create(f"{root}/x"))
    before = stat_of(zk, f"{root}/x")

    (changed,) = made(zk, SetData(f"{root}/x", b"1"))
    after_data = stat_of(zk, f"{root}/x")
    made(zk, SetAcl(f"{root}/x", OPEN_ACL))

    assert after_data == before._replace(version=1, mzxid=changed.zxid, mtime=after_data.mtime, data_length=1)
    assert stat_of(zk, f"{root}/x") == after_data._replace(aversion=1)


def test_06_version_minus_1_checks_nothing(zk: Connection, root: str) -> None:
    made(zk, Create(f"{root}/x"), SetData(f"{root}/x"), SetData(f"{root}/x", version=1), SetData(f"{root}/x"))

    assert zk.call(SetData(f"{root}/x", version=1)).err == BAD_VERSION
    assert zk.call(Delete(f"{root}/x", version=-2)).err == BAD_VERSION
    made(zk, Delete(f"{root}/x", version=-1))


def test_07_containers_and_ttl_nodes_show_no_owner(special: Servers, dial: Dial) -> None:
    zk, root = dial(special), fresh_root(special)

    (container, ttl, ephemeral) = made(
        zk, CreateContainer(f"{root}/c"), CreateTtl(f"{root}/t", ttl_ms=10**9),
        Create2(f"{root}/e", flags=EPHEMERAL))

    assert container.body[1].ephemeral_owner == ttl.body[1].ephemeral_owner == 0
    assert ephemeral.body[1].ephemeral_owner == zk.session_id
    assert stat_of(zk, f"{root}/t").ephemeral_owner == 0


def test_08_only_ephemerals_are_childless(special: Servers, dial: Dial) -> None:
    zk, root = dial(special), fresh_root(special)
    made(zk, CreateContainer(f"{root}/c"), CreateTtl(f"{root}/t", ttl_ms=10**9), Create(f"{root}/e", flags=EPHEMERAL))

    made(zk, Create(f"{root}/c/x"), Create(f"{root}/t/x"))
    assert zk.call(Create(f"{root}/e/x")).err == NO_CHILDREN


CHECKS_OF_CREATE = [
    ("flags", Create("/absent/x", acl=NOBODY, flags=7), BAD_ARGUMENTS),
    ("slash", Create("noslash", acl=()), BAD_ARGUMENTS),
    ("acl", Create("/absent/x", acl=()), INVALID_ACL),
    ("parent", Create("/absent/..", acl=OPEN_ACL), NO_NODE),
    ("permission", Create("/closed/..", acl=OPEN_ACL), NO_AUTH),
    ("path", Create("/e/..", acl=OPEN_ACL), BAD_ARGUMENTS),
    ("node", Create("/x/y", acl=OPEN_ACL), NODE_EXISTS),
    ("ephemeral parent", Create("/e/x", acl=OPEN_ACL), NO_CHILDREN),
]
CHECKS_OF_DELETE = [
    ("special", Delete("/zookeeper/quota", version=9), BAD_ARGUMENTS),
    ("parent", Delete("/absent/x"), NO_NODE),
    ("permission", Delete("/closed/absent"), NO_AUTH),
    ("node", Delete("/x/absent"), NO_NODE),
    ("version", Delete("/x", version=9), BAD_VERSION),
    ("children", Delete("/x"), NOT_EMPTY),
]
CHECKS_OF_SET = [
    ("path", SetData("/a/", version=9), BAD_ARGUMENTS),
    ("node", SetData("/absent", version=9), NO_NODE),
    ("permission", SetData("/closed", version=9), NO_AUTH),
    ("version", SetData("/x", version=9), BAD_VERSION),
]


@pytest.mark.parametrize(("request_", "err"), [
    pytest.param(request, err, id=f"{type(request).__name__} {what}")
    for what, request, err in (*CHECKS_OF_CREATE, *CHECKS_OF_DELETE, *CHECKS_OF_SET)])
def test_09_the_first_check_that_fails_names_the_error(zk: Connection, root: str, request_: Request, err: int) -> None:
    made(
        zk, Create(f"{root}/closed", acl=(Acl(READ_PERM, *ANYONE),)), Create(f"{root}/x"), Create(f"{root}/x/y"),
        Create(f"{root}/e", flags=EPHEMERAL))
    path = getattr(request_, "path", "")
    if path.startswith("/") and not path.startswith("/zookeeper"):
        request_ = type(request_)(**{**vars(request_), "path": root + path})

    assert zk.call(request_).err == err


def test_10_a_sequential_name_may_be_its_number_alone(zk: Connection, root: str) -> None:
    (reply,) = made(zk, Create(f"{root}/", flags=SEQUENTIAL))

    assert reply.body == (f"{root}/0000000000",)
    assert zk.call(Create(f"{root}/")).err == BAD_ARGUMENTS


@pytest.mark.parametrize("name", ["a/", "a//b", ".", "..", "a\0b", "\x01", "\x7f", "\uf8ff", "\ufff0", "\U0001f600"])
def test_11_some_paths_are_refused_to_writes_and_just_absent_for_reads(zk: Connection, root: str, name: str) -> None:
    assert zk.call(Create(f"{root}/x")).err == 0
    path = f"{root}/{name}"

    assert zk.call(Create(path)).err in (BAD_ARGUMENTS, NO_NODE)  # the latter where the parent is looked for first
    assert zk.call(GetData(path)).err == NO_NODE
    assert zk.call(Exists(path)).err == (BAD_ARGUMENTS if "\0" in name else NO_NODE)


@pytest.mark.parametrize("path", ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"])
def test_12_the_systems_nodes_stay_and_the_empty_path_is_the_root(zk: Connection, path: str) -> None:
    assert zk.call(Delete(path)).err == BAD_ARGUMENTS
    assert set(zk.call(GetChildren("")).body[0]) == set(zk.call(GetChildren("/")).body[0])


def test_13_the_config_node_is_for_reading(zk: Connection) -> None:
    assert zk.call(GetAcl("/zookeeper/config")).body[0] == Acls([Acl(READ_PERM, *ANYONE)])
    assert zk.call(SetData("/zookeeper/config", b"x")).err == NO_AUTH
    assert zk.call(Create("/zookeeper/config/x")).err == NO_AUTH


@pytest.mark.parametrize("data", [None, b""])
def test_14_null_is_not_empty_and_both_are_no_bytes(zk: Connection, root: str, data: bytes | None) -> None:
    made(zk, Create(f"{root}/x", data=data), Create(f"{root}/y", data=b"1"), SetData(f"{root}/y", data))

    for path in (f"{root}/x", f"{root}/y"):
        value, stat = zk.call(GetData(path)).body
        assert value == data
        assert stat.data_length == 0


def test_25_the_end_of_a_session_takes_its_ephemerals_with_one_zxid(
    servers: Servers, zk: Connection, root: str, dial: Dial
) -> None:
    paths = [f"{root}/{name}" for name in "bac"]
    ending = dial(servers, 2)
    made(ending, *itertools.chain.from_iterable((Create(path), Create(f"{path}/e", flags=EPHEMERAL)) for path in paths))

    (closed,) = made(ending, CloseSession())
    made(zk, Sync(root))

    assert {stat_of(zk, path).pzxid for path in paths} == {closed.zxid}
    assert {stat_of(zk, path).num_children for path in paths} == {0}


def test_35_an_acl_is_a_nodes_own_and_a_deletion_asks_the_parent(zk: Connection, root: str) -> None:
    made(
        zk, Create(f"{root}/p", acl=(Acl(ALL_PERMS & ~CREATE_PERM, *ANYONE),)), Create(f"{root}/q"),
        Create(f"{root}/q/closed", acl=NOBODY))

    assert zk.call(Create(f"{root}/p/x")).err == NO_AUTH
    made(zk, Delete(f"{root}/q/closed"))


def test_36_a_quota_counts_its_subtree_and_a_hard_one_refuses(special: Servers, dial: Dial) -> None:
    zk, root = dial(special), fresh_root(special)
    quota = f"/zookeeper/quota{root}"
    made(zk, Create(f"{root}/x", data=b"12345"), Create(quota))
    made(zk, Create(f"{quota}/zookeeper_limits", data=b"count=1,bytes=-1=;byteHardLimit=8;countHardLimit=3"))
    made(zk, Create(f"{quota}/zookeeper_stats", data=b"count=0,bytes=0"))

    def usage() -> object:
        return zk.call(GetData(f"{quota}/zookeeper_stats")).body[0]

    before = stat_of(zk, f"{quota}/zookeeper_stats")
    assert usage() == b"count=2,bytes=5"
    assert zk.call(Create(f"{root}/y", data=b"1234")).err == QUOTA_EXCEEDED
    made(zk, Create(f"{root}/y", data=b"123"))
    assert usage() == b"count=3,bytes=8"
    assert zk.call(Create(f"{root}/z")).err == QUOTA_EXCEEDED
    assert zk.call(SetData(f"{root}/y", b"1234", version=9)).err == QUOTA_EXCEEDED
    made(zk, SetData(f"{root}/x", None), Delete(f"{root}/y"))
    assert usage() == b"count=2,bytes=0"
    assert stat_of(zk, f"{quota}/zookeeper_stats").mzxid == before.mzxid
    made(zk, Delete(f"{quota}/zookeeper_limits"), Create(f"{root}/y", data=b"123456789"))


def test_37_an_emptied_container_and_an_old_ttl_node_go_by_themselves(special: Servers, dial: Dial) -> None:
    zk, root = dial(special), fresh_root(special)
    made(
        zk, CreateContainer(f"{root}/new"), CreateContainer(f"{root}/full"), Create(f"{root}/full/x"),
        CreateContainer(f"{root}/used"), Create(f"{root}/used/x"), Delete(f"{root}/used/x"),
        CreateTtl(f"{root}/young", ttl_ms=10**9), CreateTtl(f"{root}/parent", ttl_ms=1), Create(f"{root}/parent/x"),
        CreateTtl(f"{root}/old", ttl_ms=1))

    def left() -> set[str]:
        return set(zk.call(GetChildren(root)).body[0])

    wait_until(lambda: not left() & {"used", "old"}, seconds=30, what="containers and TTL nodes are reaped")
    assert left() == {"new", "full", "young", "parent"}


def test_40_a_write_that_fails_takes_a_zxid(zk: Connection, root: str) -> None:
    made(zk, Create(f"{root}/x"))
    (before,) = made(zk, SetData(f"{root}/x"))
    failed = zk.call(Create(f"{root}/x"))
    (after,) = made(zk, SetData(f"{root}/x"))

    assert before.zxid < failed.zxid < after.zxid


def test_45_ephemerals_are_told_by_session_and_descendants_by_path(
    servers: Servers, zk: Connection, root: str, dial: Dial
) -> None:
    made(zk, Create(f"{root}/p"), Create(f"{root}/p/e1", flags=EPHEMERAL), Create(f"{root}/pe", flags=EPHEMERAL))
    other = dial(servers)
    made(other, Create(f"{root}/other", flags=EPHEMERAL))
    made(zk, Sync(root))

    assert set(zk.call(GetEphemerals("")).body[0]) == {f"{root}/p/e1", f"{root}/pe"}
    assert set(zk.call(GetEphemerals(f"{root}/p")).body[0]) == {f"{root}/p/e1", f"{root}/pe"}  # not by elements
    assert zk.call(GetEphemerals(f"{root}/p/")).body[0] == (f"{root}/p/e1",)
    assert zk.call(GetAllChildrenNumber(root)).body == (4,)
    assert zk.call(GetAllChildrenNumber(f"{root}/absent")).err == NO_NODE
