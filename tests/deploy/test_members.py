"""Two more members, and two less, while clients write; nobody else is restarted for it."""

import pytest

from tests.deploy.checking import checked_writes
from tests.deploy.site import CONFIG, Site, starts_of
from tests.faults.writers import await_progress

pytestmark = pytest.mark.long


def test_three_become_five_and_five_become_three_again(ensemble: Site) -> None:
    new, starts = ensemble.fabric.hosts[3:5], starts_of(ensemble)
    with checked_writes(ensemble) as outcomes:
        for host in new:
            host.power_on()
            ensemble.members[host.number] = host
        ensemble.play("add_member", corral_added=",".join(host.name for host in new))
        assert counted(ensemble) == {5}
        assert starts_of(ensemble)[:3] == starts
        assert set(ensemble.play("deploy").changed.values()) == {0}

        ensemble.members[1].power_cut()
        ensemble.members[2].power_cut()  # of three, that would be too many
        await_progress(outcomes, seconds=90)
        ensemble.members[1].power_on()
        ensemble.members[2].power_on()
        ensemble.await_serving()

        starts = starts_of(ensemble)
        ensemble.corral(ensemble.leader(), "handover", CONFIG, "--to", str(new[0].number), check=False)
        ensemble.play("remove_member", corral_removed=",".join(host.name for host in new))
        for host in new:
            del ensemble.members[host.number]
            host.power_off()
        assert counted(ensemble) == {3}
        assert starts_of(ensemble) == starts[:3]
    assert set(ensemble.play("deploy").changed.values()) == {0}


def test_members_come_and_go_by_their_own_playbooks_alone(ensemble: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    members = ensemble.members
    monkeypatch.setattr(ensemble, "members", {number: members[number] for number in (1, 2)})
    forgotten = ensemble.play("deploy", corral_allow_even_voters=True, check=False)
    monkeypatch.setattr(ensemble, "members", members)
    moved = ensemble.play("deploy", corral_quorum_port=2999, check=False)

    assert "the ensemble has a member 3, which the inventory has not" in forgotten.output
    assert "other addresses or ports hold than by the inventory" in moved.output
    assert not forgotten.is_good
    assert not moved.is_good
    assert set(ensemble.play("deploy").changed.values()) == {0}


def counted(site: Site) -> set[int]:
    """How many voters each member counts: the playbook has waited for that."""
    return {status.voters for status in site.statuses().values()}
