"""Backups of a serving ensemble, and the way back to one: what clients keep, what they lose, and who is refused."""

import json
from pathlib import Path
from typing import Any

from kazoo.protocol.states import KazooState

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.conftest import Start
from tests.faults.figures import await_all_serving, await_serving, log_lines, statuses, stays
from tests.faults.trees import agreed_tree, tree_of
from tests.faults.writers import await_progress, writing
from tests.waiting import wait_until

EVERYBODY = (1, 2, 3)
WAIT_S = 3.0  # an election takes a tenth of it


def config_of(ensemble: Ensemble, member: int) -> str:
    return str(ensemble.home(member) / "zoo.cfg")


def back_up(ensemble: Ensemble, to: Path, *, member: int = 1, options: tuple[str, ...] = ()) -> dict[str, Any]:
    done = ensemble.corral("backup", config_of(ensemble, member), "--to", str(to), "--json", *options)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def restore(ensemble: Ensemble, file: Path, *members: int, options: tuple[str, ...] = ()) -> dict[str, Any]:
    configs = [config_of(ensemble, member) for member in members]
    done = ensemble.corral("restore", str(file), *configs, "--replace", "--json", *options)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stop(ensemble: Ensemble, *members: int) -> None:
    for member in members:
        ensemble.corral("stop", str(member), "--data", str(ensemble.data))


def start(ensemble: Ensemble, *members: int) -> None:
    for member in members:
        ensemble.corral("start", str(member), "--data", str(ensemble.data))


def epochs(ensemble: Ensemble) -> set[int | None]:
    return {status.epoch for status in statuses(ensemble).values()}


def test_a_backup_under_load_has_every_write_that_was_acknowledged_before_it(own: Start, tmp_path: Path) -> None:
    ensemble = own()
    root = fresh_root(ensemble)
    file = tmp_path / "backup"
    with writing(root, ensemble.addresses, ensemble.addresses) as writers:
        await_progress(writers, 30)
        with kazoo_client(ensemble.addresses[1:2]) as client:  # through another member than the one backed up
            client.create(f"{root}/marker", b"acknowledged")
            acknowledged = {path: data for outcome in writers for path, data in dict(outcome.created).items()}
            made = back_up(ensemble, file)
    assert made["complete"]

    stop(ensemble, *EVERYBODY)
    done = restore(ensemble, file, *EVERYBODY)
    start(ensemble, *EVERYBODY)
    await_all_serving(ensemble)

    assert epochs(ensemble) == {done["epoch"] + 1}
    tree = agreed_tree(ensemble, root)
    assert tree[f"{root}/marker"][0] == b"acknowledged"
    assert {path: tree[path][0] for path in acknowledged} == acknowledged


def test_clients_of_before_come_back_with_their_sessions_of_the_backup(own: Start, tmp_path: Path) -> None:
    ensemble = own({"maxSessionTimeout": "60000"})
    file = tmp_path / "backup"
    with kazoo_client(ensemble.addresses, timeout_s=60.0) as older:
        older.create("/ephemeral-of-before", ephemeral=True)
        older.create("/kept", b"at the backup")
        session = older.client_id[0]
        assert back_up(ensemble, file)["sessions"] == 1  # and not its own
        older.set("/kept", b"after the backup")
        with kazoo_client(ensemble.addresses, timeout_s=60.0) as younger:
            states: list[KazooState] = []
            younger.add_listener(states.append)
            younger.create("/ephemeral-of-after", ephemeral=True)

            stop(ensemble, *EVERYBODY)
            restore(ensemble, file, *EVERYBODY)
            start(ensemble, *EVERYBODY)
            await_all_serving(ensemble)

            wait_until(lambda: older.connected, what="the older one reconnects")
            assert older.client_id[0] == session
            assert older.get("/kept")[0] == b"at the backup"
            assert older.get("/ephemeral-of-before")[1].ephemeralOwner == session
            wait_until(lambda: KazooState.LOST in states and younger.connected, what="the younger has a new session")
            assert younger.exists("/ephemeral-of-after") is None


