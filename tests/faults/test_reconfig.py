"""A standalone member grows to three by reconfig, loses its leader, has two voters and three again, while clients
write: no write is lost."""

import shutil
from pathlib import Path
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NewConfigNoQuorumError

from node.config.read import load_config
from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.conftest import Start
from tests.faults.figures import await_serving, log_lines
from tests.faults.trees import agreed_tree
from tests.faults.writers import await_progress, check, writing
from tests.waiting import wait_until
from tests.wire_connection import four_letter

FIRST = "/first"
SUPER = [("digest", "super:test")]
SETTINGS = {
    "reconfigEnabled": "true",
    "standaloneEnabled": "false",
    "DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
}


def server_lines(ensemble: Ensemble) -> dict[int, str]:
    text = (ensemble.home(1) / "zoo.cfg").read_text().splitlines()
    return {int(line[7:].partition("=")[0]): line for line in text if line.startswith("server.")}


def begin_anew(ensemble: Ensemble, lines: dict[int, str]) -> None:
    """Member 1 standalone, explicitly initialised, with a znode; then the first of an ensemble, by its own line. The
    others with empty disks, and not started."""
    for member in (1, 2, 3):
        ensemble.stop(member)
        shutil.rmtree(ensemble.home(member) / "data" / "corral")
    path = ensemble.home(1) / "zoo.cfg"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("server.")]
    path.write_text("\n".join([*kept, "standaloneEnabled=true", ""]))
    directory = ensemble.home(1) / "data" / "corral"
    directory.mkdir()
    (directory / "initialize").touch()
    ensemble.start(1)
    with kazoo_client(ensemble.addresses[:1]) as zk:
        zk.create(FIRST, b"written while it was alone")
    assert "Mode: standalone" in four_letter(ensemble.addresses[0], "srvr")
    ensemble.stop(1)
    path.write_text("\n".join([*kept, lines[1], ""]))
    ensemble.start(1)


def reconfigured(zk: KazooClient, **change: Any) -> Any:
    """Its answer, once the new members have the history."""

    def attempt() -> Any:
        try:
            return zk.reconfig(**({"joining": None, "leaving": None, "new_members": None} | change))
        except NewConfigNoQuorumError:
            return None

    return wait_until(attempt, seconds=60, what=f"reconfig {change}")


def dynamic_files(ensemble: Ensemble, member: int) -> list[Path]:
    return sorted(ensemble.home(member).glob("zoo.cfg.dynamic.*"))


def test_a_standalone_member_grows_to_three_loses_one_and_gets_it_back_and_no_write_is_lost(own: Start) -> None:
    ensemble = own(settings=SETTINGS)
    lines = server_lines(ensemble)
    begin_anew(ensemble, lines)
    root = fresh_root(ensemble)
    with writing(root, ensemble.addresses[:1], ensemble.addresses) as outcomes:
        for member in (2, 3):
            ensemble.start(member)
        with kazoo_client(ensemble.addresses[:1], auth_data=SUPER) as zk:
            data, stat = reconfigured(zk, joining=",".join((lines[2], lines[3])))
            assert data.decode().count("participant") == 3
        await_progress(outcomes)

        # Three vote: one may fail, also the first.
        first = ensemble.leader()
        ensemble.kill(first)
        others = [member for member in (1, 2, 3) if member != first]
        await_serving(ensemble, *others)
        wait_until(lambda: dynamic_files(ensemble, 1), what="the members stand in a file")
        assert dynamic_files(ensemble, 1)[0].suffix == f".{stat.mzxid:x}"
        assert list(load_config(ensemble.home(1) / "zoo.cfg").config.servers) == [1, 2, 3]
        ensemble.start(first)  # from the new file
        await_serving(ensemble, 1, 2, 3)

        # The leader votes no more: it hands over, and follows.
        leaving = ensemble.leader()
        address = ensemble.addresses[leaving - 1]
        with kazoo_client([address], auth_data=SUPER) as zk:
            data, _ = reconfigured(zk, leaving=str(leaving))
            assert data.decode().count("participant") == 2
            wait_until(lambda: ensemble.leader() != leaving, seconds=30, what="another member leads")
            await_progress(outcomes)

        # Two vote, and three again.
        with kazoo_client([ensemble.addresses[ensemble.leader() - 1]], auth_data=SUPER) as zk:
            data, _ = reconfigured(zk, joining=lines[leaving])
            assert data.decode().count("participant") == 3
            assert zk.get(FIRST)[0] == b"written while it was alone"
        await_progress(outcomes)
    check(agreed_tree(ensemble, root), root, outcomes)

    asked = [line for member in (1, 2, 3) for line in log_lines(ensemble, member, "reconfigured")]
    assert len(asked) == 3
