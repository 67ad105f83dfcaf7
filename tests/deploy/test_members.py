"""Two more members, and two less, while clients write."""

import pytest

from tests.deploy.checking import checked_writes
from tests.deploy.site import Site
from tests.faults.writers import await_progress

pytestmark = pytest.mark.long


def test_three_become_five_and_five_become_three_again(ensemble: Site) -> None:
    new = ensemble.fabric.hosts[3:5]
    with checked_writes(ensemble) as outcomes:
        for host in new:
            host.power_on()
            ensemble.members[host.number] = host
        ensemble.play("add_member", corral_added=",".join(host.name for host in new))
        assert counted(ensemble) == {5}

        ensemble.members[1].power_cut()
        ensemble.members[2].power_cut()  # of three, that would be too many
        await_progress(outcomes, seconds=90)
        ensemble.members[1].power_on()
        ensemble.members[2].power_on()
        ensemble.await_serving()

        for host in reversed(new):
            ensemble.play("remove_member", corral_removed=host.name, corral_allow_even_voters=True)
            del ensemble.members[host.number]
            assert counted(ensemble) == {len(ensemble.members)}
            host.power_off()
    assert set(ensemble.play("deploy").changed.values()) == {0}


def counted(site: Site) -> set[int]:
    """How many voters each member counts: the playbook has waited for that."""
    return {status.voters for status in site.statuses().values()}
