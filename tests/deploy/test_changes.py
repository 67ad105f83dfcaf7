"""What changes while the ensemble serves: configuration, restarts, keys, firewall; and nothing acknowledged is lost."""

import json

import pytest

from tests.corral import fresh_root
from tests.deploy.checking import checked_writes
from tests.deploy.site import CONFIG, Site

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


def starts_of(site: Site) -> list[str]:
    return [host.property_of("corral-broadcast@main.service", "ExecMainStartTimestampMonotonic")
            for host in site.members.values()]


def publics(site: Site) -> dict[str, str]:
    shown: dict[str, str] = json.loads(site.corral(1, "keys", "show", "--json", CONFIG).stdout)["members"]
    return shown
