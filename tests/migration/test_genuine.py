"""Files of genuine ZooKeeper servers are read as they read them, and servers start from ours."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState
from kazoo.security import make_digest_acl, make_digest_acl_credential

from node.migration.exporting import export
from node.migration.importing import Imported, make_state
from node.sessions.table import Session
from node.tree.state import State
from node.zookeeper_files.directory import find_directory
from node.zookeeper_files.recovery import recover
from node.zookeeper_files.sessions import zookeeper_password
from tests.clients.genuine_ensemble import GenuineEnsemble, genuine_ensemble
from tests.corral import kazoo_client
from tests.migration.dumps import dump, dump_of
from tests.tree.ensemble import Ensemble
from tests.waiting import wait_until
from transport.opcodes import OpCode
from transport.records import CreateTTLRequest
from transport.zxid import make_zxid

SUPER = {"zookeeper.DigestAuthenticationProvider.superDigest": make_digest_acl_credential("super", "admin")}
AUTH = [("digest", "super:admin")]
PROPERTIES = {**SUPER, "zookeeper.extendedTypesEnabled": "true"}
FEW_TRANSACTIONS = {"zookeeper.snapCount": "60"}  # so that snapshots are taken while writes go on
LONG = {"maxSessionTimeout": "600000"}  # a machine that stalls must not end a session
SETTINGS = {"extendedTypesEnabled": "true"}


def imported(ensemble: GenuineEnsemble, member: int = 1) -> Imported:
    found = make_state(
        recover(find_directory(ensemble.home(member))), settings=SETTINGS, feature_level=1, keeps_sessions=True,
        renumbers=False)
    assert found.digests > 0
    return found


def write_all_kinds(client: KazooClient) -> None:
    client.create("/sequence")
    client.create("/private", b"1", acl=[make_digest_acl("user", "password", all=True)])
    client.create("/opened", b"1", acl=[make_digest_acl("user", "password", all=True)])
    client.add_auth("digest", "user:password")
    client.set_acls("/opened", [make_digest_acl("other", "word", read=True)])
    client.create("/ephemeral", b"here", ephemeral=True)
    client.create("/deleted")
    client.delete("/deleted")
    transaction = client.transaction()
    transaction.create("/by-multi", b"x")
    transaction.set_data("/by-multi", b"y")
    transaction.commit()
    failing = client.transaction()
    failing.create("/never")
    failing.delete("/is-not-there")
    failing.commit()


def write_until_killed(client: KazooClient, kill: Callable[[], None]) -> None:
    """Writes are on their way while the server dies."""
    answers = []
    for i in range(150):
        answers += [
            client.create_async("/sequence/n-", b"%d" % i, sequence=True), client.set_async("/by-multi", b"%d" % i),
            client.create_async(f"/sequence/{i}"), client.delete_async(f"/sequence/{i}")]
    answers[300].get(timeout=30)
    kill()


def test_files_of_a_killed_server_are_read_as_it_reads_them_itself(tmp_path: Path) -> None:
    with genuine_ensemble(tmp_path, members=1, settings=LONG, properties=PROPERTIES | FEW_TRANSACTIONS) as ensemble:
        # Gone before the server comes back: one that comes too early may be left without an answer, for minutes.
        with kazoo_client(ensemble.addresses, timeout_s=300) as client:
            write_all_kinds(client)
            write_until_killed(client, lambda: ensemble.kill(1))
        assert len(list((ensemble.home(1) / "version-2").glob("snapshot.*"))) > 1

        found = imported(ensemble)
        ensemble.start(1)
        with kazoo_client(ensemble.addresses, auth_data=AUTH) as looking:
            expected = dump(looking)

    assert dump_of(found.state) == expected
    assert expected["/ephemeral"][1][7] in found.state.sessions


@pytest.mark.long
def test_files_of_a_killed_ensembles_members_are_read(tmp_path: Path) -> None:
    with genuine_ensemble(tmp_path, members=3, settings=LONG, properties=PROPERTIES | FEW_TRANSACTIONS) as ensemble:
        with kazoo_client(ensemble.addresses, timeout_s=300) as client:
            write_all_kinds(client)

            def kill() -> None:
                for member in (1, 2, 3):
                    ensemble.kill(member)

            write_until_killed(client, kill)

        found = [imported(ensemble, member) for member in (1, 2, 3)]
        last = max(found, key=lambda each: each.last_zxid)

        for member in (1, 2, 3):
            ensemble.launch(member)
        for member in (1, 2, 3):
            ensemble.await_serving(member)
        with kazoo_client(ensemble.addresses, auth_data=AUTH) as looking:
            expected = dump(looking)

    assert dump_of(last.state) == expected


# The way back ----------------------------------------------------------------------------------


def state_of_corral() -> State:
    """Of all kinds, with a session of ZooKeeper's and one that began here."""
    ensemble = Ensemble(settings=SETTINGS)
    client = ensemble.client()
    client.create(b"/a", b"1")
    client.create(b"/a/b", None)
    client.create(b"/secret", b"2", acl=None)
    client.create(b"/born-here", b"3", flags=1)
    client.create(b"/a/s-", b"", flags=2)
    client.create(b"/a/s-", b"", flags=2)
    client.create(b"/a/box", b"", flags=4)
    client.write(OpCode.CREATE_TTL, CreateTTLRequest(b"/ttl", b"", [], 5, 90_000_000))
    state = ensemble.replica.state
    brought = Session(
        session_id=0x1234_5678_9ABC, timeout_ms=40_000, source=0, connection=0,
        password=zookeeper_password(0x1234_5678_9ABC))
    state.sessions.add(brought)
    ephemeral = state.tree.nodes[b"/born-here"]
    state.tree.nodes[b"/a"].data = b"changed"
    assert ephemeral.owner in state.sessions
    return state


