"""What changes while the ensemble serves: configuration, restarts, keys, firewall; and nothing acknowledged is lost."""

import json

import pytest

from tests.corral import fresh_root
from tests.deploy.checking import checked_writes
from tests.deploy.hosts import Host
from tests.deploy.site import CONFIG, ENSEMBLE, Site, starts_of

pytestmark = pytest.mark.long


def test_a_changed_setting_restarts_members_one_at_a_time_and_then_nothing_more(ensemble: Site) -> None:
    starts = starts_of(ensemble)
    ensemble.variables["corral_settings"] = {**ensemble.variables["corral_settings"], "corral.traceBudget": 5}

    with checked_writes(ensemble):
        ensemble.play("deploy")

    assert all(now != before for now, before in zip(starts_of(ensemble), starts, strict=True))
    again = starts_of(ensemble)
    assert set(ensemble.play("deploy").changed.values()) == {0}
    assert starts_of(ensemble) == again


def test_a_setting_that_no_member_would_start_with_changes_nothing(
    ensemble: Site, monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = ensemble.members[1].run("cat", CONFIG).stdout
    monkeypatch.setitem(ensemble.variables, "corral_settings",
                        {**ensemble.variables["corral_settings"], "tickTiem": 1000})

    play = ensemble.play("deploy", check=False)

    assert not play.is_good
    assert "did you mean tickTime?" in play.output
    assert ensemble.members[1].run("cat", CONFIG).stdout == before
    ensemble.await_serving()


def test_an_even_number_of_members_is_refused_with_the_reason(ensemble: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "members", {1: ensemble.members[1], 2: ensemble.members[2]})

    play = ensemble.play("deploy", "--check", check=False)

    assert not play.is_good
    assert "corral_allow_even_voters" in play.output


def test_a_rolling_restart_takes_the_leader_last_and_loses_nothing(ensemble: Site) -> None:
    starts, leader = starts_of(ensemble), ensemble.leader()

    with checked_writes(ensemble):
        play = ensemble.play("rolling_restart")

    assert all(now != before for now, before in zip(starts_of(ensemble), starts, strict=True))
    order = [line for line in play.output.splitlines() if line.startswith("changed: [")]
    assert order[-1] == f"changed: [{ensemble.members[leader].name}]"


def test_a_rolling_restart_does_not_begin_while_a_member_is_away(ensemble: Site) -> None:
    starts = starts_of(ensemble)
    ensemble.members[3].run("systemctl", "stop", "corral@main.target")
    ensemble.variables["corral_gate_seconds"] = 3

    play = ensemble.play("rolling_restart", check=False)

    del ensemble.variables["corral_gate_seconds"]
    ensemble.members[3].run("systemctl", "start", "corral@main.target")
    assert not play.is_good
    assert "member 3" in play.output
    assert starts_of(ensemble)[:2] == starts[:2]


def interrupt(host: Host) -> None:
    """As a playbook leaves a member that was stopped by it and not yet started again, with a link already changed."""
    host.run("touch", "/run/corral-stopped-main")
    host.run("systemctl", "stop", "corral@main.target")
    host.run("sh", "-c", "echo '# older' >> /etc/systemd/system/corral-election@.service")


@pytest.mark.parametrize("playbook", ["rolling_restart", "rotate_keys", "upgrade"])
def test_a_run_that_ended_with_a_member_stopped_is_simply_run_again(ensemble: Site, playbook: str) -> None:
    host = ensemble.members[2]
    interrupt(host)

    ensemble.play(playbook, **({"corral_only": host.name} if playbook == "rotate_keys" else {}))

    ensemble.await_serving()
    assert host.run("ls", "/run").stdout.count("corral-stopped") == 0
    assert "older" not in host.run("cat", "/etc/systemd/system/corral-election@.service").stdout


def test_check_mode_of_every_playbook_changes_nothing(ensemble: Site) -> None:
    starts, keys = starts_of(ensemble), publics(ensemble)
    backup = str(next((ensemble.directory / "backups" / ENSEMBLE).iterdir()))

    for name, given in (("rolling_restart", {}), ("rotate_keys", {}), ("backup", {}), ("upgrade", {}),
                        ("restore", {"corral_backup": backup})):
        ensemble.play(name, "--check", "--diff", **given)

    assert (starts_of(ensemble), publics(ensemble)) == (starts, keys)


def test_a_secret_line_of_zoo_cfg_is_in_no_output(ensemble: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**ensemble.variables["corral_settings"],
                "DigestAuthenticationProvider.superDigest": "super:Sh0wnToNobody="}
    monkeypatch.setitem(ensemble.variables, "corral_settings", settings)

    play = ensemble.play("deploy", "--check", "--diff", check=False)

    assert sum(play.changed.values()) > 0
    assert "Sh0wnToNobody" not in play.output


def test_who_is_to_leave_is_not_stopped_where_an_even_number_would_stay(ensemble: Site) -> None:
    starts = starts_of(ensemble)

    play = ensemble.play("remove_member", corral_removed="h3", check=False)

    assert not play.is_good
    assert "corral_allow_even_voters" in play.output
    assert starts_of(ensemble) == starts
    ensemble.await_serving()


def test_rotated_keys_are_others_and_sessions_live_on(ensemble: Site) -> None:
    before = publics(ensemble)

    with checked_writes(ensemble) as outcomes:
        ensemble.play("rotate_keys")

    after = publics(ensemble)
    assert all(after[number] != before[number] for number in before)
    assert all(len(outcome.sessions) == 1 for outcome in outcomes)
    assert set(ensemble.play("deploy").changed.values()) == {0}


def test_with_the_firewall_members_reach_members_and_the_others_only_what_is_for_them(ensemble: Site) -> None:
    ensemble.variables |= {"corral_firewall": True, "corral_firewall_clients": ["2001:db8:51::/64"],
                           "corral_firewall_operators": ["198.51.100.0/24"]}

    ensemble.play("deploy")

    ensemble.await_serving()
    fresh_root(ensemble)  # type: ignore[arg-type]
    host = ensemble.members[1]
    assert can_connect(host.v6, 2181)
    assert not can_connect(host.v4, 2181)
    assert not can_connect(host.v6, 2888)
    assert not can_connect(host.v6, 7001)
    assert set(ensemble.play("deploy").changed.values()) == {0}
    host.reboot()
    ensemble.await_serving()
    assert not can_connect(host.v6, 2888)


def can_connect(host: str, port: int) -> bool:
    import socket

    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except TimeoutError:
        return False


def publics(site: Site) -> dict[str, str]:
    shown: dict[str, str] = json.loads(site.corral(1, "keys", "show", "--json", CONFIG).stdout)["members"]
    return shown
