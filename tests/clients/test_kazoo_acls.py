"""ACLs by kazoo: who may do what, by each scheme."""

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, InvalidACLError, NoAuthError, NoNodeError
from kazoo.security import (
    ACL,
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Id,
    Permissions,
    make_acl,
    make_digest_acl,
)

from tests.clients.conftest import Connect, without
from tests.corral import Servers

READ_ONLY = make_acl("world", "anyone", read=True)
ADMIN = make_acl("world", "anyone", read=True, admin=True)  # so that the test can end what it made


def test_a_node_is_open_unless_it_says_otherwise(zk: KazooClient) -> None:
    zk.create("/a")

    acls, stat = zk.get_acls("/a")

    assert acls == OPEN_ACL_UNSAFE
    assert stat == zk.exists("/a")


def test_set_acls_counts_the_acl_version_alone(zk: KazooClient) -> None:
    before = zk.create("/a", b"", include_data=True)[1]

    stat = zk.set_acls("/a", [ADMIN])

    assert zk.get_acls("/a")[0] == [ADMIN]
    assert stat == before._replace(aversion=1)
    with pytest.raises(BadVersionError):
        zk.set_acls("/a", OPEN_ACL_UNSAFE, version=0)
    zk.set_acls("/a", OPEN_ACL_UNSAFE, version=1)
    with pytest.raises(NoNodeError):
        zk.set_acls("/nowhere", OPEN_ACL_UNSAFE)


def test_each_permission_allows_one_thing(zk: KazooClient) -> None:
    zk.create("/p", acl=[ADMIN])

    with pytest.raises(NoAuthError):
        zk.create("/p/child")
    with pytest.raises(NoAuthError):
        zk.set("/p", b"data")
    assert zk.get("/p")[0] == b""

    zk.set_acls("/p", [make_acl("world", "anyone", create=True, admin=True)])
    zk.create("/p/child")
    with pytest.raises(NoAuthError):
        zk.delete("/p/child")  # the parent's permission
    with pytest.raises(NoAuthError):
        zk.get("/p")
    with pytest.raises(NoAuthError):
        zk.get_children("/p")

    zk.set_acls("/p", [make_acl("world", "anyone", delete=True, write=True, admin=True)])
    zk.delete("/p/child")
    zk.set("/p", b"data")

    zk.set_acls("/p", [READ_ONLY])
    with pytest.raises(NoAuthError):
        zk.set_acls("/p", OPEN_ACL_UNSAFE)


def test_an_acl_is_not_inherited(zk: KazooClient) -> None:
    zk.create("/p")
    zk.create("/p/child", acl=[READ_ONLY])

    zk.create("/p/child2")

    with pytest.raises(NoAuthError):
        zk.create("/p/child/leaf")
    zk.delete("/p/child")  # its own ACL has no say


def test_digest_lets_in_who_knows_the_password(zk: KazooClient, connect: Connect) -> None:
    zk.create("/secret", b"42", acl=[make_digest_acl("ann", "password", all=True)])
    with pytest.raises(NoAuthError):
        zk.get("/secret")

    wrong = connect(auth_data=[("digest", "ann:passwort")])
    right = connect(auth_data=[("digest", "ann:password")])

    with pytest.raises(NoAuthError):
        wrong.get("/secret")
    right.sync("/secret")
    assert right.get("/secret")[0] == b"42"
    zk.add_auth("digest", "ann:password")  # later is not too late
    assert zk.get("/secret")[0] == b"42"


def test_several_identities_add_up(zk: KazooClient) -> None:
    zk.create("/anns", acl=[make_digest_acl("ann", "1", all=True)])
    zk.create("/bobs", acl=[make_digest_acl("bob", "2", all=True)])

    zk.add_auth("digest", "ann:1")
    zk.add_auth("digest", "bob:2")

    assert zk.get("/anns")
    assert zk.get("/bobs")


def test_the_scheme_auth_stands_for_all_that_the_creator_is(
    zk: KazooClient, connect: Connect
) -> None:
    zk.add_auth("digest", "ann:1")
    zk.add_auth("digest", "bob:2")

    zk.create("/ours", acl=CREATOR_ALL_ACL)

    assert set(zk.get_acls("/ours")[0]) == {
        make_digest_acl("ann", "1", all=True),
        make_digest_acl("bob", "2", all=True),
    }
    bob = connect(auth_data=[("digest", "bob:2")])
    bob.sync("/ours")
    assert bob.get("/ours")
    with pytest.raises(NoAuthError):
        connect().get("/ours")


def test_digests_are_masked_for_those_who_do_not_administer(
    zk: KazooClient, connect: Connect
) -> None:
    zk.create("/a", acl=[make_digest_acl("ann", "1", all=True), READ_ONLY])
    other = connect()
    other.sync("/a")

    shown = {acl.id.id for acl in other.get_acls("/a")[0]}

    assert shown == {"ann:x", "anyone"}


@pytest.mark.parametrize(
    "acl",
    [
        pytest.param([], id="empty"),
        pytest.param(CREATOR_ALL_ACL, id="auth of nobody"),
        pytest.param([make_acl("world", "someone", all=True)], id="world:someone"),
        pytest.param([make_acl("guild", "member", all=True)], id="unknown scheme"),
        pytest.param([make_acl("digest", "no colon", all=True)], id="digest without hash"),
        pytest.param([make_acl("ip", "300.1.1.1", all=True)], id="no address"),
        pytest.param([make_acl("ip", "10.0.0.0/33", all=True)], id="too many bits"),
    ],
)
def test_an_acl_that_means_nothing_is_refused(zk: KazooClient, acl: list[ACL]) -> None:
    zk.create("/a")

    # kazoo itself takes an empty list for the default in create.
    with pytest.raises(InvalidACLError):
        zk.set_acls("/a", acl)



@pytest.mark.parametrize(
    ("ours", "others"), [("127.0.0.1", "127.0.0.2"), ("127.0.0.0/8", "10.0.0.0/8"), ("126.0.0.0/7", "")]
)
def test_ip_lets_in_by_address_and_by_network(zk: KazooClient, ours: str, others: str) -> None:
    zk.create("/a", acl=[make_acl("ip", ours, read=True), ADMIN])
    zk.set_acls("/a", [ACL(Permissions.ALL, Id("ip", ours))])
    zk.set("/a", b"mine")
    assert zk.get("/a")[0] == b"mine"

    if others:
        zk.create("/b", acl=[ACL(Permissions.ALL, Id("ip", others))])
        with pytest.raises(NoAuthError):
            zk.get("/b")


def test_read_permission_is_for_anyone_who_reads(zk: KazooClient) -> None:
    zk.create("/a", b"see", acl=READ_ACL_UNSAFE)

    assert zk.get("/a")[0] == b"see"
    with pytest.raises(NoAuthError):
        zk.set("/a", b"saw")


def test_an_identity_is_given_again_on_another_member(servers: Servers, connect: Connect) -> None:
    first, second = servers.addresses[:2]
    zk = connect(addresses=[first, second], randomize_hosts=False)
    zk.add_auth("digest", "ann:1")
    zk.create("/ours", b"still", acl=CREATOR_ALL_ACL)

    with without(servers, 1):
        assert zk.retry(zk.get, "/ours")[0] == b"still"
