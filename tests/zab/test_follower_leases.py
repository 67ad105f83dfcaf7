"""Until when a follower serves, when it gives its leader up, and what it has granted."""

from node.zab.effects import Connect, Disconnect, Lease, Look, SendLeader, Settle
from node.zab.events import LeaderLost, Tick
from node.zab.looking import ANSWER_MS
from tests.zab.builders import TIMING, VOTERS, Driver, config, follower, hello, serving_follower, settled, z
from transport.messages import AckEpoch, NewEpoch, NewLeader, Ping, Pong, Refused, UpToDate
from transport.zxid import Epoch, MemberId

LEADER = MemberId(3)


def looking_again(driver: Driver, *, last: int, current: int, probe: int = 0) -> list[object]:
    """What a follower of leader 3 in epoch 5 does when it gives up."""
    connect = [
        Connect(LEADER, probe), SendLeader(hello(
            2, last=last, accepted=5, current=current, committed=z(4, 3), epochs=[(4, z(4, 3))])),
    ] if probe else []
    return [
        Lease(0, Epoch(5), MemberId(0), "looking"), Disconnect(), *connect,
        Look(driver.round, Epoch(current), z(4, 3) if last == z(4, 3) else z(5, 0), True, VOTERS,
             LEADER, Epoch(5), True)]


# --- leases and time ---


def test_a_ping_is_answered_with_its_own_time_and_ours() -> None:
    driver = serving_follower()

    assert driver.hear(Ping(123, 0, z(4, 3), digest_wanted=False)) == [
        SendLeader(Pong(123, driver.now_ms, []))]


def test_a_lease_counts_from_our_own_time_that_the_leader_has_heard() -> None:
    """So a ping that has lain in a buffer renews nothing."""
    driver = serving_follower()
    driver.wait(300)
    heard = driver.now_ms - 250

    assert driver.hear(Ping(123, heard, z(4, 3), digest_wanted=False)) == [
        SendLeader(Pong(123, driver.now_ms, [])),
        Lease(heard + TIMING.lease_ms, Epoch(5), LEADER, "follower")]

    driver.wait(10 * TIMING.lease_ms)
    assert driver.hear(Ping(124, heard + 1, z(4, 3), digest_wanted=False)) == [
        SendLeader(Pong(124, driver.now_ms, []))]


def test_nobody_serves_before_uptodate() -> None:
    driver = follower()
    driver.hear(NewLeader(5, z(4, 3)))

    effects = driver.hear(Ping(123, driver.now_ms, z(4, 3), digest_wanted=False))
    assert effects == [SendLeader(Pong(123, driver.now_ms, []))]

    assert driver.hear(UpToDate(5, z(4, 3))) == [
        Lease(driver.now_ms + TIMING.lease_ms, Epoch(5), LEADER, "follower")]


def test_a_silent_leader_is_given_up_and_asked_once_more() -> None:
    driver = serving_follower()
    driver.wait(TIMING.silence_ms)

    assert driver.step(Tick()) == looking_again(driver, last=z(4, 3), current=5, probe=2)


def test_a_follower_that_stood_still_itself_reads_its_messages_first() -> None:
    driver = serving_follower()
    driver.wait(60_000)

    assert driver.step(Tick()) == []
    driver.hear(Ping(123, 0, z(4, 3), digest_wanted=False))
    assert driver.step(Tick()) == []
    assert driver.member.role == "follower"


def test_standing_still_excuses_once() -> None:
    driver = serving_follower()
    driver.wait(60_000)
    driver.step(Tick())
    driver.wait(TIMING.silence_ms)

    driver.step(Tick())

    assert driver.member.role == "looking"


def test_a_lost_stream_starts_looking_and_probing_at_once() -> None:
    driver = serving_follower()

    assert driver.step(LeaderLost(1)) == looking_again(driver, last=z(4, 3), current=5, probe=2)


def test_a_leader_that_is_gone_is_not_asked_again() -> None:
    driver = serving_follower()

    assert driver.step(LeaderLost(1, gone=True)) == looking_again(driver, last=z(4, 3), current=5)


def test_a_leader_that_still_leads_is_rejoined_without_an_election() -> None:
    driver = serving_follower()
    driver.wait(TIMING.silence_ms)
    driver.step(LeaderLost(1))

    assert driver.hear(NewEpoch(5), life=2) == [
        Settle(driver.round, LEADER, Epoch(5)),
        SendLeader(AckEpoch(5, 5, z(4, 3), z(4, 3), [(4, z(4, 3))], True, []))]
    assert driver.member.role == "follower"


# --- grants: see node/zab/config.py ---


def grants_of(effects: list[object]) -> list[tuple[int, int]]:
    return next(
        each.message.grants for each in effects
        if isinstance(each, SendLeader) and isinstance(each.message, AckEpoch))


def test_a_new_leader_is_told_how_long_the_old_one_may_still_serve() -> None:
    driver = serving_follower()
    driver.hear(Ping(1, 0, z(4, 3), digest_wanted=False))
    driver.wait(500)
    driver.step(LeaderLost(1))
    driver.elect_later(1)

    left_ms = TIMING.silence_ms - 500 - ANSWER_MS
    assert grants_of(driver.hear(NewEpoch(6), life=3)) == [(0, left_ms), (3, left_ms)]


def test_a_leader_known_to_be_dead_holds_no_lease() -> None:
    driver = serving_follower()
    driver.wait(TIMING.silence_ms)
    driver.hear(Ping(1, 0, z(4, 3), digest_wanted=False))
    driver.step(LeaderLost(1), LeaderLost(2, gone=True))
    driver.elect(1)

    assert grants_of(driver.hear(NewEpoch(6), life=3)) == []


def test_a_leader_that_says_it_looks_holds_no_lease() -> None:
    driver = serving_follower()
    driver.wait(TIMING.silence_ms)
    driver.hear(Ping(1, 0, z(4, 3), digest_wanted=False), Refused("looking", 0))
    driver.elect(1)

    assert grants_of(driver.hear(NewEpoch(6), life=2)) == []


def test_a_member_that_has_just_started_may_have_granted_to_somebody() -> None:
    driver = Driver(settled(z(4, 3), me=2), config(2))
    driver.start()
    driver.wait(100)
    driver.elect(3)

    assert grants_of(driver.hear(NewEpoch(5))) == [(0, TIMING.silence_ms - 100)]
