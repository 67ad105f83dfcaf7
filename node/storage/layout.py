"""Where a member's files are, and the bytes of a log segment, little-endian.

    HEADER      magic 8 · crc32 u32 (of what follows) · format u32 · segment id u64 · first zxid u64 · after u64 (the
                last zxid before this segment) · needs 24 (the version of Corral that reads this format, ASCII).
                Later formats keep this much
    ENVELOPE    length u32 (of the RECORD) · crc32 u32 (of all that follows, RECORD included) · segment id u64
                · committed u64 · durable_upto u64, then the RECORD (transport/entry.py)
    end marker  an ENVELOPE whose length is END, then the next segment's first zxid u64
    zeros       the rest, written and synced before the segment came into use

The segment id is random: bytes that an earlier use of these blocks left behind cannot pass for a record of this
segment, and it can be searched for, which finds the records behind an unreadable one.
"""

import struct
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

DIRECTORY: Final = "corral"

MAGIC: Final = b"CORRALOG"
FORMAT: Final = 1
NEEDS: Final = b"0.1.0"  # first version that reads FORMAT

HEADER: Final = struct.Struct("<8sIIQQQ24s")
_HEADER_SEALED: Final = struct.Struct("<IQQQ24s")
ENVELOPE: Final = struct.Struct("<IIQQQ")
SEALED: Final = struct.Struct("<QQQ")
LENGTH: Final = struct.Struct("<I")
NEXT: Final = struct.Struct("<Q")
SEGMENT_ID: Final = struct.Struct("<Q")
SEGMENT_ID_AT: Final = 8  # in an envelope

END: Final = 0xFFFFFFFF
END_MARKER_BYTES: Final = ENVELOPE.size + NEXT.size


class SegmentHeader(NamedTuple):
    segment_id: int
    first_zxid: int
    after: int


class NewerFormatError(ValueError):
    def __init__(self, found: int, needs: str) -> None:
        self.found = found
        self.needs = needs
        super().__init__(f"format {found} needs Corral {needs} or later")


def data_directory(data_dir: Path) -> Path:
    """data_dir: as configured (dataDir)."""
    return data_dir / DIRECTORY


def log_directory(log_dir: Path) -> Path:
    """log_dir: as configured (dataLogDir)."""
    return log_dir / DIRECTORY


def pack_header(header: SegmentHeader) -> bytes:
    sealed = _HEADER_SEALED.pack(FORMAT, *header, NEEDS)
    return MAGIC + LENGTH.pack(crc32(sealed)) + sealed


def read_header(data: bytes) -> SegmentHeader | None:
    """None: not a header, or damaged.  Raises NewerFormatError."""
    if len(data) < HEADER.size:
        return None
    magic, crc, version, segment_id, first_zxid, after, needs = HEADER.unpack_from(data)
    if magic != MAGIC or crc32(data[HEADER.size - _HEADER_SEALED.size:HEADER.size]) != crc:
        return None
    if version > FORMAT:
        raise NewerFormatError(version, needs.rstrip(b"\0").decode("ascii", "replace"))
    return SegmentHeader(segment_id, first_zxid, after)


def pack_envelope(record: bytes, *, segment_id: int, committed: int, durable_upto: int) -> bytes:
    crc = crc32(record, crc32(SEALED.pack(segment_id, committed, durable_upto)))
    return ENVELOPE.pack(len(record), crc, segment_id, committed, durable_upto)


def pack_end_marker(next_first: int, *, segment_id: int, committed: int, durable_upto: int) -> bytes:
    sealed = SEALED.pack(segment_id, committed, durable_upto) + NEXT.pack(next_first)
    return LENGTH.pack(END) + LENGTH.pack(crc32(sealed)) + sealed


def is_sound(view: memoryview, at: int, end: int, *, segment_id: int) -> bool:
    """Whether the envelope at *at* with all up to *end* is what was once written to this segment."""
    _, crc, found, _, _ = ENVELOPE.unpack_from(view, at)
    return bool(found == segment_id) and crc32(view[at + SEGMENT_ID_AT:end]) == crc
