"""The processor's shell: what makes up the process, what broadcast tells it, and what needs a clock.

One loop (uvloop). Within a turn all that clients sent is taken in (processor_clients.py), then processor_turn.py ends
it once: it closes the batch, sends it, and writes each connection's output in one piece. A watermark executes records
(processor_execution.py) and ends the turn in the same way.
"""

import asyncio
import gc
import os
import random
import resource
import signal
import sys
from typing import Any, Final, cast

import uvloop

from node.backup.wanted import hold_replica
from node.config.member import MemberConfig
from node.keys import load_keys
from node.notify import SILENT, Notify
from node.processes.limited_log import LimitedLog
from node.processes.loading import load_replica_state
from node.processes.loop import now_ms
from node.processes.processor_audit import Audit
from node.processes.processor_clients import Clients
from node.processes.processor_disk import DiskAlarm
from node.processes.processor_drain import Departure, Drainer
from node.processes.processor_execution import EXIT_RESYNC, Execution
from node.processes.processor_figures import Figures
from node.processes.processor_idle import IdleSessions
from node.processes.processor_lease import NO_LEASE, HeldLease
from node.processes.processor_link import RETRY_MS, LeaderLink
from node.processes.processor_local import LocalStream, unwatch, watch
from node.processes.processor_outputs import Outputs
from node.processes.processor_port import ClientPort
from node.processes.processor_readiness import Readiness
from node.processes.processor_reaping import Reaping
from node.processes.processor_reload import reload_processor
from node.processes.processor_security import ClientSecurity
from node.processes.processor_turn import Turn
from node.processes.processor_words import Words
from node.processes.silent_timings import processor_timings
from node.processes.watched_files import WatchedFiles
from node.requests.audit import AuditedProcessor
from node.requests.processor import Processor, RequestConfig
from node.storage.reader import LogReader
from node.tree.compatibility import COMPATIBILITY
from node.tree.execute import poison_hook
from observability.logging import configure_logging, get_logger
from observability.spans import trace_id_of
from transport.messages import (
    Accepting,
    Answer,
    Ask,
    Counters,
    Differs,
    DigestWanted,
    Drain,
    LeadsOn,
    Lease,
    LocalHello,
    MemberState,
    Message,
    ReconfigAnswer,
    Refused,
    Sample,
    Touches,
    Watermark,
    Welcome,
    encode,
)
from transport.sockets import Sockets
from transport.wiring import ipc_endpoint

READ_ONLY_AFTER_MS: Final = 2000  # without a quorum, as ZooKeeper: an election alone turns nobody away


