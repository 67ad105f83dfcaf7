"""The end of a member's log as it is on the platter: what a power cut at this instant could not take away.

Walks the segments by hand; of node/storage it knows only the layout of bytes.
"""

from pathlib import Path
from zlib import crc32

from node.storage.layout import END, ENVELOPE, HEADER, NEXT
from tests.simulation.disk import SimulatedDisk
from transport.entry import RECORD

SEALED_AT = 8  # the checksum covers what comes after it


class DurableEnd:
    """Goes on from where it was, so that an ack costs what is new; `forget` after a cut."""

    def __init__(self, disk: SimulatedDisk, *, data_dir: Path, log_dir: Path) -> None:
        self.disk = disk
        self.data_dir = data_dir
        self.log_dir = log_dir
        self.forget()

    def forget(self) -> None:
        self.enter(0)
        self.last = 0

    def enter(self, segment: int) -> None:
        self.segment, self.offset = segment, HEADER.size
        self.path = self.log_dir / f"log.{segment:016x}"

    def zxid(self) -> int:
        if self.content() is None:
            self.begin()  # for the first time, or retention has taken the segment where we stood
        while self.segment:
            content = self.content()
            if content is None or not self.walk(content):
                break
        return self.last

    def content(self) -> bytes | bytearray | None:
        return self.disk.durable_content(self.path)

    def begin(self) -> None:
        """At the newest snapshot's name, and the oldest segment that the log still has."""
        names = [path for path in self.disk.paths() if self.disk.durable_content(path) is not None]
        snapshots = [int(p.name[9:], 16) for p in names if p.name.startswith("snapshot.") and len(p.name) == 25]
        segments = [int(p.name[4:], 16) for p in names if p.name.startswith("log.") and len(p.name) == 20]
        self.last = max(snapshots, default=0)
        self.enter(min(segments, default=0))

    def walk(self, content: bytes | bytearray) -> bool:
        """To the last whole record of this segment; True: it has an end, and the next one is known."""
        if len(content) < HEADER.size:
            return False
        segment_id = HEADER.unpack_from(content)[3]
        while self.offset + ENVELOPE.size <= len(content):
            length, crc, found, _, _ = ENVELOPE.unpack_from(content, self.offset)
            size = NEXT.size if length == END else length
            end = self.offset + ENVELOPE.size + size
            if found != segment_id or crc32(content[self.offset + SEALED_AT:end]) != crc:
                return False
            at = self.offset + ENVELOPE.size
            if length == END:
                self.enter(*NEXT.unpack_from(content, at))
                return True
            first_zxid, count, *_ = RECORD.unpack_from(content, at)
            self.last = max(self.last, first_zxid + count - 1)
            self.offset = end
        return False
