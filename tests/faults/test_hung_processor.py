"""Processor 0 of the leader hangs (SIGSTOP): its connections stay, it says nothing, nobody would expire sessions."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.figures import await_all_serving, leader_of
from tests.faults.trees import agreed_tree
from tests.faults.writers import await_progress, check, writing
from tests.waiting import wait_until

SYNC_LIMIT_S = 2.0  # see conftest.SETTINGS
SLACK_S = 3.0  # a tick of the processor, the hand-over, and a busy machine
PROCESSOR = "processor-0"


@contextmanager
def hanging(ensemble: Ensemble, *members: int) -> Iterator[None]:
    pids = [ensemble.pids(member)[PROCESSOR] for member in members]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def says(ensemble: Ensemble, member: int, event: str, *, times: int) -> bool:
    return ensemble.log(member).count(f'"{event}"') >= times


def test_a_leader_whose_processor_hangs_hands_on_within_synclimit(ensemble: Ensemble) -> None:
    root, leader = fresh_root(ensemble), leader_of(ensemble)
    addresses = ensemble.addresses
    elsewhere = [address for number, address in enumerate(addresses, 1) if number != leader]
    anywhere = [addresses[leader - 1], *elsewhere]
    said = ensemble.log(leader).count('"handed_over"')

    with writing(root, elsewhere, elsewhere, anywhere, timeout_s=8) as outcomes:
        with hanging(ensemble, leader):
            await_progress(outcomes[:2])
            wait_until(
                lambda: says(ensemble, leader, "handed_over", times=said + 1), seconds=SYNC_LIMIT_S + SLACK_S,
                what="the leader hands on")
            new_leader = ensemble.leader()
            await_progress(outcomes)
            assert ensemble.leader() == new_leader != leader
        await_progress(outcomes)

    # At the others' processors nobody notices anything; the third writer lost its connection, not its session.
    assert [outcome.errors for outcome in outcomes[:2]] == [[], []]
    assert all(0 not in outcome.sessions and len(outcome.sessions) == 1 for outcome in outcomes)
    await_all_serving(ensemble)
    check(agreed_tree(ensemble, root), root, outcomes)


def test_sessions_expire_again_once_somebody_else_leads(ensemble: Ensemble) -> None:
    root, leader = fresh_root(ensemble), leader_of(ensemble)
    addresses = ensemble.addresses
    here = [address for number, address in enumerate(addresses, 1) if number != leader]

    with kazoo_client(here, chroot=root) as watching, kazoo_client(
            [addresses[leader - 1]], chroot=root, timeout_s=4) as lost:
        lost.create("/mine", ephemeral=True)
        with hanging(ensemble, leader):
            wait_until(
                lambda: watching.exists("/mine") is None, seconds=SYNC_LIMIT_S + 4 + 2 * SLACK_S,
                what="its ephemeral node goes")
            assert ensemble.leader() != leader
    await_all_serving(ensemble)


def test_where_every_processor_hangs_there_is_a_leader_still(ensemble: Ensemble) -> None:
    """They are back before any client could have given up; nobody leads that did not before."""
    leader = leader_of(ensemble)
    members = (1, 2, 3)

    with hanging(ensemble, *members):
        wait_until(
            lambda: says(ensemble, leader, "no_member_stands", times=1), seconds=SYNC_LIMIT_S + SLACK_S,
            what="an alarm")

    await_all_serving(ensemble)
    assert leader_of(ensemble) == leader
