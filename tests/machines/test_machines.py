"""The short version of `make nemesis`: faults on real processes, disks and links, and a history that is checked."""

from pathlib import Path

import pytest

from tests.machines.faults import FAULTS, LYING_DISKS, row
from tests.machines.run import each_once, for_minutes, run, tell

SEED = 5
SHORT = ("one-way partition", "start on a full disk", "power cut of all")
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


@pytest.mark.long
@pytest.mark.usefixtures("machines_here")
def test_what_disks_lose_that_only_say_that_they_synced_is_found(tmp_path: Path) -> None:
    """The power cuts are real, and a loss would not be overlooked."""
    done = run([LYING_DISKS], each_once, seed=SEED, directory=tmp_path)

    assert {"creates exactly once", "counters by multi"} <= {finding.check for finding in done.findings}
