"""Election's shell: votes between members, and this member's broadcast, which asks and is told.

It holds nothing on disk and decides nothing that ZAB would not check again: it may die at any time.
"""

import os
import sys

import msgspec

from node.config.member import MemberConfig
from node.notify import SILENT, Notify
from node.processes.election_links import PeerOpened, VoteLinks
from node.processes.keyring import Keyring
from node.processes.loop import EXIT_REFUSED, StopSignals, now_ms, process_figures
from node.processes.notes import Notes, PollWatch
from node.zab import election
from node.zab.election import Decided, Election, ElectionEvent, SendVote
from observability.logging import configure_logging, get_logger
from transport.endpoints import EndpointError
from transport.messages import (
    Elected,
    LocalHello,
    Look,
    Message,
    Sample,
    Settled,
    Welcome,
    decode_local,
    encode,
)
from transport.poller import Poller
from transport.sockets import Sockets, Stream, StreamGapError
from transport.wiring import ipc_endpoint
from transport.zxid import Epoch, MemberId, Zxid

SAMPLE_MS = 5000  # and after each election
RETRY_SAMPLE_MS = 500
RETRY_MS = 50  # until broadcast is called again


class ElectionShell:
    def __init__(self, config: MemberConfig, notify: Notify) -> None:
        """Raises KeysError, EndpointError."""
        self.config = config
        self.notify = notify
        self.log = get_logger(process="election", member=config.id)
        keyring = Keyring(config, "election")
        self.signals = StopSignals()
        self.sockets = Sockets()
        self.poller = Poller()
        self.poller.add(self.signals.fileno())
        self.links = VoteLinks(config, self.sockets, self.poller, keyring)
        self.telemetry = self.sockets.push(ipc_endpoint(str(config.run_dir), "telemetry"))
        self.notes = Notes("election", self.telemetry)
        self.watch = PollWatch(self.notes)
        self.core = Election(
            me=MemberId(config.id), peers=tuple(MemberId(i) for i in config.members if i != config.id),
            ensemble=keyring.ensemble)
        self.local: Stream | None = None
        self._local_due_ms = 0
        self._sample_due_ms = 0
        self._rounds = 0

    def run(self) -> None:
        """Until SIGTERM."""
        self.notify.ready("its port is open")
        while not self.signals.is_stopping:
            self._open_local()
            self.watch.poll(self.poller, self._timeout_ms())
            self._receive_local()
            for received in self.links.receive():
                if isinstance(received, PeerOpened):
                    self._step(election.PeerConnected(MemberId(received.member)) if received.is_open
                               else election.PeerLost(MemberId(received.member)))
                else:
                    self._meet(received[1].servers)
                    self._step(election.VoteReceived(MemberId(received[0]), received[1]))
            due_ms = self.core.deadline_ms
            if due_ms is not None and now_ms() >= due_ms:
                self._step(election.Tick())
            self._send_sample()
            self.notify.feed(now_ms())
        self.notify.stopping()
        self.sockets.close()
        self.signals.close()

    def _timeout_ms(self) -> int:
        now = now_ms()
        due = [self._sample_due_ms]
        if self.core.deadline_ms is not None:
            due.append(self.core.deadline_ms)
        if self.local is None:
            due.append(self._local_due_ms)
        return self.links.timeout_ms(max(min(due) - now, 0))

    def _step(self, event: ElectionEvent) -> None:
        for effect in self.core.step(now_ms(), event):
            match effect:
                case SendVote():
                    self.links.send(effect.member, effect.vote)
                case Decided():
                    self.log.info("elected", leader=effect.leader, round=effect.round)
                    self._sample_due_ms = 0
                    if self.local is not None:
                        self.local.send(encode(Elected(effect.round, effect.leader, self.links.heard)))

    # Broadcast ---------------------------------------------------------------------------------

    def _open_local(self) -> None:
        if self.local is not None or now_ms() < self._local_due_ms:
            return
        self.local = self.sockets.stream(ipc_endpoint(str(self.config.run_dir), "local"))
        self.poller.add(self.local)
        self.local.send(encode(LocalHello("election", 0, os.getpid(), 0, 0)))

    def _receive_local(self) -> None:
        while self.local is not None:
            try:
                payload = self.local.receive()
                if payload is None:
                    if self.local.is_lost:
                        self._lose_local()
                    return
                self._on_local(decode_local(payload))
            except (StreamGapError, msgspec.MsgspecError) as error:
                self.log.warning("local_stream_ended", reason=str(error))
                self._lose_local()

    def _lose_local(self) -> None:
        assert self.local is not None
        was_open = self._rounds > 0
        self.poller.remove(self.local)
        self.local.close()
        self.local = None
        self._local_due_ms = now_ms() + RETRY_MS
        if was_open:
            self._rounds = 0
            self._step(election.BroadcastLost())

    def _on_local(self, message: Message) -> None:
        match message:
            case Look():
                self._rounds += 1
                self.links.follow(message.servers)
                self._meet({})
                self._step(election.Look(
                    message.round, Epoch(message.current_epoch), Zxid(message.last_zxid), message.votes,
                    tuple(MemberId(voter) for voter in message.voters),
                    MemberId(message.lost), Epoch(message.lost_epoch), message.stands, message.supports,
                    tuple(MemberId(voter) for voter in message.voters_before), message.hierarchy,
                    message.hierarchy_before))
            case Settled():
                self._rounds += 1
                self._step(election.Settled(message.round, MemberId(message.leader), Epoch(message.epoch)))
            case Welcome():
                pass
            case _:
                self.log.warning("unexpected_message", type=type(message).__name__)

    def _meet(self, servers: dict[int, str]) -> None:
        """Whom a reconfiguration has brought in, and others know of; nobody is forgotten."""
        if servers:
            self.links.meet(servers)
        if len(self.links.members) != len(self.core.peers):
            self.core.peers = tuple(MemberId(each) for each in self.links.members)

    # Figures -----------------------------------------------------------------------------------

    def _send_sample(self) -> None:
        now = now_ms()
        if now < self._sample_due_ms:
            return
        self._sample_due_ms = now + SAMPLE_MS
        values = {"election_clock": self.core.clock, **process_figures(), **self.notes.figures()}
        if not self.telemetry.send(encode(Sample("election", os.getpid(), values, self.telemetry.dropped))):
            self._sample_due_ms = now + RETRY_SAMPLE_MS  # telemetry is not up yet


def run(config: MemberConfig, index: int, notify: Notify = SILENT) -> None:
    configure_logging(config.log_level)
    try:
        ElectionShell(config, notify).run()
    except EndpointError as error:
        get_logger(process="election", member=config.id).error("refused", reason=str(error))
        sys.exit(EXIT_REFUSED)
