"""One ensemble by `corral up`, shared by the tests of this folder, each of which leaves it whole."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.corral import Ensemble, corral_ensemble
from tests.faults.figures import await_all_serving

LOG_TAIL_BYTES = 12_000

# Failures are noticed within half a second, and a snapshot is taken every 64 KiB.
SETTINGS = {
    "tickTime": "500",
    "initLimit": "20",
    "syncLimit": "4",
    "maxClientCnxns": "0",
    "corral.snapshotBytes": "65536",
    "corral.testHooks": "true",
}

Start = Callable[..., Ensemble]

_running: list[Ensemble] = []


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts ensembles that end with the tests.  settings: besides SETTINGS; members: how many."""
    with ExitStack() as ensembles:

        def started(settings: dict[str, str] | None = None, **options: Any) -> Ensemble:
            directory = tmp_path_factory.mktemp("faults")
            ensemble = ensembles.enter_context(
                corral_ensemble(directory, settings={**SETTINGS, **(settings or {})}, **options)
            )
            _running.append(ensemble)
            return ensemble

        yield started
        _running.clear()


@pytest.fixture
def own(start: Start) -> Iterator[Start]:
    """Starts ensembles that end with the test."""
    before = len(_running)
    yield start
    for ensemble in _running[before:]:
        ensemble.corral("down", "--data", str(ensemble.data))
    del _running[before:]


@pytest.fixture(scope="session")
def shared(start: Start) -> Ensemble:
    return start()


@pytest.fixture
def ensemble(shared: Ensemble) -> Iterator[Ensemble]:
    """Three members that serve, before the test and after it."""
    await_all_serving(shared)
    yield shared
    for member in (1, 2, 3):
        if shared.running(member) is None:
            shared.corral("start", str(member), "--data", str(shared.data))
    await_all_serving(shared)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the members of all running ensembles printed last stands below a failure."""
    report = yield
    if report.failed and "tests/faults" in item.nodeid:
        for ensemble in _running:
            for member in ensemble.local.members:
                report.sections.append(
                    (f"log of member {member.id}", ensemble.log(member.id)[-LOG_TAIL_BYTES:])
                )
    return report
