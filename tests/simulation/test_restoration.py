"""A whole ensemble goes on from a backup, under faults; a member that was forgotten takes no part in it."""

import pytest

from tests.simulation import restoration
from tests.simulation.ensemble import Ensemble
from tests.simulation.faults import FaultOptions, plan
from tests.simulation.nemesis import Nemesis
from tests.simulation.run import Options, quieten
from tests.simulation.scheduler import SECOND
from tests.simulation.test_standing import serving
from transport.entry import read_record_header
from transport.zxid import epoch_of


def run_for(ensemble: Ensemble, seconds: int) -> None:
    scheduler = ensemble.world.scheduler
    scheduler.run(until_us=scheduler.now_us + seconds * SECOND)


def await_writes(ensemble: Ensemble, count: int) -> None:
    scheduler, history = ensemble.world.scheduler, ensemble.history
    until = history.writes_acknowledged + count
    assert scheduler.run(
        until_us=scheduler.now_us + 60 * SECOND, done=lambda: history.writes_acknowledged >= until)


def lived_and_ended(seed: int) -> tuple[Ensemble, restoration.Replayed]:
    """What it was, and a backup of some time before its end."""
    ensemble = serving(seed)
    await_writes(ensemble, 60)
    backup = restoration.back_up(ensemble, seed % 3 + 1)
    await_writes(ensemble, 60)
    restoration.end(ensemble)
    return ensemble, backup


@pytest.mark.parametrize("seed", range(3))
def test_a_restored_ensemble_has_the_backup_and_what_came_after_and_nothing_else(seed: int) -> None:
    before, backup = lived_and_ended(seed)
    zxid = backup.state.zxid

    ensemble = restoration.restored(before, backup)
    restoration.start(ensemble)
    await_writes(ensemble, 20)
    options = FaultOptions()
    nemesis = Nemesis(ensemble, plan(
        options, ensemble.world.randomness.of("faults"), members=ensemble.members, clients=len(ensemble.clients)))
    nemesis.begin()
    scheduler = ensemble.world.scheduler
    assert scheduler.run(until_us=scheduler.now_us + 60 * SECOND, done=lambda: nemesis.is_over)
    await_writes(ensemble, Options().writes_min)
    quieten(ensemble, scheduler.now_us + 120 * SECOND)
    ensemble.hub.finish(ensemble)

    assert epoch_of(read_record_header(ensemble.order.records[0]).first_zxid) > epoch_of(zxid)


@pytest.mark.parametrize("seed", range(4, 6))
def test_a_member_with_the_history_of_before_is_left_out_until_its_disk_is_replaced(seed: int) -> None:
    before, backup = lived_and_ended(seed)
    ensemble = restoration.restored(before, backup, forgotten=3)
    restoration.start(ensemble, forgotten=3)
    await_writes(ensemble, 60)
    run_for(ensemble, 3)

    broadcast = ensemble.broadcast(3)
    assert broadcast is not None
    assert broadcast.core.role == "looking"
    assert ensemble.hosts[3].durable.zxid() == before.hosts[3].durable.zxid()

    ensemble.hosts[3].replace_disk()
    await_writes(ensemble, 20)
    quieten(ensemble, ensemble.world.scheduler.now_us + 60 * SECOND)
    ensemble.hub.finish(ensemble)
