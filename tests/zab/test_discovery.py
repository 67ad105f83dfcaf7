"""A leader's first phase: an epoch later than any that a quorum has accepted."""

from node.zab.effects import AcceptBatches, Lease, Look, SaveAcceptedEpoch, Send, Settle
from node.zab.events import Tick
from tests.zab.builders import TIMING, VOTERS, Driver, ack_epoch, candidate, config, hello, settled, stream, z
from tests.zab.leaders import KNOWN, ME
from transport.messages import NewEpoch
from transport.zxid import Epoch, MemberId


def test_an_epoch_above_all_that_a_quorum_accepted_is_saved_and_then_proposed() -> None:
    driver = candidate()

    assert driver.learn(2, hello(2, last=z(4, 3), accepted=7, current=4)) == [
        SaveAcceptedEpoch(Epoch(8)), Settle(driver.round, ME, Epoch(8)), Send(stream(2), NewEpoch(8))]


def test_no_epoch_is_proposed_without_a_quorum() -> None:
    driver = Driver(settled(z(4, 3), me=3), config(3, voters=VOTERS))
    driver.start()

    assert driver.elect(3) == []


def test_a_hello_that_came_before_the_election_ended_is_not_lost() -> None:
    driver = Driver(settled(z(4, 3), me=3), config(3))
    driver.start()
    driver.learn(2, KNOWN)

    assert driver.elect(3) == [
        SaveAcceptedEpoch(Epoch(5)), Settle(driver.round, ME, Epoch(5)), Send(stream(2), NewEpoch(5))]


def test_a_member_of_the_quorum_that_is_ahead_ends_the_attempt() -> None:
    driver = candidate()
    driver.learn(2, hello(2, last=z(4, 9), accepted=4, current=4))

    driver.learn(2, ack_epoch(5, current=4, last=z(4, 9)))

    assert driver.member.role == "looking"
    assert driver.reported("looking")[-1]["reason"] == "member 2 is ahead of us"


def test_a_later_current_epoch_is_ahead_even_with_a_shorter_log() -> None:
    driver = Driver(settled(z(4, 3), me=3, accepted=6), config(3))
    driver.start()
    driver.elect(3)
    driver.learn(2, hello(2, last=z(3, 9), accepted=5, current=5))

    driver.learn(2, ack_epoch(7, current=5, last=z(3, 9)))

    assert driver.member.role == "looking"


def test_a_promise_given_to_another_before_does_not_count() -> None:
    driver = candidate()
    driver.learn(2, KNOWN)

    assert driver.learn(2, ack_epoch(5, current=4, last=z(4, 3), counts=False)) == []


def test_a_later_accepted_epoch_is_overtaken_by_the_next_attempt() -> None:
    driver = candidate()
    driver.learn(2, KNOWN)
    driver.learn(1, hello(1, last=z(4, 3), accepted=9, current=4))
    assert driver.member.role == "looking"

    driver.elect(3)

    assert driver.learn(2, KNOWN, life=2)[0] == SaveAcceptedEpoch(Epoch(10))


def test_without_a_quorum_in_time_it_looks_again() -> None:
    driver = candidate()
    driver.wait(TIMING.discovery_ms)

    assert driver.step(Tick()) == [
        Lease(0, Epoch(0), MemberId(0), "looking"), AcceptBatches(Epoch(0), accept=False),
        Look(driver.round, Epoch(4), z(4, 3), True, VOTERS, MemberId(0), Epoch(0), True)]
