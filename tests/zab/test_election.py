"""Fast leader election: single members, and whole ensembles with their messages in any order."""

import random
from collections import deque

import pytest

from node.zab.election import (
    FINALIZE_MS,
    RESEND_MS,
    RESEND_MS_MAX,
    BroadcastLost,
    Decided,
    Election,
    ElectionEffect,
    ElectionEvent,
    Look,
    PeerConnected,
    PeerLost,
    SendVote,
    Settled,
    Tick,
    VoteReceived,
)
from tests.zab.builders import VOTERS, z
from transport.messages import Vote
from transport.zxid import Epoch, MemberId, Zxid

ONE, TWO, THREE = VOTERS


def look(
    number: int = 1, *, epoch: int = 0, zxid: int = 0, votes: bool = True,
    voters: tuple[MemberId, ...] = VOTERS, lost: int = 0, lost_epoch: int = 0, stands: bool = True,
    supports: bool = False, before: tuple[MemberId, ...] = (),
) -> Look:
    return Look(
        number, Epoch(epoch), Zxid(zxid), votes, voters, MemberId(lost), Epoch(lost_epoch), stands, supports, before)


def vote(
    sender: int, *, leader: int, epoch: int = 0, zxid: int = 0, clock: int = 1,
    state: str = "looking", of_epoch: int = 0, votes: bool = True, stands: bool = True,
) -> VoteReceived:
    return VoteReceived(MemberId(sender), Vote(
        sender=sender, ensemble="zoo", state=state, logical_clock=clock, leader=leader,
        leader_epoch=epoch, leader_zxid=zxid, votes=votes, epoch=of_epoch, is_answer=False, leader_stands=stands))


def election(me: int = 2) -> Election:
    return Election(me=MemberId(me), peers=tuple(v for v in VOTERS if v != me), ensemble="zoo")


def decisions(effects: list[ElectionEffect]) -> list[int]:
    return [each.leader for each in effects if isinstance(each, Decided)]


def sent_to(effects: list[ElectionEffect]) -> list[int]:
    return [each.member for each in effects if isinstance(each, SendVote)]


def test_looking_begins_with_a_vote_for_itself() -> None:
    found = election().step(0, look(epoch=4, zxid=z(4, 3)))

    own = Vote(2, "zoo", "looking", 1, 2, 4, z(4, 3), True, 0, False)
    assert found == [SendVote(ONE, own), SendVote(THREE, own)]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((5, 0, False, 1), (4, 9, True, 3)), ((4, 9, False, 1), (4, 8, True, 3)),
        ((4, 9, True, 1), (4, 9, False, 3)), ((4, 9, True, 3), (4, 9, True, 1)),
    ],
    ids=["the later epoch", "then the longer log", "then who stands", "then the higher id"],
)
def test_votes_are_ordered(better: tuple[int, int, bool, int], worse: tuple[int, int, bool, int]) -> None:
    member = election()
    member.step(0, look(epoch=1))
    for sender, (epoch, zxid, stands, leader) in ((1, worse), (3, better)):
        found = member.step(0, vote(sender, leader=leader, epoch=epoch, zxid=zxid, stands=stands))

    assert {each.vote.leader for each in found if isinstance(each, SendVote)} == {better[-1]}


def test_a_worse_vote_changes_nothing() -> None:
    member = election()
    member.step(0, look(epoch=4))

    assert member.step(0, vote(1, leader=1, epoch=3)) == []


def test_all_agree_is_decided_at_once() -> None:
    member = election()
    member.step(0, look())
    member.step(0, vote(1, leader=3))

    assert decisions(member.step(0, vote(3, leader=3))) == [3]


def test_a_quorum_waits_a_little_for_a_better_vote() -> None:
    member = election()
    member.step(0, look())

    assert decisions(member.step(5, vote(1, leader=2))) == []
    assert member.deadline_ms == min(5 + FINALIZE_MS, RESEND_MS)
    member.step(RESEND_MS, Tick())
    assert decisions(member.step(5 + FINALIZE_MS, Tick())) == [2]


def test_nobody_waits_for_who_is_known_to_be_away() -> None:
    """So that the death of a leader costs one exchange."""
    member = election()
    member.step(0, PeerLost(THREE))
    member.step(0, look())

    assert decisions(member.step(5, vote(1, leader=2))) == [2]


