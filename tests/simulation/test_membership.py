"""Reconfigurations under all faults that cost nobody its disk: no acknowledged write is lost, and all end as voters."""

from dataclasses import replace

import pytest

from node.storage.errors import RefusedError, StorageError
from node.zab import core
from node.zab.quorum import Electorate
from tests.simulation.disk import PowerCutError
from tests.simulation.ensemble import Ensemble, Scale
from tests.simulation.faults import DAMAGES, WEIGHTS, FaultOptions, plan
from tests.simulation.membership import Operator
from tests.simulation.nemesis import Nemesis
from tests.simulation.network import Network
from tests.simulation.run import Options, drive
from tests.simulation.shells.processor import ResyncError
from tests.simulation.world import InvariantViolation, World

MEMBERS = 5


def run(seed: int, kind: type[Operator] = Operator) -> World:
    """Raises InvariantViolation, LivenessError."""
    options = Options(scale=Scale(members=MEMBERS), faults=FaultOptions(
        weights={kind: weight for kind, weight in WEIGHTS.items() if kind not in DAMAGES}))
    world = World(seed)
    world.process_ending = (StorageError, RefusedError, ResyncError, PowerCutError)
    Network(world, options.network)
    ensemble = Ensemble(world, scale=options.scale, host_options=options.host, client_options=options.client)
    faults = plan(
        options.faults, world.randomness.of("faults"), members=ensemble.members, clients=options.scale.clients)
    nemesis = Nemesis(ensemble, faults)
    kind(ensemble, lambda: nemesis.is_over).begin()
    ensemble.begin()
    drive(ensemble, nemesis, replace(options, writes_min=50))
    return world


def run_all(chosen: list[int]) -> int:
    """How often the members changed."""
    return sum(run(seed).occurred["reconfigured"] for seed in chosen)


def seeds(*, count: int, first: int = 0) -> list[int]:
    return list(range(first, first + count))


@pytest.mark.parametrize("seed", seeds(count=4))
def test_members_come_and_go_under_faults_and_no_write_is_lost(seed: int) -> None:
    world = run(seed)

    assert world.occurred["reconfigured"]


def test_without_the_quorum_of_those_before_an_acknowledged_write_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the runs above can fail."""
    monkeypatch.setattr(core, "Electorate", lambda voters, _before=(), *_: Electorate(voters))

    with pytest.raises(InvariantViolation, match="quorum durable"):
        run_all(seeds(count=20))


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 400, 40))
def test_members_come_and_go_under_faults_and_no_write_is_lost_in_many_runs(first: int) -> None:
    assert run_all(seeds(first=100 + first, count=40)) >= 40 * 3
