"""Snapshot files: `snapshot.<zxid>`, a whole state at a record's boundary, written aside, verified, then renamed.

Little-endian:

    magic 8 · crc32 u32 (of what follows, header included) · header bytes u32 · header (msgpack of SnapshotHeader)
    sections    packed bytes u32 · bytes u32 · crc32 u32 (of bytes and packed bytes) · packed bytes (a zstd frame); each
                of what node/tree/snapshot.py yields is one, and this layer does not look inside
    trailer     0 u32 · crc32 u32 (of what follows) · digest u64 · sections u64 · crc32 of the sections' crc32s u32
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec
import zstandard

from node.storage.errors import RefusedError
from node.storage.files import Files, Handle
from transport.entry import read_control
from transport.messages import EpochTable
from transport.unpacking import unpacker
from transport.zxid import Zxid

MAGIC: Final = b"CORRSNAP"
FORMAT: Final = 1
NEEDS: Final = "0.1.0"  # first version that reads FORMAT
ZSTD_LEVEL: Final = 3
SECTION_BYTES_MAX: Final = 1 << 30
_HEADER_BYTES_MAX: Final = 1 << 26
_WRITE_BYTES: Final = 1 << 20

_PREFIX: Final = "snapshot."
_ASIDE: Final = ".tmp"
RECEIVED: Final = ".received"  # between a name and _ASIDE, or at the end: see node/storage/received.py
_FRONT: Final = struct.Struct("<8sII")
_SECTION: Final = struct.Struct("<III")
_TRAILER: Final = struct.Struct("<II")
_TRAILER_SEALED: Final = struct.Struct("<QQI")
_U32: Final = struct.Struct("<I")
_unpack_header = unpacker(dict[str, object])


class SnapshotHeader(msgspec.Struct, frozen=True, kw_only=True):
    """*epochs* up to zxid; *control*: body of the control entry in force; *count*: znodes."""

    format: int = FORMAT
    needs: str = NEEDS
    zxid: Zxid
    epochs: EpochTable
    control: bytes
    feature_level: int
    count: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One that has been verified."""

    path: Path
    header: SnapshotHeader
    digest: int
    bytes: int


class DamagedSnapshotError(Exception):
    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}")


def snapshot_path(data_dir: Path, zxid: int) -> Path:
    return data_dir / f"{_PREFIX}{zxid:016x}"


def aside_path(path: Path) -> Path:
    """Where it is written until it is complete."""
    return path.with_name(path.name + _ASIDE)


def list_snapshots(files: Files, data_dir: Path) -> list[int]:
    """zxids of those in place, ascending."""
    names = [n.removeprefix(_PREFIX) for n in files.listdir(data_dir) if n.startswith(_PREFIX)]
    return sorted(int(n, 16) for n in names if len(n) == 16)


def newest_valid(files: Files, data_dir: Path) -> tuple[Snapshot | None, tuple[Path, ...]]:
    """The newest snapshot that verifies, and the damaged ones that were passed over to get to it."""
    damaged: list[Path] = []
    for zxid in reversed(list_snapshots(files, data_dir)):
        path = snapshot_path(data_dir, zxid)
        try:
            return verify_snapshot(files, path, zxid=zxid), tuple(damaged)
        except FileNotFoundError:
            continue  # retention was quicker
        except DamagedSnapshotError:
            damaged.append(path)
    return None, tuple(damaged)


def load_newest(files: Files, data_dir: Path) -> Iterator[bytes] | None:
    """The sections of the newest valid snapshot, which is verified before the first one comes; None: there is none."""
    found = load_newest_with_header(files, data_dir)
    return None if found is None else found[1]


def load_newest_with_header(
    files: Files, data_dir: Path
) -> tuple[SnapshotHeader, Iterator[bytes]] | None:
    for zxid in reversed(list_snapshots(files, data_dir)):
        try:
            reader = SnapshotReader(files, snapshot_path(data_dir, zxid))
        except (FileNotFoundError, DamagedSnapshotError):
            continue
        try:
            reader.verify(zxid=zxid)
        except DamagedSnapshotError:
            reader.close()
            continue
        return reader.header, _sections_then_close(reader)
    return None


