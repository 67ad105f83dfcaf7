"""Broadcast's shell: one loop that carries messages and finished syncs to the ZAB core, and its effects out.

A turn takes in all that waits on every socket, proposes what the intake has joined, ends the turn for the core, syncs
the log if the core wants it, and tells the member's processes what is new. Records go to the learners before they are
appended and synced here, so that the disks of all work at once: the leader's own ack counts only after its own sync.
"""

import gc
import sys
from collections import deque
from importlib.metadata import version
from typing import Any, Final

from node.backup.wanted import restore_if_wanted
from node.config.address import WILDCARDS, format_address
from node.config.member import MemberConfig
from node.notify import SILENT, Notify
from node.processes.broadcast_acks import Acks
from node.processes.broadcast_commits import Commits
from node.processes.broadcast_control import Control
from node.processes.broadcast_disk import Disk
from node.processes.broadcast_door import Door
from node.processes.broadcast_draining import Draining
from node.processes.broadcast_effects import Effects
from node.processes.broadcast_following import LeaderMessages
from node.processes.broadcast_history import History
from node.processes.broadcast_leader import LeaderStream
from node.processes.broadcast_lease import MemberLease
from node.processes.broadcast_local import Local
from node.processes.broadcast_outgoing import Outgoing
from node.processes.broadcast_own import OwnMessages
from node.processes.broadcast_peers import PeerMessages
from node.processes.broadcast_reconfig import Reconfigs
from node.processes.broadcast_records import Records
from node.processes.broadcast_relay import Relays
from node.processes.broadcast_status import Status
from node.processes.broadcast_streams import Streams
from node.processes.broadcast_submit import Submissions
from node.processes.keyring import Keyring
from node.processes.limited_log import LimitedLog
from node.processes.loop import EXIT_REFUSED, StopSignals, now_ms, wall_ms
from node.processes.peers import Peers
from node.processes.silent_timings import broadcast_timings
from node.processes.watched_files import WatchedFiles
from node.storage.errors import StorageError
from node.zab import events
from node.zab.config import Timing, ZabConfig
from node.zab.errors import CannotServeError
from node.zab.events import Event
from node.zab.member import Member
from observability.logging import configure_logging, get_logger
from transport.clock import clock_ns
from transport.endpoints import EndpointError, bind_endpoints, private_directory
from transport.poller import Poller
from transport.sockets import Listener, Sockets
from transport.wiring import ipc_endpoint
from transport.zxid import MemberId

GC_THRESHOLD: Final = 20_000
MESSAGES_PER_TURN: Final = 2000  # of one socket: the others get their turn
END_MS: Final = 1000  # for a leader to hand over before it ends


