"""The snapshotter: decides when a snapshot is due, has it built by a child process, prepares segments for the log.

It works from files alone and touches nobody's tree; a member serves without it, only its log grows. Watermarks come
with every commit: it looks at the newest one twice a second at most; while none come, only its figures wake it.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec

import node
from node.backup.wanted import hold_replica
from node.config.member import MemberConfig
from node.notify import SILENT, Notify
from node.processes.loop import StopSignals, now_ms, process_figures
from node.processes.notes import Notes, PollWatch
from node.processes.snapshot_build import BuildReport, BuildRequest
from node.processes.watched_files import WatchedFiles
from node.storage.errors import LogGapError, StorageError
from node.storage.files import Files
from node.storage.layout import data_directory, log_directory
from node.storage.place import end_of_record
from node.storage.segments import (
    discard_unfinished_spares,
    list_segments,
    list_spares,
    prepare_segment,
    segment_bytes,
    spare_bytes,
    storage_errors,
)
from node.storage.snapshots import (
    DamagedSnapshotError,
    list_snapshots,
    newest_valid,
    snapshot_path,
    verify_snapshot,
)
from observability.histogram import Histogram
from observability.logging import configure_logging, get_logger
from transport.messages import (
    Differs,
    Digest,
    DigestReport,
    LocalHello,
    Message,
    Sample,
    SnapshotDone,
    SnapshotHandedOut,
    Watermark,
    decode_local,
    encode,
)
from transport.poller import Poller
from transport.sockets import Sockets
from transport.wiring import ipc_endpoint
from transport.zxid import counter_of, epoch_of, show

LOOK_MS = 500
REOPEN_MS = 200
SAMPLE_MS = 5000
RETRY_SAMPLE_MS = 500
RETRY_MS = 10_000  # after a build that failed; doubled each time, RETRY_MS_MAX at most
RETRY_MS_MAX = 600_000
# snapCount counts only from this share of snapshotBytes on: else small writes at a high rate would mean
# a snapshot every second, each the work of writing the whole tree.
COUNT_SHARE = 4


def is_due(*, requests: int, log_bytes: int, snap_count: int, snapshot_bytes: int) -> bool:
    """Whether so much log since the last snapshot is worth another one."""
    if log_bytes >= snapshot_bytes:
        return True
    return requests >= snap_count and log_bytes >= snapshot_bytes // COUNT_SHARE


def requests_since(snapshot_zxid: int, zxid: int) -> int:
    """At least so many: those of epochs in between are not known."""
    if epoch_of(snapshot_zxid) == epoch_of(zxid):
        return zxid - snapshot_zxid
    return counter_of(zxid)


class LogMeter:
    """How many bytes of log there are since the newest snapshot."""

    def __init__(self, files: Files, log_dir: Path) -> None:
        self._files = files
        self._log_dir = log_dir
        self._base = (-1, 0, 0)  # zxid of the snapshot, and where its record ends

    def bytes_since(self, snapshot_zxid: int, mark: Watermark) -> int:
        if self._base[0] != snapshot_zxid:
            self._base = (snapshot_zxid, *self._end_of(snapshot_zxid))
        _, segment, offset = self._base
        between = [f for f in list_segments(self._files, self._log_dir) if segment <= f < mark.segment]
        return sum(segment_bytes(self._files, self._log_dir, f) for f in between) + mark.offset - offset

    def _end_of(self, zxid: int) -> tuple[int, int]:
        try:
            return end_of_record(self._files, self._log_dir, zxid)
        except LogGapError:
            return 0, 0  # the log was replaced: all of it is new


class Snapshotter:
    def __init__(self, config: MemberConfig, notify: Notify) -> None:
        self.config = config
        self.notify = notify
        self.log = get_logger(process="snapshotter", member=config.id)
        self.replica_lock = hold_replica(config, notify.progress)
        self.files = WatchedFiles(notify.at_work)  # a new segment is written and synced within a turn
        self.data_dir = data_directory(config.data_dir)
        self.log_dir = log_directory(config.log_dir)
        self.meter = LogMeter(self.files, self.log_dir)
        self.signals = StopSignals()
        self.sockets = Sockets()
        self.telemetry = self.sockets.push(ipc_endpoint(str(config.run_dir), "telemetry"))
        self.notes = Notes("snapshotter", self.telemetry)
        self.watch = PollWatch(self.notes, with_turns=False)  # its turns are work on the disk
        self.local = self.sockets.stream(ipc_endpoint(str(config.run_dir), "local"))
        self.mark: Watermark | None = None
        self.looked: Watermark | None = None
        self.child: subprocess.Popen[bytes] | None = None
        self.retry_at_ms = 0
        self.retry_ms = RETRY_MS
        self.built = self.failed = 0
        self.seconds = 0.0
        self.times = Histogram(first=20, last=42)  # 1 ms to 73 min
        self.sample_due_ms = 0

    # Life --------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until SIGTERM. Raises StorageError: the disk does not give what is there at the start."""
        try:
            with storage_errors("reading", self.data_dir):
                discard_unfinished_spares(self.files, self.log_dir)
                self._hello()
                newest = self._newest()
            self.notify.ready(newest)
            while not self.signals.is_stopping:
                self._turn()
                self.notify.feed(now_ms())
            self.notify.stopping()
        finally:
            self._kill_child()
            self.sockets.close()

    def _newest(self) -> str:
        """Of the snapshots that are there: read through, as whoever starts from it will."""
        newest, damaged = newest_valid(self.files, self.data_dir)
        for path in damaged:
            self.log.error("snapshot_damaged", file=str(path), action="an older one is used")
        return f"newest snapshot: {show(newest.header.zxid)}, verified" if newest else "no snapshot yet"

    def _turn(self) -> None:
        self._send_sample()
        self._receive()
        if self.local.is_lost:
            self._wait(REOPEN_MS, with_local=False)
            self._reopen()
        elif self.mark is not self.looked:
            self._look()
            # Whatever comes meanwhile waits: only the newest watermark counts.
            self._wait(LOOK_MS, with_local=False)
        else:
            self._wait(self._timeout_ms(), with_local=True)

    def _timeout_ms(self) -> int:
        due_ms = self.sample_due_ms
        if self.child is None and self.retry_at_ms and self.mark is not None:
            due_ms = min(due_ms, self.retry_at_ms)
        now = now_ms()
        return self.notify.timeout_ms(max(0, due_ms - now), now)

    def _wait(self, timeout_ms: int, *, with_local: bool) -> None:
        poller = Poller()
        poller.add(self.signals.fileno())
        if with_local:
            poller.add(self.local)
        if self.child is not None:
            assert self.child.stdout is not None
            poller.add(self.child.stdout.fileno())
        found = self.watch.poll(poller, timeout_ms)
        if self.child is not None and self.child.stdout is not None and self.child.stdout.fileno() in found:
            self._on_built(self.child)
        elif with_local and self.retry_at_ms and now_ms() >= self.retry_at_ms:
            self.looked = None  # time to try again

    # Broadcast ---------------------------------------------------------------------------------

    def _hello(self) -> None:
        newest = max(list_snapshots(self.files, self.data_dir), default=0)
        self._send(LocalHello(role="snapshotter", index=0, pid=os.getpid(), generation=0, executed=newest))

    def _reopen(self) -> None:
        self.local.close()
        self.local = self.sockets.stream(ipc_endpoint(str(self.config.run_dir), "local"))
        self._hello()

    def _send(self, message: Message) -> None:
        self.local.send(encode(message))

    def _receive(self) -> None:
        while (payload := self.local.receive()) is not None:
            message = decode_local(payload)
            if isinstance(message, Watermark):
                self.mark = message
            elif isinstance(message, Differs):
                self._on_differs(message)
            elif isinstance(message, SnapshotHandedOut):
                self._on_handed_out(message.zxid)

    def _on_handed_out(self, zxid: int) -> None:
        """Raises StorageError: the disk does not give it."""
        path = snapshot_path(self.data_dir, zxid)
        try:
            with storage_errors("reading", path), contextlib.suppress(FileNotFoundError):  # retention was quicker
                verify_snapshot(self.files, path, zxid=zxid)
        except DamagedSnapshotError as error:
            self._remove([zxid], "snapshot_damaged", file=str(path), reason=str(error))

    def _on_differs(self, message: Differs) -> None:
        """Snapshots from that zxid on cannot be trusted."""
        suspects = [zxid for zxid in list_snapshots(self.files, self.data_dir) if zxid >= message.zxid]
        self._remove(suspects, "digest_differs", zxid=show(message.zxid))

    def _remove(self, suspects: list[int], event: str, **fields: object) -> None:
        """To be built anew, from an older one or from the log's start; where there is neither, they stay."""
        self._kill_child()
        others = [zxid for zxid in list_snapshots(self.files, self.data_dir) if zxid not in suspects]
        has_older = bool(suspects) and any(zxid < suspects[0] for zxid in others)
        if not suspects or not (has_older or self._log_is_whole()):
            self.log.error(event, **fields, action="none: no older snapshot to build from")
            return
        for zxid in suspects:
            self.files.unlink(snapshot_path(self.data_dir, zxid))
        self.files.fsync_dir(self.data_dir)
        self.log.error(
            event, **fields, removed=len(suspects), action="built again when due; until then an older one counts")
        self._send(SnapshotDone(max(others, default=0), min(others, default=0)))
        self.looked = None

    def _log_is_whole(self) -> bool:
        try:
            return end_of_record(self.files, self.log_dir, 0) == (0, 0)
        except LogGapError:
            return False

    # Work --------------------------------------------------------------------------------------

    def _look(self) -> None:
        mark = self.looked = self.mark
        if mark is None or mark.segment == 0:
            return
        self._prepare_spare(mark)
        if self.child is not None or now_ms() < self.retry_at_ms:
            return
        try:
            due = self._is_due(mark)
        except (OSError, StorageError) as error:  # the disk does not even say what is there
            self._put_off(str(error))
            return
        if due:
            self._build(mark)

    def _is_due(self, mark: Watermark) -> bool:
        newest = max(list_snapshots(self.files, self.data_dir), default=0)
        return mark.zxid > newest and is_due(
            requests=requests_since(newest, mark.zxid), log_bytes=self.meter.bytes_since(newest, mark),
            snap_count=self.config.snap_count, snapshot_bytes=self.config.snapshot_bytes)

    def _prepare_spare(self, mark: Watermark) -> None:
        """One is enough; not before the log needs it, so that a small ensemble stays small on disk."""
        try:
            current = segment_bytes(self.files, self.log_dir, mark.segment)
            if mark.offset < current // 4 or list_spares(self.files, self.log_dir):
                return
            prepare_segment(self.files, self.log_dir, spare_bytes(current))
        except (OSError, StorageError) as error:
            # The log makes its own, small ones, as long as it can.
            self.log.error("spare_segment_failed", reason=str(error), cure="make room on this disk, if it answers")
            with contextlib.suppress(OSError):
                discard_unfinished_spares(self.files, self.log_dir)

    def _build(self, mark: Watermark) -> None:
        request = BuildRequest(
            parent=os.getpid(), data_dir=str(self.data_dir), log_dir=str(self.log_dir),
            keep=self.config.snap_retain_count, has_test_hooks=self.config.test_hooks, mark=mark)
        root = str(Path(node.__file__).parent.parent)
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "node.processes.snapshot_build"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root},
            pass_fds=(self.replica_lock,))  # it holds the state, too
        assert self.child.stdin is not None
        self.child.stdin.write(msgspec.msgpack.encode(request))
        self.child.stdin.close()

    def _on_built(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None
        answer = child.stdout.read()
        code = child.wait()
        child.stdout.close()
        self.child = None
        report = msgspec.msgpack.decode(answer, type=BuildReport) if answer else BuildReport(
            problem=f"the building process ended with code {code}")
        if report.problem:
            self._put_off(report.problem)
            return
        self.retry_at_ms, self.retry_ms = 0, RETRY_MS
        self.built += 1
        self.seconds = report.seconds
        self.times.observe(round(report.seconds * 1e9))
        self.sample_due_ms = 0
        self.log.info(
            "snapshot", zxid=show(report.zxid), znodes=report.znodes, bytes=report.size,
            seconds=round(report.seconds, 3), log_after=show(report.log_after))
        self.notify.status(f"newest snapshot: {show(report.zxid)}, verified")
        self._tell(report)

    def _put_off(self, problem: str) -> None:
        self.failed += 1
        self.log.error("snapshot_failed", reason=problem, retry_ms=self.retry_ms)
        self.retry_at_ms = now_ms() + self.retry_ms
        self.retry_ms = min(2 * self.retry_ms, RETRY_MS_MAX)

    def _tell(self, report: BuildReport) -> None:
        self._send(SnapshotDone(report.zxid, report.oldest))
        zxid, digest = (report.digest_zxid, report.digest_at_point) if report.digest_zxid else (
            report.zxid, report.digest)
        self._send(DigestReport(Digest(zxid, "snapshotter", digest)))

    def _send_sample(self) -> None:
        now = now_ms()
        if now < self.sample_due_ms:
            return
        self.sample_due_ms = now + SAMPLE_MS
        values = {
            "snapshots": self.built, "snapshot_failures": self.failed, "snapshot_ns": self.times.figure(),
            **({"snapshot_s": self.seconds} if self.built else {}), **process_figures(), **self.notes.figures()}
        if not self.telemetry.send(encode(Sample("snapshotter", os.getpid(), values, self.telemetry.dropped))):
            self.sample_due_ms = now + RETRY_SAMPLE_MS  # telemetry is not up yet

    def _kill_child(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            if self.child.stdout is not None:
                self.child.stdout.close()
            self.child = None


def run(config: MemberConfig, index: int, notify: Notify = SILENT) -> None:
    configure_logging(config.log_level)
    assert index == 0
    snapshotter = Snapshotter(config, notify)
    try:
        snapshotter.run()
    except StorageError as error:
        snapshotter.log.error(
            "storage_failed", reason=str(error), cure="this process starts again; if that goes on, look at the disk")
        sys.exit(1)
