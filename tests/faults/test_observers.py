"""An observer behind a follower serves writers, and loses first its follower, then the leader: no write is lost."""

import shutil

from tests.corral import fresh_root, kazoo_client
from tests.faults.conftest import Start
from tests.faults.figures import await_serving, leader_of, statuses
from tests.faults.test_reconfig import SETTINGS, SUPER, reconfigured, server_lines
from tests.faults.trees import agreed_tree
from tests.faults.writers import await_progress, check, writing
from tests.waiting import wait_until
from tests.wire_connection import Address, four_letter

OBSERVER = 4


def master(address: Address) -> int:
    """Whom the observer learns from; 0: from nobody."""
    lines = dict(line.split("\t", 1) for line in four_letter(address, "mntr").splitlines() if "\t" in line)
    return int(lines.get("zk_observer_master_id", 0))


def test_an_observer_behind_a_follower_outlives_it_and_the_leader(own: Start) -> None:
    ensemble = own(members=4, settings={**SETTINGS, "observerMasterPort": "2191"})
    line = server_lines(ensemble)[OBSERVER]
    address = ensemble.addresses[OBSERVER - 1]
    with kazoo_client(ensemble.addresses[:1], auth_data=SUPER) as zk:
        reconfigured(zk, joining=line.replace(";", ":observer;"))
    ensemble.stop(OBSERVER)
    ensemble.start(OBSERVER)
    leader = leader_of(ensemble)
    wait_until(lambda: master(address) not in (0, leader), seconds=60, what="it follows a follower")
    assert statuses(ensemble)[OBSERVER].role == "observer"

    root = fresh_root(ensemble)
    with writing(root, [address]) as outcomes:
        await_progress(outcomes)
        followed = master(address)
        ensemble.kill(followed)
        wait_until(lambda: master(address) not in (0, followed), seconds=60, what="it follows another member")
        await_progress(outcomes)

        ensemble.start(followed)
        await_serving(ensemble, 1, 2, 3)
        leader = leader_of(ensemble)
        ensemble.kill(leader)
        wait_until(lambda: leader_of(ensemble) != leader, seconds=60, what="another member leads")
        await_progress(outcomes)
        ensemble.start(leader)
    check(agreed_tree(ensemble, root), root, outcomes)


def test_an_empty_member_comes_in_without_a_vote_and_gets_one_and_loses_it(own: Start) -> None:
    """As the playbooks do it: its own file says what it is to be, then the leader is asked (`corral reconfig`)."""
    ensemble = own(members=4, settings=SETTINGS)
    line = server_lines(ensemble)[OBSERVER]
    observing = line.replace(";", ":observer;")

    def change(*arguments: str) -> None:
        def is_done() -> bool:
            config = str(ensemble.home(leader_of(ensemble)) / "zoo.cfg")
            return ensemble.corral("reconfig", config, *arguments, check=False).returncode == 0

        wait_until(is_done, seconds=60, what=f"reconfig {arguments}")

    def await_voters(count: int) -> None:
        wait_until(lambda: {each.voters for each in statuses(ensemble).values()} == {count}, seconds=60,
                   what=f"all count {count} voters")

    change("--remove", str(OBSERVER))
    ensemble.stop(OBSERVER)
    shutil.rmtree(ensemble.home(OBSERVER) / "data" / "corral")
    path = ensemble.home(OBSERVER) / "zoo.cfg"
    path.write_text(path.read_text().replace(line, observing))
    ensemble.start(OBSERVER)

    change("--add", observing)
    await_voters(3)
    assert statuses(ensemble)[OBSERVER].role == "observer"
    change("--add", line.replace(";", ":participant;"))
    await_voters(4)
    change("--add", observing)
    await_voters(3)
