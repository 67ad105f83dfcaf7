"""An upgrade under load, between two builds that differ in feature level and record version, and the way back."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from tests.corral import kazoo_client
from tests.deploy.checking import checked_writes
from tests.deploy.next_build import NEW, build_wheel, make_tree, next_version
from tests.deploy.site import ANSIBLE, Site
from tests.faults.writers import Outcome, await_progress
from tests.waiting import wait_until
from transport.entry import FEATURE_LEVEL

pytestmark = pytest.mark.long
SYSTEMD = ANSIBLE.parent / "systemd"
MIXED_WRITES = 2000  # by each writer, while two versions serve side by side: half a minute or so


@pytest.fixture(scope="module")
def later(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheelhouse of the next version."""
    folder = tmp_path_factory.mktemp("next")
    wheel = build_wheel(make_tree(folder), folder)
    command = [sys.executable, str(ANSIBLE / "wheelhouse.py"), "--wheel", str(wheel), "--from", str(wheelhouse)]
    subprocess.run([*command, "--output", str(folder)], check=True)
    return next(folder.glob("wheelhouse-*.tar.gz"))


def test_upgrade_back_out_and_upgrade_again_lose_nothing(ensemble: Site, later: Path) -> None:
    old, new = ensemble.version, {"corral_version": next_version(), "corral_wheelhouse": str(later)}
    leader = ensemble.leader()
    followers = [host.name for number, host in ensemble.members.items() if number != leader]
    with checked_writes(ensemble) as outcomes:
        ensemble.play("upgrade", "--limit", ",".join(followers), **new)
        assert {number for number, version in versions(ensemble).items() if version == old} == {leader}
        await_progress(outcomes, MIXED_WRITES, seconds=240)
        assert levels(ensemble) == {FEATURE_LEVEL}
        assert can_use_what_goes(ensemble)

        ensemble.play("upgrade", corral_version=old)
        assert set(versions(ensemble).values()) == {old}

        ensemble.play("upgrade", **new)
        wait_until(lambda: levels(ensemble) == {FEATURE_LEVEL + 1}, seconds=30, what="the feature level rises")
        assert not can_use_what_goes(ensemble)

        back = ensemble.play("upgrade", corral_version=old, check=False)
        assert not back.is_good
        assert f"The ensemble is at feature level {FEATURE_LEVEL + 1}" in back.output
        assert "restore.yml" in back.output
        assert set(versions(ensemble).values()) == {next_version()}
    assert sessions_lived_on(outcomes)
    ensemble.variables |= new
    assert set(ensemble.play("deploy").changed.values()) == {0}


def test_an_upgrade_stops_at_the_first_member_that_does_not_come_back_and_the_rest_serves(
    ensemble: Site, later: Path, tmp_path: Path,
) -> None:
    broken = broken_wheelhouse(later, tmp_path)
    before = versions(ensemble)
    ensemble.variables["corral_gate_seconds"] = 10

    with checked_writes(ensemble):
        play = ensemble.play("upgrade", corral_version="9.9.9", corral_wheelhouse=str(broken), check=False)
        assert not play.is_good
        assert sum(now != then for now, then in zip(versions(ensemble).values(), before.values(), strict=True)) == 1
        del ensemble.variables["corral_gate_seconds"]
        away, = (number for number, version in versions(ensemble).items() if version == "9.9.9")
        name = ensemble.members[away].name
        ensemble.play("upgrade", "--limit", name, corral_version=before[away], corral_away=name)
        ensemble.await_serving()
    assert versions(ensemble) == before


def test_another_build_of_the_same_version_is_another_release(ensemble: Site, later: Path, tmp_path: Path) -> None:
    units = tmp_path / "systemd"
    shutil.copytree(SYSTEMD, units)
    with (units / "corral@.target").open("a") as file:
        file.write("# built anew\n")
    inner = tmp_path / "unpacked"
    subprocess.run(["tar", "xf", str(later), "--one-top-level=unpacked", "-C", str(tmp_path)], check=True)
    wheel, = inner.glob("*/wheels/corral-*.whl")
    command = [sys.executable, str(ANSIBLE / "wheelhouse.py"), "--wheel", str(wheel), "--from", str(later)]
    subprocess.run([*command, "--systemd", str(units), "--output", str(tmp_path)], check=True)
    ensemble.variables["corral_wheelhouse"] = str(next(tmp_path.glob("wheelhouse-*.tar.gz")))

    refused = ensemble.play("deploy", check=False)
    with checked_writes(ensemble):
        ensemble.play("upgrade")

    assert not refused.is_good
    assert "run upgrade.yml" in refused.output
    assert all(version.startswith(f"{next_version()}+") for version in versions(ensemble).values())
    assert "built anew" in ensemble.members[1].run("cat", "/etc/systemd/system/corral@.target").stdout
    assert set(ensemble.play("deploy").changed.values()) == {0}


def broken_wheelhouse(good: Path, folder: Path) -> Path:
    """Its program runs, and its processes do not."""
    subprocess.run(["tar", "xf", str(good), "-C", str(folder)], check=True)
    inner, = folder.iterdir()
    (inner / "VERSION").write_text("9.9.9\n")
    for unit in (inner / "systemd").glob("corral-broadcast@.service"):
        unit.write_text(unit.read_text().replace("-m node.processes broadcast", "-c raise(SystemExit(1))"))
    renamed = inner.rename(folder / "wheelhouse-9.9.9")
    packed = folder / "wheelhouse-9.9.9.tar.gz"
    subprocess.run(["tar", "czf", str(packed), "-C", str(folder), renamed.name], check=True)
    return packed


def versions(site: Site) -> dict[int, str]:
    return {number: Path(host.run("readlink", "/opt/corral/current").stdout.strip()).name
            for number, host in site.members.items()}


def levels(site: Site) -> set[int]:
    return {status.values.get("feature_level", 0) for status in site.statuses().values()}


def can_use_what_goes(site: Site) -> bool:
    """Whether a path that begins so can be created: from the next level on it cannot."""

    def can(client: KazooClient) -> bool:
        try:
            client.create(NEW, ephemeral=True)
        except KazooException:
            return False
        return True

    with kazoo_client(site.addresses) as client:
        return can(client)


def sessions_lived_on(outcomes: list[Outcome]) -> bool:
    return all(len(outcome.sessions) == 1 for outcome in outcomes)
