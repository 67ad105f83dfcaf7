"""The processor's shell in virtual time; as node/processes/processor.py, with its own LeaderLink."""

import struct
from types import SimpleNamespace
from typing import Any

from node.keys import MemberKeys
from node.processes.processor_link import RETRY_MS, LeaderLink
from node.requests.connection import Connection, Phase
from node.requests.drain import Drain
from node.requests.processor import Processor as ProcessorCore
from node.requests.processor import RequestConfig
from node.requests.submissions import GATHER_MS
from node.sessions.expiry import Expiry
from node.storage.errors import LogGapError
from node.storage.reader import LogReader
from node.storage.snapshots import load_newest
from node.tree.execute import RecordGapError
from node.tree.reaping import Reaper
from node.tree.snapshot import decode_state
from node.tree.state import State
from tests.simulation.checkers.checker import ReplicaView
from tests.simulation.host import DATA_DIR, LOG_DIR, PROCESSORS, Host
from tests.simulation.network import Stream
from tests.simulation.process import Process
from tests.simulation.scheduler import MS
from transport.entry import Kind, read_record_header
from transport.messages import (
    Accepting,
    Counters,
    Differs,
    Digest,
    DigestReport,
    LeadsOn,
    Lease,
    Leaving,
    LocalHello,
    Message,
    Refused,
    Touches,
    Watermark,
    Welcome,
    decode_local,
    decode_peer,
    encode,
)
from transport.messages import Drain as DrainMessage

SECRET = b"simulated"
TOUCH = struct.Struct("<qI")
REAPED_PER_MINUTE = 10_000
LEAVE_MS = 2_000  # for everything that is to be done before it ends
NO_LEASE = Lease(0, 0, 0, "", "", "looking")


class ResyncError(Exception):
    """The process ends and starts again from snapshot and log."""


class LeaderStream:
    """What LeaderLink sees as a DEALER: non-blocking, with what came waiting in it."""

    def __init__(self, owner: "Processor", member: int) -> None:
        self.received: list[bytes] = []
        self.is_lost = False
        self.owner = owner
        self.stream = owner.world.network.connect(
            owner, (member, "peer"), on_message=self.on_message, on_lost=self.on_lost)

    def on_message(self, data: bytes) -> None:
        self.owner.count_resent(decode_peer(data))
        self.received.append(data)
        self.owner.on_leader_readable()

    def on_lost(self) -> None:
        self.is_lost = True
        self.owner.on_leader_readable()

    def receive(self) -> bytes | None:
        return self.received.pop(0) if self.received else None

    def send(self, data: bytes) -> bool:
        self.stream.send(data)
        return not self.is_lost

    def close(self) -> None:
        self.stream.close()


