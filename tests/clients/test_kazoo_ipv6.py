"""The same life on [::1]: addresses in brackets, ACLs by IPv6 network, sessions that move."""

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import InvalidACLError, NoAuthError
from kazoo.security import ACL, Id, Permissions, make_acl

from tests.clients.conftest import Connect, without
from tests.clients.watcher import CHANGED, Seen
from tests.corral import Servers
from tests.wire_connection import four_letter

pytestmark = pytest.mark.parametrize("servers", ["genuine [::1]", "corral [::1]"], indirect=True)

READ_ONLY = make_acl("world", "anyone", read=True)


class TestOverIPv6:
    def test_nodes_are_made_read_changed_and_deleted(self, zk: KazooClient) -> None:
        zk.create("/a", b"one")
        stat = zk.set("/a", b"two", version=0)
        assert zk.get("/a") == (b"two", stat)
        assert zk.create("/a/n-", sequence=True, ephemeral=True) == "/a/n-0000000000"
        assert zk.get_children("/a") == ["n-0000000000"]
        zk.delete("/a", recursive=True)
        assert zk.exists("/a") is None

    def test_transactions_and_watches(self, zk: KazooClient, connect: Connect) -> None:
        zk.create("/a")
        seen = Seen()
        other = connect()
        other.sync("/a")
        other.get("/a", watch=seen)

        with zk.transaction() as transaction:
            transaction.check("/a", 0)
            transaction.set_data("/a", b"new")

        assert seen.next() == (CHANGED, "/a")

    def test_a_session_moves_when_its_member_stops(
        self, servers: Servers, connect: Connect
    ) -> None:
        first, second = servers.addresses[:2]
        zk = connect(addresses=[first, second], randomize_hosts=False)
        session = zk.client_id
        zk.create("/e", b"mine", ephemeral=True)

        with without(servers, 1):
            assert zk.retry(zk.get, "/e")[0] == b"mine"
            assert zk.client_id == session

    def test_words_are_answered(self, servers: Servers) -> None:
        for address in servers.addresses:
            assert address[0] == "::1"
            assert four_letter(address, "ruok") == "imok"

    @pytest.mark.parametrize("ours", ["::1", "::/64", "::1/128", "0:0:0:0:0:0:0:1"])
    def test_ip_lets_in_by_address_and_by_network(
        self, servers: Servers, zk: KazooClient, ours: str
    ) -> None:
        zk.create("/a", b"mine")
        if servers.name.startswith("genuine"):  # before 3.9.4 (ZOOKEEPER-4240) it has v4 only
            with pytest.raises(InvalidACLError):
                zk.set_acls("/a", [ACL(Permissions.ALL, Id("ip", ours))])
            return

        zk.set_acls("/a", [ACL(Permissions.ALL, Id("ip", ours))])

        assert zk.get("/a")[0] == b"mine"

    @pytest.mark.parametrize("others", ["::2", "fd00::/8", "127.0.0.1", "::ffff:127.0.0.1"])
    def test_ip_keeps_others_out(self, servers: Servers, zk: KazooClient, others: str) -> None:
        if servers.name.startswith("genuine") and ":" in others:
            return
        zk.create("/a", b"theirs", acl=[make_acl("ip", others, all=True)])

        with pytest.raises(NoAuthError):
            zk.get("/a")