@pytest.mark.parametrize("members", [1, pytest.param(3, marks=pytest.mark.long)])
def test_a_genuine_server_starts_from_what_was_exported(tmp_path: Path, members: int) -> None:
    state = state_of_corral()
    state.zxid = make_zxid(epoch=5, counter=(1 << 33) + 9)  # beyond what 32 bits hold
    expected = dump_of(state)
    with genuine_ensemble(tmp_path / "zookeeper", members=members, properties=PROPERTIES) as ensemble:
        for member in range(1, members + 1):
            ensemble.stop(member)
            shutil.rmtree(ensemble.home(member) / "version-2")
        made = export(state, [ensemble.home(member) for member in range(1, members + 1)], keeps_sessions=True)
        for member in range(1, members + 1):
            ensemble.launch(member)
        for member in range(1, members + 1):
            ensemble.await_serving(member)
        with kazoo_client(ensemble.addresses, auth_data=AUTH) as client:
            assert dump(client) == expected
            client.set("/a", b"new")
            assert client.exists("/a").mzxid > made.zxid

    assert (made.sessions, made.continued) == (2, 1)
    assert any("1 sessions began here" in remark for remark in made.remarks)


@pytest.mark.long
def test_a_session_that_came_from_zookeeper_goes_back_to_it(tmp_path: Path) -> None:
    state = state_of_corral()
    with genuine_ensemble(tmp_path / "zookeeper", members=1, properties=PROPERTIES) as ensemble:
        ensemble.stop(1)
        shutil.rmtree(ensemble.home(1) / "version-2")
        export(state, [ensemble.home(1)], keeps_sessions=True)
        ensemble.start(1)
        known = (0x1234_5678_9ABC, zookeeper_password(0x1234_5678_9ABC))
        with kazoo_client(ensemble.addresses, client_id=known) as client:
            assert client.client_id[0] == known[0]

        (born_here,) = [session for session in state.sessions.values() if session.password is None]
        states: list[str] = []
        stranger = KazooClient(
            f"127.0.0.1:{ensemble.addresses[0][1]}", client_id=(born_here.id, bytes(range(16))))
        stranger.add_listener(states.append)
        try:
            stranger.start(timeout=30)
            wait_until(lambda: stranger.client_id[0] != born_here.id, seconds=30, what="a session of its own")
        finally:
            stranger.stop()
            stranger.close()
        assert KazooState.LOST in states


def test_without_sessions_no_ephemeral_is_exported(tmp_path: Path) -> None:
    made = export(state_of_corral(), [tmp_path], keeps_sessions=False)

    contents = recover(find_directory(tmp_path)).tree
    assert (made.sessions, contents.sessions) == (0, {})
    assert b"/born-here" not in contents.nodes
    assert b"/a/b" in contents.nodes
    assert (tmp_path / "version-2/currentEpoch").read_text().strip() == str(made.zxid >> 32)
    assert (tmp_path / "version-2/acceptedEpoch").read_text().strip() == str(made.zxid >> 32)
