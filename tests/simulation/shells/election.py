"""Election's shell in virtual time: node/zab/election.py, and a stream to each member that there is a vote for."""

from dataclasses import dataclass

from msgspec import structs

from node.zab import election as core
from node.zab.election import Decided, ElectionEvent, SendVote
from node.zab.election import Election as ElectionCore
from tests.simulation.host import Host
from tests.simulation.network import Stream
from tests.simulation.process import Process
from tests.simulation.scheduler import MS
from transport.messages import Elected, LocalHello, Look, Settled, Vote, decode_local, decode_vote, encode
from transport.zxid import Epoch, MemberId, Zxid

RETRY_MS_MIN = 20
RETRY_MS_MAX = 1000
LOCAL_RETRY_MS = 50


@dataclass(slots=True)
class Peer:
    """*vote*: the newest that has not gone out. *retry_us*: not before then is it called again."""

    stream: Stream | None = None
    is_open: bool = False
    vote: Vote | None = None
    retry_us: int = 0
    delay_ms: int = RETRY_MS_MIN


class Election(Process):
    role = "election"

    def __init__(self, host: Host) -> None:
        super().__init__(host.world, member=host.member, name=f"{host.member}/election")
        self.host = host
        ensemble = host.ensemble
        others = [each for each in ensemble.files[host.member] if each != host.member]
        self.core = ElectionCore(
            me=MemberId(host.member), peers=tuple(MemberId(each) for each in others), ensemble=ensemble.scale.ensemble)
        self.peers = {member: Peer() for member in others}
        self.servers: dict[int, str] = {}  # of the last reconfiguration
        self.heard: dict[int, str] = {}
        self.local: Stream | None = None
        self.was_told = False  # by the broadcast process that this stream leads to
        self.deadline_ms: int | None = None

    def start(self) -> None:
        self.world.network.bind(self, "election")
        self.open_local()

    def on_death(self, error: Exception | None) -> None:
        self.host.ended(self, error)

    # --- the core ---

    def step(self, event: ElectionEvent) -> None:
        for effect in self.core.step(self.host.monotonic_us() // MS, event):
            match effect:
                case SendVote():
                    self.send(effect.member, effect.vote)
                case Decided():
                    self.decided(effect)
        self.ask_deadline()

    def decided(self, effect: Decided) -> None:
        leader: int = effect.leader
        if self.host.election_is_wrong:
            leader = self.host.rng.choice(self.host.ensemble.members)
        self.trace("decides for %d, round %d", leader, effect.round)
        if self.local is not None:
            self.local.send(encode(Elected(effect.round, leader, self.heard)))

    def ask_deadline(self) -> None:
        deadline_ms = self.core.deadline_ms
        if deadline_ms != self.deadline_ms:
            self.deadline_ms = deadline_ms
            if deadline_ms is not None:
                delay_us = max(0, deadline_ms * MS - self.host.monotonic_us()) + self.host.rng.randrange(MS)
                self.after(delay_us + MS, self.deadline_come, deadline_ms)

    def deadline_come(self, deadline_ms: int) -> None:
        if deadline_ms == self.deadline_ms:
            self.deadline_ms = None
            self.step(core.Tick())

    # --- broadcast ---

    def open_local(self) -> None:
        self.local = self.world.network.connect(
            self, (self.member, "local"), on_message=self.on_local, on_lost=self.on_local_lost)
        self.local.send(encode(LocalHello(role="election", index=0, pid=0, generation=0, executed=0)))

    def on_local_lost(self) -> None:
        self.local = None
        self.after(LOCAL_RETRY_MS * MS, self.open_local)
        if self.was_told:
            self.was_told = False
            self.step(core.BroadcastLost())

    def on_local(self, data: bytes) -> None:
        message = decode_local(data)
        match message:
            case Look():
                self.was_told = True
                self.servers = message.servers
                self.meet(message.servers)
                self.step(core.Look(
                    message.round, Epoch(message.current_epoch), Zxid(message.last_zxid), message.votes,
                    tuple(MemberId(voter) for voter in message.voters),
                    MemberId(message.lost), Epoch(message.lost_epoch), message.stands, message.supports,
                    tuple(MemberId(voter) for voter in message.voters_before),
                    message.hierarchy, message.hierarchy_before))
            case Settled():
                self.was_told = True
                self.step(core.Settled(message.round, MemberId(message.leader), Epoch(message.epoch)))
            case _:
                pass

    def meet(self, servers: dict[int, str]) -> None:
        """Whom a reconfiguration has brought in."""
        self.heard.update(servers)
        for member in servers:
            if member != self.member:
                self.peers.setdefault(member, Peer())
        self.core.peers = tuple(MemberId(member) for member in sorted(self.peers))

    # --- votes ---

    def on_router_message(self, link: str, stream: bytes, peer: int, data: bytes) -> None:
        vote = decode_vote(data)
        self.meet(vote.servers)
        sender = self.peers.get(peer)
        if sender is None:
            return  # our zoo.cfg does not name it
        sender.delay_ms, sender.retry_us = RETRY_MS_MIN, 0  # it lives: no need to wait before calling it
        self.step(core.VoteReceived(MemberId(peer), vote))
        self.advance(peer)

    def on_router_lost(self, link: str, stream: bytes) -> None:
        """Our own stream to it tells whether it is there."""

    def send(self, member: int, vote: Vote) -> None:
        self.peers[member].vote = structs.replace(vote, servers=self.servers)
        self.advance(member)

    def advance(self, member: int) -> None:
        peer = self.peers[member]
        if peer.vote is None:
            return
        if peer.stream is None:
            delay_us = peer.retry_us - self.world.scheduler.now_us
            if delay_us > 0:
                self.after(delay_us, self.advance, member)
            else:
                self.open(member, peer)
        elif peer.is_open:
            vote, peer.vote = peer.vote, None
            peer.stream.send(encode(vote))

    def open(self, member: int, peer: Peer) -> None:
        peer.stream = self.world.network.connect(
            self, (member, "election"), on_message=lambda _data: None,
            on_lost=lambda: self.lost(member), on_open=lambda: self.opened(member))

    def opened(self, member: int) -> None:
        peer = self.peers[member]
        peer.is_open = True
        peer.delay_ms = RETRY_MS_MIN
        self.step(core.PeerConnected(MemberId(member)))
        self.advance(member)

    def lost(self, member: int) -> None:
        peer = self.peers[member]
        was_open, peer.is_open = peer.is_open, False
        peer.stream = None
        jitter = 0.5 + self.host.rng.random() / 2
        peer.retry_us = self.world.scheduler.now_us + int(peer.delay_ms * jitter) * MS
        peer.delay_ms = min(peer.delay_ms * 2, RETRY_MS_MAX)
        if was_open:
            self.step(core.PeerLost(MemberId(member)))
        self.advance(member)
