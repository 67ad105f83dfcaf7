"""Recent notes of one member's processes, kept as they came; read only when somebody asks for a zxid.

Notes of a process are in the order in which it wrote them, and nearly all are cumulative. So a block needs to know no
more than the newest zxid that was named up to its end: what concerns a zxid begins no earlier than where that was
passed, and goes on from there. Taking notes in costs a copy of their bytes, however many they are. A block that is
asked for is sorted by kind once, and what it grows by when it is asked for again; the last of them stay so, since what
is asked for together mostly lies together.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import zstandard

from transport.timings import NOTE, Note
from transport.zxid import counter_of, epoch_of

BLOCK_BYTES = 32 << 10
BYTES_MAX = 64 << 20  # of one process, compressed: the last resort
SORTED_BLOCKS = 8
_DEAD_BLOCKS_MAX = 256

_ACKED = int(Note.ACKED)
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress


class Noted(NamedTuple):
    """One note, as transport/timings.py lays it out."""

    kind: int
    who: int
    part: int
    count: int  # type: ignore[assignment]  # hides tuple.count
    zxid: int
    at_ns: int
    took_ns: int


def unpack_notes(notes: bytes) -> Iterator[Noted]:
    return map(Noted._make, NOTE.iter_unpack(notes))


def pack_notes(notes: list[Noted]) -> bytes:
    return b"".join([NOTE.pack(*each) for each in notes])


class Column(NamedTuple):
    """The notes of one kind in a block, of one follower if they are ACKED: by zxid."""

    zxids: list[int]
    notes: list[tuple[int, ...]]  # see Noted


Columns = dict[int, Column]  # by `column_of`


def column_of(kind: int, who: int = 0) -> int:
    return who << 8 | kind if kind == _ACKED else kind


def sort_notes(notes: bytes, columns: Columns) -> None:
    """Add them to what there is."""
    unordered = set()
    for note in NOTE.iter_unpack(notes):
        kind, zxid = note[0], note[4]
        key = note[1] << 8 | kind if kind == _ACKED else kind
        column = columns.get(key)
        if column is None:
            column = columns[key] = Column([], [])
        elif zxid < column.zxids[-1]:
            unordered.add(key)  # around a stream that was made anew
        column.zxids.append(zxid)
        column.notes.append(note)
    for key in unordered:
        columns[key].zxids.sort()
        columns[key].notes.sort(key=_zxid_of)


def _zxid_of(note: tuple[int, ...]) -> int:
    return note[4]


def _first_zxid(note: Noted) -> int:
    return note.zxid - note.count + 1 if note.kind in (Note.APPLIED, Note.REPLIED) else note.zxid


class _Block:
    __slots__ = ("follows_gap", "is_sealed", "notes", "now_ns", "size", "sorted", "writes")

    def __init__(self, notes: bytes, *, follows_gap: bool) -> None:
        self.notes: bytes | bytearray = bytearray(notes)
        self.follows_gap = follows_gap  # messages before it were lost
        self.now_ns = 0
        self.writes = 0  # all that the ring had covered at its end
        self.is_sealed = False
        self.size = len(notes)  # bytes, as they came
        self.sorted = 0  # so many of them are, while the ring keeps them so

    def add(self, notes: bytes) -> None:
        self.notes += notes
        self.size += len(notes)

    def seal(self) -> None:
        """It grows no more."""
        self.notes = _compress(bytes(self.notes))
        self.is_sealed = True

    def read(self) -> bytes:
        return _decompress(bytes(self.notes)) if self.is_sealed else bytes(self.notes)


class Ring:
    """The notes of one process, until at least *writes_max* writes are covered: then the oldest go.

    *newest*: the newest zxid named. *oldest*: whatever was written before it is not here.
    """

    def __init__(self, writes_max: int) -> None:
        self.writes_max = writes_max
        self.newest = 0
        self.oldest = 0
        self.pid = 0
        self.dropped = 0
        self._blocks: list[_Block] = []
        self._zxids: list[int] = []  # the newest zxid named up to the end of each block
        self._dead = 0  # blocks at the beginning that are dropped
        self._bytes = 0
        self._writes = 0
        self._sorted: OrderedDict[_Block, Columns] = OrderedDict()

    def take(self, *, pid: int, now_ns: int, zxid: int, notes: bytes, dropped: int = 0) -> None:
        """As they came in one message (transport/messages.py: Timings)."""
        if not notes or not zxid:
            return  # stops of a process that has seen no write concern none
        last = self._blocks[-1] if self._blocks else None
        has_gap = last is not None and (pid != self.pid or dropped != self.dropped)
        if last is None or has_gap or len(last.notes) + len(notes) > BLOCK_BYTES:
            last = self._begin(notes, last, follows_gap=has_gap)
        else:
            last.add(notes)
            self._bytes += len(notes)
        if self.newest == 0:
            self.oldest = min((_first_zxid(each) for each in unpack_notes(notes) if each.zxid), default=zxid)
        self._count(zxid)
        self.pid, self.dropped = pid, dropped
        last.now_ns, last.writes = now_ns, self._writes
        self._zxids[-1] = self.newest
        self._drop_old()

    def read(self, zxid: int) -> Iterator[tuple[int, Columns]]:
        """(when they were sent, notes) of each block that may hold something of *zxid*, in order.

        Ends where messages were lost, or a life ended: what came after it is not the first to cover that zxid.
        """
        zxids = self._zxids
        if zxid < self.oldest:
            return
        reached = bisect_left(zxids, zxid, self._dead)
        if reached >= len(zxids):
            return
        for at in range(self._begin_of(reached), len(zxids)):
            block = self._blocks[at]
            if block.follows_gap and at > reached:
                return
            yield block.now_ns, self._sort(block)

    def _sort(self, block: _Block) -> Columns:
        columns = self._sorted.get(block)
        if columns is None:
            columns = self._sorted[block] = {}
            block.sorted = 0
            if len(self._sorted) > SORTED_BLOCKS:
                self._sorted.popitem(last=False)
        else:
            self._sorted.move_to_end(block)
        if block.sorted < block.size:
            sort_notes(block.read()[block.sorted:], columns)
            block.sorted = block.size
        return columns

    def _begin_of(self, reached: int) -> int:
        """Where that may begin which is first reached in this block."""
        begin = reached
        if reached > self._dead:
            # The first of a record may be named at the end of a block, and nothing newer until some blocks later.
            begin = bisect_left(self._zxids, self._zxids[reached - 1], self._dead)
        begin = max(begin - 1, self._dead)
        gaps = [at for at in range(begin + 1, reached + 1) if self._blocks[at].follows_gap]
        return gaps[-1] if gaps else begin

    def read_back(self) -> Iterator[Iterator[Noted]]:
        """The notes of each block, the newest block first."""
        for block in reversed(self._blocks[self._dead:]):
            yield unpack_notes(block.read())

    @property
    def bytes_kept(self) -> int:
        return self._bytes

    @property
    def writes(self) -> int:
        """How many are covered. May be called in other threads."""
        blocks = self._blocks[self._dead:]
        return self._writes - blocks[0].writes if blocks else 0

    def _begin(self, notes: bytes, last: _Block | None, *, follows_gap: bool) -> _Block:
        if last is not None and not last.is_sealed:
            self._bytes -= len(last.notes)
            last.seal()
            self._bytes += len(last.notes)
        block = _Block(notes, follows_gap=follows_gap)
        self._blocks.append(block)
        self._zxids.append(self.newest)
        self._bytes += len(notes)
        return block

    def _count(self, zxid: int) -> None:
        """A new life may name older ones again: what counts is the newest ever."""
        if zxid <= self.newest:
            return
        if self.newest == 0:
            self._writes = 0
        elif epoch_of(zxid) == epoch_of(self.newest):
            self._writes += zxid - self.newest
        else:
            self._writes += counter_of(zxid)
        self.newest = zxid

    def _drop_old(self) -> None:
        blocks, at = self._blocks, self._dead
        while at < len(blocks) - 1 and (
                self._writes - blocks[at].writes > self.writes_max or self._bytes > BYTES_MAX):
            self._bytes -= len(blocks[at].notes)
            self.oldest = self._zxids[at] + 1
            blocks[at].notes = b""
            at += 1
        self._dead = at
        if at > _DEAD_BLOCKS_MAX:
            del self._blocks[:at], self._zxids[:at]
            self._dead = 0
