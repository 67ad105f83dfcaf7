"""Broadcast's shell: one loop that carries messages and finished syncs to the ZAB core, and its effects out.

A turn takes in all that waits on every socket, proposes what the intake has joined, ends the turn for the core, syncs
the log if the core wants it, and tells the member's processes what is new. Records go to the learners before they are
appended and synced here, so that the disks of all work at once: the leader's own ack counts only after its own sync.
"""

import gc
import sys
from collections import deque
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from node.config.member import MemberConfig
from node.processes.broadcast_acks import Acks
from node.processes.broadcast_commits import Commits
from node.processes.broadcast_disk import Disk
from node.processes.broadcast_leader import LeaderStream
from node.processes.broadcast_local import Local
from node.processes.broadcast_records import Records
from node.processes.broadcast_relay import Relays
from node.processes.broadcast_status import Status
from node.processes.broadcast_streams import Streams
from node.processes.broadcast_submit import Submissions
from node.processes.broadcast_timings import BroadcastTimings
from node.processes.keyring import Keyring
from node.processes.loop import EXIT_REFUSED, StopSignals, now_ms, wall_ms
from node.processes.notes import unless_silenced
from node.processes.peers import Peers
from node.storage.errors import StorageError
from node.storage.snapshots import DamagedSnapshotError
from node.zab import effects, events
from node.zab.config import Timing, ZabConfig
from node.zab.errors import CannotServeError
from node.zab.events import Event, StreamId
from node.zab.member import Member
from observability.logging import RateLimit, configure_logging, get_logger, log_event
from transport.clock import clock_ns
from transport.endpoints import EndpointError, bind_endpoints, private_directory
from transport.entry import RECORD
from transport.messages import (
    Ack,
    Answer,
    Ask,
    Backed,
    Commit,
    Counters,
    Differs,
    DigestReport,
    Elected,
    Hello,
    Lease,
    LocalHello,
    Look,
    Message,
    Ping,
    Pong,
    Refused,
    Relay,
    Settled,
    SnapshotDone,
    Submit,
    SubmitHello,
    Touches,
    Watermark,
    Welcome,
    decode_local,
    decode_peer,
)
from transport.messages import Records as RecordsMessage
from transport.poller import Poller
from transport.sockets import Listener, Sockets, StreamGapError
from transport.wiring import ipc_endpoint
from transport.zxid import MemberId, Zxid

GC_THRESHOLD = 20_000
_OTHERS = {"member": "of_member", "process": "of_process"}  # fields of reports about others
MESSAGES_PER_TURN = 2000  # of one socket: the others get their turn


