"""Hosts that reboot, lose their cable, power or disk: the ensemble serves, and nothing acknowledged is lost."""

import pytest

from tests.deploy.checking import checked_writes
from tests.deploy.site import Site, starts_of
from tests.faults.writers import await_progress

pytestmark = pytest.mark.long


def test_a_host_that_reboots_comes_back_by_itself(ensemble: Site) -> None:
    with checked_writes(ensemble) as outcomes:
        ensemble.members[2].reboot()
        ensemble.await_serving(2)

    assert all(len(outcome.sessions) == 1 for outcome in outcomes)


def test_a_leader_that_loses_its_power_costs_no_acknowledged_write(ensemble: Site) -> None:
    leader = ensemble.leader()
    with checked_writes(ensemble) as outcomes:
        ensemble.members[leader].power_cut()
        await_progress(outcomes, seconds=60)
        ensemble.members[leader].power_on()
        ensemble.await_serving()

    assert all(len(outcome.sessions) == 1 for outcome in outcomes)


def test_a_leader_that_is_cut_off_leads_no_longer_and_follows_once_it_is_back(ensemble: Site) -> None:
    leader = ensemble.leader()
    with checked_writes(ensemble) as outcomes:
        ensemble.members[leader].cut_off()
        await_progress(outcomes, seconds=60)
        assert ensemble.leader() != leader
        ensemble.members[leader].heal()
        ensemble.await_serving()


def test_an_empty_host_takes_the_place_of_a_lost_one(ensemble: Site) -> None:
    host = ensemble.members[3]
    with checked_writes(ensemble) as outcomes:
        host.power_cut()
        await_progress(outcomes, seconds=60)
        host.replace_disk()
        host.power_on()

        ensemble.play("replace_member", corral_replaced=host.name)

        ensemble.await_serving()
    assert set(ensemble.play("deploy").changed.values()) == {0}


def test_a_host_at_another_address_takes_the_place_of_a_lost_one_and_nobody_is_restarted(ensemble: Site) -> None:
    lost, other = ensemble.members[3], ensemble.fabric.hosts[3]
    with checked_writes(ensemble):
        for was, now in ((lost, other), (other, lost)):  # and back
            starts = starts_of(ensemble)[:2]
            was.power_cut()
            was.replace_disk()
            now.power_on()
            ensemble.members[3] = now

            ensemble.play("replace_member", corral_replaced=now.name)

            ensemble.await_serving()
            assert starts_of(ensemble)[:2] == starts
    assert set(ensemble.play("deploy").changed.values()) == {0}


def test_a_host_with_data_is_not_replaced(ensemble: Site) -> None:
    play = ensemble.play("replace_member", corral_replaced="h3", check=False)

    assert not play.is_good
    assert "has data of member 3" in play.output
