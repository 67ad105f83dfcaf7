"""What a member sends to others' election processes: any votes. The two others find a leader all the same."""

from node.zab.election import (
    Decided,
    Election,
    ElectionEvent,
    Look,
    PeerConnected,
    PeerLost,
    SendVote,
    Settled,
    Tick,
    VoteReceived,
)
from tests.fuzz.choices import Choices
from tests.fuzz.messages import Facts, drawn, received
from transport.messages import Vote, decode_vote, encode
from transport.zxid import Epoch, MemberId, make_zxid

MEMBERS = (MemberId(1), MemberId(2), MemberId(3))
LIAR = MemberId(3)
ROUNDS_MAX = 400
LAST = make_zxid(epoch=4, counter=3)
FACTS = Facts(numbers=(0, 1, 2, 3, 4, 5, 1 << 32, 1 << 62, (1 << 64) - 1, LAST))


class Members:
    """1 and 2 look for a leader; what they tell each other arrives."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.decided: dict[int, int] = {}
        self.cores = {
            each: Election(me=each, peers=tuple(other for other in MEMBERS if other != each), ensemble="zoo")
            for each in MEMBERS[:2]}
        for each in self.cores:
            self.step(each, PeerConnected(MemberId(3 - each)))

    def look(self, round_: int) -> None:
        self.decided.clear()
        for each in self.cores:
            self.step(each, Look(round_, Epoch(4), LAST, votes=True, voters=MEMBERS))

    def step(self, member: MemberId, event: ElectionEvent) -> None:
        waiting = [(member, event)]
        for _ in range(ROUNDS_MAX):
            if not waiting:
                return
            whose, next_event = waiting.pop(0)
            for effect in self.cores[whose].step(self.now_ms, next_event):
                if isinstance(effect, Decided):
                    self.decided[whose] = effect.leader
                elif isinstance(effect, SendVote) and effect.member in self.cores:
                    waiting.append((effect.member, VoteReceived(whose, decode_vote(encode(effect.vote)))))
                elif isinstance(effect, SendVote):
                    encode(effect.vote)
        raise AssertionError("they never come to an end")

    def wait(self, ms: int) -> None:
        end = self.now_ms + ms
        while self.now_ms < end:
            self.now_ms = min(self.now_ms + 20, end)
            for each, core in self.cores.items():
                if core.deadline_ms is not None and core.deadline_ms <= self.now_ms:
                    self.step(each, Tick())


def votes(data: bytes) -> None:
    choices, members = Choices(data), Members()
    members.look(1)
    while choices.has_more:
        if choices.below(8) == 0:
            members.wait(20)
            continue
        vote = received(drawn(choices, [Vote], FACTS), decode_vote)
        if vote is not None:
            if choices.below(4):  # whose it says it is
                vote = Vote(**{name: getattr(vote, name) for name in vote.__struct_fields__} | {
                    "sender": LIAR, "ensemble": "zoo", "state": choices.pick(("looking", "leading", "following"))})
            members.step(choices.pick(MEMBERS[:2]), VoteReceived(LIAR, vote))

    # Whoever it made them follow, they get back to: then it is gone, and says no more.
    for each in members.cores:
        members.step(each, Settled(1, MemberId(0), Epoch(0)))
        members.step(each, PeerLost(LIAR))
    members.look(2)
    members.wait(5000)
    assert set(members.decided.values()) <= {1, 2}, members.decided
    assert len(members.decided) == 2
