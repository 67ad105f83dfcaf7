"""Who leads where processors 0 hang or stay dead: somebody whose own lives, and if there is none, somebody."""

from tests.simulation.ensemble import Ensemble
from tests.simulation.host import PROCESSORS
from tests.simulation.network import Network
from tests.simulation.run import START_US, Options
from tests.simulation.scheduler import MS, SECOND
from tests.simulation.world import World

FIRST = [PROCESSORS[0]]


def serving(seed: int) -> Ensemble:
    """With clients at work, and nothing wrong yet."""
    options = Options()
    world = World(seed)
    Network(world, options.network)
    ensemble = Ensemble(
        world, scale=options.scale, host_options=options.host, client_options=options.client)
    ensemble.start()
    for client in ensemble.clients.values():
        client.start()
    assert world.scheduler.run(
        until_us=START_US, done=lambda: ensemble.agrees() and ensemble.history.writes_acknowledged > 0)
    return ensemble


def leads_on(ensemble: Ensemble, *, seconds: int, by: int | None = None) -> set[int]:
    """Who led meanwhile, looked at ten times a second; *by*: until this one leads no more."""
    scheduler = ensemble.world.scheduler
    until_us = scheduler.now_us + seconds * SECOND
    seen: set[int] = set()
    while scheduler.now_us < until_us and (by is None or ensemble.leader() == by):
        seen.add(ensemble.leader() or 0)
        scheduler.run(until_us=scheduler.now_us + 100 * MS)
    return seen


def limit_ms(ensemble: Ensemble) -> int:
    """From the last word of a processor to the end of its member's leading."""
    timing = ensemble.timing
    return timing.sync_ms + timing.silence_ms + 500  # a tick of the processor, and looks


def stop_first(ensemble: Ensemble, member: int, how: str) -> None:
    host = ensemble.hosts[member]
    if how == "gone":
        host.kill(FIRST)
    else:
        host.pause(FIRST)


def test_a_leader_whose_processor_0_stays_away_hands_on_and_is_not_elected_again_while_that_lasts() -> None:
    for seed in range(6):
        ensemble = serving(seed)
        first = ensemble.leader()
        assert first is not None
        stop_first(ensemble, first, "gone" if seed % 2 else "hung")
        began_us = ensemble.world.scheduler.now_us
        before = ensemble.history.writes_acknowledged

        leads_on(ensemble, seconds=20, by=first)
        assert ensemble.world.scheduler.now_us - began_us <= limit_ms(ensemble) * MS
        leads_on(ensemble, seconds=1)
        assert leads_on(ensemble, seconds=10) == {ensemble.leader()}

        assert ensemble.leader() != first
        assert ensemble.world.occurred["handed_over"] == 1
        assert ensemble.history.writes_acknowledged > before


def test_the_only_member_that_stands_leads() -> None:
    for seed in range(4):
        ensemble = serving(seed)
        others = [member for member in ensemble.members if member != 1]
        for member in others:
            stop_first(ensemble, member, "hung" if member % 2 else "gone")

        leads_on(ensemble, seconds=8)

        assert leads_on(ensemble, seconds=5) == {1}


def test_where_nobody_stands_whoever_leads_leads_on() -> None:
    for seed in range(4):
        ensemble = serving(seed)
        first = ensemble.leader()
        for member in ensemble.members:
            stop_first(ensemble, member, "hung" if member % 2 else "gone")

        assert leads_on(ensemble, seconds=15) == {first}
        assert ensemble.world.occurred["no_member_stands"] == 1


def test_where_nobody_stands_and_the_leader_dies_another_leads() -> None:
    for seed in range(4):
        ensemble = serving(seed)
        first = ensemble.leader()
        assert first is not None
        for member in ensemble.members:
            stop_first(ensemble, member, "hung")
        leads_on(ensemble, seconds=5)

        ensemble.hosts[first].kill(["broadcast", "election"])
        leads_on(ensemble, seconds=5)

        (now,) = leads_on(ensemble, seconds=5)
        assert now not in (0, first)


def test_the_first_member_that_stands_again_leads() -> None:
    ensemble = serving(1)
    first = ensemble.leader()
    for member in ensemble.members:
        stop_first(ensemble, member, "gone")
    leads_on(ensemble, seconds=5)
    follower = next(member for member in ensemble.members if member != first)

    ensemble.hosts[follower].start()
    leads_on(ensemble, seconds=3)

    assert leads_on(ensemble, seconds=5) == {follower}