def test_a_peer_that_came_back_is_waited_for() -> None:
    member = election()
    member.step(0, PeerLost(THREE))
    assert sent_to(member.step(0, PeerConnected(THREE))) == [3]
    member.step(0, look())

    assert decisions(member.step(5, vote(1, leader=2))) == []


def test_a_better_vote_during_the_wait_wins() -> None:
    member = election()
    member.step(0, look())
    member.step(0, vote(1, leader=2))

    assert decisions(member.step(10, vote(3, leader=3))) == []
    assert decisions(member.step(11, vote(1, leader=3))) == [3]


def test_an_older_round_is_answered_and_does_not_count() -> None:
    member = election()
    member.step(0, look(1))
    member.step(0, look(2))

    found = member.step(0, vote(1, leader=3, epoch=9, clock=1))

    assert sent_to(found) == [1]
    assert found[0].vote.leader == 2  # type: ignore[union-attr]


def test_a_later_round_begins_anew() -> None:
    member = election()
    member.step(0, look())
    member.step(0, vote(3, leader=3))

    found = member.step(0, vote(1, leader=1, clock=7))

    assert {(each.vote.leader, each.vote.logical_clock) for each in found if isinstance(each, SendVote)} == {(2, 7)}


def test_a_voter_of_one_decides_for_itself() -> None:
    alone = Election(me=ONE, peers=(), ensemble="zoo")

    assert alone.step(0, look(voters=(ONE,))) == [Decided(1, ONE)]


def test_a_member_without_a_vote_does_not_count_and_does_not_decide_by_votes() -> None:
    """Rule 9."""
    blank = election()
    blank.step(0, look(votes=False))
    blank.step(0, vote(1, leader=3))
    assert decisions(blank.step(0, vote(3, leader=3))) == []

    voter = election()
    voter.step(0, look())
    assert decisions(voter.step(50, vote(1, leader=0, votes=False))) == []
    assert decisions(voter.step(100, Tick())) == []


def test_a_leader_that_a_quorum_names_and_that_says_so_itself_is_joined() -> None:
    member = election()
    member.step(0, look())
    assert decisions(member.step(0, vote(1, leader=3, state="following", of_epoch=4))) == []

    assert decisions(member.step(0, vote(3, leader=3, state="leading", of_epoch=4))) == [3]


def test_a_leader_of_another_epoch_than_its_followers_is_not_joined() -> None:
    member = election()
    member.step(0, look())
    member.step(0, vote(1, leader=3, state="following", of_epoch=4))

    assert decisions(member.step(0, vote(3, leader=3, state="leading", of_epoch=5))) == []


def test_the_leader_just_lost_is_not_joined_again_through_election() -> None:
    """Its election process may outlive its broadcast, and a follower may not have noticed: broadcast asks it itself."""
    member = election()
    member.step(0, look(lost=3, lost_epoch=4))
    member.step(0, vote(1, leader=3, state="following", of_epoch=4))

    assert decisions(member.step(0, vote(3, leader=3, state="leading", of_epoch=4))) == []
    member.step(0, vote(1, leader=3, state="following", of_epoch=5))
    assert decisions(member.step(0, vote(3, leader=3, state="leading", of_epoch=5))) == [3]


def test_a_settled_member_answers_who_looks() -> None:
    member = election()
    member.step(0, look())
    member.step(0, Settled(1, THREE, Epoch(5)))

    found = member.step(0, vote(1, leader=1))

    assert found == [SendVote(ONE, Vote(2, "zoo", "following", 1, 3, 0, 0, True, 5, True))]
    assert member.deadline_ms is None


def test_settling_for_an_earlier_round_is_ignored() -> None:
    member = election()
    member.step(0, look(1))
    member.step(0, look(2))

    assert member.step(0, Settled(1, THREE, Epoch(5))) == []
    assert member.state == "looking"


def test_without_broadcast_nobody_is_named() -> None:
    member = election()
    member.step(0, look())
    member.step(0, Settled(1, TWO, Epoch(5)))

    found = member.step(0, BroadcastLost())

    assert {(each.vote.state, each.vote.leader) for each in found if isinstance(each, SendVote)} == {("following", 0)}


