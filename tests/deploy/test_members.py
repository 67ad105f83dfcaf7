"""Two more members, and two less, while clients write."""

import pytest

from tests.deploy.checking import checked_writes
from tests.deploy.site import Site
from tests.faults.writers import await_progress
from tests.waiting import wait_until

pytestmark = pytest.mark.long


def test_three_become_five_and_five_become_three_again(ensemble: Site) -> None:
    new = ensemble.fabric.hosts[3:5]
    with checked_writes(ensemble) as outcomes:
        for host in new:
            host.power_on()
            ensemble.members[host.number] = host
        ensemble.play("add_member", corral_added=",".join(host.name for host in new))
        await_voters(ensemble, 5)

        ensemble.members[1].power_cut()
        ensemble.members[2].power_cut()  # of three, that would be too many
        await_progress(outcomes, seconds=90)
        ensemble.members[1].power_on()
        ensemble.members[2].power_on()
        ensemble.await_serving()

        for host in reversed(new):
            ensemble.play("remove_member", corral_removed=host.name, corral_allow_even_voters=True)
            await_voters(ensemble, len(ensemble.members) - 1, without=host.number)
            del ensemble.members[host.number]
            host.power_off()
    assert set(ensemble.play("deploy").changed.values()) == {0}


def await_voters(site: Site, count: int, *, without: int = 0) -> None:
    """As every member counts them."""

    def agreed() -> bool:
        counts = {site.figure(number, "corral_voters") for number in site.members if number != without}
        return counts == {float(count)}

    wait_until(agreed, seconds=60, what=f"{count} voters")