class ProcessorShell:
    def __init__(
        self, config: MemberConfig, index: int, loop: asyncio.AbstractEventLoop, notify: Notify = SILENT,
    ) -> None:
        self.config, self.index, self.loop, self.notify = config, index, loop, notify
        self.process = f"processor-{index}"
        self.log = get_logger(process=self.process, member=config.id)
        self.limited = LimitedLog(self.log, "left_out")
        self.keys = load_keys(config)
        self.replica_lock = hold_replica(config, notify.progress)
        notify.status("loads the newest snapshot")
        files = WatchedFiles(notify.progress)
        state = load_replica_state(files, config)
        self.core = (AuditedProcessor if config.audit_file else Processor)(
            RequestConfig(
                member=config.id, processor=index, secret=self.keys.ensemble_secret,
                session_timeout_min_ms=config.min_session_timeout_ms,
                session_timeout_max_ms=config.max_session_timeout_ms,
                frame_bytes_max=config.jute_max_buffer, auth=config.security.auth,
                large_bytes=config.limits.large_bytes, large_bytes_max=config.limits.large_bytes_max,
                reply_bytes_max=config.limits.reply_bytes_max,
                compatibility=COMPATIBILITY[config.rules.compatibility],
                watch_history=config.limits.watch_history, local_sessions=config.rules.local_sessions,
                local_sessions_upgrade=config.rules.local_sessions_upgrade,
                reconfig_enabled=config.reconfig_enabled, overload=config.limits.overload),
            state, self._alarm, hook=poison_hook if config.test_hooks else None, chance=random.random)
        self.audit = (
            Audit(config, config.audit_file, index, self.core, self._fall_silent)
            if config.audit_file and isinstance(self.core, AuditedProcessor) else None)
        self.sockets = Sockets()
        run_dir = str(config.run_dir)
        self.local = LocalStream(
            loop=loop, sockets=self.sockets, endpoint=ipc_endpoint(run_dir, "local"), hello=self._hello,
            on_message=self._on_local, on_drained=self._on_drained, on_lost=self._on_broadcast_lost)
        self.telemetry = self.sockets.push(ipc_endpoint(run_dir, "telemetry"))
        self.timings = self.core.witness = processor_timings(self.process, self.telemetry)
        self.link = LeaderLink(
            member=config.id, processor=index, ensemble=self.keys.ensemble, keys=self.keys,
            sockets=self.sockets, submissions=self.core.submissions, reconfigs=self.core.reconfigs,
            send_local=self.local.send,
            watch=lambda stream: watch(loop, stream, self.turn.on_leader_readable),
            unwatch=lambda stream: unwatch(loop, stream), retry=self._retry_link)
        self.lease = HeldLease()
        self.outputs = Outputs(loop=loop, core=self.core, lease=self.lease, log=self.limited)
        self.turn = Turn(
            loop=loop, core=self.core, lease=self.lease, link=self.link, outputs=self.outputs, audit=self.audit,
            timings=self.timings)
        self.execution = Execution(
            process=self.process, loop=loop, core=self.core,
            reader=LogReader(files, config.log_dir / "corral", state.zxid, verify=True), turn=self.turn, link=self.link,
            lease=self.lease, timings=self.timings, log=self.log, send_local=self.local.send,
            on_caught_up=self._listen, end=self._end)
        self.idle = IdleSessions(config, index, core=self.core, link=self.link, outputs=self.outputs)
        self.reaping = Reaping(config, self.core)
        self.disk = DiskAlarm(config, self.core)
        self.words = Words(self)
        self.figures = Figures(self)
        self.clients = Clients(
            config, index, core=self.core, turn=self.turn, lease=self.lease, idle=self.idle, words=self.words,
            timings=self.timings, log=self.limited, on_first=self._tell_counters)
        self.security = ClientSecurity(config, core=self.core, turn=self.turn, log=self.limited)
        self.port = ClientPort(
            config, loop=loop, owner=self.clients, security=self.security, audit=self.audit, log=self.log,
            end=self._end)
        self.drainer = Drainer(
            loop=loop, core=self.core, owner=self.clients, turn=self.turn, tell=self._tell_counters)
        self.departure = Departure(
            loop=loop, index=index, lease=self.lease, drainer=self.drainer, close_port=self.port.close,
            send_local=self.local.send, end=self._end, notify=notify)
        self.readiness = Readiness(
            notify, port=self.port, executed=lambda: self.core.replica.zxid,
            # Where processors share the port they open it once they have caught up, which needs a quorum at first.
            listens=lambda: self.port.is_open or (config.processors > 1 and not self.execution.is_caught_up))
        self.member_state: dict[str, object] = {}
        self.started_ms = now_ms()

    # --- life -----------------------------------------------------------------------------------------------

    async def run(self) -> int:
        stop: asyncio.Future[int] = self.loop.create_future()
        self._stop = stop
        self.loop.set_exception_handler(self._on_exception)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self.departure.begin)
        self.loop.add_signal_handler(signal.SIGHUP, reload_processor, self)
        if self.config.test_hooks:
            self.loop.add_signal_handler(signal.SIGUSR1, self._flip_byte)
        self.local.start()
        if self.config.processors == 1:
            await self.port.listen()
        self._tick()
        self.local.on_readable()
        code = await stop
        self.notify.stopping()
        self.port.close()
        self.clients.finish()
        if self.audit is not None and not code:
            self.audit.stopped()
        return code

    def close(self) -> None:
        """Once the loop has ended: a timer that was due still sends."""
        self.sockets.close()

    def _listen(self) -> None:
        if self.departure.is_under_way:
            return
        self._listening = self.loop.create_task(self.port.listen())

    def _end(self, code: int) -> None:
        if not self._stop.done():
            self._stop.set_result(code)

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback raised: what it left undone nobody knows. Silent at once, and started again from disk."""
        self.log.error("processor_failed", reason=str(context.get("message")), exc_info=context.get("exception"))
        self._fall_silent()

    def _fall_silent(self) -> None:
        self.lease.newest = NO_LEASE
        self._end(1)

    # --- broadcast --------------------------------------------------------------------------------------------

    def _hello(self) -> LocalHello:
        return LocalHello(
            role="processor", index=self.index, pid=os.getpid(),
            generation=self.core.submissions.generation, executed=self.core.replica.zxid)

    def _on_local(self, message: Message) -> None:
        match message:
            case Watermark():
                self.execution.on_watermark(message)
            case Lease():
                self._on_lease(message)
            case Accepting() | Refused() | ReconfigAnswer():
                self.link.on_message(message, now_ms())
                self.turn.end_soon()
            case Welcome():
                self.readiness.on_welcome(message.watermark)
                if not self.core.submissions.generation:
                    self.core.submissions.generation = message.generation
            case MemberState():
                self.member_state = message.values
                if not self.port.number:
                    self.port.number = int(message.values.get("client_port", 0))
            case Touches():
                self.idle.on_touches(message)
            case Differs():
                self.log.error("digest_differs", zxid=message.zxid, action="reload from snapshot and log")
                self._end(EXIT_RESYNC)
            case DigestWanted():
                self.execution.report_digest()
            case Drain():
                self.drainer.on_drain(message)
            case LeadsOn():
                self.departure.on_leads_on()
            case Ask():
                self.local.send(Answer(message.id, self.index, self.words.report(message.word)))
            case Answer():
                self.words.on_answer(message)
            case _:
                self.log.warning("unexpected_message", type=type(message).__name__)

    def _on_drained(self) -> None:
        self.execution.advance()
        if not self.readiness.is_told:
            self.readiness.check()

    def _on_broadcast_lost(self) -> None:
        """The lease goes at once: nobody listens on its port, so the others do not wait for the end of it
        (zab/config.py)."""
        self._on_lease(NO_LEASE)
        if self.link.is_local:
            self.link.drop()

    def _on_lease(self, lease: Lease) -> None:
        held = self.lease
        if lease.role != held.newest.role or lease.epoch != held.newest.epoch:
            self.log.info("role", role=lease.role, epoch=lease.epoch, leader=lease.leader)
        had = held.is_held()
        held.take(lease)
        self.timings.leader = lease.leader or self.timings.leader
        holds = held.is_held()
        self.core.serving = holds and self.execution.is_caught_up
        self.link.follow(lease, now_ms())
        leads = self.index == 0 and holds and lease.role == "leader"
        self.idle.lead(leads)
        self.reaping.lead(leads)
        if holds:
            if self.core.read_only.is_on:
                self.core.read_only.end()
            if not had:
                self.outputs.set_full(self.core.submissions.is_full)
            self.turn.end_soon()

    def _retry_link(self) -> None:
        self.loop.call_later((RETRY_MS + 1) / 1000, lambda: self.link.follow(self.lease.newest, now_ms()))

    # --- time -------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Twice per tickTime at most: what needs a clock."""
        now = now_ms()
        self.loop.call_later(min(self.config.tick_ms / 2000, 1.0), self._tick)
        self.notify.feed(now)
        self.core.statistics.now_ms = now
        self.core.serving = self.lease.is_held() and self.execution.is_caught_up
        self.link.follow(self.lease.newest, now)
        if self.audit is not None:
            self.audit.flush()
            self.audit.follow_file()
        self.security.follow_files()
        self.clients.close_idle(now)
        self.core.read_only.is_on = (
            self.config.rules.read_only and not self.lease.is_held()
            and now - self.lease.lost_ms > max(READ_ONLY_AFTER_MS, self.config.tick_ms))
        self.drainer.check()
        self.idle.report(now)
        if not self.core.submissions.count:
            self.core.submissions.read_ns = now * 1_000_000
        if self.lease.is_held():
            self.idle.expire_due(now)
            self.core.expire_local(now)
            self.reaping.reap_due(now)
            self.core.alarms.refresh()
            if self.index == 0:
                self.disk.check()
        self.turn.end_soon()
        self._tell_counters()
        self.telemetry.send(encode(Sample(self.process, os.getpid(), self.figures.values(), self.telemetry.dropped)))
        self.turn.on_leader_readable()

    def _tell_counters(self) -> None:
        """What broadcast wants to know: to a processor with connections it tells each watermark at once."""
        self.local.send(Counters({
            "connections": len(self.core.connections), "client_port": self.port.number,
            "clients": len(self.core.by_session), "draining": self.core.is_draining}))

    # --- what an operator must see ----------------------------------------------------------------------------

    def _alarm(self, event: str, **fields: object) -> None:
        self.figures.alarm(event)
        if fields.get("trace") == "":  # the client brought none
            fields["trace"] = f"{trace_id_of(self.keys.ensemble, cast('int', fields['zxid'])):032x}"
        self.limited.log_limited(event, **fields)

    def _flip_byte(self) -> None:
        """Test hook: corrupt the node named in <run_dir>/flip-byte, as a bad memory cell would."""
        path = (self.config.run_dir / "flip-byte").read_bytes().strip()
        self.core.replica.flip_byte(path)
        self.log.warning("test_hook_flipped_a_byte", path=path.decode())


def run(config: MemberConfig, index: int, notify: Notify = SILENT) -> None:
    configure_logging(config.log_level)
    gc.disable()
    soft, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != files:  # a shell's soft limit is 1024, for the sake of select(); a unit may not change its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    shell = ProcessorShell(config, index, loop, notify)
    code = loop.run_until_complete(shell.run())
    shell.close()
    loop.close()
    if code:
        sys.exit(code)

