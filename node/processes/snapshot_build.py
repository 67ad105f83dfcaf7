"""python -m node.processes.snapshot_build: one snapshot, in a process of its own, whose memory goes with it.

Started by the snapshotter with a msgpack BuildRequest on stdin; answers with a BuildReport on stdout.
"""

import sys
import time
from pathlib import Path

import msgspec

from node.processes.child import begin
from node.storage.errors import CorruptionError, LogGapError, StorageError
from node.storage.files import RealFiles
from node.storage.retention import purge
from node.storage.snapshot_builder import build_snapshot
from node.storage.snapshots import DamagedSnapshotError
from node.tree.execute import CorruptRecordError, RecordGapError, poison_hook
from node.tree.snapshot import CorruptSnapshotError
from transport.messages import Watermark

PROBLEMS = (
    StorageError, CorruptionError, LogGapError, DamagedSnapshotError, CorruptSnapshotError, CorruptRecordError,
    RecordGapError,
)


class BuildRequest(msgspec.Struct, frozen=True):
    parent: int  # pid
    data_dir: str
    log_dir: str
    keep: int
    has_test_hooks: bool
    mark: Watermark


class BuildReport(msgspec.Struct, frozen=True):
    """*problem*: why there is none, else "". *digest_zxid*: 0 where no other replica reports a digest too."""

    problem: str = ""
    zxid: int = 0
    digest: int = 0
    digest_zxid: int = 0
    digest_at_point: int = 0
    size: int = 0
    znodes: int = 0
    oldest: int = 0
    log_after: int = 0
    seconds: float = 0.0


def build(request: BuildRequest) -> BuildReport:
    began_s = time.monotonic()
    files = RealFiles()
    data_dir, log_dir = Path(request.data_dir), Path(request.log_dir)
    try:
        built = build_snapshot(
            files, data_dir=data_dir, log_dir=log_dir, mark=request.mark,
            hook=poison_hook if request.has_test_hooks else None)
        if built is None:
            return BuildReport(problem="there is one at this zxid already")
        purged = purge(files, data_dir=data_dir, log_dir=log_dir, keep=request.keep)
    except PROBLEMS as error:
        return BuildReport(problem=str(error))
    snapshot = built.snapshot
    digest_zxid, digest = built.digest_point or (0, 0)
    return BuildReport(
        zxid=snapshot.header.zxid, digest=snapshot.digest, digest_zxid=digest_zxid, digest_at_point=digest,
        size=snapshot.bytes, znodes=snapshot.header.count, oldest=purged.oldest_needed,
        log_after=purged.log_after, seconds=time.monotonic() - began_s)


def main() -> None:
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=BuildRequest)
    if not begin(b"snapshot-build", request.parent):
        return
    sys.stdout.buffer.write(msgspec.msgpack.encode(build(request)))


if __name__ == "__main__":
    main()
