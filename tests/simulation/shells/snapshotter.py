"""The snapshotter's shell in virtual time: node/storage/snapshot_builder.py whenever the log has grown enough."""

from node.processes.snapshot_build import PROBLEMS
from node.storage.reader import LogReader
from node.storage.retention import purge
from node.storage.snapshot_builder import build_snapshot
from node.storage.snapshots import list_snapshots
from tests.simulation.checkers.checker import ReplicaView
from tests.simulation.host import DATA_DIR, LOG_DIR, Host
from tests.simulation.network import Stream
from tests.simulation.process import Process
from tests.simulation.scheduler import MS
from transport.entry import read_record_header
from transport.messages import LocalHello, SnapshotDone, Watermark, decode_local, encode
from transport.zxid import Zxid, show


class Snapshotter(Process):
    role = "snapshotter"

    def __init__(self, host: Host) -> None:
        super().__init__(host.world, member=host.member, name=f"{host.member}/snapshotter")
        self.host = host
        self.scale = host.ensemble.scale
        self.files = host.disk.process()
        self.local: Stream | None = None
        self.seen = 0

    def start(self) -> None:
        self.open_local()

    def on_death(self, error: Exception | None) -> None:
        self.files.crash()
        self.host.ended(self, error)

    def open_local(self) -> None:
        self.local = self.world.network.connect(
            self, (self.member, "local"), on_message=self.on_local, on_lost=self.on_local_lost)
        self.local.send(encode(LocalHello(role="snapshotter", index=0, pid=0, generation=0, executed=0)))

    def on_local_lost(self) -> None:
        self.local = None
        self.after(50 * MS, self.open_local)

    def on_local(self, data: bytes) -> None:
        message = decode_local(data)
        if isinstance(message, Watermark):
            self.seen += 1
            if self.seen % self.scale.snapshot_watermarks == 0:
                # Other processes run while it builds: a file that it read may be cut or gone by the time it writes.
                self.after(self.host.rng.randrange(5 * MS), self.take, message)

    def take(self, mark: Watermark) -> None:
        base = max(list_snapshots(self.files, DATA_DIR), default=0)
        try:
            built = build_snapshot(self.files, data_dir=DATA_DIR, log_dir=LOG_DIR, mark=mark)
            if built is None:
                return
            self.trace("took a snapshot at %s", show(built.snapshot.header.zxid))
            self.tell_order(base, mark)
            purged = purge(self.files, data_dir=DATA_DIR, log_dir=LOG_DIR, keep=self.scale.retained_snapshots)
        except PROBLEMS as error:
            self.trace("no snapshot: %s", str(error))
            return
        if self.local is not None:
            self.local.send(encode(SnapshotDone(built.snapshot.header.zxid, purged.log_after)))

    def tell_order(self, base: int, mark: Watermark) -> None:
        """It has executed what lies between the snapshots, and maybe before any processor."""
        order = self.host.ensemble.order
        view = ReplicaView(self.name, base)
        order.restored(view)
        reader = LogReader(self.files, LOG_DIR, Zxid(base))
        for buffer, offset, size in reader.read(mark.zxid, mark.segment, mark.offset):
            record = bytes(buffer[offset:offset + size])
            order.executed(view, read_record_header(record), record)
        reader.close()
