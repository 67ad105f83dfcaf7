"""Fast leader election: the core of the election process. What it decides is a hint: ZAB is safe whoever it names.

Every member that looks votes for the best position it has heard of, its own to begin with: (current epoch, last zxid,
stands, id). Who does not stand, for want of its processor 0, loses against an equal position only: who is ahead must
lead, were it just to hand on what it has (docs/decisions/0006).

A round of it is a value of the logical clock: a higher one begins it anew, a lower one is answered. As ZooKeeper's
FastLeaderElection, but links tell who is there, so that there is hardly ever a reason to wait.
"""

from dataclasses import dataclass
from typing import Final

from node.zab.quorum import Electorate
from transport.hierarchy import MAJORITY, Hierarchy
from transport.messages import Vote
from transport.zxid import Epoch, MemberId, Zxid

RESEND_MS: Final = 20  # doubled every time, up to RESEND_MS_MAX
RESEND_MS_MAX: Final = 1000
CLOCK_AHEAD_MAX: Final = 1 << 32  # more rounds than any ensemble has: what is farther ahead would use the numbers up
# A quorum agrees, but a voter not known to be absent has not: its vote may be better (ZooKeeper: 200).
FINALIZE_MS: Final = 30

LOOKING: Final = "looking"
LEADING: Final = "leading"
FOLLOWING: Final = "following"
NOBODY: Final = MemberId(0)
NO_EPOCH: Final = Epoch(0)


# --- events ---


@dataclass(frozen=True, slots=True)
class Look:
    """*lost*: the leader that broadcast has just lost, of *lost_epoch*, and asks again by itself.

    *supports*: it may not be elected, as far as it knows, but may help to elect another. *voters_before*: while a
    reconfiguration is not committed, a quorum of these must agree, too.
    """

    round: int
    current_epoch: Epoch
    last_zxid: Zxid
    votes: bool
    voters: tuple[MemberId, ...]
    lost: MemberId = NOBODY
    lost_epoch: Epoch = NO_EPOCH
    stands: bool = True
    supports: bool = False
    voters_before: tuple[MemberId, ...] = ()
    hierarchy: Hierarchy = MAJORITY
    hierarchy_before: Hierarchy = MAJORITY

    @property
    def may_vote(self) -> bool:
        return self.votes or self.supports

    @property
    def electorate(self) -> Electorate:
        return Electorate(self.voters, self.voters_before, self.hierarchy, self.hierarchy_before)


@dataclass(frozen=True, slots=True)
class Settled:
    """Broadcast leads or follows."""

    round: int
    leader: MemberId
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class BroadcastLost:
    """Our own broadcast process is gone: nobody leads or follows here."""


@dataclass(frozen=True, slots=True)
class VoteReceived:
    """*member*: whom the link's key belongs to."""

    member: MemberId
    vote: Vote


@dataclass(frozen=True, slots=True)
class PeerConnected:
    member: MemberId


@dataclass(frozen=True, slots=True)
class PeerLost:
    """The link to it has ended, or could not be made."""

    member: MemberId


@dataclass(frozen=True, slots=True)
class Tick:
    """Due at Election.deadline_ms."""


ElectionEvent = Look | Settled | BroadcastLost | VoteReceived | PeerConnected | PeerLost | Tick


# --- effects ---


@dataclass(frozen=True, slots=True)
class SendVote:
    """A later one to the same member replaces one that is still waiting."""

    member: MemberId
    vote: Vote


@dataclass(frozen=True, slots=True)
class Decided:
    """For broadcast (messages.Elected); counts for this round only."""

    round: int
    leader: MemberId


ElectionEffect = SendVote | Decided

Candidate = tuple[int, int, bool, int]  # epoch, zxid, stands, id: compared in this order
NO_CANDIDATE: Candidate = (0, 0, False, 0)


