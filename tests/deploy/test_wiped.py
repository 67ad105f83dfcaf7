"""Everything taken down, and an ensemble set up anew in other ways.

By sudo, by names and IPv4, with keys from the control host, several processors, and an instance whose name has a dash;
it begins with one member and ends with one.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.corral import kazoo_client
from tests.deploy.checking import checked_writes
from tests.deploy.hosts import Host
from tests.deploy.site import ENSEMBLE, PROGRAM, Site

pytestmark = pytest.mark.long
INSTANCE = "second-one"
PROCESSORS = 2
SHARED = ("opt/corral", "etc/systemd/system/corral@.target", "etc/systemd/system/corral-broadcast@.service")
SCRAPED = f"etc/prometheus/corral/{ENSEMBLE}.json"
OWN = ("etc/corral/{}/zoo.cfg", "etc/corral/{}/keys", "var/lib/corral/{}", "var/backups/corral/{}")


def left(host: Host, *paths: str, instance: str = "main") -> list[str]:
    return [each for each in paths if (host.root / each.format(instance)).exists()]


def let_in(host: Host, user: str) -> None:
    """By ssh, as somebody who is not root and may become it."""
    home = f"/home/{user}"
    host.run("useradd", "--create-home", "--shell", "/bin/sh", user)
    host.run("sh", "-c", f"echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{user}")
    host.run("sh", "-c", f"cp -r ~root/.ssh {home}/.ssh && chown -R {user}:{user} {home}/.ssh")


@pytest.fixture(scope="module")
def secrets(site: Site) -> Path:
    return site.directory / "secrets"


@pytest.fixture(scope="module")
def other_way(site: Site, secrets: Path) -> Site:
    """The site, told to be set up in another way, with its first host alone."""
    for host in site.fabric.hosts[:3]:
        let_in(host, "ops")
    site.variables |= {
        "corral_instance": INSTANCE, "corral_processors": PROCESSORS, "corral_firewall": True,
        "corral_metrics_address": "{{ ansible_host }}", "corral_firewall_clients": [], "corral_firewall_operators": [],
        "corral_keys_kept": "control", "corral_keys_source": str(secrets),
        "corral_control_program": str(PROGRAM.with_name("corral")), "ansible_user": "ops", "ansible_become": True}
    site.address_of = lambda host: host.name  # which the hosts know by IPv4
    site.members = {1: site.fabric.hosts[0]}
    return site


def test_teardown_leaves_nothing_but_what_another_instance_needs(ensemble: Site) -> None:
    first, *others = ensemble.members.values()
    first.run("sh", "-c", "mkdir /etc/corral/other && touch /etc/corral/other/zoo.cfg")

    assert left(ensemble.fabric.hosts[0], SCRAPED)
    unasked = ensemble.play("teardown", check=False)
    assert not unasked.is_good
    ensemble.await_serving()
    ensemble.play("teardown", corral_confirmed=ENSEMBLE, corral_remove_data=True)

    assert [left(host, *OWN) for host in ensemble.members.values()] == [[], [], []]
    assert left(ensemble.fabric.hosts[0], SCRAPED) == []
    assert [left(host, *SHARED) for host in others] == [[], []]
    assert left(first, *SHARED) == list(SHARED)
    shown = [host.run("ps", "-eww", "-o", "args").stdout for host in ensemble.members.values()]
    assert not [each for each in shown if "node.processes" in each]
    first.run("rm", "-r", "/etc/corral/other")


def test_one_member_is_an_ensemble(other_way: Site) -> None:
    other_way.play("deploy")

    other_way.await_serving()
    with kazoo_client(other_way.addresses) as client:
        client.create("/begun", b"alone")
    units = f"corral-processor-*@{INSTANCE}.service"
    listed = other_way.members[1].run("systemctl", "list-units", "--plain", "--no-legend", units).stdout
    assert [line.split()[0].partition("@")[0] for line in listed.splitlines()] == [
        f"corral-processor-{index}" for index in range(PROCESSORS)]
    assert tables(other_way.members[1]) == ["corral_second_one"]
    assert set(other_way.play("deploy").changed.values()) == {0}


def test_one_becomes_three_and_keeps_what_it_had(other_way: Site) -> None:
    new = other_way.fabric.hosts[1:3]
    other_way.members |= {host.number: host for host in new}

    other_way.play("add_member", corral_added=",".join(host.name for host in new))

    assert {status.voters for status in other_way.statuses().values()} == {3}
    other_way.members[other_way.leader()].power_cut()
    cut, = (host for host in other_way.members.values() if not host.is_on)
    others = [number for number in other_way.members if number != cut.number]
    other_way.await_serving(*others)
    with kazoo_client([(other_way.members[number].v6, 2181) for number in others]) as client:
        assert client.get("/begun")[0] == b"alone"
    cut.power_on()
    other_way.await_serving()


def test_keys_under_ansible_vault_are_brought_and_are_on_no_disk_in_the_clear(
    other_way: Site, secrets: Path, tmp_path: Path,
) -> None:
    password = tmp_path / "password"
    password.write_text("of the vault\n")
    files = [str(each) for each in sorted(secrets.glob("*/*.json"))]
    vault = [str(PROGRAM.with_name("ansible-vault"))]
    subprocess.run([*vault, "encrypt", "--vault-password-file", str(password), *files], check=True)
    assert not [each for each in files if "secret" in Path(each).read_text()]

    again = other_way.play("deploy", "--vault-password-file", str(password))

    assert set(again.changed.values()) == {0}
    subprocess.run([*vault, "decrypt", "--vault-password-file", str(password), *files], check=True)


def test_a_key_that_is_rotated_on_the_control_host_restarts_its_member_alone(other_way: Site, secrets: Path) -> None:
    before, public = starts(other_way), public_of(secrets, 2)

    with checked_writes(other_way):
        other_way.play("rotate_keys", corral_only="h2")

    assert public_of(secrets, 2) != public
    after = starts(other_way)
    assert [number for number in after if after[number] != before[number]] == [2]
    assert set(other_way.play("deploy").changed.values()) == {0}


def test_keys_that_are_lost_on_the_control_host_are_not_replaced_by_another_ensembles(
    other_way: Site, tmp_path: Path,
) -> None:
    play = other_way.play("deploy", corral_keys_source=str(tmp_path / "empty"), check=False)

    assert not play.is_good
    assert "put them back" in play.output
    other_way.await_serving()


def test_three_become_one_while_clients_write(other_way: Site) -> None:
    with checked_writes(other_way):
        other_way.play("remove_member", corral_removed="h2,h3")
        other_way.play("teardown", "--limit", "h2,h3", corral_confirmed=ENSEMBLE)
        assert [tables(other_way.members[number]) for number in (2, 3)] == [[], []]
        del other_way.members[2], other_way.members[3]

    assert {status.voters for status in other_way.statuses().values()} == {1}
    assert set(other_way.play("deploy").changed.values()) == {0}


def test_one_that_is_left_of_three_begins_anew_from_a_backup(other_way: Site, secrets: Path) -> None:
    new = other_way.fabric.hosts[1:3]
    other_way.members |= {host.number: host for host in new}
    other_way.play("add_member", corral_added="h2,h3")
    other_way.play("backup")
    backup = max((other_way.directory / "backups" / ENSEMBLE).iterdir(), key=lambda file: file.stat().st_mtime)
    for host in new:
        host.power_cut()
    del other_way.members[2], other_way.members[3]

    other_way.play("restore", corral_backup=str(backup), corral_confirmed=ENSEMBLE)

    other_way.await_serving()
    with kazoo_client(other_way.addresses) as client:
        assert client.get("/begun")[0] == b"alone"
        client.create("/alone-again", b"")
    other_way.play("deploy")  # takes those who are lost off the lists
    assert list(json.loads((secrets / "1" / "ensemble.json").read_text())["members"]) == ["1"]
    assert set(other_way.play("deploy").changed.values()) == {0}


def tables(host: Host) -> list[str]:
    """Of the firewall."""
    return [line.split()[-1] for line in host.run("nft", "list", "tables").stdout.splitlines()]


def starts(site: Site) -> dict[int, str]:
    return {number: host.property_of(f"corral-broadcast@{INSTANCE}.service", "ExecMainStartTimestampMonotonic")
            for number, host in site.members.items()}


def public_of(secrets: Path, member: int) -> str:
    return str(json.loads((secrets / str(member) / "member.json").read_text())["public"])
