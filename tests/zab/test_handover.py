"""Leadership is handed over: to whom, when, and what becomes of it if something goes wrong on the way."""

import pytest

from node.zab.effects import AcceptBatches, Disconnect, Lease, Look, Send
from node.zab.events import Draining, FromLeader, HandOver, ProcessorReady
from node.zab.looking import HEIR_RETRY_MS
from tests.zab.builders import TIMING, serving_follower
from tests.zab.ensemble import Ensemble, established
from transport.messages import HandedOver, Ping, Pong
from transport.zxid import Epoch, MemberId

ANYBODY = MemberId(0)
WITHIN_MS = 5000


def hand_over(ensemble: Ensemble, by: int, heir: int = 0) -> None:
    """And the moment that it takes."""
    ensemble.step(by, HandOver(MemberId(heir), WITHIN_MS))
    ensemble.run()
    ensemble.advance(2 * HEIR_RETRY_MS, step_ms=HEIR_RETRY_MS)


def leaders(ensemble: Ensemble) -> list[int]:
    """Those that lead and serve."""
    return [
        host.id for host in ensemble.hosts.values()
        if host.member is not None and host.member.role == "leader" and host.member.is_serving]


def serving_under(ensemble: Ensemble, leader: int) -> list[int]:
    return [
        host.id for host in ensemble.hosts.values()
        if host.member is not None and host.member.is_serving and host.member.leader == leader]


def may_propose(ensemble: Ensemble, member: int) -> bool:
    host = ensemble.hosts[MemberId(member)]
    return host.member is not None and host.member.may_propose


def rounds(ensemble: Ensemble) -> list[int]:
    return [host.round for host in ensemble.hosts.values()]


# --- who leads afterwards ---


@pytest.mark.parametrize("heir", [2, 3])
def test_the_heir_that_was_asked_for_leads_and_election_is_not_asked(heir: int) -> None:
    ensemble = established(3)
    asked = rounds(ensemble)

    hand_over(ensemble, 1, heir)

    assert leaders(ensemble) == [heir]
    assert serving_under(ensemble, heir) == [1, 2, 3]
    assert rounds(ensemble) == asked


def test_leadership_goes_round_and_every_write_is_everywhere() -> None:
    ensemble = established(5)

    for leader, heir in [(1, 3), (3, 2), (2, 5), (5, 1)]:
        ensemble.submit(leader)
        hand_over(ensemble, leader, heir)
        ensemble.submit(heir)
        ensemble.run()

    assert serving_under(ensemble, 1) == [1, 2, 3, 4, 5]
    assert len({host.watermark for host in ensemble.hosts.values()}) == 1


def test_a_follower_that_lags_is_not_chosen() -> None:
    ensemble = established(3)
    ensemble.hold(2)
    ensemble.submit(1)
    ensemble.run()

    hand_over(ensemble, 1)

    assert leaders(ensemble) == [3]


def test_a_draining_leader_hands_over_at_once_to_one_that_is_not_drained() -> None:
    ensemble = established(3)
    ensemble.step(2, Draining(on=True))
    ensemble.run()

    ensemble.step(1, Draining(on=True))
    ensemble.run()

    assert leaders(ensemble) == [3]


def test_a_leader_whose_followers_all_drain_leads_on_and_says_so_at_once() -> None:
    ensemble = established(3)
    for member in (2, 3, 1):
        ensemble.step(member, Draining(on=True))
        ensemble.run()

    assert leaders(ensemble) == [1]
    assert may_propose(ensemble, 1)
    assert ensemble.hosts[MemberId(1)].failures == ["no other member can take over"]
    ensemble.step(1, Draining(on=True))  # again: its broadcast is about to end, too
    assert len(ensemble.hosts[MemberId(1)].failures) == 2


def test_the_first_member_that_takes_clients_again_is_handed_leadership_by_one_that_drains() -> None:
    ensemble = established(3)
    for member in (2, 3, 1):
        ensemble.step(member, Draining(on=True))
        ensemble.run()

    ensemble.step(3, Draining(on=False))
    ensemble.run()
    ensemble.advance(TIMING.sync_ms + TIMING.ping_ms)

    assert leaders(ensemble) == [3]


# --- meanwhile ---


def test_nothing_is_proposed_until_the_heir_has_acked_all() -> None:
    ensemble = established(3)
    ensemble.hold(2)
    ensemble.submit(1)
    ensemble.run()

    hand_over(ensemble, 1, 2)
    assert (leaders(ensemble), may_propose(ensemble, 1)) == ([1], False)
    ensemble.release(2)
    ensemble.run()

    assert leaders(ensemble) == [2]


def test_a_heir_that_does_not_answer_holds_up_nothing() -> None:
    ensemble = established(3)
    ensemble.now_ms += 1
    ensemble.cut.add((2, 1))

    hand_over(ensemble, 1, 2)

    assert (leaders(ensemble), may_propose(ensemble, 1)) == ([1], True)


