"""Three real hosts, deployed to once; the tests of this folder run in the order in which they stand.

What takes minutes is marked `long`: make test-deploy.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.deploy.hosts import fabric, missing
from tests.deploy.site import ANSIBLE, PROGRAM, ROOT, Play, Site

OUTSIDE = os.open("/proc/thread-self/ns/net", os.O_RDONLY)  # where there may be an index of packages, later on too
PACKED = ROOT / "build" / "wheelhouse"  # the wheels of others, kept between runs
_sites: list[Site] = []


def require_hosts() -> None:
    """Skip the test, or fail it in CI, where there can be no hosts."""
    reason = missing() or ("" if PROGRAM.exists() else "no ansible-playbook beside Python: make test installs it")
    if not reason:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"NOT DEPLOYED: {reason}")
    pytest.skip(f"NOT DEPLOYED: {reason}")


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheelhouse_for("3.11", tmp_path_factory.mktemp("wheelhouse"))


def wheelhouse_for(python: str, folder: Path) -> Path:
    """Of this work tree; what it needs from others is fetched once for each state of pyproject.toml."""
    base = PACKED / f"{hashlib.sha256((ROOT / 'pyproject.toml').read_bytes()).hexdigest()[:12]}-{python}"
    if not base.is_dir():
        _wheelhouse("--plain", "--python", python, "--output", str(base))
        return next(base.glob("*.tar.gz"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--quiet"]
    _run_outside(*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    wheel, = folder.glob("corral-*.whl")
    _wheelhouse("--wheel", str(wheel), "--from", str(next(base.glob("*.tar.gz"))), "--output", str(folder))
    return next(folder.glob("wheelhouse-*.tar.gz"))


def _wheelhouse(*arguments: str) -> None:
    _run_outside(sys.executable, str(ANSIBLE / "wheelhouse.py"), *arguments)


def _run_outside(*command: str) -> None:
    """Hosts of an earlier test may be up, and this thread on their operator's machine, which reaches nobody else."""
    entered = ["nsenter", f"--net=/proc/{os.getpid()}/fd/{OUTSIDE}"] if os.geteuid() == 0 else []
    subprocess.run([*entered, *command], check=True)


@pytest.fixture(scope="session")
def site(wheelhouse: Path) -> Iterator[Site]:
    """Three empty hosts, and this thread on the operator's machine."""
    require_hosts()
    directory = Path(tempfile.mkdtemp(prefix="corral-site-"))  # short: sockets lie below it
    try:
        with fabric(directory / "hosts", spare=2) as made:
            (directory / "play").mkdir()
            found = Site(made, directory / "play", wheelhouse)
            _sites.append(found)
            with made.entered():
                yield found
            _sites.remove(found)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def rehearsed(site: Site) -> Play:
    """Before anything is on the hosts."""
    return site.play("deploy", "--check", "--diff")


@pytest.fixture(scope="session")
def deployed(site: Site, rehearsed: Play) -> Play:
    """The first deployment."""
    return site.play("deploy")


@pytest.fixture
def ensemble(site: Site, deployed: Play) -> Site:
    """All members serve, before the test."""
    assert deployed.is_good
    site.await_serving()
    return site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first deployment is looked at first: what comes later changes the hosts, and leaves them so."""
    places = [at for at, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ours = sorted((items[at] for at in places), key=lambda item: item.path.name != "test_deploy.py")
    for at, item in zip(places, ours, strict=True):
        items[at] = item


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the members logged last stands below a failure."""
    report = yield
    if report.failed and "tests/deploy" in item.nodeid:
        for site in _sites:
            report.sections += [(f"journal of {host.name}", host.journal()) for host in site.fabric.hosts if host.is_on]
    return report
