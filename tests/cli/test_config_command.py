"""`corral config` on a member that runs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corral import Ensemble, corral_ensemble
from tests.waiting import wait_until
from tests.wire_connection import four_letter


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with corral_ensemble(tmp_path_factory.mktemp("alone"), members=1) as ensemble:
        wait_until(lambda: is_told(ensemble), what="telemetry, for which nobody waits, tells what the member goes by")
        yield ensemble


def is_told(ensemble: Ensemble) -> bool:
    return not ensemble.corral("config", "explain", str(zoo_cfg(ensemble)), "--running", check=False).returncode


def explained(ensemble: Ensemble, *arguments: str) -> dict[str, str]:
    done = ensemble.corral("config", "explain", str(zoo_cfg(ensemble)), "--json", *arguments)
    return {each["key"]: each["value"] for each in json.loads(done.stdout)["keys"]}


def zoo_cfg(ensemble: Ensemble) -> Path:
    return ensemble.home(1) / "zoo.cfg"


def test_a_running_member_says_what_it_goes_by_and_the_file_what_stands_there(alone: Ensemble) -> None:
    before = zoo_cfg(alone).read_text()
    zoo_cfg(alone).write_text(before.replace("syncLimit=5", "syncLimit=9"))
    try:
        assert explained(alone, "syncLimit") == {"syncLimit": "9"}
        assert explained(alone, "syncLimit", "--running") == {"syncLimit": "5"}
    finally:
        zoo_cfg(alone).write_text(before)


def test_a_live_key_is_taken_over_and_another_one_wants_a_restart(alone: Ensemble) -> None:
    before = zoo_cfg(alone).read_text()
    zoo_cfg(alone).write_text(before.replace("syncLimit=5", "syncLimit=9") + "4lw.commands.whitelist=ruok\n")
    (address,) = alone.addresses
    assert "not in the whitelist" not in four_letter(address, "srvr")
    try:
        done = alone.corral("config", "reload", str(zoo_cfg(alone)))

        assert done.stdout == "live: 4lw.commands.whitelist\nafter a restart: syncLimit\n"
        assert "not in the whitelist" in four_letter(address, "srvr")
        assert explained(alone, "syncLimit", "4lw.*", "--running") == {
            "syncLimit": "5", "4lw.commands.whitelist": "ruok"}
    finally:
        zoo_cfg(alone).write_text(before)
    assert "live: 4lw.commands.whitelist" in alone.corral("config", "reload", str(zoo_cfg(alone))).stdout
    assert "live: nothing" in alone.corral("config", "reload", str(zoo_cfg(alone)), "--check").stdout


def test_a_file_that_cannot_be_used_is_refused_and_nothing_changes(alone: Ensemble) -> None:
    before = zoo_cfg(alone).read_text()
    zoo_cfg(alone).write_text(before + "maxClientCnxns=many\n")
    try:
        done = alone.corral("config", "reload", str(zoo_cfg(alone)), check=False)

        assert done.returncode == 78
        assert "maxClientCnxns" in done.stderr
    finally:
        zoo_cfg(alone).write_text(before)
    assert explained(alone, "maxClientCnxns", "--running") == {"maxClientCnxns": "60"}
