"""Each process kind killed and stopped under load: clients notice what design promises, and no more."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.corral import Ensemble, fresh_root
from tests.faults.figures import (
    await_all_serving,
    epoch_of,
    followers_of,
    leader_of,
    metrics,
    pids_of_all,
)
from tests.faults.trees import agreed_tree, tree_of
from tests.faults.writers import await_progress, check, writing
from tests.waiting import wait_until

GONE_S = 30.0 if os.environ.get("CORRAL_TEST_ALL") else 5.0
MEMBERS = (1, 2, 3)


@contextmanager
def stopped(ensemble: Ensemble, process: str, members: tuple[int, ...]) -> Iterator[None]:
    """While these processes are stopped."""
    pids = [ensemble.pids(member)[process] for member in members]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def kill(ensemble: Ensemble, process: str, member: int) -> None:
    """Returns once it has been started again."""
    pid = ensemble.pids(member)[process]
    os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: pids_of_all(ensemble, member).get(process) not in {0, pid, None},
        what=f"{process} of member {member} is started again",
    )


@pytest.mark.parametrize("process", ["snapshotter", "telemetry", "election"])
def test_without_it_no_client_notices_anything(ensemble: Ensemble, process: str) -> None:
    root, epoch = fresh_root(ensemble), epoch_of(ensemble)

    with writing(root, *([address] for address in ensemble.addresses)) as outcomes:
        for member in MEMBERS:
            kill(ensemble, process, member)
        with stopped(ensemble, process, MEMBERS):
            until = time.monotonic() + GONE_S
            while time.monotonic() < until:
                await_progress(outcomes)
        await_progress(outcomes)

    assert [outcome.errors for outcome in outcomes] == [[], [], []]
    assert [len(outcome.states) for outcome in outcomes] == [2, 2, 2]  # connected; at the end, lost
    assert epoch_of(ensemble) == epoch
    check(agreed_tree(ensemble, root), root, outcomes)
    if process == "telemetry":
        wait_until(lambda: metrics(ensemble, 1).get("corral_epoch") == epoch, what="metrics are back")


@pytest.mark.parametrize("whose", ["leader", "follower"])
@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_clients_of_a_dead_processor_reconnect_and_no_session_expires(
    ensemble: Ensemble, whose: str, how: str
) -> None:
    root = fresh_root(ensemble)
    member = leader_of(ensemble) if whose == "leader" else followers_of(ensemble)[0]
    addresses = ensemble.addresses
    first = [addresses[member - 1], *addresses]

    with writing(root, [addresses[member - 1]], *([a] for a in addresses), first, timeout_s=6) as outcomes:
        if how == "killed":
            kill(ensemble, "processor-0", member)
            await_progress(outcomes)
            kill(ensemble, "processor-0", member)
        else:
            with stopped(ensemble, "processor-0", (member,)):
                elsewhere = [outcomes[i] for i in MEMBERS if i != member]
                until = time.monotonic() + 4.0  # longer than syncLimit, less than the sessions' 6 s
                while time.monotonic() < until:
                    await_progress(elsewhere)
        await_progress(outcomes)
        here = tree_of(ensemble, member, root)

    assert [len(outcome.sessions) for outcome in outcomes] == [1] * len(outcomes)
    assert {f"{root}/here-w{i}" for i in range(len(outcomes))} <= here.keys()
    untouched = [outcomes[i] for i in MEMBERS if i != member]
    if whose == "follower":
        assert [outcome.errors for outcome in untouched] == [[], []]
    check(agreed_tree(ensemble, root), root, outcomes)


@pytest.mark.parametrize("whose", ["leader", "follower"])
def test_a_dead_broadcast_takes_its_member_out_until_it_has_recovered(
    ensemble: Ensemble, whose: str
) -> None:
    root, epoch = fresh_root(ensemble), epoch_of(ensemble)
    member = leader_of(ensemble) if whose == "leader" else followers_of(ensemble)[0]

    with writing(root, *([address] for address in ensemble.addresses)) as outcomes:
        await_progress(outcomes)
        kill(ensemble, "broadcast", member)
        await_progress(outcomes)
        await_all_serving(ensemble)

    assert [len(outcome.sessions) for outcome in outcomes] == [1, 1, 1]
    assert epoch_of(ensemble) > epoch if whose == "leader" else epoch_of(ensemble) == epoch
    untouched = [outcomes[i - 1] for i in MEMBERS if i != member]
    assert [outcome.errors for outcome in untouched] == [[], []]
    check(agreed_tree(ensemble, root), root, outcomes)
