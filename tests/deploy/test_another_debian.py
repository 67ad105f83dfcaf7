"""The next Debian: another systemd, another Python."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corral import kazoo_client
from tests.deploy.conftest import require_hosts, wheelhouse_for
from tests.deploy.hosts import fabric
from tests.deploy.site import Site

pytestmark = pytest.mark.long


@pytest.fixture
def trixie(tmp_path: Path) -> Iterator[Site]:
    """One host of Debian 13."""
    require_hosts()
    packed = wheelhouse_for("3.13", tmp_path)
    directory = Path(tempfile.mkdtemp(prefix="corral-site-"))
    try:
        with fabric(directory / "hosts", count=1, suite="trixie") as made:
            (directory / "play").mkdir()
            with made.entered():
                yield Site(made, directory / "play", packed)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_a_member_on_debian_13_serves_and_a_second_run_changes_nothing(trixie: Site) -> None:
    host = trixie.members[1]

    trixie.play("deploy")

    trixie.await_serving()
    with kazoo_client(trixie.addresses) as client:
        client.create("/deployed", b"yes")
    assert host.run("/opt/corral/current/bin/python", "--version").stdout.startswith("Python 3.13")
    assert set(trixie.play("deploy").changed.values()) == {0}
    host.reboot()
    trixie.await_serving()
    with kazoo_client(trixie.addresses) as client:
        assert client.get("/deployed")[0] == b"yes"