def test_votes_are_sent_again_more_and_more_rarely() -> None:
    member = election()
    member.step(0, look())
    gaps, last = [], 0
    for _ in range(9):
        due = member.deadline_ms
        assert due is not None
        assert sent_to(member.step(due, Tick())) == [1, 3]
        gaps.append(due - last)
        last = due

    assert gaps == [RESEND_MS * 2 ** n for n in range(6)] + [RESEND_MS_MAX] * 3


def test_a_candidate_that_dies_holds_nobody_up() -> None:
    member = election()
    member.step(0, look())
    member.step(0, vote(3, leader=3, epoch=4))

    member.step(0, PeerLost(THREE))

    assert decisions(member.step(1, vote(1, leader=2, clock=2))) == [2]


def test_two_that_have_decided_do_not_answer_each_other_for_ever() -> None:
    one, two = election(1), election(2)
    for member, other in ((one, 2), (two, 1)):
        member.step(0, PeerLost(THREE))
        member.step(0, look())
        member.step(0, vote(other, leader=2))
    queue = deque([(2, vote(1, leader=2, clock=1)), (1, vote(2, leader=2, clock=3))])
    for handed_over in range(100):
        if not queue:
            break
        to, message = queue.popleft()
        for each in (one if to == 1 else two).step(handed_over, message):
            if isinstance(each, SendVote) and each.member in (ONE, TWO):
                queue.append((each.member, VoteReceived(MemberId(to), each.vote)))

    assert not queue


@pytest.mark.parametrize("wrong", [
    VoteReceived(THREE, vote(1, leader=1).vote),
    VoteReceived(ONE, Vote(1, "farm", "looking", 1, 1, 9, 9, True, 0, False)),
    VoteReceived(MemberId(7), Vote(7, "zoo", "looking", 1, 7, 9, 9, True, 0, False)),
], ids=["in another's name", "another ensemble", "a stranger"])
def test_a_vote_of_somebody_else_is_ignored(wrong: VoteReceived) -> None:
    member = election()
    member.step(0, look())

    assert member.step(0, wrong) == []


# --- whole ensembles ---


class Ballot:
    """Elections wired to each other; messages are handed over in an order that *rng* chooses."""

    def __init__(self, count: int, rng: random.Random, *, down: frozenset[int] = frozenset()) -> None:
        self.rng = rng
        self.voters = tuple(MemberId(i) for i in range(1, count + 1))
        self.up = {
            i: Election(me=i, peers=tuple(v for v in self.voters if v != i), ensemble="zoo")
            for i in self.voters if i not in down}
        self.now_ms = 0
        self.links: dict[tuple[int, int], deque[Vote]] = {}
        self.decided: dict[int, int] = {}
        for member in self.up:
            for peer in down:
                self.step(member, PeerLost(MemberId(peer)))

    def step(self, member: int, event: ElectionEvent) -> None:
        for effect in self.up[MemberId(member)].step(self.now_ms, event):
            if isinstance(effect, Decided):
                self.decided[member] = effect.leader
            elif effect.member in self.up:
                self.links.setdefault((member, effect.member), deque()).append(effect.vote)

    def run(self, ms: int = 3000) -> None:
        end = self.now_ms + ms
        while self.now_ms < end and len(self.decided) < len(self.up):
            while busy := sorted(link for link, votes in self.links.items() if votes):
                link = self.rng.choice(busy)
                self.step(link[1], VoteReceived(MemberId(link[0]), self.links[link].popleft()))
            self.now_ms += 1
            for member, each in self.up.items():
                if each.deadline_ms is not None and each.deadline_ms <= self.now_ms:
                    self.step(member, Tick())


@pytest.mark.parametrize("count", range(1, 10))
@pytest.mark.parametrize("seed", range(5))
def test_all_agree_on_the_best_position(count: int, seed: int) -> None:
    rng = random.Random(seed * 100 + count)
    ballot = Ballot(count, rng)
    positions = {i: (rng.randint(1, 2), rng.randint(0, 3)) for i in ballot.voters}
    for member in rng.sample(ballot.voters, count):
        epoch, zxid = positions[member]
        ballot.step(member, look(epoch=epoch, zxid=zxid, voters=ballot.voters))
    ballot.run()

    best = max(ballot.voters, key=lambda i: (*positions[i], i))
    assert ballot.decided == dict.fromkeys(ballot.voters, best)


