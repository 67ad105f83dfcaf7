"""Broadcast's shell in virtual time: the ZAB core's effects over real storage code, a simulated disk and network.

Its files are broadcast_disk.py's; what goes to learners and comes of the leader in bulk is broadcast_history.py's.

As in the real shell what comes is collected and handed in together, then TurnEnd; effects are performed in order.
"""

from collections.abc import Callable
from typing import Any

from node.processes.broadcast_local import CHECK_MS
from node.storage.errors import CorruptionError, RefusedError
from node.zab import effects as fx
from node.zab import events as ev
from node.zab.intake import Intake
from node.zab.member import Member
from tests.simulation.host import PROCESSORS, Host
from tests.simulation.network import Stream
from tests.simulation.process import Process
from tests.simulation.scheduler import MS
from tests.simulation.shells.broadcast_disk import Disk
from tests.simulation.shells.broadcast_history import History
from tests.simulation.shells.outbox import Outbox
from transport import messages as msg
from transport.zxid import MemberId, Zxid, show

TURN_US = 100
COUNTED = ("handed_over", "log_unreadable", "no_member_stands", "voters_changed")  # of the core's reports
HAND_OVER_WITHIN_MS = 2_000
DRAIN_OVER_MS = 300
CONFLATION_PROBABILITY = 0.1


