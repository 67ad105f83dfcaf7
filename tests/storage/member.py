"""A member's storage for tests: records to append, and opening as broadcast does it."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from node.storage.epochs import Epochs
from node.storage.files import Files
from node.storage.identity import Identity
from node.storage.log import Log
from node.storage.recovery import Recovery, recover
from transport.entry import ControlEntry, Kind, pack_control, pack_record, read_record_header
from transport.zxid import make_zxid

YOUNG_BYTES = 16 << 10
IDENTITY = Identity(ensemble="e1", member=1, incarnation="aa", initial=True)

_ids = count(0x5EED_0000_0000_0001)


def new_id() -> int:
    return next(_ids)


def open_log(
    files: Files, directory: Path, *, young_bytes: int = YOUNG_BYTES, identity: Identity = IDENTITY
) -> Recovery:
    return recover(
        files, data_dir=directory, log_dir=directory, identity=identity,
        epochs=Epochs(files, directory), new_id=new_id, young_bytes=young_bytes)


def control_entry(leader: int = 1) -> ControlEntry:
    return ControlEntry(leader=leader, feature_level=1, settings={}, incarnations={}, voters=[1, 2, 3])


def epoch_record(epoch: int, *, leader: int = 1) -> bytes:
    return pack_control(
        zxid=make_zxid(epoch=epoch, counter=0), kind=Kind.EPOCH, time_ms=7, entry=control_entry(leader))


def record(epoch: int, counter: int, *, requests: int = 1, body: bytes = b"body") -> bytes:
    return pack_record(
        first_zxid=make_zxid(epoch=epoch, counter=counter), count=requests, time_ms=7, body=body)


def history(epoch: int, records: int, *, size: int = 100) -> list[bytes]:
    """An epoch's first record and *records* more, of one request each, all different."""
    rest = [record(epoch, i, body=(b"%d " % i) * (size // 4)) for i in range(1, records + 1)]
    return [epoch_record(epoch), *rest]


def append_all(log: Log, records: list[bytes]) -> None:
    """Appended and synced, one by one."""
    for each in records:
        log.append(each, committed=log.durable, durable_upto=log.durable)
        log.sync()


def everything(log: Log, after: int = 0) -> list[bytes]:
    """The records as a reader finds them."""
    return list(split(b"".join(log.read_records(after, log.last_zxid))))


def split(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = read_record_header(data, at).size
        yield data[at:at + size]
        at += size
