"""A planned hand-over, with clients at work and nothing going wrong: nobody is cut off, no time is lost."""

from tests.simulation.ensemble import Ensemble
from tests.simulation.scheduler import MS, SECOND
from tests.simulation.test_standing import serving

GAP_MS = 125  # until it leads, in virtual time: as long as nobody has to ask election


def await_leader(ensemble: Ensemble, member: int, *, seconds: int = 2) -> None:
    scheduler = ensemble.world.scheduler
    assert scheduler.run(until_us=scheduler.now_us + seconds * SECOND, done=lambda: ensemble.leader() == member), member


def settle(ensemble: Ensemble) -> None:
    scheduler = ensemble.world.scheduler
    scheduler.run(until_us=scheduler.now_us + 500 * MS)


def connections(ensemble: Ensemble) -> list[int]:
    """How many each client has made so far."""
    return [client.connection_index for client in ensemble.clients.values()]


def test_each_member_in_turn_is_handed_leadership_within_a_moment() -> None:
    for seed in range(5):
        ensemble = serving(seed)
        settle(ensemble)
        before = connections(ensemble)
        for member in [2, 3, 1, 3]:
            leader = ensemble.leader()
            if leader in (None, member):
                continue
            epochs = len(ensemble.order.records)
            broadcast = ensemble.broadcast(leader)
            assert broadcast is not None
            broadcast.hand_over(member)
            began_us = ensemble.world.scheduler.now_us
            await_leader(ensemble, member)
            assert ensemble.world.scheduler.now_us - began_us <= GAP_MS * MS
            settle(ensemble)
            assert len(ensemble.order.records) > epochs

        assert connections(ensemble) == before
        assert ensemble.world.occurred["hand-over failed"] == 0
        assert ensemble.world.occurred["session expired"] == 0


def test_a_drained_member_loses_its_clients_and_no_session() -> None:
    for seed in range(5):
        ensemble = serving(seed)
        leader = ensemble.leader()
        assert leader is not None
        broadcast = ensemble.broadcast(leader)
        assert broadcast is not None

        broadcast.drain(on=True)
        scheduler = ensemble.world.scheduler
        scheduler.run(until_us=scheduler.now_us + 3 * SECOND)

        assert [each.core.by_session for each in ensemble.processors() if each.member == leader] == [{}]
        assert ensemble.leader() not in (None, leader)
        assert all(client.is_attached for client in ensemble.clients.values())
        assert ensemble.world.occurred["session expired"] == 0


def test_a_whole_ensemble_that_ends_waits_for_no_heir() -> None:
    ensemble = serving(3)
    processors = ensemble.processors()
    for processor in processors:
        processor.leave()

    scheduler = ensemble.world.scheduler
    scheduler.run(until_us=scheduler.now_us + 300 * MS)

    assert ensemble.world.occurred["hand-over failed"] >= 1
    assert ensemble.world.occurred["handed_over"] == 0
    assert all(processor.has_left or processor.drain is not None for processor in processors)