class Processor(Process):
    def __init__(self, host: Host, *, index: int) -> None:
        self.process_name = f"processor-{index}"
        super().__init__(host.world, member=host.member, name=f"{host.member}/{self.process_name}")
        self.index = index
        self.role = PROCESSORS[index]
        self.host = host
        self.hub = host.ensemble.hub
        self.scale = host.ensemble.scale
        self.files = host.disk.process()
        self.local: Stream | None = None
        self.lease = NO_LEASE
        self.lease_lost_us = 0
        self.watermark: Watermark | None = None
        self.is_caught_up = False
        self.expiry: Expiry | None = None
        self.reaper: Reaper | None = None
        self.heard: dict[int, int] = {}
        self.shells: dict[bytes, Connection] = {}
        self.flush_due = False
        self.has_started = False
        self.drain: Drain | None = None
        self.drain_ticks = False
        self.leaves = self.leads_on = self.has_left = False

    def start(self) -> None:
        state = self.load()
        self.core = ProcessorCore(
            RequestConfig(
                member=self.member, processor=self.index, secret=SECRET,
                session_timeout_min_ms=2 * self.scale.tick_ms, session_timeout_max_ms=20 * self.scale.tick_ms,
                frame_bytes_max=1 << 20, local_sessions=self.scale.local_sessions,
                local_sessions_upgrade=self.scale.local_sessions),
            state, self.on_alarm)
        self.view = ReplicaView(self.name, state.zxid)
        self.hub.restored(self.view)
        self.reader = LogReader(self.files, LOG_DIR, state.zxid, verify=True)
        self.link = LeaderLink(
            member=self.member, processor=self.index, ensemble=self.scale.ensemble,
            keys=MemberKeys(**dict.fromkeys(MemberKeys.__annotations__, b"")),  # type: ignore[arg-type]
            sockets=SimpleNamespace(stream=self.leader_stream),  # type: ignore[arg-type]
            submissions=self.core.submissions, reconfigs=self.core.reconfigs, send_local=self.send_local,
            watch=lambda _stream: None, unwatch=lambda _stream: None, retry=self.retry_link)
        self.lease_lost_us = self.host.monotonic_us()
        self.has_started = True
        self.open_local()
        self.tick()

    def retry_link(self) -> None:
        self.after((RETRY_MS + 1) * MS, lambda: self.link.follow(self.lease, self.now_ms()))

    def load(self) -> State:
        sections = load_newest(self.files, DATA_DIR)
        return State() if sections is None else decode_state(sections)

    def on_death(self, error: Exception | None) -> None:
        self.files.crash()
        self.host.ended(self, error)

    def on_alarm(self, event: str, **fields: object) -> None:
        self.world.occurred[f"alarm {event}"] += 1
        self.trace("ALARM %s %s", event, str(fields))

    def now_ms(self) -> int:
        return self.host.monotonic_us() // MS

    def has_lease(self) -> bool:
        return self.host.monotonic_us() * 1000 < self.lease.until_ns

    # --- clients ---

    def on_router_message(self, link: str, stream: bytes, peer: int, data: bytes) -> None:
        conn = self.shells.get(stream)
        if conn is None:
            conn = self.core.opened("127.0.0.1", self.now_ms(), stream)
            self.shells[stream] = conn
        if self.drain is not None and conn in self.drain.leaving:
            return
        self.core.feed(conn, data, self.now_ms())
        self.flush_soon()

    def on_router_lost(self, link: str, stream: bytes) -> None:
        conn = self.shells.pop(stream, None)
        if conn is None:
            return
        if conn.session_id in self.core.by_session:
            self.heard[conn.session_id] = conn.heard_ms
        self.core.lost(conn)

    def abort(self, conn: Connection) -> None:
        stream = conn.shell
        assert isinstance(stream, bytes)
        if self.shells.pop(stream, None) is not None:
            self.world.network.router_close(stream)
            self.core.lost(conn)

    def begin_drain(self, over_ms: int) -> None:
        self.core.is_draining = True
        before, self.drain = self.drain, Drain(len(self.core.by_session), now_ms=self.now_ms(), over_ms=over_ms)
        if before is not None:
            self.drain.leaving = before.leaving
        self.tick_drain()

    def tick_drain(self) -> None:
        assert self.drain is not None
        for _ in self.drain.due(self.core.connections.values(), self.now_ms()):
            self.world.occurred["client sent away"] += 1
        for conn in self.drain.answered():
            self.core.close(conn, "drained")
            self.flush_soon()
        self.drain_ticks = self.core.is_draining or bool(self.drain.leaving)
        if self.drain_ticks:
            self.after(10 * MS, self.tick_drain)

    def leave(self) -> None:
        """As node/processes/processor_drain.py: Departure. *has_left*: it may end."""
        self.leaves = True
        self.send_local(Leaving())
        self.after(LEAVE_MS * MS, self.on_left)
        self.await_heir(LEAVE_MS // 2)

    def await_heir(self, left_ms: int) -> None:
        if self.index or self.leads_on or left_ms <= 0 or (self.has_lease() and self.lease.role != "leader"):
            self.begin_drain(LEAVE_MS // 4)
            self.await_clients()
        else:
            self.after(10 * MS, self.await_heir, left_ms - 10)

    def await_clients(self) -> None:
        if self.core.by_session:
            self.after(10 * MS, self.await_clients)
        else:
            self.on_left()

    def on_left(self) -> None:
        self.has_left = True

    def flush_soon(self) -> None:
        if not self.flush_due:
            self.flush_due = True
            self.after(self.host.rng.randrange(200), self.flush)

    def flush(self) -> None:
        self.flush_due = False
        core, now = self.core, self.now_ms()
        core.statistics.now_ms = now
        if core.entrance.is_crowded:
            core.entrance.admit()
        batches = core.submissions.seal(now)
        if batches:
            self.link.submit(batches, now)
        if core.submissions.is_gathering:
            self.after(GATHER_MS * MS, self.flush_soon)
        if core.dirty and self.has_lease():
            self.send_outputs()

    def send_outputs(self) -> None:
        dirty, self.core.dirty = self.core.dirty, {}
        for conn in dirty:
            stream = conn.shell
            assert isinstance(stream, bytes)
            if conn.out:
                self.world.network.router_send(stream, b"".join(conn.out))
                conn.out = []
            if conn.phase is Phase.CLOSED:
                self.abort(conn)
            elif conn.phase is Phase.READY and conn.holds:
                self.core.feed(conn, b"", self.now_ms())
                self.flush_soon()

    # --- broadcast ---

    def open_local(self) -> None:
        self.local = self.world.network.connect(
            self, (self.member, "local"), on_message=self.on_local, on_lost=self.on_local_lost)
        self.send_local(LocalHello(
            role="processor", index=self.index, pid=id(self) & 0xFFFF, generation=self.core.submissions.generation,
            executed=self.core.replica.zxid))

    def on_local_lost(self) -> None:
        self.local = None
        if self.link.is_local:
            self.link.drop()
        self.after(50 * MS, self.open_local)

    def send_local(self, message: Message) -> bool:
        if self.local is None:
            return False
        self.local.send(encode(message))
        return True

    def leader_stream(self, address: str, **_keys: Any) -> LeaderStream:
        return LeaderStream(self, int(address))

    def on_leader_readable(self) -> None:
        if self.link.receive(self.now_ms()):
            self.flush_soon()

    def on_local(self, data: bytes) -> None:
        message = decode_local(data)
        match message:
            case Watermark():
                self.watermark = message
                self.execute()
            case Lease():
                self.on_lease(message)
            case Accepting() | Refused():
                self.count_resent(message)
                self.link.on_message(message, self.now_ms())
                self.flush_soon()
            case Welcome():
                if not self.core.submissions.generation:
                    self.core.submissions.generation = message.generation
            case Touches():
                if self.expiry is not None:
                    self.expiry.touched(message, self.now_ms())
            case DrainMessage(on=True):
                self.begin_drain(message.over_ms)
            case DrainMessage() if not self.leaves:
                self.core.is_draining = False
                if self.drain is not None:
                    self.drain.stop()
            case LeadsOn():
                self.leads_on = True
            case Differs():
                raise ResyncError(f"digest differs at {message.zxid}")
            case _:
                pass

    def count_resent(self, message: object) -> None:
        if isinstance(message, Accepting):
            flights = self.core.submissions.flights
            self.world.occurred["writes resent"] += sum(f.sequence > message.sequence for f in flights)

    def on_lease(self, lease: Lease) -> None:
        self.lease = lease
        holds = self.has_lease()
        self.core.serving = holds and self.is_caught_up
        self.link.follow(lease, self.now_ms())
        leads = holds and lease.role == "leader" and self.index == 0
        if leads and self.expiry is None:
            self.expiry = Expiry(
                self.core.replica.state.sessions, now_ms=self.now_ms(), tick_ms=self.scale.tick_ms)
            self.reaper = Reaper(
                self.core.replica.tree, interval_ms=self.scale.reap_ms, per_minute=REAPED_PER_MINUTE,
                never_used_ms=self.scale.never_used_ms, now_ms=self.now_ms())
        elif not leads and self.expiry is not None:
            self.expiry.stop()
            self.expiry = self.reaper = None
        if holds:
            self.flush_soon()

    # --- the log ---

    def execute(self) -> None:
        mark, replica = self.watermark, self.core.replica
        if mark is None:
            return
        self.core.statistics.now_ms = self.now_ms()
        if mark.zxid > replica.zxid:
            try:
                for buffer, offset, size in self.reader.read(mark.zxid, mark.segment, mark.offset):
                    self.execute_record(bytes(buffer[offset:offset + size]))
            except (LogGapError, RecordGapError) as error:
                raise ResyncError(str(error)) from error
        for zxid, value in self.core.digests:
            self.send_local(DigestReport(Digest(zxid, self.process_name, value)))
        self.core.digests.clear()
        if replica.zxid >= mark.zxid and not self.is_caught_up:
            self.is_caught_up = True
            self.reader.verify = False
            self.core.serving = self.has_lease()
            self.world.network.bind(self, f"client-{self.index}")
        self.link.follow(self.lease, self.now_ms())
        self.flush()

    def execute_record(self, record: bytes) -> None:
        header = read_record_header(record)
        if header.kind == Kind.MEMBERSHIP:
            self.world.occurred["readmitted"] += 1
        # Told before it is executed: the replies of this record are judged by it.
        self.hub.executed(self.view, header, record)
        self.core.replica.apply_record(record, 0)
        assert self.core.replica.zxid == header.last_zxid
        if self.view.index % self.scale.digest_records == 0:
            self.hub.digest(self.view, self.core.replica.digest())

    # --- time ---

    def tick(self) -> None:
        now = self.now_ms()
        self.after(self.scale.tick_ms * MS // 2, self.tick)
        self.core.serving = self.has_lease() and self.is_caught_up
        self.link.follow(self.lease, now)
        self.close_idle()
        self.report_touches(now)
        self.send_local(Counters({}))
        if self.expiry is not None and self.has_lease():
            for session_id, source, connection in self.expiry.due(now):
                self.world.occurred["session expired"] += 1
                self.trace("expires session %x", session_id)
                self.core.expire(session_id, source, connection)
        if self.has_lease():
            self.core.expire_local(now)
            self.reap(now)
        self.flush_soon()

    def reap(self, now: int) -> None:
        if self.reaper is not None and not self.core.submissions.is_full:
            for node in self.reaper.due(now_ms=now, wall_ms=self.host.wall_ms()):
                self.core.reap(node)

    def close_idle(self) -> None:
        now_us = self.host.monotonic_us()
        if self.has_lease():
            self.lease_lost_us = now_us
        elif now_us - self.lease_lost_us > self.scale.sync_limit * self.scale.tick_ms * MS:
            for conn in list(self.core.connections.values()):
                self.abort(conn)

    def report_touches(self, now: int) -> None:
        if not self.core.submissions.linked:
            return
        complete = self.link.touch_complete
        heard, self.heard = self.heard, {}
        heard |= {
            session: conn.heard_ms for session, conn in self.core.by_session.items()
            if complete or conn.heard_ms >= now - self.scale.tick_ms
        }
        if not complete and not heard:
            return
        entries = b"".join(TOUCH.pack(session, max(now - at, 0)) for session, at in heard.items())
        message = Touches(self.member, self.index, self.core.submissions.generation, complete, entries)
        if self.link.touches(message):
            self.link.touch_complete = False