class Broadcast:
    """The process. *step* is the only way into the core, *perform* the only way out."""

    def __init__(self, config: MemberConfig) -> None:
        """Locks, recovers, binds. Raises RefusedError, StorageError, KeysError, EndpointError, CannotServeError."""
        self.config = config
        self.log = get_logger(process="broadcast", member=config.id)
        self.limit = RateLimit()
        keyring = Keyring(config, "broadcast")
        self.keyring = keyring
        # The lock comes before any bind: binding takes an ipc path away from whoever has it.
        self.disk = Disk(config, keyring.ensemble)
        self.signals = StopSignals()
        self.sockets = Sockets()
        self.peers = Peers(config, "quorum")
        self.poller = Poller()
        self.peer, self.local_listener = self._listen(keyring)
        self.leader = LeaderStream(self.sockets, self.poller, keyring, self.peers)
        self.records = Records(self.disk.log)
        self.streams = Streams(self.peer, self.records, self.disk)
        self.local = Local(self.local_listener)
        push = self.sockets.push(ipc_endpoint(str(config.run_dir), "telemetry"))
        self.timings = unless_silenced(BroadcastTimings(push))
        self.relays = Relays(push)
        self.submissions = Submissions(
            me=config.id, ensemble=keyring.ensemble, on_taken=self.timings.on_taken)
        self.timing = Timing.of(
            tick_ms=config.tick_ms, init_limit=config.init_limit, sync_limit=config.sync_limit)
        self.member = Member(self.disk.recovered, ZabConfig(
            me=MemberId(config.id), voters=tuple(MemberId(v) for v in config.voters),
            ensemble=keyring.ensemble, timing=self.timing, generation=self.disk.boot,
            feature_level=config.feature_level, version=version("corral"), settings=replicated_settings(config)))
        self.status = Status(self, push)
        self.commits = Commits()
        self.acks = Acks()
        self._learners: dict[StreamId, int] = {}  # and whose they are
        self._events: deque[Event] = deque()  # made by effects and by what was sent
        self._lease = Lease(0, 0, 0, "", "", "looking")
        self._mark: tuple[Zxid, int, int] | None = None  # the watermark to be told at the end of the turn
        self._committed = self.member.committed
        self._performers = self._table()

    def _listen(self, keyring: Keyring) -> tuple[Listener, Listener]:
        config = self.config
        private_directory(config.run_dir)
        local = self.sockets.listener([ipc_endpoint(str(config.run_dir), "local")])
        endpoints: list[str] = []
        if len(config.members) > 1:
            keyring.guard(self.sockets)
            endpoints = bind_endpoints(
                config.me.host, config.me.quorum_port, all_addresses=config.quorum_listen_on_all_ips)
        peer = self.sockets.listener(endpoints, keys=keyring.own)
        for source in (peer, local, self.signals.fileno(), self.disk.fileno()):
            self.poller.add(source)
        return peer, local

    @property
    def learners(self) -> Mapping[StreamId, int]:
        """Streams that have said hello as a learner's, and whose they are."""
        return self._learners

    # The loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Until SIGTERM. Raises StorageError, CannotServeError."""
        self._report_recovery()
        # What is here now lives as long as the process: the collector need not look at it.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        self.step(events.Started(wall_ms()))
        self._end_turn()
        self.timings.on_woken()  # what it took to start is no turn
        while not self.signals.is_stopping:
            ready = self.poller.poll(self._timeout_ms())
            self.timings.on_woken()
            self._turn(ready)

    def close(self) -> None:
        self.sockets.close()
        self.disk.close()
        self.signals.close()

    def _turn(self, ready: list[Any]) -> None:
        for source in ready:
            if source is self.peer:
                self._receive_from_peers()
            elif source is self.local_listener:
                self._receive_from_own()
            elif source is self.leader.stream:
                self._receive_from_leader()
            elif source == self.disk.fileno():
                durable = self.disk.finish_sync()
                if durable is not None:
                    self._on_synced(durable, in_line=False)
                if self.disk.may_install:
                    self._install_snapshot()
        now = now_ms()
        if now >= self.local.check_due_ms:
            for change in self.local.check_processor(self.timing.sync_ms // 2):
                log_event(
                    self.log, "processor_alive" if change.alive else "processor_hangs", {"silent_ms": change.silent_ms})
                self.step(change)
        if now >= self.member.deadline_ms:
            self.step(events.Tick(wall_ms()))
        self._end_turn()
        self.status.on_turn(now)
        self._publish()

    def _end_turn(self) -> None:
        self._propose()
        answers = self.streams.answers
        while True:
            while answers:
                self.step(answers.popleft())
            self.step(events.TurnEnd())
            if not answers and not self._sync():
                break
        self._publish()
        now = now_ms()
        for stream, commit in self.commits.take_due(now):
            self.streams.send(stream, commit)
        ack = self.acks.take_due(now)
        if ack is not None:
            self.leader.send(ack)
            self.timings.on_ack_sent(ack.zxid)
        self.streams.pump()
        self._end_failed()

    def _propose(self) -> None:
        submissions = self.submissions
        while submissions.is_accepting and self.member.may_propose:
            joined = submissions.intake.take()
            if joined is None:
                return
            self.step(events.Propose(joined[0], joined[1], wall_ms()))
            if not submissions.intake.queued_bytes:
                self.commits.on_proposed(self.member.last_zxid)

    def _sync(self) -> bool:
        """If the core wants a flush: in line (True: done), or begun in the thread."""
        disk = self.disk
        if not disk.flush_wanted or disk.is_syncing:
            return False
        if not disk.is_fast and self.poller.poll(0):
            disk.begin_sync()
            return False
        self._on_synced(disk.sync(), in_line=True)
        return True

    def _on_synced(self, durable: Zxid, *, in_line: bool) -> None:
        self.timings.on_synced(durable, *self.disk.synced, in_line=in_line)
        self.step(events.Flushed(durable))

    def _publish(self) -> None:
        if self._mark is not None:
            (zxid, segment, offset), self._mark = self._mark, None
            at_ns = clock_ns()
            self.local.tell("watermark", Watermark(zxid, segment, offset, at_ns))
            self.timings.on_published(zxid, offset, at_ns)
        self.local.publish()

    def _timeout_ms(self) -> int:
        if self.submissions.is_accepting and self.submissions.intake.queued_bytes and self.member.may_propose:
            return 0
        now_ns = clock_ns()
        now = now_ns // 1_000_000
        timeout = min(max(self.member.deadline_ms - now, 0), self.status.timeout_ms(now))
        timeout = self.acks.timeout_ms(self.commits.timeout_ms(timeout, now), now)
        timeout = self.streams.timeout_ms(self.local.timeout_ms(self.timings.timeout_ms(timeout, now_ns)))
        self.timings.on_turn_end(now_ns, timeout)
        return timeout

    def step(self, event: Event) -> None:
        """One event, and those that its effects make at once: before anything else can happen."""
        self._step(event)
        while self._events:
            self._step(self._events.popleft())

    def _step(self, event: Event) -> None:
        at_ns = self.timings.step_ns = clock_ns()
        performed = self.member.step(at_ns // 1_000_000, event)
        committed = self.member.committed
        if committed != self._committed:
            self.timings.on_committed(self._committed, committed, self._completed_by(event), self.member.leader)
            self._committed = committed
        self.perform(performed)

    def _completed_by(self, event: Event) -> int:
        """Whose ack or sync committed something, at a leader."""
        if self._lease.role != "leader":
            return 0
        return event.member if isinstance(event, events.FromLearner) else self.config.id

    # From the sockets --------------------------------------------------------------------------

    def _receive_from_peers(self) -> None:
        for _ in range(MESSAGES_PER_TURN):
            try:
                received = self.peer.receive()
                if received is None:
                    break
                stream, member, payload = received
                message = decode_peer(payload)
            except StreamGapError as error:
                self._drop_peer(error.stream, str(error))
                continue
            except msgspec.MsgspecError as error:
                self._drop_peer(stream, f"unreadable message: {error}")
                continue
            self._on_peer_message(stream, member, message)
        for stream in self.peer.take_lost():
            self._on_peer_lost(stream)

    def _on_peer_message(self, stream: StreamId, member: int, message: Message) -> None:
        match message:
            case Submit():
                self.commits.on_taken(member)
                self.submissions.submit(
                    stream, member, message, self.streams.send, self._lease.leader)
            case SubmitHello():
                self.submissions.hello(stream, member, message, self.streams.send, self._lease.leader)
            case Touches():
                self._on_touches(member, message)
            case Relay():
                self.relays.relay(member, message)
            case _:
                if isinstance(message, Hello):
                    self._learners[stream] = member
                elif isinstance(message, Pong):
                    self.streams.on_pong(stream, message.sent_ms)
                self.step(events.FromLearner(stream, MemberId(member), message))
                if isinstance(message, Ack):
                    self.timings.on_acked(member, message.zxid)

    def _on_touches(self, member: int, touches: Touches) -> None:
        if self._lease.role == "leader" and touches.member == member:
            self.local.pass_to_processor(touches)

    def _drop_peer(self, stream: StreamId, reason: str) -> None:
        self._warn("stream_ended", reason=reason)
        self.streams.refuse(stream, Refused(reason, self._lease.leader))
        self._on_peer_lost(stream)

    def _on_peer_lost(self, stream: StreamId) -> None:
        self.streams.forget(stream)
        self.submissions.forget(stream)
        self.commits.forget(stream)
        if self._learners.pop(stream, None) is not None:
            self.step(events.LearnerLost(stream))

    def _end_failed(self) -> None:
        while self.streams.failed:
            stream, reason = self.streams.failed.pop()
            self._drop_peer(stream, reason)

    def _receive_from_leader(self) -> None:
        try:
            for event in self.leader.receive(MESSAGES_PER_TURN):
                if isinstance(event, events.FromLeader) and isinstance(event.message, Ping):
                    self.status.on_ping(event.message.committed)
                before = self.member.last_zxid
                self.step(event)
                if self.member.last_zxid > before:
                    self._on_received(event)
        except (StreamGapError, msgspec.MsgspecError) as error:
            self._warn("stream_ended", reason=str(error), leader=self.leader.leader)
            if self.leader.stream is not None:
                self.step(self.leader.lost())

    def _on_received(self, event: Event) -> None:
        if isinstance(event, events.FromLeader) and isinstance(event.message, RecordsMessage):
            first_zxid = RECORD.unpack_from(event.message.data)[0]
            self.timings.on_received(first_zxid, self.member.last_zxid)

    def _receive_from_own(self) -> None:
        for _ in range(MESSAGES_PER_TURN):
            try:
                received = self.local_listener.receive()
                if received is None:
                    break
                stream, _, payload = received
                message = decode_local(payload)
            except (StreamGapError, msgspec.MsgspecError) as error:
                self._warn("local_stream_ended", reason=str(error))
                if isinstance(error, StreamGapError):
                    stream = error.stream
                self.local_listener.drop(stream)
                self._on_own_lost(stream)
                continue
            self._on_own_message(stream, message)
        for stream in self.local_listener.take_lost():
            self._on_own_lost(stream)

    def _on_own_message(self, stream: StreamId, message: Message) -> None:
        match message:
            case Submit():
                self.submissions.submit(
                    stream, self.config.id, message, self.local.send, self._lease.leader)
            case SubmitHello():
                self.submissions.hello(
                    stream, self.config.id, message, self.local.send, self._lease.leader)
            case Touches():
                self._on_touches(self.config.id, message)
            case LocalHello():
                self._on_own_hello(stream, message)
            case Elected():
                self.step(events.Elected(message.round, MemberId(message.leader)))
            case DigestReport():
                digest = message.digest
                self.step(events.DigestComputed(digest.zxid, digest.process, digest.digest))  # type: ignore[arg-type]
            case SnapshotDone():
                self.step(events.SnapshotTaken(message.zxid, self.disk.log.start()))  # type: ignore[arg-type]
            case Counters():
                self.local.on_counters(stream, message)
            case Ask():
                self.local.ask(stream, message)
            case Answer():
                self.local.answer(message)
            case _:
                self._warn("unexpected_message", type=type(message).__name__)

    def _on_own_hello(self, stream: StreamId, hello: LocalHello) -> None:
        generation = hello.generation or self.disk.epochs.next_generation()
        process = self.local.add(stream, hello, generation)
        watermark = self.local.newest("watermark")
        self.local.send(stream, Welcome(
            generation, self.disk.boot, self.keyring.ensemble,
            watermark.zxid if isinstance(watermark, Watermark) else 0))
        self.log.info("process_joined", name=process.name, pid=hello.pid, generation=generation)
        if process.name == "processor-0":
            self.step(events.ProcessorReady(alive=True))

    def _on_own_lost(self, stream: StreamId) -> None:
        self.submissions.forget(stream)
        process = self.local.remove(stream)
        if process is None:
            return
        self.log.info("process_lost", name=process.name, pid=process.hello.pid)
        if process.name == "processor-0":
            self.step(events.ProcessorReady(alive=False))

    # Effects -----------------------------------------------------------------------------------

    def perform(self, performed: list[effects.Effect]) -> None:
        if not performed:
            return
        for effect in performed:
            if type(effect) is effects.Append:
                # Before all else, since it may be sent to learners before it is appended here.
                self.records.remember(effect.record)
                self.status.figures.on_append(effect.record)
                self.acks.on_append(
                    effect.record, leader=self._lease.leader, voters=self.member.voters)
        performers = self._performers
        for effect in performed:
            performers[type(effect)](effect)

    def _table(self) -> dict[type, Callable[[Any], None]]:
        disk = self.disk
        return {
            effects.Append: self._append,
            effects.Send: self._send,
            effects.SendRecords: self._send_records,
            effects.SendSnapshot: self.streams.send_snapshot,
            effects.SendLeader: self._send_leader,
            effects.Flush: self._flush,
            effects.Watermark: self._watermark,
            effects.Lease: self._on_lease,
            effects.AcceptBatches: self._accept_batches,
            effects.Connect: self._connect,
            effects.Disconnect: self._disconnect,
            effects.Drop: self._drop,
            effects.Look: self._look,
            effects.Settle: self._settle,
            effects.SaveAcceptedEpoch: lambda e: disk.epochs.save_accepted(e.epoch),
            effects.SaveCurrentEpoch: lambda e: disk.epochs.save_current(e.epoch),
            effects.TruncateLog: self._truncate,
            effects.ReceiveSnapshot: self._receive_snapshot,
            effects.Initialised: lambda _: disk.consume_mark(),
            effects.ToProcessor: self._to_processor,
            effects.Report: self._report,
        }

    def _append(self, effect: effects.Append) -> None:
        self.timings.on_append(
            effect.record, leads=self._lease.role == "leader", has_learners=bool(self._learners))
        self.disk.log.append(effect.record, committed=effect.committed, durable_upto=effect.durable_upto)

    def _send(self, effect: effects.Send) -> None:
        stream, message = effect.stream, effect.message
        if isinstance(message, Commit):
            if self.commits.hold(stream, self._learners.get(stream, 0), message, now_ms()):
                return
        elif isinstance(message, Backed):
            if not self.commits.is_waited_for(self._learners.get(stream, 0), message):
                return
        elif isinstance(message, (RecordsMessage, Ping)):
            self.commits.on_told(stream, message.committed)
        self.streams.send(stream, message)

    def _send_records(self, effect: effects.SendRecords) -> None:
        self.commits.on_told(effect.stream, effect.committed)
        self.streams.send_records(effect)

    def _send_leader(self, effect: effects.SendLeader) -> None:
        message = effect.message
        if isinstance(message, Ack) and self.acks.hold(message, now_ms(), voters=len(self.member.voters)):
            return
        self.leader.send(message)
        if isinstance(message, Ack):
            self.timings.on_ack_sent(message.zxid)

    def _connect(self, effect: effects.Connect) -> None:
        self.acks.forget()
        self.leader.connect(effect.leader, effect.life)

    def _disconnect(self, _: effects.Disconnect) -> None:
        self.disk.discard_received()
        self.acks.forget()
        self.leader.disconnect()

    def _flush(self, _: effects.Flush) -> None:
        self.disk.flush_wanted = True

    def _settle_disk(self) -> None:
        """Before the log is cut or replaced: nothing may be under way on it."""
        durable = self.disk.await_sync()
        if durable is None and self.disk.flush_wanted:
            durable = self.disk.sync()
        if durable is not None:
            self.timings.on_synced(durable, *self.disk.synced, in_line=True)
            self._events.append(events.Flushed(durable))

    def _truncate(self, effect: effects.TruncateLog) -> None:
        self._settle_disk()
        self.disk.log.truncate(effect.zxid)
        self.records.forget_all()

    def _receive_snapshot(self, effect: effects.ReceiveSnapshot) -> None:
        try:
            self.disk.receive(effect.message)
        except DamagedSnapshotError as error:
            self._refuse_snapshot(error)

    def _install_snapshot(self) -> None:
        """It has been read through meanwhile, and the core still waits for it."""
        self._settle_disk()
        try:
            self._events.append(self.disk.finish_receive())
            self.records.forget_all()
        except DamagedSnapshotError as error:
            self._refuse_snapshot(error)
        while self._events:
            self._step(self._events.popleft())

    def _refuse_snapshot(self, error: DamagedSnapshotError) -> None:
        self.log.error("snapshot_damaged", reason=str(error))
        if self.leader.stream is not None:
            self._events.append(self.leader.lost())

    def _drop(self, effect: effects.Drop) -> None:
        self._learners.pop(effect.stream, None)
        self.commits.forget(effect.stream)
        self.submissions.forget(effect.stream)
        self.streams.refuse(effect.stream, Refused(effect.reason, effect.leader, effect.operator))

    def _watermark(self, effect: effects.Watermark) -> None:
        self._mark = (effect.zxid, *self.disk.log.position(effect.zxid))

    def _on_lease(self, effect: effects.Lease) -> None:
        is_renewal = (
            effect.until_ms and self._lease.until_ns
            and (effect.epoch, effect.leader, effect.role)
            == (self._lease.epoch, self._lease.leader, self._lease.role))
        if is_renewal and effect.until_ms - self._lease.until_ns // 1_000_000 < self.timing.lease_ms // 3:
            return  # soon enough with one of the next
        is_elsewhere = effect.leader not in (0, self.config.id)
        self._lease = Lease(
            effect.until_ms * 1_000_000, effect.epoch, effect.leader,
            self.peers.endpoint(effect.leader) if is_elsewhere else "",
            self.keyring.key_of(effect.leader) if is_elsewhere else "", effect.role)
        self.local.tell("lease", self._lease)
        self.status.is_changed = True

    def _accept_batches(self, effect: effects.AcceptBatches) -> None:
        self.timings.on_leadership()
        if effect.accept:
            self.submissions.open(effect.epoch)
        else:
            self.submissions.close(self._lease.leader)

    def _look(self, effect: effects.Look) -> None:
        self.disk.discard_received()
        self.timings.on_look()
        self.local.tell("election", Look(
            effect.round, effect.current_epoch, effect.last_zxid, effect.votes, list(effect.voters),
            effect.lost, effect.lost_epoch, effect.stands))
        self.status.is_changed = True

    def _settle(self, effect: effects.Settle) -> None:
        self.local.tell("election", Settled(effect.round, effect.leader, effect.epoch))
        self.status.is_changed = True

    def _to_processor(self, effect: effects.ToProcessor) -> None:
        if isinstance(effect.message, Differs):
            self.status.on_differs(effect.message.process)
        self.local.pass_to_processor(effect.message)

    def _report(self, effect: effects.Report) -> None:
        self.status.figures.on_report(effect)
        self.status.is_changed = True
        # A line's own member and process are those that wrote it.
        fields = {_OTHERS.get(name, name): value for name, value in effect.fields.items()}
        log_event(self.log, effect.event, fields, alarm=effect.alarm)

    # Log lines ---------------------------------------------------------------------------------

    def _warn(self, event: str, **fields: object) -> None:
        suppressed = self.limit.admit(event)  # not by its reason: that has numbers in it
        if suppressed is not None:
            log_event(self.log, event, {"suppressed": suppressed, **fields})

    def _report_recovery(self) -> None:
        if self.disk.torn_bytes:
            self.log.warning("torn_tail_cut", bytes=self.disk.torn_bytes, last_zxid=self.disk.recovered.last_zxid)
        for path in self.disk.damaged:
            self.log.error("snapshot_damaged", file=str(path), action="an older one is used")


def replicated_settings(config: MemberConfig) -> dict[str, str]:
    """What changes the results of execution, and so must be the same on every member."""
    return {"corral.testHooks": str(config.test_hooks).lower()}


def run(config: MemberConfig, index: int) -> None:
    configure_logging(config.log_level)
    log = get_logger(process="broadcast", member=config.id)
    try:
        broadcast = Broadcast(config)
        try:
            broadcast.run()
        finally:
            broadcast.close()
    except (EndpointError, CannotServeError) as error:
        log.error("refused", reason=str(error))
        sys.exit(EXIT_REFUSED)
    except StorageError as error:
        log.error(
            "storage_failed", reason=str(error),
            cure="this process ends and recovers from the log; if it happens again, look at the disk")
        sys.exit(1)
