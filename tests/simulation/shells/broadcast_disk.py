"""Broadcast's files in virtual time: the epochs, and the log with its syncs and truncations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from node.processes.broadcast_records import Records
from node.storage.epochs import Epochs
from node.storage.identity import DataLock, consume_mark, open_identity
from node.storage.log import Sync
from node.storage.recovery import Recovery, recover
from node.zab import effects as fx
from node.zab import events as ev
from tests.simulation.host import DATA_DIR, LOG_DIR, Host
from tests.simulation.process import Process
from transport.zxid import Zxid, show

IN_LINE_PROBABILITY = 0.1  # of a sync
SYNC_RUNS_EARLY_PROBABILITY = 0.4  # the bytes are on the platter long before anybody is told


class Disk:
    """*hand_in*: gets what has become durable."""

    def __init__(self, process: Process, host: Host, hand_in: Callable[[ev.Event], None]) -> None:
        self.process = process
        self.host = host
        self.hand_in = hand_in
        self.files = host.disk.process()
        self.sync: Sync | None = None
        self.sync_is_run = False
        self.perform_by = {
            fx.SaveAcceptedEpoch: self.on_save_accepted, fx.SaveCurrentEpoch: self.on_save_current,
            fx.Append: self.on_append, fx.Flush: self.on_flush, fx.TruncateLog: self.on_truncate,
            fx.Initialised: self.on_initialised,
        }

    def recover(self, life: int) -> Recovery:
        """Raises RefusedError."""
        host, scale = self.host, self.host.ensemble.scale
        self.lock = DataLock(self.files, data_dir=DATA_DIR, log_dir=LOG_DIR, pid=life)
        identity = open_identity(
            self.files, data_dir=DATA_DIR, log_dir=LOG_DIR, ensemble=scale.ensemble, member=host.member,
            alone=len(host.ensemble.members) == 1, new_incarnation=lambda: f"{host.rng.getrandbits(64):016x}")
        self.epochs = Epochs(self.files, DATA_DIR, first_generation=host.wall_ms())
        recovery = recover(
            self.files, data_dir=DATA_DIR, log_dir=LOG_DIR, identity=identity, epochs=self.epochs,
            new_id=lambda: host.rng.getrandbits(64), young_bytes=scale.segment_bytes)
        self.boot = self.epochs.next_generation()
        self.log = recovery.log
        self.records = Records(self.log, memory_bytes=scale.memory_bytes)
        return recovery

    # --- epochs ---

    def on_save_accepted(self, effect: fx.SaveAcceptedEpoch) -> None:
        self.process.trace("accepts epoch %d", effect.epoch)
        self.epochs.save_accepted(effect.epoch)

    def on_save_current(self, effect: fx.SaveCurrentEpoch) -> None:
        self.process.trace("enters epoch %d", effect.epoch)
        self.epochs.save_current(effect.epoch)
        self.host.ensemble.hub.entered(self.host.member, effect.epoch, self.host.durable.zxid)

    def on_initialised(self, effect: fx.Initialised) -> None:
        consume_mark(self.files, DATA_DIR)

    # --- the log ---

    def on_append(self, effect: fx.Append) -> None:
        self.records.remember(effect.record)
        self.log.append(effect.record, committed=effect.committed, durable_upto=effect.durable_upto)

    def on_flush(self, effect: fx.Flush) -> None:
        """In line at times, as the real shell does while the disk is fast; else the platter changes early or late."""
        assert self.sync is None, "one outstanding at most"
        takes_us = 50 + int(self.host.rng.expovariate(1 / self.host.sync_us))
        self.host.sync_began(takes_us)
        if self.host.rng.random() < IN_LINE_PROBABILITY:
            self.hand_in(ev.Flushed(self.log.sync()))
            return
        self.sync = self.log.begin_sync()
        self.sync_is_run = self.host.rng.random() < SYNC_RUNS_EARLY_PROBABILITY
        if self.sync_is_run:
            self.sync.run()
        self.process.after(takes_us, self.flushed, self.sync)

    def flushed(self, sync: Sync) -> None:
        """The disk is done; a sync that is over already was waited for by a truncation."""
        if self.sync is not sync:
            return
        self.sync = None
        if not self.sync_is_run:
            sync.run()
        self.log.end_sync(sync)
        self.hand_in(ev.Flushed(sync.zxid))

    def on_truncate(self, effect: fx.TruncateLog) -> None:
        self.process.world.occurred["TRUNC"] += 1
        self.process.trace("truncates to %s", show(effect.zxid))
        with self.cut(effect.zxid):
            self.log.truncate(effect.zxid)

    @contextmanager
    def cut(self, zxid: Zxid) -> Iterator[None]:
        """Around what takes everything behind *zxid* from the log, or all of it."""
        if self.sync is not None:
            self.flushed(self.sync)
        self.host.ensemble.hub.cut(self.host.member, zxid)
        self.host.cut_began()
        yield
        self.records.forget_all()
        self.host.durable.forget()
