"""One subtree of a backup goes back into an ensemble that serves."""

import json
from pathlib import Path

from click.testing import CliRunner, Result
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from node.cli.commands import corral
from node.cli.mirroring.contents import contents_above, contents_of
from tests.backup.states import tree_of
from tests.corral import connect_string, corral_ensemble, kazoo_client
from tests.tree.ensemble import OPEN
from transport.records import ACL, Id


def test_a_subtree_of_a_state_has_no_ephemerals_and_nothing_of_the_servers() -> None:
    ensemble, client = tree_of(1)
    client.create(b"/app", b"1", acl=[*OPEN, ACL(1, Id(b"ip", b"10.0.0.1"))])
    client.create(b"/app/a-", flags=2)
    client.create(b"/app/mine", flags=1)
    client.create(b"/apple")
    state = ensemble.replica.state

    tree = contents_of(state, "/app")

    assert list(tree.nodes) == ["/app", "/app/a-0000000000"]
    assert tree.nodes["/app"].acl == ((31, b"world", b"anyone"), (1, b"ip", b"10.0.0.1"))
    assert tree.ephemerals == {"/app/mine"}
    assert tree.creates["/app"] == 2
    assert set(contents_of(state, "/").nodes) == {"/", "/node-0", "/app", "/app/a-0000000000", "/apple"}
    assert list(contents_above(state, "/app/a-0000000000/x")) == ["/app", "/app/a-0000000000"]
    assert contents_above(state, "/app") == {}


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(corral, arguments)
    assert result.exit_code == code, result.output
    return result


def make(client: KazooClient) -> None:
    client.create("/shop/app/a", b"a", makepath=True)
    client.create("/shop/app/b", b"b")
    client.create("/shop/app/private", b"p", acl=[make_digest_acl("user", "password", all=True)])
    client.create("/other", b"at the backup")


def test_what_was_deleted_and_changed_by_mistake_comes_back_and_nothing_else_changes(tmp_path: Path) -> None:
    with corral_ensemble(tmp_path, members=1) as ensemble, kazoo_client(ensemble.addresses) as client:
        servers, file = connect_string(ensemble.addresses), str(tmp_path / "one.backup")
        make(client)
        run("backup", str(ensemble.home(1) / "zoo.cfg"), "--to", file)
        client.set("/shop/app/a", b"a mistake")
        client.delete("/shop/app/b")
        client.create("/shop/app/new", b"since then")
        client.set("/other", b"since then")
        arguments = ("restore-subtree", file, "/shop/app", servers, "--auth", "digest:user:password")

        checked = run(*arguments, "--check")
        assert "~ /shop/app/a  a mistake → a" in checked.stdout
        assert "+ /shop/app/b  b" in checked.stdout
        assert "1 to create, 1 to change, 0 ACLs, 0 to delete; 1 that the backup does not have stay" in checked.stdout
        assert client.get("/shop/app/a")[0] == b"a mistake"

        done = json.loads(run(*arguments, "--json").stdout)
        assert (done["restored"], done["creates"], done["values"]) == (True, ["/shop/app/b"], ["/shop/app/a"])
        assert client.get("/shop/app/a")[0] == b"a"
        assert client.get("/shop/app/b")[0] == b"b"
        assert client.get("/shop/app/new")[0] == b"since then"
        assert client.get("/other")[0] == b"since then"

        run(*arguments, "--delete", "--yes")
        assert client.exists("/shop/app/new") is None

        client.add_auth("digest", "user:password")
        client.delete("/shop", recursive=True)
        run("restore-subtree", f"file://{file}", *arguments[2:], "--yes")
        assert sorted(client.get_children("/shop/app")) == ["a", "b", "private"]
        assert client.get_acls("/shop/app/private")[0] == [make_digest_acl("user", "password", all=True)]

        missing = run("restore-subtree", file, "/never", servers, code=78)
        assert "is not in the backup" in missing.stderr
