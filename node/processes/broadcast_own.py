"""What comes from the processes of this member."""

from collections.abc import Callable
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from node.processes.broadcast_disk import Disk
from node.processes.broadcast_draining import Draining
from node.processes.broadcast_lease import MemberLease
from node.processes.broadcast_local import Local
from node.processes.broadcast_reconfig import Reconfigs
from node.processes.broadcast_submit import Submissions
from node.processes.limited_log import LimitedLog
from node.zab import events
from node.zab.events import Event, StreamId
from observability.logging import log_event
from transport.messages import (
    Answer,
    Ask,
    Counters,
    DigestReport,
    Elected,
    Leaving,
    LocalHello,
    Message,
    ReconfigWanted,
    SnapshotDone,
    Submit,
    SubmitHello,
    Touches,
    Watermark,
    Welcome,
    decode_local,
)
from transport.sockets import Listener, StreamGapError
from transport.zxid import MemberId

PROCESSOR: Final = "processor-0"  # without which a member does not lead


class OwnMessages:
    """*step*: hands an event to the core."""

    def __init__(
        self, me: int, ensemble: str, listener: Listener, *, step: Callable[[Event], None], local: Local,
        submissions: Submissions, disk: Disk, lease: MemberLease, draining: Draining, reconfigs: Reconfigs,
        log: FilteringBoundLogger, limited: LimitedLog,
    ) -> None:
        self._draining, self._reconfigs = draining, reconfigs
        self._me, self._ensemble, self._listener, self._step = me, ensemble, listener, step
        self._local, self._submissions, self._disk, self._lease = local, submissions, disk, lease
        self._log, self._limited = log, limited

    def receive(self, messages_max: int) -> None:
        for _ in range(messages_max):
            try:
                received = self._listener.receive()
                if received is None:
                    break
                stream, _, payload = received
                message = decode_local(payload)
            except (StreamGapError, msgspec.MsgspecError) as error:
                self._limited.log_limited("local_stream_ended", reason=str(error))
                if isinstance(error, StreamGapError):
                    stream = error.stream
                self._listener.drop(stream)
                self._on_lost(stream)
                continue
            self._on_message(stream, message)
        for stream in self._listener.take_lost():
            self._on_lost(stream)

    def check_processor(self, silent_ms: int) -> None:
        """Whether processor 0 has fallen silent for so long, or is heard again."""
        for change in self._local.check_processor(silent_ms):
            log_event(
                self._log, "processor_alive" if change.alive else "processor_hangs", {"silent_ms": change.silent_ms})
            self._step(change)

    def _on_message(self, stream: StreamId, message: Message) -> None:
        match message:
            case Submit():
                self._submissions.submit(
                    stream, self._me, message, self._local.send, self._lease.newest.leader)
            case SubmitHello():
                self._submissions.hello(
                    stream, self._me, message, self._local.send, self._lease.newest.leader)
            case Touches():
                if self._lease.newest.role == "leader" and message.member == self._me:
                    self._local.pass_to_processor(message)
            case ReconfigWanted():
                if self._submissions.is_linked(stream):
                    self._reconfigs.on_wanted(message, lambda answer: self._local.send(stream, answer))
            case LocalHello():
                self._on_hello(stream, message)
            case Elected():
                self._reconfigs.meet(message.servers)
                self._step(events.Elected(message.round, MemberId(message.leader)))
            case DigestReport():
                digest = message.digest
                self._step(events.DigestComputed(digest.zxid, digest.process, digest.digest))  # type: ignore[arg-type]
            case SnapshotDone():
                self._step(events.SnapshotTaken(message.zxid, self._disk.log.start()))  # type: ignore[arg-type]
            case Counters():
                self._local.on_counters(stream, message)
            case Leaving():
                self._on_leaving(stream)
            case Ask():
                self._local.ask(stream, message)
            case Answer():
                self._local.answer(message)
            case _:
                self._limited.log_limited("unexpected_message", type=type(message).__name__)

    def _on_hello(self, stream: StreamId, hello: LocalHello) -> None:
        generation = hello.generation or self._disk.epochs.next_generation()
        process = self._local.add(stream, hello, generation)
        watermark = self._local.newest("watermark")
        self._local.send(stream, Welcome(
            generation, self._disk.boot, self._ensemble,
            watermark.zxid if isinstance(watermark, Watermark) else 0))
        self._log.info("process_joined", name=process.name, pid=hello.pid, generation=generation)
        if process.name == PROCESSOR:
            self._draining.on_processor()
            self._step(events.ProcessorReady(alive=True))

    def _on_leaving(self, stream: StreamId) -> None:
        process = self._local.get(stream)
        if process is not None and process.name == PROCESSOR:
            self._draining.on_leaving(stream)

    def _on_lost(self, stream: StreamId) -> None:
        self._submissions.forget(stream)
        process = self._local.remove(stream)
        if process is None:
            return
        self._log.info("process_lost", name=process.name, pid=process.hello.pid)
        if process.name == PROCESSOR:
            self._step(events.ProcessorReady(alive=False))