def test_members_restored_and_not_restored_never_serve_together(own: Start, tmp_path: Path) -> None:
    ensemble = own()
    file = tmp_path / "backup"
    with kazoo_client(ensemble.addresses) as client:
        client.create("/before")
        back_up(ensemble, file)
        client.create("/after")
    stop(ensemble, *EVERYBODY)
    restore(ensemble, file, 1)

    start(ensemble, 1, 2)  # a majority, of two histories
    wait_until(lambda: log_lines(ensemble, 1, "refused") or log_lines(ensemble, 2, "refused"), what="one is refused")
    stays(lambda: not any(status.is_serving for status in statuses(ensemble).values()), seconds=WAIT_S)

    start(ensemble, 3)  # with 2 it is a majority that was not restored: the ensemble of before goes on
    await_serving(ensemble, 2, 3)
    wait_until(lambda: log_lines(ensemble, 1, "refused"), what="1 is refused by the others")
    (reason,) = {line["reason"] for line in log_lines(ensemble, 1, "refused")}
    assert "restoration 2000-" in reason
    assert "were never restored" in reason
    assert {"/before", "/after"} <= tree_of(ensemble, 2).keys()

    stop(ensemble, *EVERYBODY)
    restore(ensemble, file, 2, options=("--epoch", "2000"))  # as member 1 was
    start(ensemble, *EVERYBODY)
    await_serving(ensemble, 1, 2)
    wait_until(lambda: log_lines(ensemble, 3, "refused"), what="3 is refused by those that were restored")
    tree = agreed_tree(ensemble, members=(1, 2))
    assert "/before" in tree
    assert "/after" not in tree

    stop(ensemble, 3)
    (ensemble.home(3) / "data/corral").rename(ensemble.home(3) / "data/put-aside")
    start(ensemble, 3)  # without data it takes the restored ones
    await_all_serving(ensemble)
    assert agreed_tree(ensemble) == tree


def test_a_member_restored_once_more_does_not_elect_away_what_came_since(own: Start, tmp_path: Path) -> None:
    ensemble = own()
    file = tmp_path / "backup"
    back_up(ensemble, file)
    stop(ensemble, *EVERYBODY)
    restore(ensemble, file, *EVERYBODY, options=("--epoch", "5000"))
    start(ensemble, *EVERYBODY)
    await_all_serving(ensemble)
    stop(ensemble, 3)
    with kazoo_client(ensemble.addresses[:2]) as client:  # acknowledged by 1 and 2, unknown to 3
        client.create("/since")

    stop(ensemble, 1, 2)
    directory = ensemble.home(2) / "data"
    (directory / "corral").rename(directory.parent / "lost")  # its disk is lost, and nothing says what it had seen
    for aside in directory.glob("corral.replaced-*"):
        aside.rename(directory.parent / aside.name)
    restore(ensemble, file, 2, options=("--epoch", "5000"))
    start(ensemble, 2, 3)
    # If 2 voted as it was restored, 3 would lead without the last write.
    stays(lambda: not any(status.is_serving for status in statuses(ensemble).values()), seconds=WAIT_S)

    start(ensemble, 1)
    await_all_serving(ensemble)
    assert "/since" in agreed_tree(ensemble)


def test_without_a_quorum_there_is_a_backup_without_the_promise(own: Start, tmp_path: Path) -> None:
    ensemble = own()
    with kazoo_client(ensemble.addresses) as client:
        for i in range(5):
            client.create(f"/node-{i}")
    stop(ensemble, 2, 3)
    wait_until(lambda: not statuses(ensemble)[1].is_serving, what="nobody serves")

    refused = ensemble.corral("backup", config_of(ensemble, 1), "--to", str(tmp_path / "no"), check=False)
    made = back_up(ensemble, tmp_path / "local", options=("--local",))

    assert refused.returncode == 1
    assert "--local" in refused.stderr
    assert not (tmp_path / "no").exists()
    assert not made["complete"]
    assert made["znodes"] >= 4