class Broadcast:
    """The process. *door* is the only way into the core, *effects* the only way out."""

    def __init__(self, config: MemberConfig, notify: Notify = SILENT) -> None:
        """Locks, recovers, binds. Raises RefusedError, StorageError, KeysError, EndpointError, CannotServeError."""
        self.config, self.notify = config, notify
        self.log = get_logger(process="broadcast", member=config.id)
        limited = LimitedLog(self.log, "suppressed")
        keyring = Keyring(config, "broadcast")
        # The lock comes before any bind: binding takes an ipc path away from whoever has it.
        notify.status("recovers from the log")
        self.disk = Disk(config, keyring.ensemble, WatchedFiles(notify.progress))
        self.signals = StopSignals()
        self.sockets = Sockets()
        peers = Peers(config, "quorum")
        self.poller = Poller()
        self.peer, self.local_listener, self.control_listener = self._listen(keyring)
        self.leader = LeaderStream(self.sockets, self.poller, keyring, peers)
        records = Records(self.disk.log)
        self.streams = Streams(self.peer, records, self.disk)
        self.local = Local(self.local_listener)
        push = self.sockets.push(ipc_endpoint(str(config.run_dir), "telemetry"))
        self.timings = timings = broadcast_timings(push)
        self.relays = Relays(push)
        self.submissions = Submissions(me=config.id, ensemble=keyring.ensemble, on_taken=timings.on_taken)
        self.timing = Timing.of(
            tick_ms=config.tick_ms, init_limit=config.init_limit, sync_limit=config.sync_limit)
        self.member = Member(self.disk.recovered, ZabConfig(
            me=MemberId(config.id), voters=tuple(MemberId(v) for v in config.voters),
            ensemble=keyring.ensemble, timing=self.timing, generation=self.disk.boot,
            feature_level=config.feature_level, version=version("corral"), settings=replicated_settings(config),
            servers=dict(config.servers), hierarchy=config.hierarchy, reconfig_enabled=config.reconfig_enabled,
            observer_masters=config.observer_masters,
            standalone_enabled=config.standalone_enabled))
        self.status = Status(self, push)
        self._end_by_ms, self._hands_over = 0, False  # once it is to end
        self.commits = Commits()
        acks = Acks()
        made: deque[Event] = deque()
        lease = MemberLease(
            config.id, lease_ms=self.timing.lease_ms, local=self.local, peers=peers, keyring=keyring)
        self.history = History(
            disk=self.disk, records=records, streams=self.streams, leader=self.leader, lease=lease, timings=timings,
            made=made, log=self.log)
        self.outgoing = Outgoing(
            member=self.member, streams=self.streams, leader=self.leader, submissions=self.submissions,
            commits=self.commits, acks=acks, timings=timings)
        self.effects = Effects(
            member=self.member, disk=self.disk, records=records, streams=self.streams, history=self.history,
            outgoing=self.outgoing, acks=acks, local=self.local, lease=lease, submissions=self.submissions,
            status=self.status, timings=timings, log=self.log,
            on_hand_over_failed=lambda reason: self.control.on_hand_over_failed(reason),
            on_reconfig_refused=lambda effect: self.reconfigs.on_refused(effect))
        self.door = Door(
            config.id, member=self.member, perform=self.effects.perform, made=made, lease=lease, timings=timings)
        self.draining = Draining(self.local, self.door.step)
        self.reconfigs = Reconfigs(config, member=self.member, peers=peers, step=self.door.step, log=self.log)
        self.control = Control(
            config.id, self.control_listener, step=self.door.step, member=self.member, local=self.local,
            draining=self.draining, reconfigs=self.reconfigs, addresses=client_addresses(config), log=self.log)
        self.from_peers = PeerMessages(
            self.peer, step=self.door.step, streams=self.streams, submissions=self.submissions, commits=self.commits,
            relays=self.relays, reconfigs=self.reconfigs, local=self.local, lease=lease, timings=timings, log=limited)
        self.from_own = OwnMessages(
            config.id, keyring.ensemble, self.local_listener, step=self.door.step, local=self.local,
            submissions=self.submissions, disk=self.disk, lease=lease, draining=self.draining, reconfigs=self.reconfigs,
            log=self.log, limited=limited)
        self.from_leader = LeaderMessages(
            self.leader, step=self.door.step, member=self.member, status=self.status, timings=timings, log=limited)

    def _listen(self, keyring: Keyring) -> tuple[Listener, Listener, Listener]:
        config = self.config
        private_directory(config.run_dir)
        local = self.sockets.listener([ipc_endpoint(str(config.run_dir), "local")])
        control = self.sockets.listener([ipc_endpoint(str(config.run_dir), "control")])
        endpoints: list[str] = []
        if not config.is_standalone:
            keyring.guard(self.sockets)
            endpoints = bind_endpoints(
                config.me.host, config.me.quorum_port, all_addresses=config.quorum_listen_on_all_ips)
        peer = self.sockets.listener(endpoints, keys=keyring.own)
        for source in (peer, local, control, self.signals.fileno(), self.disk.fileno()):
            self.poller.add(source)
        return peer, local, control

    # The loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Until SIGTERM. Raises StorageError, CannotServeError."""
        self._report_recovery()
        # What is here now lives as long as the process: the collector need not look at it.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        self.reconfigs.on_turn()  # where the others are, before anybody is looked for
        self.door.step(events.Started(wall_ms()))
        self._end_turn()
        self.notify.ready("recovered")
        self.timings.on_woken()  # what it took to start is no turn
        while not (self.signals.is_stopping and self._may_end()):
            ready = self.poller.poll(self._timeout_ms())
            self.timings.on_woken()
            self._turn(ready)

    def _may_end(self) -> bool:
        """As asked to: a leader hands over first, and is there until it has found its heir, or for END_MS at most."""
        now = now_ms()
        if not self._end_by_ms:
            self._end_by_ms = now + END_MS
            self.notify.stopping()
            if self.member.role == "leader" and self.member.is_serving:
                self._hands_over = True
                self.draining.end()
        return (
            not self._hands_over or self.draining.is_refused or now >= self._end_by_ms
            or (self.member.role in ("follower", "observer") and self.member.is_serving))

    def close(self) -> None:
        self.sockets.close()
        self.disk.close()
        self.signals.close()

    def _turn(self, ready: list[Any]) -> None:
        for source in ready:
            if source is self.peer:
                self.from_peers.receive(MESSAGES_PER_TURN)
            elif source is self.local_listener:
                self.from_own.receive(MESSAGES_PER_TURN)
            elif source is self.leader.stream:
                self.from_leader.receive(MESSAGES_PER_TURN)
            elif source == self.disk.fileno():
                self._on_disk()
            elif source is self.control_listener:
                self.control.receive()
        now = now_ms()
        if now >= self.local.check_due_ms:
            self.from_own.check_processor(self.timing.sync_ms // 2)
            self.door.step(events.SyncTook(self.disk.times.mean_s * 1000))
        if now >= self.member.deadline_ms:
            self.door.step(events.Tick(wall_ms()))
        self._end_turn()
        self.control.on_turn()
        self.reconfigs.on_turn()
        self.status.on_turn(now)
        self.effects.publish()
        if now >= self.notify.feed_due_ms:
            self.notify.feed(now)

    def _on_disk(self) -> None:
        """A thread has finished."""
        durable = self.disk.finish_sync()
        if durable is not None:
            self.door.step(self.history.on_synced(durable, in_line=False))
        if self.disk.may_install:
            self.history.install_snapshot()
            self.door.step_made()

    def _end_turn(self) -> None:
        self._propose()
        answers = self.streams.answers
        while True:
            while answers:
                self.door.step(answers.popleft())
            self.door.step(events.TurnEnd())
            if not answers and not self._sync():
                break
        self.effects.publish()
        self.outgoing.send_due(now_ms())
        self.from_peers.end_failed()

    def _propose(self) -> None:
        submissions = self.submissions
        while submissions.is_accepting and self.member.may_propose:
            joined = submissions.intake.take()
            if joined is None:
                return
            self.door.step(events.Propose(joined[0], joined[1], wall_ms()))
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
        self.door.step(self.history.on_synced(disk.sync(), in_line=True))
        return True

    def _timeout_ms(self) -> int:
        if self.submissions.is_accepting and self.submissions.intake.queued_bytes and self.member.may_propose:
            return 0
        now_ns = clock_ns()
        now = now_ns // 1_000_000
        timeout = min(max(self.member.deadline_ms - now, 0), self.status.timeout_ms(now))
        if self._end_by_ms:
            timeout = min(timeout, max(self._end_by_ms - now, 0))
        timeout = self.control.timeout_ms(timeout)
        timeout = self.local.timeout_ms(self.timings.timeout_ms(timeout, now_ns))
        timeout = self.outgoing.timeout_ms(timeout, now)
        self.timings.on_turn_end(now_ns, timeout)
        return timeout

    def _report_recovery(self) -> None:
        if self.disk.torn_bytes:
            self.log.warning("torn_tail_cut", bytes=self.disk.torn_bytes, last_zxid=self.disk.recovered.last_zxid)
        for path in self.disk.damaged:
            self.log.error("snapshot_damaged", file=str(path), action="an older one is used")


def replicated_settings(config: MemberConfig) -> dict[str, str]:
    """What changes the results of execution, and so must be the same on every member."""
    return {"corral.testHooks": str(config.test_hooks).lower(), **config.rules.replicated()}


def client_addresses(config: MemberConfig) -> dict[int, str]:
    """By member, as far as the server lines say them; else the host alone."""
    found = {}
    for each in config.members.values():
        client = each.client
        host = each.host if client is None or client.host in WILDCARDS else client.host
        found[each.id] = host if client is None else format_address(host, client.port)
    return found


def run(config: MemberConfig, index: int, notify: Notify = SILENT) -> None:
    configure_logging(config.log_level)
    log = get_logger(process="broadcast", member=config.id)
    reason = restore_if_wanted(config, notify.progress)
    if reason:
        log.error("restore_failed", reason=reason)
    elif reason is not None:
        log.warning("restored", action="the state before it was moved aside")
    try:
        broadcast = Broadcast(config, notify)
        try:
            broadcast.run()
        finally:
            broadcast.close()
    except (EndpointError, CannotServeError) as refusal:
        log.error("refused", reason=str(refusal))
        sys.exit(EXIT_REFUSED)
    except StorageError as error:
        log.error(
            "storage_failed", reason=str(error),
            cure="this process ends and recovers from the log; if it happens again, look at the disk")
        sys.exit(1)
