"""What a disk may hand back, and what a leader may send as a snapshot: files with any bytes in them."""

import functools
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

from node.storage.errors import RefusedError
from node.storage.files import RealFiles
from node.storage.segments import list_segments, segment_path
from node.storage.snapshots import (
    DamagedSnapshotError,
    SnapshotHeader,
    SnapshotImage,
    load_newest,
    snapshot_path,
    verify_snapshot,
)
from node.tree.snapshot import CorruptSnapshotError, decode_state, encode_state
from node.tree.state import State
from tests.requests.solo import Solo, create
from tests.storage.member import YOUNG_BYTES, append_all, everything, history, open_log
from transport.zxid import Zxid, make_zxid

FILES = RealFiles()
ZXID = Zxid(make_zxid(epoch=1, counter=3))
YOUNG = YOUNG_BYTES // 4


def in_directory(check: Callable[[Path], None]) -> None:
    memory = Path("/dev/shm")  # where there is none, a disk does
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        check(Path(name))


@functools.cache
def _segment() -> tuple[bytes, tuple[bytes, ...]]:
    """A segment of an honest log, and the records in it."""
    found: list[bytes] = []

    def write(directory: Path) -> None:
        log = open_log(FILES, directory, young_bytes=YOUNG).log
        append_all(log, history(1, 12, size=40))
        found.extend((segment_path(directory, list_segments(FILES, directory)[0]).read_bytes(), *everything(log)))
        log.close()

    in_directory(write)
    return found[0].rstrip(b"\0"), tuple(found[1:])


def log_seeds() -> list[bytes]:
    return [_segment()[0]]


def log(data: bytes) -> None:
    """It is refused with its cure, or read: then what is read was written so, in this order."""

    def check(directory: Path) -> None:
        segment_path(directory, make_zxid(epoch=1, counter=0)).write_bytes(data.ljust(YOUNG, b"\0"))
        try:
            recovery = open_log(FILES, directory, young_bytes=YOUNG)
        except RefusedError:
            return
        records = everything(recovery.log)
        recovery.log.close()
        assert records == list(_segment()[1][:len(records)])

    in_directory(check)


@functools.cache
def _state() -> tuple[bytes, ...]:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, create(1, b"/a", b"x" * 50), create(2, b"/a/b", b"", 1), create(3, b"/c", b"y", 2))
    solo.execute()
    return tuple(encode_state(solo.core.replica.state))


def _image(sections: tuple[bytes, ...]) -> bytes:
    parts: list[bytes] = []
    image = SnapshotImage(parts.append, SnapshotHeader(
        zxid=ZXID, epochs=[(1, ZXID)], control=b"", feature_level=1, count=4))
    for section in sections:
        image.write(section)
    image.seal(digest=1)
    return b"".join(parts)


def snapshot_seeds() -> list[bytes]:
    return [_image(_state()), _image(())]


def snapshot(data: bytes) -> None:
    """It verifies or it is damaged; one that verifies is not taken for a state that it is not."""

    def check(directory: Path) -> None:
        path = snapshot_path(directory, ZXID)
        path.write_bytes(data)
        try:
            verify_snapshot(FILES, path, zxid=ZXID, unpack=True)
        except (DamagedSnapshotError, RefusedError):
            assert load_newest_or_none(directory) is None
            return
        sections = load_newest(FILES, directory)
        assert sections is not None
        _load(tuple(sections))

    in_directory(check)


def load_newest_or_none(directory: Path) -> object:
    try:
        return load_newest(FILES, directory)
    except RefusedError:
        return None


def state_seeds() -> list[bytes]:
    return [_packed(_state())]


def _packed(sections: tuple[bytes, ...]) -> bytes:
    return b"".join(len(each).to_bytes(4, "big") + each for each in sections)


def state(data: bytes) -> None:
    """Sections with sound checksums, as a leader could send them."""
    sections, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        sections.append(data[at + 4:at + 4 + size])
        at += 4 + size
    _load(tuple(sections))


def _load(sections: tuple[bytes, ...]) -> None:
    try:
        loaded: State = decode_state(sections)
    except CorruptSnapshotError:
        return
    again = decode_state(itertools.chain(encode_state(loaded)))
    assert again.digest() == loaded.digest()
