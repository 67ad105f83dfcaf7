"""What every test can rely on: long tests run with --all, and examples are the same ones in CI."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

ALL_S = 7200

settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all",
        action="store_true",
        help="also what takes minutes: tests marked `long`, and every seed and sequence",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes; runs with --all (make test-all)")
    if config.getoption("--all"):
        # For what is decided while modules are imported: how many seeds, how many examples.
        os.environ["CORRAL_TEST_ALL"] = "1"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell starts what runs beside a script; commands that tests start would inherit it: Ctrl-C ends none.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        for item in items:
            item.add_marker(pytest.mark.timeout(ALL_S))  # ten thousand sequences take longer than any test else may
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: make test-all"))


@pytest.fixture(autouse=True, scope="session")
def own_priority() -> Iterator[int]:
    """Commands that are called in this process would make all tests after them, and what those start, as nice."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "nice", lambda _: before)
        yield before


@pytest.fixture(autouse=True)
def keeps_its_priority(own_priority: int) -> Iterator[None]:
    yield
    assert os.getpriority(os.PRIO_PROCESS, 0) == own_priority, "lowers the priority of all tests after it"
