"""The short version of `make nemesis`: faults on real processes, disks and links, and a history that is checked."""

from pathlib import Path

import pytest

from tests.machines.faults import FAULTS, row
from tests.machines.run import each_once, for_minutes, run, tell

SEED = 5
SHORT = ("one-way partition", "power cut of all")
LONG_MINUTES = 10.0


@pytest.mark.usefixtures("machines_here")
def test_what_clients_of_real_machines_were_told_holds_under_faults(tmp_path: Path) -> None:
    done = run([row(kind) for kind in SHORT], each_once, seed=SEED, directory=tmp_path)

    tell(done)
    assert done.findings == []
    assert set(done.occurred()) == set(SHORT)
    assert done.figures.writes > 100


@pytest.mark.long
@pytest.mark.usefixtures("machines_here")
def test_ten_minutes_of_all_faults(tmp_path: Path) -> None:
    done = run(FAULTS, for_minutes(LONG_MINUTES), seed=SEED, directory=tmp_path)

    tell(done)
    assert done.findings == []
    assert set(done.occurred()) == {each.kind for each in FAULTS}
