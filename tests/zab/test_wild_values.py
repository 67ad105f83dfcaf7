"""A member with a valid key that sends values which no sound member sends: its stream ends, nothing else does."""

import pytest

from node.zab.effects import AcceptBatches, Connect, Drop, SaveAcceptedEpoch, SendLeader, Watermark
from node.zab.election import CLOCK_AHEAD_MAX, Election, SendVote, VoteReceived
from node.zab.election import Look as LookElection
from node.zab.errors import EPOCHS_AHEAD_MAX
from node.zab.events import Flushed, Propose, TurnEnd
from node.zab.intake import Intake
from tests.zab.builders import (
    VOTERS,
    ack_epoch,
    candidate,
    established_leader,
    follower,
    hello,
    serving_follower,
    settled,
    stream,
    z,
)
from transport.batch import REQUEST, pack_batch
from transport.messages import Ack, NewEpoch, Ping, SubmitHello, Vote
from transport.zxid import EPOCH_MAX, Epoch, MemberId

WILD = 5 + EPOCHS_AHEAD_MAX + 1


def test_an_ack_inside_of_a_record_commits_no_part_of_it() -> None:
    driver = established_leader()
    driver.step(TurnEnd(), Flushed(z(5, 0)))
    driver.learn(2, Ack(z(5, 0)))
    driver.step(Propose(b"three", 3, 0), TurnEnd(), Flushed(z(5, 3)), TurnEnd())

    done = [*driver.learn(2, Ack(z(5, 2))), *driver.step(TurnEnd())]

    assert [each.stream for each in done if isinstance(each, Drop)] == [stream(2)]
    assert not any(isinstance(each, Watermark) for each in done)
    assert driver.member.committed == z(5, 0)


def test_a_leaders_wild_epoch_is_not_accepted() -> None:
    driver = serving_follower()
    driver.hear(NewEpoch(6))  # not due: it looks again
    (life,) = [each.life for each in driver.elect_later(1) if isinstance(each, Connect)]

    done = driver.hear(NewEpoch(WILD), life=life)

    assert not any(isinstance(each, SaveAcceptedEpoch | SendLeader) for each in done)
    assert driver.member.accepted_epoch == 5


def test_whoever_has_accepted_no_epoch_yet_takes_any() -> None:
    """An ensemble that was restored begins where its operator wants, and a new member follows it."""
    driver = follower(settled(z(4, 3), me=2, accepted=0), epoch=WILD)

    assert driver.member.accepted_epoch == WILD


@pytest.mark.parametrize("accepted", [WILD, EPOCH_MAX - 1])
def test_a_learner_with_a_wild_epoch_is_dropped_and_no_epoch_is_used_up(accepted: int) -> None:
    driver = candidate()

    done = driver.learn(2, hello(2, last=z(4, 3), accepted=accepted, current=4, committed=z(4, 3)))

    assert [each.stream for each in done if isinstance(each, Drop)] == [stream(2)]
    driver.learn(1, hello(1, last=z(4, 3), accepted=4, current=4, committed=z(4, 3)))
    driver.learn(1, ack_epoch(5, current=4, last=z(4, 3), committed=z(4, 3)))
    assert driver.member.accepted_epoch == 5


def test_an_established_leader_leads_on_whatever_epoch_somebody_says_he_has_accepted() -> None:
    driver = established_leader()

    done = driver.learn(1, hello(1, last=z(4, 3), accepted=WILD, current=4, committed=z(4, 3)))

    assert not any(isinstance(each, AcceptBatches) for each in done)
    assert driver.member.is_serving


def test_a_ping_that_has_heard_the_future_gives_no_lease() -> None:
    driver = serving_follower()

    driver.hear(Ping(1, driver.now_ms + 1, 0, False))

    assert not driver.member.is_serving


# Votes --------------------------------------------------------------------------------------------


def vote(sender: int, *, clock: int = 1, leader: int = 0, state: str = "looking") -> Vote:
    return Vote(
        sender=sender, ensemble="zoo", state=state, logical_clock=clock, leader=leader or sender, leader_epoch=9,
        leader_zxid=z(9, 9), votes=True, epoch=0, is_answer=False)


def looking() -> Election:
    election = Election(me=MemberId(1), peers=VOTERS[1:], ensemble="zoo")
    election.step(0, LookElection(1, Epoch(4), z(4, 3), votes=True, voters=VOTERS))
    return election


@pytest.mark.parametrize("wild", [vote(3, clock=CLOCK_AHEAD_MAX + 2), vote(3, leader=77), vote(3, leader=-1)])
def test_a_wild_vote_is_not_heard(wild: Vote) -> None:
    election = looking()

    assert election.step(1, VoteReceived(MemberId(3), wild)) == []
    assert election.clock == 1


def test_a_clock_that_is_ahead_is_joined() -> None:
    election = looking()

    done = election.step(1, VoteReceived(MemberId(3), vote(3, clock=900)))

    assert election.clock == 900
    assert {each.vote.leader for each in done if isinstance(each, SendVote)} == {3}


# Batches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "identities", "taken"), [
    (2, [b"i"], True),
    (3, [b"i"], False),
    (0xFFFFFFFF, [], False),
    (2, [b"i" * 100], True),
])
def test_a_batch_takes_no_more_zxids_than_it_has_room_for_requests(
    count: int, identities: list[bytes], taken: bool
) -> None:
    """Zxids are 40 bits: some hundred heads with the largest count would use an epoch's up."""
    intake = Intake(me=1, ensemble="zoo")
    intake.open(5)
    intake.hello(SubmitHello(2, "zoo", 0, 7, 5))
    batch = pack_batch(
        member=2, processor=0, generation=7, sequence=1, epoch=5, count=count, identities=identities,
        requests=REQUEST.pack(1, 1, 1, 9, 0, 0, 0, 0) * 2)

    assert intake.submit(batch, member=2) is taken
    assert intake.queued_requests == (count if taken else 0)
