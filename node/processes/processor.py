"""The processor's shell: sockets of clients, of the member's broadcast and the leader; log files; the lease.

One loop (uvloop). Within a turn all that clients sent is taken in, then `_flush` runs once: it closes the batch,
sends it, and writes each connection's output in one piece. A watermark executes records and flushes in the same way.
"""

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, cast

import uvloop

from node.config.member import MemberConfig
from node.keys import load_keys
from node.processes.address_counts import AddressCounts
from node.processes.loading import load_replica_state
from node.processes.loop import EXIT_REFUSED, now_ms
from node.processes.notes import FLUSH_NS, unless_silenced
from node.processes.processor_audit import Audit
from node.processes.processor_figures import Figures
from node.processes.processor_link import RETRY_MS, LeaderLink
from node.processes.processor_timings import ProcessorTimings
from node.processes.processor_words import HANDSHAKE_MS, Words
from node.requests.audit import AuditedProcessor
from node.requests.connection import Connection, Phase
from node.requests.processor import Processor, RequestConfig
from node.requests.submissions import GATHER_MS
from node.sessions.expiry import Expiry
from node.storage.errors import LogGapError
from node.storage.files import RealFiles
from node.storage.reader import LogReader
from node.tree.execute import RecordGapError, poison_hook
from observability.logging import configure_logging, get_logger
from observability.spans import trace_id_of
from transport.client_port import ClientSocket, PortInUseError, bind_client_port
from transport.clock import clock_ns
from transport.messages import (
    Accepting,
    Answer,
    Ask,
    Counters,
    Differs,
    Digest,
    DigestReport,
    DigestWanted,
    Lease,
    LocalHello,
    MemberState,
    Message,
    Refused,
    Sample,
    Touches,
    Watermark,
    Welcome,
    decode_local,
    encode,
)
from transport.sockets import Sockets, Stream
from transport.wiring import ipc_endpoint

EXECUTE_BYTES = 4 << 20  # of records in one turn of the loop, while catching up
OUTPUTS_JOINED_MAX = 600  # short pieces of output that are written as one
SLICE_BYTES = 1 << 20  # of long ones
FILES_KEPT = 256  # open files that clients leave to the process's own needs
EXIT_RESYNC = 75  # EX_TEMPFAIL: start again, from snapshot and log
NO_LEASE = Lease(0, 0, 0, "", "", "looking")


