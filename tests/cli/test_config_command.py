"""`corral config` on a member that runs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corral import Ensemble, corral_ensemble


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with corral_ensemble(tmp_path_factory.mktemp("alone"), members=1) as ensemble:
        yield ensemble


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