def test_a_heir_that_does_not_catch_up_in_time_holds_up_writes_for_a_moment_only() -> None:
    ensemble = established(3)
    ensemble.hold(2)
    ensemble.submit(1)
    ensemble.run()
    hand_over(ensemble, 1, 2)
    assert not may_propose(ensemble, 1)

    ensemble.advance(TIMING.silence_ms // 4)

    assert may_propose(ensemble, 1)
    assert ensemble.hosts[MemberId(1)].failures == ["no follower has all of the log in time"]


def test_the_leader_ceases_to_serve_before_it_says_so_and_tells_its_heir_first() -> None:
    ensemble = established(3)
    said: list[object] = []
    perform = ensemble._perform
    ensemble._perform = lambda host, effect: (  # type: ignore[method-assign]
        said.append(effect) if host.id == 1 else None, perform(host, effect))[1]

    hand_over(ensemble, 1, 3)

    assert Lease(0, Epoch(1), ANYBODY, "looking") in said
    said = said[said.index(Lease(0, Epoch(1), ANYBODY, "looking")):]
    assert said[1] == AcceptBatches(Epoch(1), accept=False)
    told = said[2:4]
    assert [each.stream[:1] for each in told if isinstance(each, Send)] == [b"3", b"2"]
    assert [each.message for each in told if isinstance(each, Send)] == [HandedOver(1, 3)] * 2


def test_where_the_heir_is_lost_while_writes_wait_for_it_they_wait_no_longer() -> None:
    ensemble = established(3)
    ensemble.hold(2)
    ensemble.submit(1)
    ensemble.run()
    hand_over(ensemble, 1, 2)
    assert not may_propose(ensemble, 1)

    ensemble.crash(2)

    assert may_propose(ensemble, 1)
    assert ensemble.hosts[MemberId(1)].failures == ["member 2 cannot take over"]


# --- refused ---


def test_who_does_not_lead_cannot_hand_over() -> None:
    ensemble = established(3)

    hand_over(ensemble, 2)

    assert ensemble.hosts[MemberId(2)].failures == ["this member does not lead"]


def test_alone_nobody_can_take_over() -> None:
    ensemble = established(1)

    hand_over(ensemble, 1)

    assert ensemble.hosts[MemberId(1)].failures == ["no other member can take over"]
    assert leaders(ensemble) == [1]


@pytest.mark.parametrize("event", [Draining(on=True), ProcessorReady(alive=False)], ids=["drains", "has no processor"])
def test_an_heir_that_cannot_lead_is_refused_by_name(event: Draining | ProcessorReady) -> None:
    ensemble = established(3)
    ensemble.step(2, event)
    ensemble.run()

    hand_over(ensemble, 1, 2)

    assert ensemble.hosts[MemberId(1)].failures == ["member 2 cannot take over"]
    assert leaders(ensemble) == [1]


# --- what can go wrong ---


def name_heir(ensemble: Ensemble, heir: int) -> None:
    """1 has named it, and nobody has heard of that yet."""
    ensemble.step(1, HandOver(MemberId(heir), WITHIN_MS))
    while ensemble.hosts[MemberId(1)].member.role == "leader":  # type: ignore[union-attr]
        ensemble.deliver()


def test_where_the_heir_dies_an_election_begins_at_once() -> None:
    ensemble = established(3)
    asked = rounds(ensemble)
    name_heir(ensemble, 3)

    ensemble.crash(3)
    ensemble.run()

    assert [now > before for now, before in zip(rounds(ensemble), asked, strict=True)] == [True, True, False]
    ensemble.elect(2, 1)
    ensemble.run()
    assert serving_under(ensemble, 2) == [1, 2]


def test_where_the_heir_never_hears_of_it_an_election_begins_soon() -> None:
    ensemble = established(3)
    asked = rounds(ensemble)
    name_heir(ensemble, 3)
    ensemble.cut |= {(1, 3), (3, 1), (2, 3), (3, 2)}

    ensemble.run()
    ensemble.advance(TIMING.silence_ms // 4)

    assert [now > before for now, before in zip(rounds(ensemble), asked, strict=True)][:2] == [True, True]
    ensemble.elect(2, 1)
    ensemble.advance(TIMING.silence_ms)
    assert leaders(ensemble) == [2]


def test_who_reaches_the_heir_before_it_knows_finds_it_all_the_same() -> None:
    ensemble = established(3)
    name_heir(ensemble, 3)
    asked = rounds(ensemble)
    ensemble.cut.add((1, 3))
    ensemble.run()

    ensemble.cut.clear()
    ensemble.advance(3 * HEIR_RETRY_MS, step_ms=HEIR_RETRY_MS)

    assert rounds(ensemble) == asked
    assert serving_under(ensemble, 3) == [1, 2, 3]


def test_a_named_heir_whose_processor_has_just_gone_does_not_lead() -> None:
    ensemble = established(3)
    name_heir(ensemble, 3)
    ensemble.step(3, ProcessorReady(alive=False))

    ensemble.run()

    assert ensemble.hosts[MemberId(3)].member.role == "looking"  # type: ignore[union-attr]


# --- a follower ---


def test_a_follower_that_is_told_asks_the_heir_and_no_election() -> None:
    driver = serving_follower()

    effects = driver.hear(HandedOver(5, 1))

    assert effects[:2] == [Lease(0, Epoch(5), ANYBODY, "looking"), Disconnect()]
    assert [type(each).__name__ for each in effects[2:]] == ["Connect", "SendLeader"]


def test_a_handover_of_another_epoch_is_no_handover() -> None:
    driver = serving_follower()

    effects = driver.hear(HandedOver(4, 1))

    assert any(isinstance(each, Look) for each in effects)


def test_a_follower_tells_its_leader_that_it_drains_without_being_asked() -> None:
    driver = serving_follower()
    driver.hear(Ping(100, 0, 0, digest_wanted=False))
    answered_ms = driver.now_ms
    driver.wait(7)

    (told,) = driver.step(Draining(on=True))

    assert told.message == Pong(100, answered_ms, [], has_processor=False)  # type: ignore[union-attr]
    assert driver.step(Draining(on=True)) == []


def test_what_an_earlier_stream_brings_is_not_heard() -> None:
    driver = serving_follower()

    assert driver.step(FromLeader(99, HandedOver(5, 2))) == []
