"""What goes out on the peer listener's streams, at the pace of each: nobody waits for a slow learner.

A message that a stream does not take now waits in its queue, and is tried again at the next turn. A snapshot goes in
chunks under credit: a window of bytes that the learner has not been heard to have taken, known from the pings between
the chunks (a stream keeps its order, so the echo of a ping says that all before it has arrived).
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from node.processes.broadcast_disk import Disk
from node.processes.broadcast_records import Records, UnreadableError
from node.storage.errors import LogGapError
from node.storage.files import Handle
from node.storage.snapshots import DamagedSnapshotError
from node.zab import effects, events
from node.zab.events import StreamId
from transport.messages import Message, Ping, Refused, SnapshotChunk, SnapshotEnd, encode
from transport.messages import Records as RecordsMessage
from transport.sockets import Listener
from transport.zxid import Zxid

QUEUE_BYTES_MAX: Final = 64 << 20  # beyond that the stream ends: its learner does not read
CHUNK_BYTES: Final = 512 << 10
CHUNKS_PER_TURN: Final = 4
SNAPSHOT_WINDOW_BYTES: Final = 32 << 20
RETRY_MS: Final = 5


@dataclass(slots=True)
class _Snapshot:
    """One being sent. *pings*: (send time, bytes sent before it), for the credit."""

    zxid: Zxid
    handle: Handle
    size: int
    sent: int = 0
    taken: int = 0
    pings: deque[tuple[int, int]] = field(default_factory=deque)


@dataclass(slots=True)
class _Queue:
    """Encoded messages, each with the event to hand in once it is out."""

    messages: deque[tuple[bytes, events.Event | None]] = field(default_factory=deque)
    bytes: int = 0


class Streams:
    """*answers*: events for the core, made by what has been sent; *failed*: (stream, why) that must end.

    *learners*: streams that have said hello as a learner's, and whose they are.
    """

    def __init__(self, listener: Listener, records: Records, disk: Disk) -> None:
        self._listener = listener
        self._records = records
        self._disk = disk
        self._queues: dict[StreamId, _Queue] = {}
        self._snapshots: dict[StreamId, _Snapshot] = {}
        self.learners: dict[StreamId, int] = {}
        self.answers: deque[events.Event] = deque()
        self.failed: list[tuple[StreamId, str]] = []
        self._last: tuple[Message | None, bytes] = (None, b"")

    # Sending -----------------------------------------------------------------------------------

    def send(self, stream: StreamId, message: Message) -> None:
        if isinstance(message, Ping) and stream in self._snapshots:
            snapshot = self._snapshots[stream]
            snapshot.pings.append((message.sent_ms, snapshot.sent))
        if message is not self._last[0]:  # the same commit or records go to every learner
            self._last = (message, encode(message))
        self._put(stream, self._last[1], None)

    def send_records(self, effect: effects.SendRecords) -> None:
        stream = effect.stream
        if not self._listener.is_open(stream):
            return
        try:
            data, end = self._records.read(
                stream, after=effect.after, upto=effect.upto, bytes_max=effect.bytes_max)
        except LogGapError as error:
            self.failed.append((stream, str(error)))
            return
        except UnreadableError as unreadable:
            self.answers.append(events.RecordsUnreadable(stream, effect.after, unreadable.cause))
            return
        message = RecordsMessage(data=data, committed=effect.committed)
        last = self._last[0]
        if isinstance(last, RecordsMessage) and last == message:
            message = last
        else:
            self._last = (message, encode(message))
        self._put(stream, self._last[1], events.RecordsSent(stream, end, len(data)))

    def send_snapshot(self, effect: effects.SendSnapshot) -> None:
        stream = effect.stream
        self._end_snapshot(stream)
        try:
            begin, handle = self._disk.open_snapshot(effect.zxid)
        except (FileNotFoundError, DamagedSnapshotError) as error:
            self.failed.append((stream, f"no snapshot to send: {error}"))
            return
        self._snapshots[stream] = _Snapshot(effect.zxid, handle, begin.size)
        self._put(stream, encode(begin), None)

    def refuse(self, stream: StreamId, refused: Refused) -> None:
        """End the stream from this side."""
        self._put(stream, encode(refused), None)
        self.forget(stream)
        self._listener.drop(stream)

    def on_pong(self, stream: StreamId, sent_ms: int) -> None:
        snapshot = self._snapshots.get(stream)
        while snapshot is not None and snapshot.pings and snapshot.pings[0][0] <= sent_ms:
            snapshot.taken = snapshot.pings.popleft()[1]

    def waiting(self) -> dict[StreamId, tuple[int, int]]:
        """Messages and bytes that a stream has not taken yet; of those that take everything none."""
        return {stream: (len(queue.messages), queue.bytes) for stream, queue in self._queues.items()}

    def forget(self, stream: StreamId) -> None:
        self._queues.pop(stream, None)
        self._records.close(stream)
        self._end_snapshot(stream)

    # Each turn ---------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what waits, as far as each stream takes it."""
        for stream in list(self._queues):
            self._send_queue(stream)
        for stream in list(self._snapshots):
            self._send_chunks(stream)

    def timeout_ms(self, timeout_ms: int) -> int:
        """How long the loop may sleep; 0: there is something to send at once."""
        if self.answers or (self._snapshots and any(map(self._may_send, self._snapshots.values()))):
            return 0
        return min(timeout_ms, RETRY_MS) if self._queues else timeout_ms

    def _put(self, stream: StreamId, payload: bytes, answer: events.Event | None) -> None:
        queue = self._queues.get(stream)
        if queue is None:
            if self._listener.send(stream, payload):
                if answer is not None:
                    self.answers.append(answer)
                return
            if not self._listener.is_open(stream):
                return  # its loss is told by the listener
            queue = self._queues[stream] = _Queue()
        queue.messages.append((payload, answer))
        queue.bytes += len(payload)
        if queue.bytes > QUEUE_BYTES_MAX:
            self.failed.append((stream, "takes nothing"))

    def _send_queue(self, stream: StreamId) -> None:
        queue = self._queues[stream]
        while queue.messages:
            payload, answer = queue.messages[0]
            if not self._listener.send(stream, payload):
                return
            queue.messages.popleft()
            queue.bytes -= len(payload)
            if answer is not None:
                self.answers.append(answer)
        del self._queues[stream]

    def _send_chunks(self, stream: StreamId) -> None:
        snapshot = self._snapshots[stream]
        for _ in range(CHUNKS_PER_TURN):
            if not self._may_send(snapshot) or stream in self._queues:
                return
            if snapshot.sent == snapshot.size:
                self._put(stream, encode(SnapshotEnd(snapshot.zxid)), events.SnapshotSent(
                    stream, snapshot.zxid))
                self._end_snapshot(stream)
                return
            data = self._disk.files.pread(snapshot.handle, CHUNK_BYTES, snapshot.sent)
            self._put(stream, encode(SnapshotChunk(snapshot.sent, data)), None)
            snapshot.sent += len(data)

    @staticmethod
    def _may_send(snapshot: _Snapshot) -> bool:
        return snapshot.sent - snapshot.taken < SNAPSHOT_WINDOW_BYTES

    def _end_snapshot(self, stream: StreamId) -> None:
        snapshot = self._snapshots.pop(stream, None)
        if snapshot is not None:
            self._disk.files.close(snapshot.handle)