@pytest.mark.parametrize("count", range(1, 6))
@pytest.mark.parametrize("standing", [{1}, {1, 2}, set()], ids=["one", "two", "nobody"])
def test_of_equals_one_that_stands_leads_and_if_none_does_the_highest_id(count: int, standing: set[int]) -> None:
    ballot = Ballot(count, random.Random(count))
    for member in ballot.up:
        ballot.step(member, look(voters=ballot.voters, stands=member in standing))
    ballot.run()

    best = max(standing & set(ballot.voters), default=count)
    assert ballot.decided == dict.fromkeys(ballot.voters, best)


@pytest.mark.parametrize(("count", "down"), [(3, {3}), (5, {5, 1}), (7, {7, 6, 2})])
def test_the_survivors_decide_without_waiting(count: int, down: set[int]) -> None:
    ballot = Ballot(count, random.Random(1), down=frozenset(down))
    for member in ballot.up:
        ballot.step(member, look(voters=ballot.voters))
    ballot.run()

    assert set(ballot.decided.values()) == {max(ballot.up)}
    assert ballot.now_ms == 1


def test_without_a_quorum_nobody_decides() -> None:
    ballot = Ballot(5, random.Random(1), down=frozenset({1, 2, 3}))
    for member in ballot.up:
        ballot.step(member, look(voters=ballot.voters))
    ballot.run()

    assert ballot.decided == {}


def test_a_latecomer_joins_the_leader() -> None:
    ballot = Ballot(3, random.Random(1))
    for member in (1, 3):
        ballot.step(member, look())
    ballot.run(100)
    assert ballot.decided == {1: 3, 3: 3}
    for member in (1, 3):
        ballot.step(member, Settled(1, THREE, Epoch(1)))

    ballot.step(2, look(epoch=9, zxid=z(9, 9)))
    ballot.run()

    assert ballot.decided[2] == 3


# Voters that change -----------------------------------------------------------------------------

FOUR = MemberId(4)


def among_four(me: int) -> Election:
    return Election(me=MemberId(me), peers=tuple(MemberId(each) for each in (1, 2, 3, 4) if each != me), ensemble="zoo")


def test_a_voter_whose_own_log_does_not_say_so_yet_helps_to_elect_another() -> None:
    """Member 4 has just been voted in, and the leader died before 4 had that entry: 2 and 3 are no quorum of four."""
    joined = among_four(4)
    joined.step(0, look(epoch=4, zxid=z(4, 1), votes=False, supports=True))

    sent = joined.step(0, vote(3, leader=3, epoch=4, zxid=z(4, 2)))

    assert {(each.vote.leader, each.vote.votes) for each in sent if isinstance(each, SendVote)} == {(3, True)}
    member = among_four(3)
    member.step(0, PeerLost(ONE))
    member.step(0, look(epoch=4, zxid=z(4, 2), voters=(*VOTERS, FOUR)))
    assert decisions(member.step(0, vote(2, leader=3, epoch=4, zxid=z(4, 2)))) == []
    assert decisions(member.step(0, vote(4, leader=3, epoch=4, zxid=z(4, 2)))) == [3]


def test_who_only_supports_is_no_candidate() -> None:
    joined = among_four(4)

    sent = joined.step(0, look(epoch=9, zxid=z(9, 9), votes=False, supports=True))

    assert {each.vote.leader for each in sent if isinstance(each, SendVote)} == {0}
    assert decisions(joined.step(0, vote(2, leader=0))) == []


def test_while_a_reconfiguration_is_open_both_quorums_must_agree() -> None:
    member = among_four(1)
    member.step(0, look(epoch=4, zxid=z(4, 2), voters=(ONE, FOUR), before=VOTERS))

    assert decisions(member.step(0, vote(4, leader=1, epoch=4, zxid=z(4, 2)))) == []
    member.step(0, PeerLost(THREE))
    assert decisions(member.step(0, vote(2, leader=1, epoch=4, zxid=z(4, 2)))) == [1]