def _sections_then_close(reader: "SnapshotReader") -> Iterator[bytes]:
    try:
        yield from reader.sections()
    finally:
        reader.close()


def discard_unfinished(files: Files, data_dir: Path, *, received: bool) -> None:
    """Rule 4: what an interrupted writer left.

    received: broadcast's files, else the snapshotter's: the other one may be at work.
    """
    for name in files.listdir(data_dir):
        if name.startswith(_PREFIX) and name.endswith(_ASIDE) and name.endswith(RECEIVED + _ASIDE) == received:
            files.unlink(data_dir / name)


# Writing ---------------------------------------------------------------------------------------


class SnapshotImage:
    """The bytes of a snapshot file, piece by piece, to *put*: write() sections, then seal()."""

    def __init__(self, put: Callable[[bytes], None], header: SnapshotHeader) -> None:
        self._write_piece = put
        self._compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        self._sections = self._crcs = 0
        packed = msgspec.msgpack.encode(header)
        sealed = _U32.pack(len(packed)) + packed
        put(MAGIC + _U32.pack(crc32(sealed)) + sealed)

    def write(self, section: bytes) -> None:
        packed = self._compressor.compress(section)
        crc = crc32(packed, crc32(_U32.pack(len(section))))
        self._crcs = crc32(_U32.pack(crc), self._crcs)
        self._sections += 1
        self._write_piece(_SECTION.pack(len(packed), len(section), crc) + packed)

    def seal(self, *, digest: int) -> None:
        sealed = _TRAILER_SEALED.pack(digest, self._sections, self._crcs)
        self._write_piece(_TRAILER.pack(0, crc32(sealed)) + sealed)


class SnapshotWriter:
    """write() sections, then finish(). Until then there is nothing but a file aside."""

    def __init__(self, files: Files, data_dir: Path, header: SnapshotHeader) -> None:
        self.path = snapshot_path(data_dir, header.zxid)
        self._zxid = header.zxid
        self._files = files
        self._aside = aside_path(self.path)
        self._handle = files.open(self._aside, create=True)
        self._parts: list[bytes] = []
        self._parts_bytes = self._offset = 0
        files.truncate(self._handle, 0)
        self._image = SnapshotImage(self._put, header)

    def write(self, section: bytes) -> None:
        self._image.write(section)

    def finish(self, *, digest: int) -> Snapshot:
        """In place and durable on return.  Raises DamagedSnapshotError."""
        self.complete(digest=digest)
        return self.put_in_place()

    def complete(self, *, digest: int) -> None:
        """The file aside is whole and synced."""
        self._image.seal(digest=digest)
        self._write_out()
        self._files.fdatasync(self._handle)
        self.close()

    def put_in_place(self) -> Snapshot:
        """Verify by reading, rename.  Raises DamagedSnapshotError."""
        return put_in_place(self._files, self._aside, self.path, zxid=self._zxid)

    def close(self) -> None:
        self._files.close(self._handle)

    def _put(self, part: bytes) -> None:
        self._parts.append(part)
        self._parts_bytes += len(part)
        if self._parts_bytes >= _WRITE_BYTES:
            self._write_out()

    def _write_out(self) -> None:
        self._files.pwrite(self._handle, self._parts, self._offset)
        self._offset += self._parts_bytes
        self._parts, self._parts_bytes = [], 0


def put_in_place(files: Files, aside: Path, path: Path, *, zxid: int) -> Snapshot:
    """A complete, synced file.  Raises DamagedSnapshotError, and leaves it where it is."""
    found = verify_snapshot(files, aside, zxid=zxid, unpack=True)
    files.rename(aside, path)
    files.fsync_dir(path.parent)
    return Snapshot(path, found.header, found.digest, found.bytes)


# Reading ---------------------------------------------------------------------------------------


def verify_snapshot(files: Files, path: Path, *, zxid: int, unpack: bool = False) -> Snapshot:
    """Read all of it.  Raises DamagedSnapshotError; RefusedError: a newer format; FileNotFoundError."""
    reader = SnapshotReader(files, path)
    try:
        return reader.verify(zxid=zxid, unpack=unpack)
    finally:
        reader.close()


