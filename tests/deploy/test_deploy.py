"""From three empty hosts to an ensemble that serves, by one command."""

import json
import stat
from pathlib import Path

import pytest

from tests.corral import kazoo_client
from tests.deploy.site import CONFIG, Play, Site
from tests.waiting import wait_until

BACK_S = 30.0


def test_check_mode_on_fresh_hosts_says_what_it_would_do_and_does_nothing(site: Site, rehearsed: Play) -> None:
    assert f"would install Corral {site.version}" in rehearsed.output
    assert "server.1=[2001:db8:51::11]:2888:3888:participant;0.0.0.0:2181" in rehearsed.output


def test_a_part_of_the_hosts_does_not_become_an_ensemble_of_its_own(site: Site, rehearsed: Play) -> None:
    play = site.play("deploy", "--limit", "h1", check=False)

    assert not play.is_good
    assert "h1 is new to the ensemble" in play.output
    assert not (site.members[1].root / "opt/corral").exists()


def test_three_empty_hosts_become_a_serving_ensemble(site: Site, deployed: Play) -> None:
    site.await_serving()

    assert sorted(status.role for status in site.statuses().values()) == ["follower", "follower", "leader"]
    assert all(count > 0 for count in deployed.changed.values())


def test_a_second_run_changes_nothing(ensemble: Site) -> None:
    again = ensemble.play("deploy")

    assert set(again.changed.values()) == {0}


@pytest.mark.long
def test_check_mode_on_running_hosts_finds_nothing_to_change(ensemble: Site) -> None:
    assert set(ensemble.play("deploy", "--check", "--diff").changed.values()) == {0}


@pytest.mark.long
def test_check_mode_shows_what_a_change_of_the_inventory_would_do_and_does_not_do_it(
    ensemble: Site, monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = ensemble.members[1].run("cat", CONFIG).stdout
    monkeypatch.setitem(ensemble.variables, "corral_settings",
                        {**ensemble.variables["corral_settings"], "corral.traceBudget": 7})

    play = ensemble.play("deploy", "--check", "--diff")

    assert "+corral.traceBudget=7" in play.output
    assert ensemble.members[1].run("cat", CONFIG).stdout == before


def test_stock_clients_use_it_by_ipv4_and_by_ipv6(ensemble: Site) -> None:
    with kazoo_client(ensemble.addresses) as six, kazoo_client(ensemble.addresses_v4) as four:
        six.create("/deployed", b"yes")
        four.sync("/deployed")

        assert four.get("/deployed")[0] == b"yes"


def test_every_process_is_a_unit_that_systemd_brings_back(ensemble: Site) -> None:
    for member, host in ensemble.members.items():
        listed = host.run("systemctl", "list-units", "--output=json", "corral-*@main.service").stdout
        for unit in [each["unit"] for each in json.loads(listed) if each["sub"] == "running"]:
            pid = host.property_of(unit, "MainPID")
            host.run("kill", "-KILL", pid)
            wait_until(lambda u=unit, p=pid, h=host: h.property_of(u, "MainPID") not in ("0", p), seconds=BACK_S,
                       what=f"{unit} of {host.name} is back")
        ensemble.await_serving(member)
    ensemble.await_serving()


def test_keys_and_data_are_for_the_member_alone_and_no_secret_is_seen_elsewhere(ensemble: Site) -> None:
    modes = {"/etc/corral/main/keys": 0o700, "/etc/corral/main/keys/member.json": 0o600,
             "/etc/corral/main/keys/ensemble.json": 0o600, "/var/lib/corral/main": 0o700, CONFIG: 0o640}
    for host in ensemble.members.values():
        for path, mode in modes.items():
            assert stat.S_IMODE((host.root / path.lstrip("/")).stat().st_mode) == mode, path

    secrets = {json.loads((host.root / f"etc/corral/main/keys/{name}.json").read_text())["secret"]
               for host in ensemble.members.values() for name in ("member", "ensemble")}
    assert len(secrets) == 4  # one each, and one that they share
    for host in ensemble.members.values():
        seen = host.run("ps", "-eww", "-o", "args").stdout + host.journal(lines=5000)
        assert not [secret for secret in secrets if secret in seen]
    said = "".join(play.output for play in ensemble.plays)
    assert not [secret for secret in secrets if secret in said]
    kept = [file for file in Path(ensemble.directory).rglob("*") if file.is_file() and file.suffix != ".txt"]
    assert not [file for file in kept for secret in secrets if secret.encode() in file.read_bytes()]
