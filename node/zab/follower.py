"""A learner's side: accept the epoch, take the leader's history, log what is proposed, ack what is durable.

Zab (Junqueira, Reed, Serafini, DSN 2011): CEPOCH is Hello, NEWEPOCH NewEpoch, ACK-E AckEpoch, ACK-LD
AckNewLeader, COMMIT-LD UpToDate. Every message comes on one ordered stream, and every record goes straight to the
log: there is no queue between the phases in which one could be forgotten.
"""

from enum import StrEnum
from typing import Final

from node.zab.core import UNKNOWN_LEADER, Core
from node.zab.effects import (
    Lease,
    ReceiveSnapshot,
    SendLeader,
    Settle,
    ToProcessor,
)
from node.zab.errors import (
    CommittedLossError,
    ProtocolError,
    RecordGapError,
    RecordVersionError,
    RoleEnded,
    UnexpectedMessageError,
    check_epoch,
)
from node.zab.events import SnapshotReceived
from node.zab.history import read_entry
from node.zab.looking import on_refused
from node.zab.observer_master import ObserverMaster
from node.zab.synchronisation import common_point
from transport.entry import RECORD, RECORD_VERSION, follows, read_record_header
from transport.messages import (
    Ack,
    AckEpoch,
    AckNewLeader,
    Backed,
    Commit,
    Differs,
    DigestWanted,
    HandedOver,
    Message,
    NewEpoch,
    NewLeader,
    Ping,
    Pong,
    Records,
    Refused,
    SnapshotBegin,
    SnapshotChunk,
    SnapshotEnd,
    Summons,
    Truncate,
    UpToDate,
)
from transport.zxid import Epoch, MemberId, Zxid, epoch_of


class Phase(StrEnum):
    DISCOVERY = "discovery"  # Hello sent
    EPOCH_ACCEPTED = "epoch accepted"  # AckEpoch sent: the leader compares histories
    SNAPSHOT = "snapshot"  # coming
    INSTALLATION = "installation"  # all of the snapshot has come; the shell verifies and installs it
    SYNCHRONISATION = "synchronisation"  # our log is a prefix of the leader's, the rest is coming
    HISTORY_COMPLETE = "history complete"  # NewLeader came: everything up to it must be durable
    SYNCHRONISED = "synchronised"  # AckNewLeader sent
    BROADCAST = "broadcast"  # UpToDate came


# Our log is a prefix of the leader's: only then does "committed" speak of our records too.
AGREED: Final = frozenset(
    {Phase.SYNCHRONISATION, Phase.HISTORY_COMPLETE, Phase.SYNCHRONISED, Phase.BROADCAST})


