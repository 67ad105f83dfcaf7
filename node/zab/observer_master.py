"""A follower that observers follow in the leader's place: ZooKeeper's observer master (observerMasterPort).

It spares the leader their streams, and a distant data centre all but one copy of each record. An observer gets what is
committed and durable here, so nothing that it gets this way is ever taken back. Its clients' writes go to the leader.

Its lease is the leader's, too: each ping follows one of the leader's, and confirms the last Pong of the observer that
came before the Pong of ours that the leader has heard by then. So the leader led after the observer said it.
"""

from collections import deque
from typing import Final

from node.zab.admission import refuses
from node.zab.core import UNKNOWN_LEADER, Core
from node.zab.effects import Drop, Send
from node.zab.errors import ProtocolError, UnexpectedMessageError
from node.zab.events import StreamId
from node.zab.learner_master import LearnerMaster
from node.zab.learner_stream import LearnerStream, Phase
from transport.messages import (
    Ack,
    AckEpoch,
    AckNewLeader,
    Differs,
    Digest,
    Hello,
    Message,
    NewEpoch,
    Ping,
    Pong,
    Summons,
    UpToDate,
)
from transport.zxid import Epoch, MemberId, Zxid

PONGS_MAX: Final = 64  # of one observer, not yet confirmed
DIGESTS_MAX: Final = 256


class Observed(LearnerStream):
    """The stream of one observer."""

    def __init__(self, stream: StreamId, hello: Hello, *, now_ms: int) -> None:
        super().__init__(stream, hello, has_vote=False, now_ms=now_ms)
        self.pongs: deque[tuple[int, int]] = deque(maxlen=PONGS_MAX)  # when it came; when it was sent, by its clock
        self.confirmed_ms = 0  # by its clock


class ObserverMaster(LearnerMaster[Observed]):
    """*learners*: the observers that follow this member. *leader*, *epoch*: while this member serves."""

    def __init__(self, core: Core) -> None:
        super().__init__(core, UNKNOWN_LEADER)
        self._early: dict[StreamId, tuple[MemberId, Hello]] = {}
        self._digests: list[tuple[int, Digest]] = []

    def begin(self, leader: MemberId, epoch: Epoch) -> None:
        """This member serves."""
        self.leader, self.epoch = leader, epoch
        early, self._early = self._early, {}
        for stream, (member, hello) in early.items():
            self.on_hello(stream, member, hello, leader)

    def leave(self) -> None:
        for stream in (*self.learners, *self._early):
            self.core.emit(Drop(stream, "looking", UNKNOWN_LEADER))

    # --- the handshake ---

    def on_hello(self, stream: StreamId, member: MemberId, hello: Hello, leader: MemberId) -> None:
        """Raises ProtocolError."""
        core = self.core
        if not core.config.observer_masters or member not in core.observers or core.me in core.observers:
            core.emit(Drop(stream, "following", leader))
            return
        refusal = refuses(core, member, hello)
        if refusal:
            core.emit(Drop(stream, refusal, leader, operator=True))
            return
        if not self.epoch:
            self._early[stream] = member, hello
            return
        self.supersede(member)
        if hello.accepted_epoch > self.epoch:
            core.emit(Drop(stream, "it has accepted a later epoch", leader))
            return
        learner = Observed(stream, hello, now_ms=core.now_ms)
        learner.phase = Phase.EPOCH_SENT
        self.learners[stream] = learner
        core.emit(Send(stream, NewEpoch(self.epoch, self.leader)))

    def on_message(self, stream: StreamId, message: Message) -> None:
        """Raises ProtocolError."""
        learner = self.learners.get(stream)
        if learner is None:
            return
        learner.alive_ms = self.core.now_ms
        match message:
            case Ack():
                learner.on_ack(Zxid(message.zxid), self.core.now_ms)
                self.advance(learner)
            case Pong():
                self._on_pong(learner, message)
            case AckEpoch():
                self._on_ack_epoch(learner, message)
            case AckNewLeader():
                self._welcome(learner, message)
            case _:
                raise UnexpectedMessageError(message, learner.phase.name)

    def on_lost(self, stream: StreamId) -> bool:
        self._early.pop(stream, None)
        return super().on_lost(stream)

    def on_protocol_error(self, stream: StreamId, error: ProtocolError) -> None:
        self._early.pop(stream, None)
        super().on_protocol_error(stream, error)

    # --- history ---

    def _on_ack_epoch(self, learner: Observed, ack: AckEpoch) -> None:
        if learner.phase is not Phase.EPOCH_SENT or ack.epoch != self.epoch:
            raise UnexpectedMessageError(ack, learner.phase.name)
        self.synchronise(learner, ack)

    def end(self) -> Zxid:
        return self.core.history.released

    def committed(self) -> Zxid:
        return self.core.history.released

    def on_diverging(self, learner: Observed, ack: AckEpoch, point: Zxid) -> None:
        self.drop(learner, "it knows more to be committed than this member has")

    def _welcome(self, learner: Observed, ack: AckNewLeader) -> None:
        if learner.phase is not Phase.NEW_LEADER_SENT or ack.epoch != self.epoch:
            raise UnexpectedMessageError(ack, learner.phase.name)
        learner.on_ack(Zxid(ack.zxid), self.core.now_ms)
        learner.phase = Phase.SERVING
        self.core.emit(
            self.ping(learner), Send(learner.stream, UpToDate(self.epoch, self.core.history.released)))
        self.core.report("learner_synchronised", member=learner.member, mode=str(learner.mode))
        self.advance(learner)

    def on_turn_end(self) -> None:
        released = self.core.history.released
        for learner in self.learners.values():
            if learner.cursor < released:
                self.advance(learner)

    # --- pings, digests ---

    def on_leaders_ping(self, ping: Ping) -> None:
        for learner in self.learners.values():
            while learner.pongs and learner.pongs[0][0] <= ping.heard_ms:
                learner.confirmed_ms = learner.pongs.popleft()[1]
        self.drop_stuck()
        self.core.emit(*(
            self.ping(learner, digest_wanted=ping.digest_wanted) for learner in self.learners.values()
            if learner.phase >= Phase.SYNCHRONISATION))

    def ping(self, learner: Observed, *, digest_wanted: bool = False) -> Send:
        return Send(learner.stream, Ping(
            self.core.now_ms, learner.confirmed_ms, self.core.history.released, digest_wanted))

    def _on_pong(self, learner: Observed, pong: Pong) -> None:
        if pong.sent_ms > self.core.now_ms:
            raise UnexpectedMessageError(pong, learner.phase.name)
        learner.has_processor, learner.sync_ms = pong.has_processor, pong.sync_ms
        learner.pongs.append((self.core.now_ms, pong.at_ms))
        self._digests += [(learner.member, digest) for digest in pong.digests]
        del self._digests[:-DIGESTS_MAX]

    def take_digests(self) -> list[tuple[int, Digest]]:
        """Of the observers' replicas, since the last time."""
        digests, self._digests = self._digests, []
        return digests

    def pass_on(self, message: Differs | Summons) -> None:
        self.core.emit(*(
            Send(each.stream, message) for each in self.learners.values() if each.member == message.member))
