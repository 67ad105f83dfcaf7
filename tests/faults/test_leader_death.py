"""A leader dies under pipelined load: clients of the others wait a moment, and that is all."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.corral import Ensemble, fresh_root
from tests.faults.figures import epoch_of, followers_of, leader_of
from tests.faults.pipelines import await_rounds, pipelining
from tests.faults.trees import agreed_tree

PER_MEMBER = 3


def kill_member(ensemble: Ensemble, member: int) -> None:
    ensemble.kill(member)


def kill_broadcast(ensemble: Ensemble, member: int) -> None:
    ensemble.signal(member, "broadcast", signal.SIGKILL)


def stop_member(ensemble: Ensemble, member: int) -> None:
    for pid in ensemble.pids(member).values():
        os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("fault", [kill_member, stop_member, kill_broadcast])
def test_surviving_connections_get_every_answer_once_and_in_order(
    ensemble: Ensemble, fault: Callable[[Ensemble, int], None]
) -> None:
    root, epoch, leader = fresh_root(ensemble), epoch_of(ensemble), leader_of(ensemble)
    pids = ensemble.pids(leader).values()
    survivors = [ensemble.addresses[i - 1] for i in followers_of(ensemble)] * PER_MEMBER

    try:
        with pipelining(root, survivors) as pipelines:
            await_rounds(pipelines)
            fault(ensemble, leader)
            await_rounds(pipelines)
    finally:
        if fault is stop_member:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    for pipeline in pipelines:
        assert pipeline.names == sorted(set(pipeline.names))
    names = sorted(name for pipeline in pipelines for name in pipeline.names)
    assert names == [f"{root}/all/{i:010}" for i in range(len(names))]
    assert epoch_of(ensemble) > epoch
    if ensemble.running(leader) is None:
        ensemble.start(leader)
    tree = agreed_tree(ensemble, root)
    assert sorted(path for path in tree if path.startswith(f"{root}/all/")) == names