class Follower:
    def __init__(self, core: Core, source: MemberId, life: int) -> None:
        """*source*: whose stream it is: the leader, or a follower that observers follow, which names the leader."""
        self.core = core
        self.source = self.leader = source
        self.observers = ObserverMaster(core)
        self.life = life
        self.epoch = Epoch(0)
        self.phase = Phase.DISCOVERY
        self._heard_ms = core.now_ms
        self._is_excused = False
        self._lease_ms = 0  # of our own processors, until
        self._told_lease_ms = 0
        self._leader_committed = Zxid(0)
        self._new_leader: Zxid | None = None  # what must be durable before AckNewLeader
        self._acked = Zxid(0)
        self._backed = Zxid(0)
        self._pong: Pong | None = None  # the last
        self._held: list[Message] = []  # behind a snapshot that is being installed

    @property
    def role(self) -> str:
        return "observer" if self.core.me in self.core.observers else "follower"

    @property
    def serving(self) -> bool:
        return self.phase is Phase.BROADCAST

    @property
    def deadline_ms(self) -> int:
        return self._heard_ms + self._patience_ms

    @property
    def _patience_ms(self) -> int:
        # Before AckEpoch the leader may still be waiting for a quorum, and pings nobody.
        timing = self.core.timing
        return timing.discovery_ms if self.phase is Phase.DISCOVERY else timing.silence_ms

    def leave(self) -> None:
        self.core.emit(Lease(0, self.epoch, UNKNOWN_LEADER, "looking"))
        self.core.sources_tried += 1
        self.observers.leave()
        self.core.disconnect()

    # --- time ---

    def on_tick(self) -> None:
        late_ms = self.core.now_ms - self.deadline_ms
        if late_ms < 0:
            return
        if late_ms > self.core.timing.ping_ms and not self._is_excused:
            # We come late to see it, so it was us who stood still: what the leader said may lie waiting.
            self._is_excused = True
            self._heard_ms = self.core.now_ms - self._patience_ms + self.core.timing.ping_ms
            return
        raise RoleEnded(f"leader {self.source} is silent while {self.phase}", probe=True)

    # --- messages ---

    def on_message(self, message: Message) -> None:
        self._heard_ms = self.core.now_ms
        self._is_excused = False
        if self.phase is Phase.INSTALLATION and not isinstance(message, Ping):
            self._held.append(message)
            return
        match message:
            case Records():
                self._on_records(message)
            case Commit():
                self._on_committed(message.zxid)
            case Backed():
                self._expect(message, Phase.BROADCAST)
                self._backed = max(self._backed, Zxid(message.zxid))
                self._commit_backed()
            case Ping():
                self._on_ping(message)
            case NewEpoch():
                self._on_new_epoch(message)
            case Truncate():
                self._on_truncate(message)
            case SnapshotBegin() | SnapshotChunk() | SnapshotEnd():
                self._on_snapshot(message)
            case NewLeader():
                self._on_new_leader(message)
            case UpToDate():
                self._on_up_to_date(message)
            case Differs():
                if message.member in (0, self.core.me):
                    self.core.emit(ToProcessor(message))
                else:
                    self.observers.pass_on(message)
            case HandedOver():
                self._on_handed_over(message)
            case Summons():
                self._on_summons(message)
            case Refused():
                self._on_refused(message)
            case _:
                raise UnexpectedMessageError(message, self.phase)

    def _expect(self, message: Message, *phases: Phase) -> None:
        if self.phase not in phases:
            raise UnexpectedMessageError(message, self.phase)

    def _on_new_epoch(self, message: NewEpoch) -> None:
        """Zab, step f.1.2.

        A promise counts once: an epoch promised to one candidate must not elect another. The same candidate asks
        again where the stream was lost, and never proposes an epoch twice in two lives, as it saves it first.
        """
        self._expect(message, Phase.DISCOVERY)
        core = self.core
        epoch = Epoch(message.epoch)
        if epoch < core.accepted_epoch:
            raise RoleEnded(f"epoch {epoch} of {self.source} is older than the accepted {core.accepted_epoch}")
        check_epoch(epoch, known=core.accepted_epoch)
        self.leader = MemberId(message.leader) if message.leader else self.source
        if epoch > core.accepted_epoch:
            core.accept_epoch(epoch)
            core.promised = (self.leader, epoch)
        self.epoch = epoch
        self.phase = Phase.EPOCH_ACCEPTED
        grants = [(leader, ms) for leader, ms in core.remaining_grants() if leader != self.leader]
        core.emit(
            Settle(core.round, self.leader, epoch),
            SendLeader(AckEpoch(
                epoch=epoch, current_epoch=core.current_epoch, last_zxid=core.history.last,
                committed=core.history.committed, epochs=list(core.history.epochs),
                counts=core.promised == (self.leader, epoch), grants=grants)))
        core.report("following", leader=self.leader, epoch=epoch)

    def _on_truncate(self, message: Truncate) -> None:
        """Begins DIFF and TRUNC.  Raises CommittedLossError: the leader lacks what we know committed (rule 2)."""
        self._expect(message, Phase.EPOCH_ACCEPTED)
        history = self.core.history
        zxid = Zxid(message.zxid)
        if zxid < history.committed:
            raise CommittedLossError(committed=history.committed, point=zxid)
        if zxid > history.last:
            raise RecordGapError(last_zxid=history.last, received=zxid)
        if zxid < history.last:
            self.core.report("truncated", after=zxid, last_zxid=history.last)
            self.core.emit(history.truncate(zxid))
        self.phase = Phase.SYNCHRONISATION
        history.commit(self._leader_committed)

    def _on_snapshot(self, message: SnapshotBegin | SnapshotChunk | SnapshotEnd) -> None:
        if isinstance(message, SnapshotBegin):
            self._expect(message, Phase.EPOCH_ACCEPTED)
            history = self.core.history
            point = common_point(message.epochs, history.epochs)
            if min(point, message.zxid) < history.committed:
                raise CommittedLossError(committed=history.committed, point=point)
            self.phase = Phase.SNAPSHOT
        else:
            self._expect(message, Phase.SNAPSHOT)
        if isinstance(message, SnapshotEnd):
            self.phase = Phase.INSTALLATION
        self.core.emit(ReceiveSnapshot(message))

    def on_snapshot_received(self, event: SnapshotReceived) -> None:
        assert self.phase is Phase.INSTALLATION, "a snapshot that no SnapshotEnd completed"
        core = self.core
        core.history.replace(event.zxid, event.epochs, event.control)
        core.check_control(core.history.control)
        core.on_durable()
        core.report("snapshot_received", zxid=event.zxid)
        self.phase = Phase.SYNCHRONISATION
        self._ack()
        held, self._held = self._held, []
        for message in held:
            self.on_message(message)

    def _on_records(self, message: Records) -> None:
        """Raises RecordGapError: rule 5."""
        if self.phase not in AGREED:
            raise UnexpectedMessageError(message, self.phase)
        data = message.data
        offset, end = 0, len(data)
        while offset < end:
            offset = self._append(data, offset, end)
        self._on_committed(message.committed)

    def _append(self, data: bytes, offset: int, end: int) -> int:
        """One record. Returns the offset after it."""
        core, history = self.core, self.core.history
        if end - offset < RECORD.size:
            raise ProtocolError(f"{end - offset} bytes behind the last record")
        header = read_record_header(data, offset)
        after = offset + header.size
        if after > end or not header.count or epoch_of(header.last_zxid) > self.epoch:
            raise ProtocolError(f"record {header.first_zxid:#x} of {header.size} bytes in {end - offset}")
        if not follows(header.first_zxid, history.last):
            raise RecordGapError(last_zxid=history.last, received=header.first_zxid)
        if header.version > RECORD_VERSION:
            raise RecordVersionError(header.first_zxid, header.version)
        record = data if after - offset == end else data[offset:after]
        entry = read_entry(record, header)
        core.check_control(entry)
        core.emit(history.append(record, header, entry))
        # Rule 2: what we knew to be committed when this record was written stands with it.
        history.commit(self._leader_committed)
        return after

    def _on_committed(self, zxid: int) -> None:
        self._leader_committed = max(self._leader_committed, Zxid(zxid))
        if self.phase in AGREED:
            self.core.history.commit(self._leader_committed)

    def _on_new_leader(self, message: NewLeader) -> None:
        self._expect(message, Phase.SYNCHRONISATION)
        if message.epoch != self.epoch or message.zxid != self.core.history.last:
            raise RecordGapError(last_zxid=self.core.history.last, received=message.zxid)
        self.phase = Phase.HISTORY_COMPLETE
        self._new_leader = Zxid(message.zxid)
        self._on_history_durable()

    def on_flushed(self) -> None:
        """history.durable has risen."""
        self.core.on_durable()
        if self.phase is Phase.HISTORY_COMPLETE:
            self._on_history_durable()
        self._ack()
        self._commit_backed()

    def _commit_backed(self) -> None:
        """Our own durable copy completes the quorum that the leader has counted but for one."""
        self.core.history.commit(min(self._backed, self.core.history.durable))

    def _on_history_durable(self) -> None:
        """Rule 1: history durable, then currentEpoch, then the ack. Zab, step f.2.1."""
        zxid = self._new_leader
        if zxid is None or self.core.history.durable < zxid:
            return
        self._new_leader = None
        self.core.enter_epoch(self.epoch)
        self.phase = Phase.SYNCHRONISED
        self._acked = max(self._acked, zxid)
        self.core.emit(SendLeader(AckNewLeader(self.epoch, zxid)))

    def _ack(self) -> None:
        durable = self.core.history.durable
        if self.phase in AGREED and durable > self._acked:
            self._acked = durable
            self.core.emit(SendLeader(Ack(durable)))

    def _on_up_to_date(self, message: UpToDate) -> None:
        self._expect(message, Phase.SYNCHRONISED)
        self.phase = Phase.BROADCAST
        self.core.failures = 0
        self.core.refusal = ""
        self.core.strangers.clear()
        self._on_committed(message.committed)
        self.core.report("synchronised", leader=self.leader, epoch=self.epoch)
        self._renew()
        if self.source == self.leader:
            self.observers.begin(self.leader, self.epoch)

    def _on_ping(self, message: Ping) -> None:
        core = self.core
        if self.phase is Phase.DISCOVERY or message.heard_ms > core.now_ms:  # it has heard what we have not said
            raise UnexpectedMessageError(message, self.phase)
        if self.source == self.leader:
            core.grant(self.leader)
        digests, core.digests = core.digests, []
        self._pong = Pong(
            message.sent_ms, core.now_ms, digests, core.could_inherit, core.sync_ms, self.observers.take_digests())
        core.emit(SendLeader(self._pong))
        self._on_committed(message.committed)
        self.observers.on_leaders_ping(message)
        if message.heard_ms:
            self._lease_ms = max(self._lease_ms, message.heard_ms + core.timing.lease_ms)
        if message.digest_wanted:
            core.emit(ToProcessor(DigestWanted()))
        self._renew()

    def _renew(self) -> None:
        """Counted from when we sent what the leader has heard: a ping that lay in a buffer renews nothing."""
        if self.serving and self._lease_ms > max(self._told_lease_ms, self.core.now_ms):
            self._told_lease_ms = self._lease_ms
            self.core.emit(Lease(self._lease_ms, self.epoch, self.leader, self.role))

    def tell_standing(self) -> None:
        """Whether we could inherit has changed: not with the next Pong, which may be too late to be spared."""
        pong = self._pong
        if pong is not None and pong.has_processor != self.core.could_inherit:
            self._pong = Pong(pong.sent_ms, pong.at_ms, [], self.core.could_inherit, self.core.sync_ms)
            self.core.emit(SendLeader(self._pong))

    def _on_handed_over(self, message: HandedOver) -> None:
        """It stopped serving before it said so. An heir has its history complete, and its epoch entered."""
        core = self.core
        if message.epoch != self.epoch or (message.heir == core.me and self.phase is not Phase.BROADCAST):
            raise UnexpectedMessageError(message, self.phase)
        core.grants.pop(self.leader, None)
        raise RoleEnded(f"handed over by {self.leader} to {message.heir}", heir=message.heir)

    def _on_summons(self, message: Summons) -> None:
        core = self.core
        if message.member != core.me:
            self.observers.pass_on(message)
        elif self.source != self.leader:
            core.summoned_until_ms = core.now_ms + core.timing.init_ms
            raise RoleEnded(f"called by leader {self.leader}, to vote", probe=True)

    def _on_refused(self, message: Refused) -> None:
        on_refused(self.core, self.source, message)
        raise RoleEnded(f"refused by {self.source}: {message.reason}")

    # --- turn ---

    def on_turn_end(self) -> None:
        """Raises RoleEnded."""
        self.core.history.end_turn(self.core.effects)
        if self.observers.learners:
            self.observers.on_turn_end()
        if self.source != self.leader and self.core.me not in self.core.observers:
            raise RoleEnded("it is to vote, and so follows the leader itself", probe=True)
