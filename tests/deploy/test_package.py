"""The Debian package, on a host where nothing is but Debian."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corral import kazoo_client
from tests.deploy.conftest import require_hosts
from tests.deploy.hosts import Host, fabric
from tests.deploy.site import ANSIBLE
from tests.waiting import wait_until

pytestmark = pytest.mark.long
UNIT = "corral@main.target"


@pytest.fixture(scope="module")
def package(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = subprocess.run(
        [sys.executable, str(ANSIBLE / "debian_package.py"), "--wheelhouse", str(wheelhouse),
         "--output", str(tmp_path_factory.mktemp("package"))],
        check=True, stdout=subprocess.PIPE, text=True)
    return Path(built.stdout.split()[0])


@pytest.fixture(scope="module")
def host(package: Path) -> Iterator[Host]:
    """Debian 12 with systemd; the package lies in its root folder."""
    require_hosts()
    directory = Path(tempfile.mkdtemp(prefix="corral-site-"))
    try:
        with fabric(directory / "hosts", count=1) as made, made.entered():
            found = made.hosts[0]
            shutil.copyfile(package, found.root / "srv/corral.deb")
            yield found
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def serves(host: Host) -> bool:
    return host.run("corral", "status", f"{host.v4}:2181", check=False).returncode == 0


def steps_of_the_readme(host: Host) -> str:
    """The commands of README.Debian, as somebody types them; the host is reached from outside."""
    first = (ANSIBLE / "debian/README.Debian").read_text().split("    corral status")[0]
    commands = [line.strip() for line in first.splitlines() if line.startswith("    ")]
    place = next(at for at, line in enumerate(commands) if "keys init" in line)
    commands.insert(place, f"sed -i s/127.0.0.1/{host.v4}/ /etc/corral/main/zoo.cfg")
    return "\n".join(commands)


def test_it_installs_without_a_network_and_starts_no_member(host: Host) -> None:
    said = host.run("dpkg", "--install", "/srv/corral.deb").stdout

    assert "no member runs yet" in said
    assert host.run("corral", "--version").stdout.startswith("corral")
    assert host.run("id", "--user", "--name", "corral").stdout.strip() == "corral"
    broken = [line.split()[-1] for line in host.run("dpkg", "--verify", "corral").stdout.splitlines()]
    assert all(each.startswith(("/usr/share/doc/", "/usr/share/man/")) for each in broken)  # which this host leaves out


def test_the_steps_of_its_readme_make_a_member_that_serves(host: Host) -> None:
    host.run("sh", "-euxc", steps_of_the_readme(host))

    wait_until(lambda: serves(host), seconds=60, what="the member serves")
    with kazoo_client([(host.v4, 2181)]) as client:
        client.create("/packaged", b"yes")


def test_installed_again_it_restarts_the_member_and_nothing_is_lost(host: Host) -> None:
    before = host.property_of("corral-broadcast@main.service", "MainPID")

    host.run("dpkg", "--install", "/srv/corral.deb")

    wait_until(lambda: serves(host), seconds=60, what="the member serves again")
    assert host.property_of("corral-broadcast@main.service", "MainPID") != before
    with kazoo_client([(host.v4, 2181)]) as client:
        assert client.get("/packaged")[0] == b"yes"


def test_purged_it_leaves_the_data_and_no_process(host: Host) -> None:
    said = host.run("dpkg", "--purge", "corral").stdout

    assert "are kept" in said
    assert host.run("pgrep", "--uid", "corral", check=False).stdout == ""
    assert host.run("ls", "/var/lib/corral/main").stdout
    assert host.run("test", "-e", "/opt/corral", check=False).returncode