class Broadcast(Process):
    role = "broadcast"

    def __init__(self, host: Host) -> None:
        super().__init__(host.world, member=host.member, name=f"{host.member}/broadcast")
        self.host = host
        self.hub = host.ensemble.hub
        self.scale = host.ensemble.scale
        self.life = host.lives
        self.disk = Disk(self, host, self.hand_in)
        self.waiting: list[Any] = []
        self.turn_due = False
        self.outbox = Outbox(self, self.stream_lost)
        self.history = History(
            self, self.disk, self.outbox, drop=self.give_up, installed=self.snapshot_installed,
            refused=self.snapshot_refused)
        self.local: dict[bytes, str] = {}  # stream -> role
        self.processor_heard_ms = 0  # number 0
        self.processor_hangs = False
        self.is_drained = self.processor_leaves = False
        self.check_due_ms = 0
        self.linked: dict[bytes, int] = {}  # streams that may submit -> their member
        self.leader: Stream | None = None
        self.met: set[int] = set()  # whom others have told of
        self.leader_life = 0
        self.look: msg.Message | None = None  # the last word to election
        self.lease = msg.Lease(0, 0, 0, "", "", "looking")
        self.mark = msg.Watermark(0, 0, 0)
        self.mark_is_new = False
        self.deadline_asked_ms = -1
        self.has_started = False
        self.perform_by: dict[type, Callable[[Any], None]] = {
            fx.Look: self.on_look, fx.Settle: self.on_settle, fx.Connect: self.on_connect,
            fx.Disconnect: self.on_disconnect, fx.Send: self.on_send, fx.SendLeader: self.on_send_leader,
            fx.Drop: self.on_drop, **self.disk.perform_by, **self.history.perform_by,
            fx.Watermark: self.on_watermark, fx.Lease: self.on_lease, fx.AcceptBatches: self.on_accept_batches,
            fx.ToProcessor: self.on_to_processor, fx.HandOverFailed: self.on_hand_over_failed,
            fx.Report: self.on_report, fx.ReconfigRefused: self.on_reconfig_refused,
        }

    # --- life ---

    def start(self) -> None:
        host = self.host
        try:
            recovery = self.disk.recover(self.life)
        except CorruptionError as error:
            self.refuse(error)
            raise
        except RefusedError as error:
            holder = host.process(self.role)
            self.hub.refused(self.member, str(error), is_second=holder not in (None, self))
            self.world.occurred["second start refused"] += 1
            raise
        host.durable.forget()
        self.hub.recovered(self.member, recovery.recovered.last_zxid)
        if recovery.torn_bytes:
            self.world.occurred["torn tail"] += 1
        self.trace("recovered to %s, committed %s, torn %d", show(self.disk.log.last_zxid),
                   show(recovery.recovered.committed), recovery.torn_bytes)
        self.core_config = host.ensemble.zab_config(self.member, generation=self.disk.boot)
        self.core = Member(recovery.recovered, self.core_config)
        self.intake = Intake(me=self.member, ensemble=self.scale.ensemble)
        self.world.network.bind(self, "peer")
        self.world.network.bind(self, "local")
        self.has_started = True
        self.hand_in(ev.Started(host.wall_ms()))
        self.check_processor()

    def refuse(self, error: CorruptionError) -> None:
        self.hub.refused(self.member, str(error), is_rotten=self.host.is_rotten)
        self.host.corruption_found()

    def on_death(self, error: Exception | None) -> None:
        if self.has_started:
            self.hub.lease(self.member, is_leader=False, now_us=0, until_us=0)
        self.disk.files.crash()
        self.host.ended(self, error)

    def now_ms(self) -> int:
        return self.host.monotonic_us() // MS

    # --- what an operator asks ---

    def hand_over(self, heir: int) -> None:
        self.hand_in(ev.HandOver(MemberId(heir), HAND_OVER_WITHIN_MS))

    def drain(self, *, on: bool) -> None:
        self.is_drained = on
        self.tell(msg.Drain(on, DRAIN_OVER_MS), *PROCESSORS)
        self.tell_draining()

    def tell_draining(self) -> None:
        self.hand_in(ev.Draining(on=self.is_drained or self.processor_leaves))

    def on_hand_over_failed(self, effect: fx.HandOverFailed) -> None:
        self.trace("does not hand over: %s", effect.reason)
        self.world.occurred["hand-over failed"] += 1
        if self.processor_leaves:
            self.tell(msg.LeadsOn(), PROCESSORS[0])

    def reconfigure(self, wish: ev.Reconfigure) -> None:
        self.hand_in(wish)

    def on_reconfig_refused(self, effect: fx.ReconfigRefused) -> None:
        self.trace("does not reconfigure: %s", effect.reason)
        self.world.occurred["reconfiguration refused"] += 1

    # --- the turn ---

    def hand_in(self, event: ev.Event) -> None:
        self.waiting.append(event)
        self.wake()

    def wake(self) -> None:
        if not self.turn_due:
            self.turn_due = True
            self.after(self.host.rng.randrange(TURN_US), self.turn)

    def turn(self) -> None:
        self.turn_due = False
        waiting, self.waiting = self.waiting, []
        for event in waiting:
            self.step(event)
        while self.core.may_propose and (taken := self.intake.take()) is not None:
            self.world.occurred["records"] += 1
            self.step(ev.Propose(*taken, self.host.wall_ms()))
        self.step(ev.TurnEnd())
        self.publish_mark()
        self.ask_deadline()

    def check_processor(self) -> None:
        """As node/processes/broadcast_local.py: whether processor 0 hangs, which its connection does not tell."""
        now, silence_ms = self.now_ms(), self.host.ensemble.timing.sync_ms // 2
        late_ms, self.check_due_ms = now - self.check_due_ms, now + CHECK_MS
        self.after(CHECK_MS * MS, self.check_processor)
        if late_ms > silence_ms // 2:
            self.processor_heard_ms = now
        silent_ms = now - self.processor_heard_ms
        hangs = silent_ms >= silence_ms
        if PROCESSORS[0] in self.local.values() and hangs != self.processor_hangs:
            self.processor_hangs = hangs
            self.hand_in(ev.ProcessorReady(alive=not hangs, silent_ms=silent_ms))

    def publish_mark(self) -> None:
        """Watermarks are conflated: a process that takes none now gets the newest later."""
        if not self.mark_is_new:
            return
        if self.host.rng.random() < CONFLATION_PROBABILITY:
            self.after(2 * MS, self.publish_mark)
            return
        self.mark_is_new = False
        self.tell(self.mark, *PROCESSORS, "snapshotter")

    def step(self, event: ev.Event) -> None:
        try:
            performed = self.core.step(self.now_ms(), event)
        except CorruptionError as error:
            self.refuse(error)
            raise
        for effect in performed:
            self.perform_by[type(effect)](effect)

    def ask_deadline(self) -> None:
        deadline_ms = self.core.deadline_ms
        if deadline_ms != self.deadline_asked_ms:
            self.deadline_asked_ms = deadline_ms
            delay_us = max(0, deadline_ms - self.now_ms()) * MS + self.host.rng.randrange(MS)
            self.after(delay_us, self.deadline_come, deadline_ms)

    def deadline_come(self, deadline_ms: int) -> None:
        if deadline_ms == self.deadline_asked_ms:
            self.deadline_asked_ms = -1
            self.hand_in(ev.Tick(self.host.wall_ms()))

    # --- what comes ---

    def on_router_message(self, link: str, stream: bytes, peer: int, data: bytes) -> None:
        if link == "local":
            self.on_local(stream, msg.decode_local(data))
            return
        message = msg.decode_peer(data)
        if isinstance(message, msg.SubmitHello | msg.Submit):
            self.on_submit(stream, peer, message)
        else:
            self.hand_in(ev.FromLearner(stream, peer, message))  # type: ignore[arg-type]

    def on_router_lost(self, link: str, stream: bytes) -> None:
        self.linked.pop(stream, None)
        if link == "local":
            lost = self.local.pop(stream, "")
            if lost == PROCESSORS[0] and lost not in self.local.values():
                self.hand_in(ev.ProcessorReady(alive=False))
        else:
            self.stream_lost(stream)

    def stream_lost(self, stream: bytes) -> None:
        self.outbox.forget(stream)
        self.hand_in(ev.LearnerLost(stream))

    def on_submit(self, stream: bytes, member: int, message: msg.SubmitHello | msg.Submit) -> None:
        if isinstance(message, msg.SubmitHello):
            answer = self.intake.hello(message)
            if isinstance(answer, msg.Accepting):
                self.linked[stream] = member
            self.outbox.send(stream, answer)
        elif stream in self.linked and self.intake.submit(message.batch, member=member):
            self.wake()
        else:
            self.linked.pop(stream, None)
            self.outbox.send(stream, msg.Refused("not the next batch", self.core.leader))

    def on_local(self, stream: bytes, message: object) -> None:
        match message:
            case msg.LocalHello():
                self.local[stream] = PROCESSORS[message.index] if message.role == "processor" else message.role
                self.welcome(stream, message)
            case msg.SubmitHello() | msg.Submit():
                self.on_submit(stream, self.member, message)
            case msg.Counters() if self.local.get(stream) == PROCESSORS[0]:
                self.processor_heard_ms = self.now_ms()
            case msg.Leaving():
                if self.local.get(stream) == PROCESSORS[0]:
                    self.processor_leaves = True
                    self.tell_draining()
            case msg.Touches():
                self.hand_in(ev.FromLearner(stream, self.member, message))  # type: ignore[arg-type]
            case msg.Elected():
                self.met.update(message.servers)
                self.hand_in(ev.Elected(message.round, message.leader))  # type: ignore[arg-type]
            case msg.DigestReport():
                digest = message.digest
                self.hand_in(ev.DigestComputed(Zxid(digest.zxid), digest.process, digest.digest))
            case msg.SnapshotDone():
                self.world.occurred["snapshot taken"] += 1
                self.hand_in(ev.SnapshotTaken(Zxid(message.zxid), self.disk.log.start()))
            case _:
                pass

    def welcome(self, stream: bytes, hello: msg.LocalHello) -> None:
        generation = hello.generation or self.disk.epochs.next_generation()
        self.outbox.send(stream, msg.Welcome(generation, self.disk.boot, self.scale.ensemble, self.mark.zxid))
        if hello.role == "election":
            if self.look is not None:
                self.outbox.send(stream, self.look)
            return
        if self.mark.zxid:
            self.outbox.send(stream, self.mark)
        if hello.role == "processor":
            self.outbox.send(stream, self.lease)
            if self.is_drained:
                self.outbox.send(stream, msg.Drain(True, DRAIN_OVER_MS))
            if hello.index == 0:
                self.processor_leaves = False
                self.tell_draining()
                self.processor_heard_ms, self.processor_hangs = self.now_ms(), False
                self.hand_in(ev.ProcessorReady(alive=True))

    def tell(self, message: msg.Message, *roles: str) -> None:
        for stream, each in self.local.items():
            if each in roles:
                self.outbox.send(stream, message)

    # --- election and links ---

    def on_look(self, effect: fx.Look) -> None:
        self.history.discard()
        self.trace("looks, round %d, at %d %s", effect.round, effect.current_epoch, show(effect.last_zxid))
        self.look = msg.Look(
            effect.round, effect.current_epoch, effect.last_zxid, effect.votes, list(effect.voters),
            effect.lost, effect.lost_epoch, effect.stands, effect.supports, list(effect.voters_before),
            self.core.control.reconfigured if self.core.control else {},
            effect.hierarchy, effect.hierarchy_before)
        self.tell(self.look, "election")

    def on_settle(self, effect: fx.Settle) -> None:
        self.look = msg.Settled(effect.round, effect.leader, effect.epoch)
        self.tell(self.look, "election")

    def on_connect(self, effect: fx.Connect) -> None:
        life = self.leader_life = effect.life
        if effect.leader not in self.known():
            self.on_disconnect(fx.Disconnect())  # nobody answers, and the core goes on in its time
            return
        self.trace("connects to leader %d, life %d", effect.leader, life)
        stream = self.world.network.connect(
            self, (effect.leader, "peer"),
            on_message=lambda data: self.on_leader_message(life, msg.decode_peer(data)),
            on_lost=lambda: self.hand_in(ev.LeaderLost(life, gone=stream.was_refused)))
        self.leader = stream

    def on_leader_message(self, life: int, message: msg.Message) -> None:
        if isinstance(message, msg.Refused):
            self.met.update(message.servers)
        self.hand_in(ev.FromLeader(life, message))

    def known(self) -> set[int]:
        """Whom zoo.cfg names, or a reconfiguration, or somebody has told of."""
        control = self.core.control
        return {*self.core_config.voters, *(control.reconfigured if control else ()), *self.met}

    def on_disconnect(self, effect: fx.Disconnect) -> None:
        self.history.discard()
        if self.leader is not None:
            self.leader.close()
            self.leader = None

    def on_send(self, effect: fx.Send) -> None:
        self.trace("-> %s %s", effect.stream.hex(), effect.message)
        if isinstance(effect.message, msg.NewLeader):
            self.hub.history_complete(effect.message.epoch, effect.message.zxid)
        if isinstance(effect.message, msg.Backed) and self.host.rng.random() < 0.5:
            return  # the real shell sends it only to members where a client waits
        self.outbox.send(effect.stream, effect.message)

    def on_send_leader(self, effect: fx.SendLeader) -> None:
        message = effect.message
        if isinstance(message, msg.Ack | msg.AckNewLeader):
            self.hub.acked(self.member, message.zxid, self.host.durable.zxid)
        self.trace("-> leader %s", message)
        if self.leader is not None:
            self.leader.send(msg.encode(message))

    def on_drop(self, effect: fx.Drop) -> None:
        self.trace("drops %s: %s", effect.stream.hex(), effect.reason)
        self.outbox.forget(effect.stream)
        refused = msg.Refused(
            effect.reason, effect.leader, effect.operator, self.core.control.reconfigured if self.core.control else {})
        self.world.network.router_send(effect.stream, msg.encode(refused))
        self.world.network.router_close(effect.stream)

    def give_up(self, stream: bytes, reason: str) -> None:
        """What the learner needs is not there."""
        self.on_drop(fx.Drop(stream, reason, self.core.leader))
        self.hand_in(ev.LearnerLost(stream))

    def snapshot_installed(self, event: ev.SnapshotReceived) -> None:
        """At once: no Look may come between."""
        self.step(event)
        self.wake()

    def snapshot_refused(self) -> None:
        """As node/processes/broadcast_history.py: all is as before, and this member looks again."""
        self.on_disconnect(fx.Disconnect())
        self.hand_in(ev.LeaderLost(self.leader_life))

    # --- this member's processes ---

    def on_watermark(self, effect: fx.Watermark) -> None:
        self.mark = msg.Watermark(effect.zxid, *self.disk.log.position(effect.zxid))
        self.trace("watermark %s", show(effect.zxid))
        self.hub.released(self.member, effect.zxid, self.host.durable.zxid)
        self.mark_is_new = True

    def on_lease(self, effect: fx.Lease) -> None:
        now_us = self.world.scheduler.now_us
        until_us = self.host.true_us(effect.until_ms * MS) if effect.until_ms else 0
        self.hub.lease(self.member, is_leader=effect.role == "leader", now_us=now_us, until_us=until_us)
        self.lease = msg.Lease(
            effect.until_ms * 1_000_000, effect.epoch, effect.leader, str(effect.leader), "", effect.role)
        self.tell(self.lease, *PROCESSORS)

    def on_accept_batches(self, effect: fx.AcceptBatches) -> None:
        if effect.accept:
            self.trace("leads epoch %d", effect.epoch)
            self.hub.leads(self.member, self.life, effect.epoch)
            self.intake.open(effect.epoch)
            return
        # What was taken and not proposed is gone: the next epoch's start tells its processor.
        self.intake.close()
        linked, self.linked = self.linked, {}
        for stream in linked:
            self.outbox.send(stream, msg.Refused("not leading", self.core.leader))

    @property
    def leads(self) -> bool:
        return self.intake.epoch != 0

    def on_to_processor(self, effect: fx.ToProcessor) -> None:
        match effect.message:
            case msg.Touches():
                self.tell(effect.message, PROCESSORS[0])
            case msg.Differs(process=name):
                self.tell(effect.message, PROCESSORS[int(name.removeprefix("processor-"))])
            case _:
                self.tell(effect.message, *PROCESSORS)

    def on_report(self, effect: fx.Report) -> None:
        self.trace("%s %s", effect.event, str(effect.fields))
        self.world.occurred[effect.event] += effect.event in COUNTED
        if effect.event == "learner_synchronised" and not self.leads:
            self.world.occurred["observer behind a follower"] += 1
        if effect.event == "handed_over":
            heir: Any = effect.fields["to"]
            self.world.occurred[f"handed over: {effect.fields['reason']}"] += 1
            self.hub.handed_over(self.member, heir, self.core.last_zxid, self.host.ensemble.hosts[heir].holds)
        if effect.alarm:
            self.world.occurred[f"alarm {effect.event}"] += 1
