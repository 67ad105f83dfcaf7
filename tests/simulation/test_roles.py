"""Observers, groups and weights come and go under faults; and the simulator sees it where their rules are broken."""

import pytest

from node.zab import core
from node.zab.learner_stream import LearnerStream, Phase
from node.zab.quorum import Electorate, Verifier, quorum_value
from tests.simulation.roles import OperatorOfRoles
from tests.simulation.test_membership import run, seeds
from tests.simulation.world import InvariantViolation
from transport.zxid import Zxid


def run_all(chosen: list[int]) -> None:
    for seed in chosen:
        run(seed, OperatorOfRoles)


@pytest.mark.parametrize("seed", seeds(count=1))
def test_observers_and_groups_come_and_go_under_faults_and_no_write_is_lost(seed: int) -> None:
    world = run(seed, OperatorOfRoles)

    assert world.occurred["reconfigured"]
    assert world.occurred["observer behind a follower"]


def test_where_groups_are_counted_as_a_majority_an_acknowledged_write_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "Electorate", lambda voters, before=(), *_: Electorate(voters, before))

    with pytest.raises(InvariantViolation, match="quorum durable"):
        run_all(seeds(first=8, count=20))


def test_where_acks_of_observers_count_an_acknowledged_write_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_anybody(stream: LearnerStream) -> Zxid | None:
        return stream.durable if stream.phase >= Phase.SYNCHRONISED else None

    def value(verifier: Verifier, values: dict[int, int]) -> int | None:
        return quorum_value(values.values(), len(verifier.voters))

    monkeypatch.setattr(LearnerStream, "counted_ack", of_anybody)
    monkeypatch.setattr(Verifier, "value", value)

    with pytest.raises(InvariantViolation, match="quorum durable"):
        run_all(seeds(count=20))


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 400, 40))
def test_observers_and_groups_come_and_go_under_faults_in_many_runs(first: int) -> None:
    run_all(seeds(first=100 + first, count=40))
