"""`corral mirror`: a Corral ensemble follows a genuine ZooKeeper, and says when it is in step."""

from pathlib import Path

from kazoo.client import KazooClient
from kazoo.security import make_digest_acl, make_digest_acl_credential

from node.cli.mirroring.contents import Content, Tree
from node.cli.mirroring.counters import behind
from node.cli.mirroring.plan import Plan, make_plan
from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import connect_string, corral_ensemble, kazoo_client
from tests.migration.mirroring import mirroring, once
from tests.waiting import wait_until
from tests.wire_connection import Address

AUTH = "digest:super:admin"
HASH = make_digest_acl_credential("super", "admin")
OPEN = ((31, b"world", b"anyone"),)
IN_STEP_S = 60.0


def tree(*paths: str, data: bytes = b"x", hidden: set[str] | None = None, ephemerals: set[str] | None = None) -> Tree:
    return Tree({path: Content(data, OPEN) for path in paths}, hidden or set(), ephemerals or set(), {})


# What is to be done ----------------------------------------------------------------------------


def test_a_plan_makes_changes_and_deletes_what_differs() -> None:
    source, target = tree("/", "/new", "/new/child", "/same"), tree("/", "/same", "/old", "/old/child")
    source.nodes["/same"] = Content(b"other", OPEN)
    source.nodes["/"] = Content(b"x", ((1, b"world", b"anyone"),))

    plan = make_plan(source, target, deletes=True)

    assert list(plan.creates) == ["/new", "/new/child"]
    assert list(plan.values) == ["/same"]
    assert list(plan.acls) == ["/"]
    assert plan.deletes == ["/old", "/old/child"]
    assert make_plan(source, target, deletes=False).deletes == []
    assert make_plan(target, target, deletes=True) == Plan()


def test_what_a_side_hides_and_the_targets_ephemerals_are_left_alone() -> None:
    source = tree("/a", "/b", hidden={"/c"})
    target = tree("/c", "/d", hidden={"/a"}, ephemerals={"/b"})

    plan = make_plan(source, target, deletes=True)

    assert (list(plan.creates), plan.blocked, plan.deletes) == ([], ["/b"], ["/d"])


def test_counters_are_behind_where_children_have_numbers() -> None:
    source, target = tree("/", "/q", "/q/n-0000000007", "/plain", "/plain/x"), tree("/", "/q", "/plain")
    source.creates = {"/": 3, "/q": 8, "/q/n-0000000007": 0, "/plain": 9, "/plain/x": 0}
    target.creates = {"/": 5, "/q": 2, "/plain": 1}

    assert behind(source, target, everywhere=False) == {"/q": 6}
    assert behind(source, target, everywhere=True) == {"/q": 6, "/plain": 8}


# Doing it --------------------------------------------------------------------------------------


def follows(client: KazooClient, path: str, data: bytes | None) -> None:
    """*data*: None: the node is gone."""

    def has() -> bool:
        stat = client.exists(path)
        return stat is None if data is None else stat is not None and client.get(path)[0] == data

    wait_until(has, seconds=IN_STEP_S, what=f"{path} is {data!r} in the target")


def test_a_corral_follows_a_zookeeper_until_cut_over(tmp_path: Path) -> None:
    superuser = {"zookeeper.DigestAuthenticationProvider.superDigest": HASH}
    with (
        genuine_ensemble(tmp_path / "zookeeper", members=1, properties=superuser) as zookeeper,
        corral_ensemble(tmp_path / "corral", members=1, settings={
            "DigestAuthenticationProvider.superDigest": HASH}) as corral,
        kazoo_client(zookeeper.addresses) as source,
        kazoo_client(corral.addresses, auth_data=[("digest", "super:admin")]) as target,
    ):
        arguments = both(zookeeper.addresses, corral.addresses)
        secret = [make_digest_acl("user", "password", all=True)]
        source.create("/app", b"1")
        source.create("/app/secret", b"2", acl=secret)
        source.create("/app/mine", ephemeral=True)
        source.create("/queue")
        for _ in range(5):
            source.create("/queue/n-", sequence=True)
        for number in range(4):
            source.delete(f"/queue/n-{number:010}")

        with mirroring(corral, *arguments) as lines:
            wait_until(lambda: any(line["event"] == "copied" for line in lines), seconds=IN_STEP_S, what="a first copy")
            source.set("/app", b"changed")
            source.create("/app/new", b"new")
            source.delete("/queue/n-0000000004")
            last = source.create("/queue/n-", b"5", sequence=True)
            follows(target, "/app", b"changed")
            follows(target, "/app/new", b"new")
            follows(target, "/queue/n-0000000004", None)
            follows(target, last, b"5")
        source.set_acls("/app/new", secret)  # which no watch tells of

        compared = once(corral, *arguments)
        assert compared["same"], compared
        assert compared["counters_raised"] == 1
        assert target.get_acls("/app/secret")[0] == secret
        assert target.get_acls("/app/new")[0] == secret
        assert target.exists("/app/mine") is None
        assert target.create("/queue/n-", sequence=True) == source.create("/queue/n-", sequence=True)

        target.create("/only-here")
        refused = corral.corral("mirror", *arguments, "--once", check=False)
        assert refused.returncode == 78
        assert "/only-here" in refused.stderr
        assert once(corral, *arguments, "--delete")["same"]
        assert target.exists("/only-here") is None


def both(zookeeper: list[Address], corral: list[Address]) -> list[str]:
    return [connect_string(zookeeper), connect_string(corral), f"--source-auth={AUTH}", f"--target-auth={AUTH}"]
