"""A light ensemble in memory: members, streams in order, disks that can be held, a clock that is moved by hand.

Elections are decided by the test (`elect`), messages are delivered one round at a time (`run` until nothing moves).
Every effect is performed at once, as the contract in node/zab/effects.py says.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from node.zab.config import Timing, ZabConfig
from node.zab.core import NO_EPOCH
from node.zab.effects import (
    AcceptBatches,
    Append,
    Connect,
    Disconnect,
    Drop,
    Effect,
    Flush,
    HandOverFailed,
    Initialised,
    Lease,
    Look,
    ReceiveSnapshot,
    ReconfigRefused,
    Report,
    SaveAcceptedEpoch,
    SaveCurrentEpoch,
    Send,
    SendLeader,
    SendRecords,
    SendSnapshot,
    Settle,
    ToProcessor,
    TruncateLog,
    Watermark,
)
from node.zab.events import (
    Elected,
    Event,
    Flushed,
    FromLeader,
    FromLearner,
    LeaderLost,
    LearnerLost,
    ProcessorReady,
    Propose,
    RecordsSent,
    Recovered,
    SnapshotReceived,
    SnapshotSent,
    SnapshotTaken,
    Started,
    Tick,
    TurnEnd,
)
from node.zab.member import Member
from transport.entry import Kind, pack_record, read_record_header
from transport.messages import (
    EpochTable,
    Message,
    Records,
    Refused,
    SnapshotBegin,
    SnapshotChunk,
    SnapshotEnd,
)
from transport.zxid import ZERO, Epoch, MemberId, Zxid, epoch_of

TIMING = Timing.of(tick_ms=2000, init_limit=10, sync_limit=5)
Trace = Callable[[str], None]


@dataclass
class Disk:
    """What survives a crash of the process; of a power cut only what is durable."""

    accepted_epoch: Epoch = NO_EPOCH
    current_epoch: Epoch = NO_EPOCH
    records: list[bytes] = field(default_factory=list)  # after log_after
    committed_at: list[Zxid] = field(default_factory=list)  # as in each record's envelope
    durable: Zxid = ZERO
    snapshot: "Snapshot | None" = None
    log_after: Zxid = ZERO
    incarnation: str = ""
    initial: bool = True

    def last_zxid(self) -> Zxid:
        return read_record_header(self.records[-1]).last_zxid if self.records else self.log_after

    def truncate(self, zxid: Zxid) -> None:
        while self.records and read_record_header(self.records[-1]).last_zxid > zxid:
            self.records.pop()
            self.committed_at.pop()
        self.durable = min(self.durable, zxid)

    def after(self, zxid: Zxid, upto: Zxid) -> list[bytes]:
        assert zxid >= self.log_after, "records that the log has no more"
        headers = [(read_record_header(record), record) for record in self.records]
        return [record for header, record in headers if zxid < header.last_zxid <= upto]

    def epochs(self) -> EpochTable:
        table = dict(self.snapshot.epochs) if self.snapshot else {}
        for record in self.records:
            last = read_record_header(record).last_zxid
            table[epoch_of(last)] = last
        return sorted(table.items())

    def controls(self) -> tuple[tuple[Zxid, bytes], ...]:
        found = [(self.snapshot.zxid, self.snapshot.control)] if self.snapshot else []
        for record in self.records:
            header = read_record_header(record)
            if header.kind != Kind.BATCHES:
                found.append((header.first_zxid, record[-header.length:]))
        return tuple(found)

    def recovered(self, ensemble: str) -> Recovered:
        last = self.last_zxid()
        known = max([*self.committed_at, self.snapshot.zxid if self.snapshot else ZERO, ZERO])
        return Recovered(
            accepted_epoch=self.accepted_epoch, current_epoch=self.current_epoch, last_zxid=last,
            committed=min(known, last), epochs=self.epochs(),
            snapshot_zxid=self.snapshot.zxid if self.snapshot else ZERO, log_after=self.log_after,
            controls=self.controls(), ensemble=ensemble,
            incarnation=self.incarnation, initial=self.initial)


@dataclass(frozen=True)
class Snapshot:
    zxid: Zxid
    epochs: EpochTable
    control: bytes


@dataclass
class Host:
    """One member, its disk, its streams."""

    id: MemberId
    disk: Disk
    member: Member | None = None
    held: bool = False  # its flushes do not finish
    flushing: Zxid | None = None
    watermark: Zxid = ZERO
    lease_ms: int = 0
    lease_role: str = ""
    accepts: Epoch | None = None
    round: int = 0
    life: int = 0
    leader: MemberId | None = None  # whom the stream goes to
    receiving: bool = False
    reports: list[Report] = field(default_factory=list)
    to_processors: list[Message] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # to hand over
    refusals: list[ReconfigRefused] = field(default_factory=list)


class Ensemble:
    """*trace* is told every effect that a newcomer would want to see."""

    def __init__(
        self, count: int, *, trace: Trace | None = None, timing: Timing = TIMING,
        **config: object,
    ) -> None:
        self.now_ms = 1000
        self.timing = timing
        self.voters = tuple(MemberId(i) for i in range(1, count + 1))
        self.config = config
        self.trace = trace or (lambda line: None)
        self.cut: set[tuple[int, int]] = set()  # (from, to): messages wait
        self.wire: dict[tuple[MemberId, MemberId, int], deque[tuple[str, Message | None]]] = {}
        self._queue: deque[tuple[Host, Event]] = deque()
        self._is_stepping = False
        self.hosts = {
            member: Host(member, Disk(incarnation=f"{member}-first")) for member in self.voters}
        for member in self.voters:
            self.start(member)

    # --- verbs ---

    def start(self, member: int, **config: object) -> None:
        host = self.hosts[MemberId(member)]
        host.life += 1000
        settings = {"me": host.id, "voters": self.voters, "ensemble": "zoo", "timing": self.timing}
        host.member = Member(
            host.disk.recovered("zoo"), ZabConfig(**(settings | self.config | config)))  # type: ignore[arg-type]
        self.step(member, Started(wall_ms=1_700_000_000_000))
        self.step(member, ProcessorReady(alive=True))

    def crash(self, member: int, *, power: bool = False) -> None:
        """*power*: what is not durable is lost."""
        host = self.hosts[MemberId(member)]
        host.member = None
        host.held = False
        host.flushing = None
        host.lease_ms = 0
        host.accepts = None
        host.leader = None
        if power:
            host.disk.truncate(host.disk.durable)
        else:
            host.disk.durable = host.disk.last_zxid()
        for link in [each for each in self.wire if member in each[:2]]:
            del self.wire[link]
            other = link[1] if link[0] == member else link[0]
            self._lost(other, link)

    def wipe(self, member: int) -> None:
        """A new disk, not explicitly initialised."""
        self.hosts[MemberId(member)].disk = Disk(incarnation=f"{member}-second", initial=False)

    def elect(self, leader: int, *followers: int) -> None:
        """Tells *followers*, then *leader*; all by default."""
        for member in [*(followers or self.voters), leader]:
            host = self.hosts[MemberId(member)]
            if host.member is not None:
                self.step(member, Elected(host.round, MemberId(leader)))

    def submit(self, member: int, body: bytes = b"x", count: int = 1) -> None:
        host = self.hosts[MemberId(member)]
        assert host.member is not None
        assert host.member.may_propose
        self.step(member, Propose(body, count, 1_700_000_000_000), TurnEnd())

    def hold(self, member: int) -> None:
        self.hosts[MemberId(member)].held = True

    def release(self, member: int) -> None:
        host = self.hosts[MemberId(member)]
        host.held = False
        if host.flushing is not None:
            self._finish_flush(host)

    def snapshot(self, member: int, *, purge: bool = True) -> None:
        """At the member's watermark; *purge*: the log before it goes."""
        host = self.hosts[MemberId(member)]
        zxid, disk = host.watermark, host.disk
        epochs = [(epoch, min(end, zxid)) for epoch, end in disk.epochs() if epoch <= epoch_of(zxid)]
        control = [body for at, body in disk.controls() if at <= zxid][-1]
        kept = [each for each in disk.records if read_record_header(each).last_zxid > zxid]
        disk.snapshot = Snapshot(zxid, epochs, control)
        if purge:
            disk.committed_at = disk.committed_at[len(disk.records) - len(kept):]
            disk.records, disk.log_after = kept, zxid
        self.step(member, SnapshotTaken(zxid, disk.log_after))

    def advance(self, ms: int, *, step_ms: int = 50) -> None:
        """Time passes; every member ticks when it wants to, messages flow."""
        end = self.now_ms + ms
        while self.now_ms < end:
            self.now_ms = min(self.now_ms + step_ms, end)
            self.tick()
            self.run()

    def tick(self) -> None:
        for host in self.hosts.values():
            if host.member is not None and host.member.deadline_ms <= self.now_ms:
                self.step(host.id, Tick(), TurnEnd())

    def break_stream(self, learner: int) -> None:
        """The learner's stream to its leader ends; both sides notice."""
        for link in [each for each in self.wire if each[0] == learner]:
            del self.wire[link]
            self._lost(link[1], link)
            self._lost(link[0], link)

    def run(self) -> None:
        """Deliver until nothing moves."""
        while self.deliver():
            pass

    def deliver(self) -> bool:
        """One message of every link. Returns whether there was any."""
        moved = False
        for link in list(self.wire):
            learner, leader, _ = link
            for way, source, target in (("up", learner, leader), ("down", leader, learner)):
                queue = self.wire.get(link)
                if queue is None or (source, target) in self.cut:
                    continue
                message = _first(queue, way)
                if message is not None:
                    moved = True
                    self._hand_over(link, way, message)
        return moved

    # --- the shell ---

    def step(self, member: int, *events: Event) -> list[Effect]:
        """Returns the effects of *events*; what they cause in turn is done too, after them."""
        host = self.hosts[MemberId(member)]
        self._queue.extend((host, event) for event in events)
        done: list[Effect] = []
        if self._is_stepping:
            return done
        self._is_stepping = True
        try:
            while self._queue:
                whose, event = self._queue.popleft()
                if whose.member is None:
                    continue
                effects = whose.member.step(self.now_ms, event)
                for effect in effects:
                    self._perform(whose, effect)
                if event in events and whose is host:
                    done += effects
        finally:
            self._is_stepping = False
        return done

    def _hand_over(self, link: tuple[MemberId, MemberId, int], way: str, message: Message) -> None:
        learner, leader, life = link
        if way == "up":
            event: Event = FromLearner(_stream(link), learner, message)
            self.step(leader, event, TurnEnd())
        else:
            if isinstance(message, Refused):
                self.wire.pop(link, None)
            self.step(learner, FromLeader(life, message), TurnEnd())
            if isinstance(message, Refused) and self.hosts[learner].member is not None:
                self.step(learner, LeaderLost(life))

    def _lost(self, side: MemberId, link: tuple[MemberId, MemberId, int]) -> None:
        if self.hosts[side].member is None:
            return
        gone = self.hosts[link[1]].member is None
        self.step(side, LeaderLost(link[2], gone) if side == link[0] else LearnerLost(_stream(link)))

    def _perform(self, host: Host, effect: Effect) -> None:
        disk = host.disk
        self.trace(f"{host.id} {show_effect(effect)}")
        match effect:
            case Look():
                host.round = effect.round
                host.receiving = False
            case Connect():
                host.leader = effect.leader
                link = (host.id, effect.leader, effect.life)
                self.wire[link] = deque()
                if self.hosts[effect.leader].member is None:
                    del self.wire[link]
                    self.step(host.id, LeaderLost(effect.life, gone=True))
            case Disconnect():
                self._end(host)
            case Send():
                self._post(effect.stream, "down", effect.message)
            case SendLeader():
                for link, queue in self.wire.items():
                    if link[0] == host.id:
                        queue.append(("up", effect.message))
            case Drop():
                self._post(
                    effect.stream, "down", Refused(effect.reason, effect.leader, effect.operator))
            case SendRecords():
                self._send_records(host, effect)
            case SendSnapshot():
                self._send_snapshot(host, effect)
            case SaveAcceptedEpoch():
                disk.accepted_epoch = effect.epoch
            case SaveCurrentEpoch():
                disk.current_epoch = effect.epoch
            case Append():
                disk.records.append(effect.record)
                disk.committed_at.append(effect.committed)
            case Flush():
                assert host.flushing is None, "one flush at a time"
                host.flushing = disk.last_zxid()
                if not host.held:
                    self._finish_flush(host)
            case TruncateLog():
                disk.truncate(effect.zxid)
            case ReceiveSnapshot():
                self._receive_snapshot(host, effect.message)
            case Initialised():
                disk.initial = False
            case Watermark():
                host.watermark = effect.zxid
            case Lease():
                host.lease_ms, host.lease_role = effect.until_ms, effect.role
            case AcceptBatches():
                host.accepts = effect.epoch if effect.accept else None
            case ToProcessor():
                host.to_processors.append(effect.message)
            case Report():
                host.reports.append(effect)
            case HandOverFailed():
                host.failures.append(effect.reason)
            case ReconfigRefused():
                host.refusals.append(effect)
            case Settle():
                pass

    def _finish_flush(self, host: Host) -> None:
        zxid, host.flushing = host.flushing, None
        assert zxid is not None
        host.disk.durable = max(host.disk.durable, min(zxid, host.disk.last_zxid()))
        self.step(host.id, Flushed(zxid), TurnEnd())

    def _end(self, host: Host) -> None:
        for link in [each for each in self.wire if each[0] == host.id]:
            del self.wire[link]
            if self.hosts[link[1]].member is not None:
                self.step(link[1], LearnerLost(_stream(link)))

    def _post(self, stream: bytes, way: str, message: Message) -> None:
        for link, queue in self.wire.items():
            if _stream(link) == stream:
                queue.append((way, message))

    def _send_records(self, host: Host, effect: SendRecords) -> None:
        size, last = 0, effect.after
        for record in host.disk.after(effect.after, effect.upto):
            if size >= effect.bytes_max:
                break
            self._post(effect.stream, "down", Records(record, effect.committed))
            size += len(record)
            last = read_record_header(record).last_zxid
        self.step(host.id, RecordsSent(effect.stream, last, size))

    def _send_snapshot(self, host: Host, effect: SendSnapshot) -> None:
        snapshot = host.disk.snapshot
        assert snapshot is not None
        assert snapshot.zxid == effect.zxid
        for message in (
            SnapshotBegin(snapshot.zxid, 1, snapshot.epochs),
            SnapshotChunk(0, snapshot.control), SnapshotEnd(snapshot.zxid),
        ):
            self._post(effect.stream, "down", message)
        self.step(host.id, SnapshotSent(effect.stream, snapshot.zxid))

    def _receive_snapshot(self, host: Host, message: Message) -> None:
        if isinstance(message, SnapshotBegin):
            host.receiving = True
            self._begin = message
        elif isinstance(message, SnapshotChunk):
            self._chunk = message.data
        elif host.receiving:
            host.receiving = False
            zxid = Zxid(self._begin.zxid)
            host.disk.snapshot = Snapshot(zxid, self._begin.epochs, self._chunk)
            host.disk.records, host.disk.committed_at = [], []
            host.disk.log_after = host.disk.durable = zxid
            self.step(host.id, SnapshotReceived(zxid, self._begin.epochs, self._chunk))


def _stream(link: tuple[MemberId, MemberId, int]) -> bytes:
    return f"{link[0]}>{link[1]}#{link[2]}".encode()


def _first(queue: deque[tuple[str, Message | None]], way: str) -> Message | None:
    for index, (whose, message) in enumerate(queue):
        if whose == way:
            del queue[index]
            return message
    return None


def show_effect(effect: Effect) -> str:
    return repr(effect)


def established(count: int = 3, leader: int = 1, **config: object) -> Ensemble:
    """An ensemble that serves, epoch 1, with nothing written yet."""
    ensemble = Ensemble(count, **config)  # type: ignore[arg-type]
    ensemble.elect(leader)
    ensemble.run()
    return ensemble


def record(zxid: int, *, count: int = 1, body: bytes = b"x") -> bytes:
    return pack_record(first_zxid=zxid, count=count, time_ms=0, body=body)