class SnapshotReader:
    """header at once; sections() as often as wanted."""

    def __init__(self, files: Files, path: Path, *, begin: int = 0, end: int | None = None) -> None:
        """begin, end: of the snapshot's bytes, where they are part of a larger file."""
        self.path = path
        self._files = files
        self._handle: Handle = files.open(path)
        self._bytes = files.size(self._handle) if end is None else end
        self._begin = self._offset = begin
        self._digest = 0
        try:
            self.header = self._read_header()
        except Exception:
            self.close()
            raise
        self._first_section = self._offset

    def verify(self, *, zxid: int, unpack: bool = False) -> Snapshot:
        """All checksums, and with *unpack* the compression too.  Raises DamagedSnapshotError."""
        if self.header.zxid != zxid:
            raise DamagedSnapshotError(self.path, "its zxid is not the expected one")
        decompressor = zstandard.ZstdDecompressor()
        for packed, size in self._packed_sections():
            if unpack:
                self._unpack(decompressor, packed, size)
        return Snapshot(self.path, self.header, self._digest, self._offset - self._begin)

    def sections(self) -> Iterator[bytes]:
        """Raises DamagedSnapshotError, at the latest before the iteration ends."""
        decompressor = zstandard.ZstdDecompressor()
        for packed, size in self._packed_sections():
            yield self._unpack(decompressor, packed, size)

    def _packed_sections(self) -> Iterator[tuple[bytes, int]]:
        self._offset = self._first_section
        count = crcs = 0
        while True:
            packed_bytes, second = _TRAILER.unpack(self._take(_TRAILER.size))
            if packed_bytes == 0:
                self._read_trailer(second, count, crcs)
                return
            (crc,) = _U32.unpack(self._take(_U32.size))
            packed = self._take(packed_bytes)
            if second > SECTION_BYTES_MAX or crc32(packed, crc32(_U32.pack(second))) != crc:
                raise DamagedSnapshotError(self.path, f"section {count} is damaged")
            count += 1
            crcs = crc32(_U32.pack(crc), crcs)
            yield packed, second

    def close(self) -> None:
        self._files.close(self._handle)

    def _read_header(self) -> SnapshotHeader:
        magic, crc, size = _FRONT.unpack(self._take(_FRONT.size))
        if magic != MAGIC or size > _HEADER_BYTES_MAX:
            raise DamagedSnapshotError(self.path, "not a snapshot")
        packed = self._take(size)
        if crc32(packed, crc32(_U32.pack(size))) != crc:
            raise DamagedSnapshotError(self.path, "its header is damaged")
        try:
            fields = _unpack_header(packed)
            if isinstance(fields["format"], int) and fields["format"] > FORMAT:
                raise RefusedError(
                    f"a snapshot of format {fields['format']}", file=self.path,
                    cure=f"start it with Corral {fields['needs']} or later")
            header = msgspec.convert(fields, SnapshotHeader)
            if header.control:
                read_control(header.control)
        except (msgspec.DecodeError, KeyError) as error:
            raise DamagedSnapshotError(self.path, f"its header is wrong: {error}") from error
        return header

    def _read_trailer(self, crc: int, count: int, crcs: int) -> None:
        sealed = self._take(_TRAILER_SEALED.size)
        digest, sections, all_crcs = _TRAILER_SEALED.unpack(sealed)
        if crc32(sealed) != crc or sections != count or all_crcs != crcs:
            raise DamagedSnapshotError(self.path, "its trailer is damaged")
        if self._offset != self._bytes:
            raise DamagedSnapshotError(self.path, "bytes after its end")
        self._digest = digest

    def _unpack(self, decompressor: zstandard.ZstdDecompressor, packed: bytes, size: int) -> bytes:
        try:
            section = decompressor.decompress(packed, max_output_size=size)
        except zstandard.ZstdError as error:
            raise DamagedSnapshotError(self.path, f"a section does not unpack: {error}") from error
        if len(section) != size:
            raise DamagedSnapshotError(self.path, "a section has another length")
        return section

    def _take(self, size: int) -> bytes:
        data = b""
        if self._offset + size <= self._bytes:  # a damaged length must not ask for gigabytes
            data = self._files.pread(self._handle, size, self._offset)
        if len(data) != size:
            raise DamagedSnapshotError(self.path, "it ends too early")
        self._offset += size
        return data
