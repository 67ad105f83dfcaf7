"""What broadcast sends of its history and takes of its leader's, in virtual time: records in pieces, and snapshots."""

from collections.abc import Callable, Iterator

from node.processes.broadcast_records import UnreadableError
from node.storage.errors import LogGapError
from node.storage.received import ReceivedSnapshot
from node.storage.snapshots import DamagedSnapshotError, SnapshotReader, snapshot_path
from node.zab import effects as fx
from node.zab import events as ev
from tests.simulation.host import DATA_DIR, LOG_DIR
from tests.simulation.process import Process
from tests.simulation.scheduler import MS
from tests.simulation.shells.broadcast_disk import Disk
from tests.simulation.shells.outbox import Outbox
from transport import messages as msg
from transport.zxid import show

VERIFY_US = 20 * MS  # mean, of a received snapshot; at times longer than a leader lasts


class History:
    """*drop*: ends a learner's stream, with the reason. *installed*, *refused*: what became of a snapshot."""

    def __init__(
        self, process: Process, disk: Disk, outbox: Outbox, *, drop: Callable[[bytes, str], None],
        installed: Callable[[ev.SnapshotReceived], None], refused: Callable[[], None],
    ) -> None:
        self.process = process
        self.disk = disk
        self.outbox = outbox
        self.drop = drop
        self.installed = installed
        self.refused = refused
        self.received: ReceivedSnapshot | None = None
        self.perform_by = {
            fx.SendRecords: self.on_send_records, fx.SendSnapshot: self.on_send_snapshot,
            fx.ReceiveSnapshot: self.on_receive_snapshot,
        }

    # --- to learners ---

    def on_send_records(self, effect: fx.SendRecords) -> None:
        stream, hand_in = effect.stream, self.disk.hand_in
        try:
            data, end = self.disk.records.read(
                stream, after=effect.after, upto=effect.upto, bytes_max=effect.bytes_max)
        except LogGapError as error:
            self.drop(stream, str(error))
            return
        except UnreadableError as error:
            hand_in(ev.RecordsUnreadable(stream, effect.after, error.cause))
            return
        self.process.world.occurred["DIFF"] += 1
        self.outbox.send(stream, msg.Records(data, effect.committed))
        hand_in(ev.RecordsSent(stream, end, len(data)))

    def on_send_snapshot(self, effect: fx.SendSnapshot) -> None:
        """The snapshotter purges without asking: what was there when the core decided may be gone."""
        try:
            self.outbox.stream(effect.stream, self.snapshot(effect))
        except (FileNotFoundError, DamagedSnapshotError) as error:
            self.drop(effect.stream, f"no snapshot to send: {error}")
            return
        self.process.world.occurred["SNAP"] += 1

    def snapshot(self, effect: fx.SendSnapshot) -> Iterator[msg.Message]:
        files, chunk_bytes = self.disk.files, self.disk.host.ensemble.scale.snapshot_chunk_bytes
        path = snapshot_path(DATA_DIR, effect.zxid)
        reader = SnapshotReader(files, path)
        epochs = reader.header.epochs
        reader.close()
        handle = files.open(path)
        size = files.size(handle)
        yield msg.SnapshotBegin(effect.zxid, size, epochs)
        for offset in range(0, size, chunk_bytes):
            yield msg.SnapshotChunk(offset, files.pread(handle, chunk_bytes, offset))
        files.close(handle)
        yield msg.SnapshotEnd(effect.zxid)
        self.disk.hand_in(ev.SnapshotSent(effect.stream, effect.zxid))

    # --- of the leader ---

    def on_receive_snapshot(self, effect: fx.ReceiveSnapshot) -> None:
        message = effect.message
        match message:
            case msg.SnapshotBegin():
                self.discard()
                self.received = ReceivedSnapshot(self.disk.files, DATA_DIR, zxid=message.zxid, size=message.size)
            case msg.SnapshotChunk():
                assert self.received is not None
                self.received.write(message.offset, message.data)
            case msg.SnapshotEnd():
                # A thread reads it through, while the loop goes on.
                takes_us = int(self.disk.host.rng.expovariate(1 / VERIFY_US))
                self.process.after(takes_us, self.install, self.received)
            case _:
                raise AssertionError(message)

    def discard(self) -> None:
        if self.received is not None:
            self.received.discard()
            self.received = None

    def install(self, received: ReceivedSnapshot) -> None:
        if received is not self.received:
            return  # discarded meanwhile
        self.received = None
        try:
            received.verify()
        except DamagedSnapshotError as error:
            self.process.trace("refuses the snapshot: %s", str(error))
            self.process.world.occurred["damaged snapshot refused"] += 1
            received.discard()
            self.refused()
            return
        with self.disk.cut(received.zxid):
            header = received.install(log_dir=LOG_DIR)
            self.disk.log.restart_after(header.zxid)
        self.process.trace("installed the snapshot of %s", show(header.zxid))
        self.installed(ev.SnapshotReceived(header.zxid, header.epochs, header.control))