class Election:
    def __init__(self, *, me: MemberId, peers: tuple[MemberId, ...], ensemble: str) -> None:
        """*peers*: every other member."""
        self.me = me
        self.peers = peers
        self.ensemble = ensemble
        self.clock = 0
        self.state = FOLLOWING  # of nobody, until broadcast says what it wants
        self.leader = NOBODY
        self.epoch = NO_EPOCH
        self._look: Look | None = None
        self._decided = NOBODY
        self._candidate = NO_CANDIDATE  # our vote
        self._votes: dict[MemberId, Candidate] = {}  # of this clock, by voters that look
        self._settled: dict[MemberId, Vote] = {}  # newest of members that lead or follow
        self._absent: set[MemberId] = set()  # known to be out of reach
        self._resend_ms: int | None = None
        self._resend_after_ms = RESEND_MS
        self._finalize_ms: int | None = None
        self._now_ms = 0
        self._effects: list[ElectionEffect] = []

    @property
    def deadline_ms(self) -> int | None:
        """When the next Tick is due; None: never, until something comes."""
        due = [each for each in (self._resend_ms, self._finalize_ms) if each is not None]
        return min(due, default=None)

    def step(self, now_ms: int, event: ElectionEvent) -> list[ElectionEffect]:
        self._now_ms = now_ms
        match event:
            case Look():
                self._on_look(event)
            case Settled():
                self._on_settled(event)
            case BroadcastLost():
                self._look = None
                self._settle(FOLLOWING, NOBODY, NO_EPOCH)
            case VoteReceived():
                self._on_vote(event.member, event.vote)
            case PeerConnected():
                self._absent.discard(event.member)
                self._send(event.member)
            case PeerLost():
                self._on_peer_lost(event.member)
            case Tick():
                self._on_tick()
        effects, self._effects = self._effects, []
        return effects

    # --- from broadcast ---

    def _on_look(self, look: Look) -> None:
        self._look = look
        self.state, self.leader, self.epoch = LOOKING, NOBODY, NO_EPOCH
        self._decided = NOBODY
        self._begin(self.clock + 1)
        self._send_all()
        self._check()
        self._check_settled()

    def _begin(self, clock: int) -> None:
        assert self._look is not None
        self.clock = clock
        self._votes.clear()
        self._finalize_ms = None
        self._candidate = NO_CANDIDATE
        if self._look.votes:
            self._candidate = (self._look.current_epoch, self._look.last_zxid, self._look.stands, self.me)
        self._resend_after_ms = RESEND_MS
        self._resend_ms = self._now_ms + RESEND_MS

    def _on_settled(self, settled: Settled) -> None:
        if self._look is not None and settled.round != self._look.round:
            return
        self._settle(LEADING if settled.leader == self.me else FOLLOWING, settled.leader, settled.epoch)

    def _settle(self, state: str, leader: MemberId, epoch: Epoch) -> None:
        self.state, self.leader, self.epoch = state, leader, epoch
        self._resend_ms = self._finalize_ms = None
        self._send_all()  # whoever looks may join at once

    # --- from peers ---

    def _on_vote(self, member: MemberId, vote: Vote) -> None:
        if vote.sender != member or vote.ensemble != self.ensemble or member not in self.peers:
            return
        if vote.logical_clock > self.clock + CLOCK_AHEAD_MAX or not self._is_known(vote.leader):
            return
        self._absent.discard(member)
        if vote.state != LOOKING:
            self._votes.pop(member, None)
            self._settled[member] = vote
            self._check_settled()
            return
        self._settled.pop(member, None)
        if self.state != LOOKING:
            self._answer(member, vote)
            return
        self._on_looking_vote(member, vote)

    def _is_known(self, leader: int) -> bool:
        return leader in (NOBODY, self.me) or leader in self.peers

    def _on_looking_vote(self, member: MemberId, vote: Vote) -> None:
        assert self._look is not None
        if not vote.votes or vote.logical_clock < self.clock:
            self._answer(member, vote)
            return
        if self._decided != NOBODY:
            # A decision stands until broadcast looks again; under the same clock the other may come to it too.
            self.clock = vote.logical_clock
            self._answer(member, vote)
            return
        if vote.logical_clock > self.clock:
            self._begin(vote.logical_clock)
            self._adopt(vote)
            self._send_all()
        elif self._adopt(vote):
            self._send_all()
        self._votes[member] = _candidate_of(vote)
        self._check()

    def _adopt(self, vote: Vote) -> bool:
        """Whether a better candidate has been heard of than ours."""
        assert self._look is not None
        if not self._look.may_vote or _candidate_of(vote) <= self._candidate:
            return False
        self._candidate = _candidate_of(vote)
        self._finalize_ms = None
        return True

    def _on_peer_lost(self, member: MemberId) -> None:
        self._absent.add(member)
        self._settled.pop(member, None)
        if self._votes.pop(member, None) is not None and self._candidate[-1] == member:
            self._restart()
        if self.state == LOOKING:
            self._check()

    def _restart(self) -> None:
        """Our candidate has died: nobody must wait for it."""
        if self.state == LOOKING and self._decided == NOBODY:
            self._begin(self.clock + 1)
            self._send_all()

    # --- decisions ---

    def _check(self) -> None:
        """A quorum votes for our candidate: at once if nobody is left who could know better, else after a while."""
        look = self._look
        if self.state != LOOKING or look is None or self._decided != NOBODY or self._candidate == NO_CANDIDATE:
            return
        agreeing = {self.me, *(each for each, vote in self._votes.items() if vote == self._candidate)}
        electorate = look.electorate
        if not electorate.has_quorum(agreeing):
            self._finalize_ms = None
            return
        missing = [
            voter for voter in electorate.members if voter not in agreeing and voter not in self._absent]
        if not missing:
            self._decide(MemberId(self._candidate[-1]))
        elif self._finalize_ms is None:
            self._finalize_ms = self._now_ms + FINALIZE_MS

    def _check_settled(self) -> None:
        """Join a leader that a quorum names and that says itself that it leads (as ZooKeeper's checkLeader)."""
        look = self._look
        if self.state != LOOKING or look is None or self._decided != NOBODY:
            return
        for member, vote in self._settled.items():
            if vote.state != LEADING or vote.leader != member:
                continue
            if member == look.lost and vote.epoch <= look.lost_epoch:
                continue  # broadcast asks that one itself; its election may outlive its broadcast
            named_by = {
                each for each, other in self._settled.items()
                if other.leader == member and other.epoch == vote.epoch}
            if look.electorate.has_quorum(named_by):
                self._decide(member)
                return

    def _decide(self, leader: MemberId) -> None:
        assert self._look is not None
        self._decided = leader
        self._resend_ms = self._finalize_ms = None
        self._effects.append(Decided(self._look.round, leader))

    def _on_tick(self) -> None:
        if self._finalize_ms is not None and self._now_ms >= self._finalize_ms:
            self._finalize_ms = None
            self._decide(MemberId(self._candidate[-1]))
        if self._resend_ms is not None and self._now_ms >= self._resend_ms:
            self._resend_after_ms = min(self._resend_after_ms * 2, RESEND_MS_MAX)
            self._resend_ms = self._now_ms + self._resend_after_ms
            self._send_all()

    # --- to peers ---

    def _send_all(self) -> None:
        for peer in self.peers:
            self._send(peer)

    def _send(self, member: MemberId) -> None:
        self._effects.append(SendVote(member, self._vote(is_answer=False)))

    def _answer(self, member: MemberId, vote: Vote) -> None:
        # Two that have both decided would answer each other for ever.
        if not vote.is_answer:
            self._effects.append(SendVote(member, self._vote(is_answer=True)))

    def _vote(self, *, is_answer: bool) -> Vote:
        votes = self._look is not None and self._look.may_vote
        epoch, zxid, stands, leader = self._candidate if self.state == LOOKING else (0, 0, True, self.leader)
        return Vote(
            sender=self.me, ensemble=self.ensemble, state=self.state, logical_clock=self.clock,
            leader=leader, leader_epoch=epoch, leader_zxid=zxid, votes=votes, epoch=self.epoch,
            is_answer=is_answer, leader_stands=stands)


def _candidate_of(vote: Vote) -> Candidate:
    return vote.leader_epoch, vote.leader_zxid, vote.leader_stands, vote.leader
