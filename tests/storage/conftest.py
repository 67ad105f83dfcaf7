"""The same tests on a real disk and on the simulated one."""

from pathlib import Path

import pytest

from node.storage.files import Files, RealFiles
from tests.simulation.disk import SimulatedDisk


@pytest.fixture(params=["real", "simulated"])
def files(request: pytest.FixtureRequest) -> Files:
    return RealFiles() if request.param == "real" else SimulatedDisk().process()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path