class ProcessorShell:
    def __init__(self, config: MemberConfig, index: int, loop: asyncio.AbstractEventLoop) -> None:
        self.config, self.index, self.loop = config, index, loop
        self.log = get_logger(process=f"processor-{index}", member=config.id)
        self.keys = load_keys(config)
        files = RealFiles()
        state = load_replica_state(files, config)
        self.core = (AuditedProcessor if config.audit_file else Processor)(
            RequestConfig(
                member=config.id, processor=index, secret=self.keys.ensemble_secret,
                session_timeout_min_ms=config.min_session_timeout_ms,
                session_timeout_max_ms=config.max_session_timeout_ms,
                frame_bytes_max=config.jute_max_buffer, super_digest=config.super_digest),
            state, self._alarm, hook=poison_hook if config.test_hooks else None)
        self.audit = (
            Audit(config, config.audit_file, index, self.core, self._fall_silent)
            if config.audit_file and isinstance(self.core, AuditedProcessor) else None)
        self.reader = LogReader(files, config.log_dir / "corral", state.zxid)
        self.sockets = Sockets()
        self.local = self.sockets.stream(ipc_endpoint(str(config.run_dir), "local"))
        self.telemetry = self.sockets.push(ipc_endpoint(str(config.run_dir), "telemetry"))
        self.timings = self.core.witness = unless_silenced(ProcessorTimings(f"processor-{index}", self.telemetry))
        self.link = LeaderLink(
            member=config.id, processor=index, ensemble=self.keys.ensemble, keys=self.keys,
            sockets=self.sockets, submissions=self.core.submissions, send_local=self._send_local,
            watch=lambda stream: self._watch(stream, self._on_leader_readable), unwatch=self._unwatch,
            retry=self._retry_link)
        self.words = Words(self)
        self.figures = Figures(self)
        self.lease = NO_LEASE
        self.lease_lost_ms = now_ms()
        self.watermark: Watermark | None = None
        self.member_state: dict[str, object] = {}
        self.is_caught_up = False
        self.is_full = False
        self.full_ns = 0  # time in which it was; less the moment when it began, while it is
        self.blocked = 0  # connections that do not take their answers
        self.per_address = AddressCounts(config.run_dir, index=index, processors=config.processors)
        self.connections_max = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FILES_KEPT
        self.expiry: Expiry | None = None
        self.heard: dict[int, int] = {}
        self.started_ms = now_ms()
        self.servers: list[asyncio.Server] = []
        self.client_port = config.client_port
        self.exit_code: int | None = None
        self._flush_due = self._drain_due = self._pulses = self._gathers = False
        self._executing = False

    # --- life -----------------------------------------------------------------------------------------------

    async def run(self) -> int:
        stop: asyncio.Future[int] = self.loop.create_future()
        self._stop = stop
        self.loop.set_exception_handler(self._on_exception)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self._end, 0)
        if self.config.test_hooks:
            self.loop.add_signal_handler(signal.SIGUSR1, self._flip_byte)
        self._hello()
        self._watch(self.local, self._on_local_readable)
        if self.config.processors == 1:
            await self._listen()
        self._tick()
        self._on_local_readable()
        code = await stop
        for server in self.servers:
            server.close()
        for conn in list(self.core.connections.values()):
            self._client(conn).finish()
        if self.audit is not None and not code:
            self.audit.stopped()
        self.sockets.close()
        return code

    def _end(self, code: int) -> None:
        if not self._stop.done():
            self._stop.set_result(code)

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback raised: what it left undone nobody knows. Silent at once, and started again from disk."""
        self.log.error("processor_failed", reason=str(context.get("message")), exc_info=context.get("exception"))
        self._fall_silent()

    def _fall_silent(self) -> None:
        self.lease = NO_LEASE
        self._end(1)

    def _hello(self) -> None:
        self._send_local(LocalHello(
            role="processor", index=self.index, pid=os.getpid(),
            generation=self.core.submissions.generation, executed=self.core.replica.zxid))

    async def _listen(self) -> None:
        if self.servers:
            return
        try:
            bound = bind_client_port(
                self.config.client_addresses, self.client_port, shared=self.config.processors > 1,
                backlog=self.config.listen_backlog if self.config.listen_backlog > 0 else 4096)
        except PortInUseError as error:
            self.log.error("port_in_use", reason=str(error))
            if self.audit is not None:
                self.audit.started(succeeded=False)
            self._end(EXIT_REFUSED)
            return
        self.client_port = bound[0].getsockname()[1]
        for each in bound:
            self.servers.append(await self.loop.create_server(lambda: ClientSocket(self), sock=each))
        self.log.info("clients_welcome", port=self.client_port)
        if self.audit is not None:
            self.audit.started(succeeded=True)

    # --- clients: transport.client_port.Owner ----------------------------------------------------------------

    def on_open(self, client: ClientSocket) -> None:
        address = client.received_address
        held = self.per_address.opened(address)
        conn = self.core.opened(address, now_ms(), client)
        client.connection = conn
        if len(self.core.connections) == 1:
            self._send_local(Counters(self.words.counters()))  # watermarks come at once from here on
        limit = self.config.max_client_cnxns
        if limit and held > limit:
            self.words.log_limited("too_many_connections", address=address, limit=limit,
                                   cure="raise maxClientCnxns, or find the client that does not close")
            self.core.close(conn, "limit_per_address")
            client.abort()
        elif len(self.core.connections) > self.connections_max:
            self.words.log_limited("out_of_open_files", connections=self.connections_max,
                                   cure="raise the limit of open files (ulimit -Hn, LimitNOFILE=)")
            self.core.close(conn, "out_of_files")
            client.abort()

    def on_bytes(self, client: ClientSocket, data: bytes) -> None:
        conn = client.connection
        assert isinstance(conn, Connection)
        now_ns = clock_ns()
        if not self.core.submissions.count:
            self.core.submissions.read_ns = now_ns
        self.core.feed(conn, data, now_ns // 1_000_000)
        if conn.phase is not Phase.READY:
            self._after_early_bytes(client, conn)
        elif conn.holds:
            client.pause()
        if not self._flush_due:
            self.timings.on_turn(now_ns)
            self._flush_due = True
            self.loop.call_soon(self._flush)

    def _after_early_bytes(self, client: ClientSocket, conn: Connection) -> None:
        if conn.phase is Phase.ATTACHING:
            client.pause()
        while self.core.words:
            self.words.answer(self.core.words.pop())

    def on_blocked(self, client: ClientSocket, *, blocked: bool) -> None:
        conn = client.connection
        assert isinstance(conn, Connection)
        self.blocked += blocked - conn.paused
        conn.paused = blocked
        if blocked:
            client.pause()
        else:
            conn.heard_ms = now_ms()  # taking is a sign of life
            self.core.dirty[conn] = None  # what is left of its output goes on
            self._flush_soon()

    def on_close(self, client: ClientSocket) -> None:
        conn = client.connection
        assert isinstance(conn, Connection)
        self.per_address.closed(client.received_address)
        self.blocked -= conn.paused
        if conn.session_id in self.core.by_session:
            self.heard[conn.session_id] = conn.heard_ms
        self.core.lost(conn)

    @staticmethod
    def _client(conn: Connection) -> ClientSocket:
        assert isinstance(conn.shell, ClientSocket)
        return conn.shell

    def _may_read(self, conn: Connection) -> bool:
        return not (conn.paused or conn.holds or self.is_full or conn.phase is Phase.ATTACHING)

    def _set_full(self, full: bool) -> None:
        """Out of credit or lease: nothing more is read, so nothing piles up."""
        if full == self.is_full:
            return
        self.is_full = full
        self.full_ns += -clock_ns() if full else clock_ns()
        for conn in self.core.connections.values():
            if full:
                self._client(conn).pause()
            elif conn.holds and not conn.paused and not conn.parked:
                self.loop.call_soon(self._feed_held, self._client(conn), conn)
            elif self._may_read(conn):
                self._client(conn).resume()

    # --- the end of a turn ------------------------------------------------------------------------------------

    def has_lease(self) -> bool:
        return clock_ns() < self.lease.until_ns

    def _flush(self) -> None:
        self._flush_due = False
        core = self.core
        submissions = core.submissions
        submissions.now_ns = clock_ns()
        now = core.statistics.now_ms = submissions.now_ns // 1_000_000
        if submissions.count or submissions.linked:
            batches = submissions.seal(now)
            if batches:
                self.link.submit(batches, now)
                if self.link.has_message():
                    self._on_leader_readable()
            if submissions.is_gathering and not self._gathers:
                self._gathers = True
                self.loop.call_later(GATHER_MS / 1000, self._on_gathered)
        may_answer = self.audit is None or self.audit.flush()
        has_answered = may_answer and (not core.dirty or self._send_outputs())
        self.timings.on_turn_end(reads=core.statistics.reads, has_answered=has_answered)
        if not self._pulses and self.timings.has_worked:
            self._await_pulse()
        if submissions.is_full != self.is_full and self.has_lease():
            self._set_full(submissions.is_full)

    def _on_gathered(self) -> None:
        self._gathers = False
        if self.core.submissions.is_gathering:
            self._flush_soon()

    def _await_pulse(self) -> None:
        """While there is something to do: notes go out, and a loop that does not run is noticed."""
        self._pulses = True
        due_ns = clock_ns() + FLUSH_NS
        self.timings.expect_pulse(due_ns)
        self.loop.call_later(FLUSH_NS / 1e9, self._pulse)

    def _pulse(self) -> None:
        self._pulses = False
        if self.timings.pulse(clock_ns()):
            self._await_pulse()

    def _send_outputs(self) -> bool:
        """Whether it may: there is a lease."""
        if not self.has_lease():
            # Silent: what is ready waits. A close needs no lease, and tells the client nothing that may be stale.
            for conn in list(self.core.dirty):
                if conn.phase is Phase.CLOSED and not conn.session_id:
                    del self.core.dirty[conn]
                    self._client(conn).finish()
            self._set_full(True)
            return False
        dirty, self.core.dirty = self.core.dirty, {}
        for conn in dirty:
            client = conn.shell
            assert isinstance(client, ClientSocket)
            out = conn.out
            if conn.bulky or len(out) > OUTPUTS_JOINED_MAX:
                self._send_slices(client, conn)
            elif out:
                conn.out = []
                data = out[0] if len(out) == 1 else b"".join(out)
                self.core.statistics.sent_bytes += len(data)
                client.send(data)
            if conn.phase is Phase.CLOSED:
                if conn.fault:
                    self.words.log_limited("client_closed", address=conn.address, reason=conn.fault)
                    conn.fault = ""
                if not conn.out:
                    client.finish()
            elif conn.phase is Phase.READY:
                if self._may_read(conn):
                    client.resume()
                elif conn.holds and not conn.paused and not conn.parked:
                    self.loop.call_soon(self._feed_held, client, conn)
        return True

    def _feed_held(self, client: ClientSocket, conn: Connection) -> None:
        """There is room for the answers to requests that came long ago."""
        self.on_bytes(client, b"")
        if conn.phase is Phase.READY and self._may_read(conn):
            client.resume()

    def _send_slices(self, client: ClientSocket, conn: Connection) -> None:
        """As much as the client takes: the rest are references to values of the tree, which cost next to nothing."""
        out = conn.out
        at = 0
        while at < len(out) and not client.blocked:
            start, size = at, 0
            while at < len(out) and size < SLICE_BYTES:
                size += len(out[at])
                at += 1
            self.core.statistics.sent_bytes += size
            client.send(b"".join(out[start:at]))
        conn.out = out[at:]
        conn.bulky = bool(conn.out)

    # --- broadcast --------------------------------------------------------------------------------------------

    def _send_local(self, message: Message) -> bool:
        """Sending may swallow the wake-up of what has come meanwhile: look again before the loop sleeps."""
        if not self._drain_due:
            self._drain_due = True
            self.loop.call_soon(self._drain_local)
        return self.local.send(encode(message))

    def _drain_local(self) -> None:
        self._drain_due = False
        self._on_local_readable()

    def _watch(self, stream: Stream, readable: Callable[[], None]) -> None:
        def changed() -> None:
            stream.maintain()
            readable()

        self.loop.add_reader(stream.fileno(), readable)
        self.loop.add_reader(stream.monitor_fileno(), changed)

    def _unwatch(self, stream: Stream) -> None:
        self.loop.remove_reader(stream.fileno())
        self.loop.remove_reader(stream.monitor_fileno())

    def _on_local_readable(self) -> None:
        if self.local.is_closed:
            return  # between two lives of broadcast
        while True:
            payload = self.local.receive()
            if payload is None:
                break
            self._on_local(decode_local(payload))
        if self.local.is_lost:
            self._reopen_local()
        self._execute()

    def _reopen_local(self) -> None:
        """Broadcast died: it comes back under the same name, and finds us as we were.

        The lease goes at once: nobody listens on its port, so the others do not wait for the end of it (zab/config.py).
        """
        self._unwatch(self.local)
        self.local.close()
        self._on_lease(NO_LEASE)
        if self.link.is_local:
            self.link.drop()
        self.loop.call_later(0.05, self._open_local)

    def _open_local(self) -> None:
        self.local = self.sockets.stream(ipc_endpoint(str(self.config.run_dir), "local"))
        self._watch(self.local, self._on_local_readable)
        self._hello()
        self._on_local_readable()

    def _retry_link(self) -> None:
        self.loop.call_later((RETRY_MS + 1) / 1000, lambda: self.link.follow(self.lease, now_ms()))

    def _on_leader_readable(self) -> None:
        if self.link.receive(now_ms()):
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self.loop.call_soon(self._flush)

    def _on_local(self, message: object) -> None:
        match message:
            case Watermark():
                self.watermark = message
                if self.is_caught_up:
                    self.timings.on_watermark(message)
            case Lease():
                self._on_lease(message)
            case Accepting() | Refused():
                self.link.on_message(message, now_ms())
                self._flush_soon()
            case Welcome():
                if not self.core.submissions.generation:
                    self.core.submissions.generation = message.generation
            case MemberState():
                self.member_state = message.values
                if not self.client_port:
                    self.client_port = int(message.values.get("client_port", 0))
            case Touches():
                self._on_touches(message)
            case Differs():
                self.log.error("digest_differs", zxid=message.zxid, action="reload from snapshot and log")
                self._end(EXIT_RESYNC)
            case DigestWanted():
                self.core.replica.report_digest(self.core.replica.zxid)
                self._report_digests()
            case Ask():
                self._send_local(Answer(message.id, self.index, self.words.report(message.word)))
            case Answer():
                self.words.on_answer(message)
            case _:
                self.log.warning("unexpected_message", type=type(message).__name__)

    def _on_lease(self, lease: Lease) -> None:
        if lease.role != self.lease.role or lease.epoch != self.lease.epoch:
            self.log.info("role", role=lease.role, epoch=lease.epoch, leader=lease.leader)
        had = self.has_lease()
        self.lease = lease
        self.timings.leader = lease.leader or self.timings.leader
        now = now_ms()
        holds = self.has_lease()
        if had and not holds:
            self.lease_lost_ms = now
        self.core.serving = holds and self.is_caught_up
        self.link.follow(lease, now)
        leads = self.index == 0 and holds and lease.role == "leader"
        if leads and self.expiry is None:
            self.expiry = Expiry(
                self.core.replica.state.sessions, now_ms=now, tick_ms=self.config.tick_ms)
        elif not leads and self.expiry is not None:
            self.expiry.stop()
            self.expiry = None
        if holds:
            if not had:
                self._set_full(self.core.submissions.is_full)
            self._flush_soon()

    # --- the log ----------------------------------------------------------------------------------------------

    def _execute(self) -> None:
        """Everything up to the watermark, a bounded piece per turn; outputs go out after each piece."""
        mark = self.watermark
        replica = self.core.replica
        if mark is None or self._executing:
            return
        self._executing = True
        done = 0
        if mark.zxid > replica.zxid:
            self._begin_execution(clock_ns())
            try:
                for buffer, offset, size in self.reader.read(mark.zxid, mark.segment, mark.offset):
                    began_ns = clock_ns()
                    replica.apply_record(buffer, offset)
                    if self.is_caught_up:
                        self.timings.on_applied(buffer, offset, began_ns, is_attended=bool(self.core.connections))
                    done += size
                    if done >= EXECUTE_BYTES:
                        break
            except (LogGapError, RecordGapError) as error:
                # The log was replaced by a snapshot (SNAP): docs/decisions/0003.
                self.log.warning("log_gap", reason=str(error), action="reload from snapshot and log")
                self._end(EXIT_RESYNC)
                return
        self._executing = False
        self._report_digests()
        if replica.zxid < mark.zxid:
            self.loop.call_soon(self._execute)
        elif not self.is_caught_up:
            self.is_caught_up = True
            self.core.serving = self.has_lease()
            gc.collect()
            gc.freeze()
            self.loop.create_task(self._listen())
        if done:
            self.link.follow(self.lease, now_ms())
            self._flush()

    def _begin_execution(self, now_ns: int) -> None:
        core = self.core
        core.statistics.now_ms = now_ns // 1_000_000
        if not core.submissions.count:
            core.submissions.read_ns = now_ns  # an attach may set free what its client sent behind it
        if self.is_caught_up:
            self.timings.on_turn(now_ns)

    def _report_digests(self) -> None:
        for zxid, value in self.core.digests:
            self._send_local(DigestReport(Digest(zxid, f"processor-{self.index}", value)))
        self.core.digests.clear()

    def _flip_byte(self) -> None:
        """Test hook: corrupt the node named in <run_dir>/flip-byte, as a bad memory cell would."""
        path = (self.config.run_dir / "flip-byte").read_bytes().strip()
        self.core.replica.flip_byte(path)
        self.log.warning("test_hook_flipped_a_byte", path=path.decode())

    # --- time -------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Twice per tickTime at most: what needs a clock."""
        now = now_ms()
        self.loop.call_later(min(self.config.tick_ms / 2000, 1.0), self._tick)
        self.core.statistics.now_ms = now
        self.core.serving = self.has_lease() and self.is_caught_up
        self.link.follow(self.lease, now)
        if self.audit is not None:
            self.audit.flush()
            self.audit.follow_file()
        self._close_idle(now)
        self._report_touches(now)
        if not self.core.submissions.count:
            self.core.submissions.read_ns = now * 1_000_000
        if self.expiry is not None and self.has_lease():
            for session_id, source, connection in self.expiry.due(now):
                self.core.expire(session_id, source, connection)
        self._flush_soon()
        self._send_local(Counters(self.words.counters()))
        values = self.figures.values()
        self.telemetry.send(encode(Sample(f"processor-{self.index}", os.getpid(), values, self.telemetry.dropped)))
        self._on_leader_readable()

    def _close_idle(self, now: int) -> None:
        if self.has_lease():
            self.lease_lost_ms = now
        elif now - self.lease_lost_ms > self.config.sync_limit * self.config.tick_ms:
            for conn in list(self.core.connections.values()):
                if conn.phase is not Phase.CLOSED:
                    conn.outcome = "lease_lost"
                    self._client(conn).abort()
        for conn in list(self.core.connections.values()):
            if conn.phase is Phase.NEW and now - conn.created_ms > HANDSHAKE_MS:
                self.words.log_limited("client_closed", address=conn.address, reason="no handshake within 10 s")
                conn.outcome = "no_handshake"
                self._client(conn).abort()
            elif (conn.paused or conn.phase is Phase.CLOSED) and now - conn.heard_ms > max(
                    conn.timeout_ms, HANDSHAKE_MS):
                # It sends and never takes: after its session's timeout it has had its chance.
                self.words.log_limited("client_closed", address=conn.address, reason="it does not take its answers")
                conn.outcome = conn.outcome or "slow_reader"
                self._client(conn).abort()

    def _report_touches(self, now: int) -> None:
        """Idle ages of the sessions heard of since the last report; of all of them on a new link."""
        if not self.core.submissions.linked:
            return
        complete = self.link.touch_complete
        entries = self.words.pack_touches(now, complete=complete)
        if complete or entries:
            submissions = self.core.submissions
            sent = self.link.touches(Touches(
                self.config.id, self.index, submissions.generation, complete, entries))
            if sent:
                self.link.touch_complete = False

    def _on_touches(self, touches: Touches) -> None:
        if self.expiry is not None:
            self.expiry.touched(touches, now_ms())

    def _alarm(self, event: str, **fields: object) -> None:
        self.figures.alarm(event)
        if fields.get("trace") == "":  # the client brought none
            fields["trace"] = f"{trace_id_of(self.keys.ensemble, cast('int', fields['zxid'])):032x}"
        self.words.log_limited(event, **fields)


def run(config: MemberConfig, index: int) -> None:
    configure_logging(config.log_level)
    gc.disable()
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # a shell's soft limit is 1024, for the sake of select()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    shell = ProcessorShell(config, index, loop)
    code = loop.run_until_complete(shell.run())
    loop.close()
    if code:
        sys.exit(code)

