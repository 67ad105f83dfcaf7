"""What one process noted about one zxid: picked from its ring.

A fragment is some notes, packed as they came: members send them to each other, and observability/assembly.py makes
stages of them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection

import msgspec

from observability.ring import Columns, Noted, Ring, column_of, pack_notes
from transport.timings import Note
from transport.zxid import epoch_of

AWAIT_NS = 30_000_000_000  # so long after the first note, what must come is looked for
AWAIT_ACKS_NS = 1_500_000_000  # and an ack of a follower, which may be down

STALLED_BEFORE_NS = 20_000_000  # a stop that ended just before the first note is why that came late
BLOCKS_MAX = 64  # in which nothing about it was found: it is not there

# How a note covers zxids: all up to it; so many from it on; so many that end with it.
_UPTO = tuple(map(int, (Note.SENT, Note.SYNCED, Note.ACK_SENT, Note.COMMITTED, Note.PUBLISHED)))
_FIRST = tuple(map(int, (Note.TAKEN, Note.PROPOSED, Note.RECEIVED, Note.READ)))
_LAST = tuple(map(int, (Note.APPLIED, Note.REPLIED)))
_SYNCED, _SUBMITTED, _EPOCH, _STALLED, _NOTIFIED, _FAILED, _REPLIED = map(int, (
    Note.SYNCED, Note.SUBMITTED, Note.EPOCH, Note.STALLED, Note.NOTIFIED, Note.FAILED, Note.REPLIED))


class Fragment(msgspec.Struct, frozen=True, array_like=True):
    """*processes*: name → packed notes about *zxid*; those with none are not in it.

    *oldest*, *newest*: which zxids this member's notes cover, 0 where it has none.
    """

    zxid: int
    processes: dict[str, bytes]
    oldest: int
    newest: int


class _Picked:
    """*found*: by column; the first that covers the zxid."""

    def __init__(self, zxid: int, followers: Collection[int]) -> None:
        self.zxid = zxid
        self.followers = followers
        self.found: dict[int, Noted] = {}
        self.submitted: Noted | None = None
        self.synced_before: Noted | None = None
        self.stalls: list[Noted] = []
        self.epoch: Noted | None = None
        self.first_ns = 0

    def take(self, columns: Columns) -> None:
        zxid, found = self.zxid, self.found
        for key in (*_UPTO, *(column_of(Note.ACKED, each) for each in self.followers)):
            if key not in found and key in columns:
                column = columns[key]
                at = bisect_left(column.zxids, zxid)
                if at < len(column.zxids):
                    self._keep(key, column.notes[at])
                if key == _SYNCED and at:
                    self.synced_before = Noted._make(column.notes[at - 1])
        for key in _FIRST:
            note = _last_upto(columns, key, zxid)
            if note is not None and key not in found and zxid < note.zxid + note.count:
                self._keep(key, note)
        for key in _LAST:
            if key not in found and key in columns:
                column = columns[key]
                at = bisect_left(column.zxids, zxid)
                if at < len(column.zxids) and zxid > column.zxids[at] - column.notes[at][3]:
                    self._keep(key, column.notes[at])
        self._take_rare(columns)

    def _take_rare(self, columns: Columns) -> None:
        zxid = self.zxid
        self.submitted = _last_upto(columns, _SUBMITTED, zxid) or self.submitted
        self.epoch = _last_upto(columns, _EPOCH, zxid) or self.epoch
        notified = _last_upto(columns, _NOTIFIED, zxid)
        if notified is not None and notified.zxid == zxid:
            self._keep(_NOTIFIED, notified)
        failed = _last_upto(columns, _FAILED, zxid)
        if failed is not None and zxid <= failed.zxid + failed.part:
            self._keep(_FAILED, failed)
        if _STALLED in columns:
            self.stalls += map(Noted._make, columns[_STALLED].notes)

    def _keep(self, key: int, note: tuple[int, ...]) -> None:
        self.found.setdefault(key, Noted._make(note))
        self.first_ns = self.first_ns or note[5]

    def has(self, kind: Note) -> bool:
        return kind in self.found

    def is_waited_for(self, sent_ns: int) -> bool:
        """Whether notes that were sent after *sent_ns* may still bring something."""
        if not self.first_ns:
            return True
        waited_ns = sent_ns - self.first_ns
        if waited_ns > AWAIT_NS:
            return False
        if self.has(Note.READ) and not self.has(Note.REPLIED):
            return True
        if waited_ns < AWAIT_ACKS_NS:
            acks = [column_of(Note.ACKED, each) for each in self.followers]
            if self.has(Note.PROPOSED) and not all(each in self.found for each in acks):
                return True
            if self.has(Note.RECEIVED) and not self.has(Note.ACK_SENT):
                return True
        return not self.has(Note.PUBLISHED) and not self.has(Note.APPLIED)

    def notes(self) -> list[Noted]:
        """In the order of time; also the sync before the one that covers it, and its epoch's start if that is near."""
        picked = list(self.found.values())
        if not any(each.kind in _FIRST or each.kind in _LAST for each in picked):
            # Its beginning is lost: who knows whether what is here is the first to cover it.
            return [each for each in picked if each.kind == Note.PUBLISHED]
        read = self.found.get(Note.READ)
        if read is not None and self.submitted is not None and self.submitted.zxid == read.zxid:
            picked.append(self.submitted)
        began_ns = min(each.at_ns for each in picked)
        ended_ns = max(each.at_ns for each in picked)
        picked += [
            each for each in self.stalls
            if began_ns - STALLED_BEFORE_NS <= each.at_ns and each.at_ns - each.took_ns <= ended_ns]
        if self.synced_before is not None:
            picked.append(self.synced_before)
        if self.epoch is not None and epoch_of(self.epoch.zxid) == epoch_of(self.zxid):
            picked.append(self.epoch)
        return sorted(picked, key=lambda each: each.at_ns)


def pick(ring: Ring, zxid: int, followers: Collection[int] = ()) -> list[Noted]:
    """Everything that this process noted about *zxid*, in the order of time.

    *followers*: whose acks a leader's broadcast may have.
    """
    picked = _Picked(zxid, followers)
    for number, (sent_ns, columns) in enumerate(ring.read(zxid), 1):
        picked.take(columns)
        if not picked.is_waited_for(sent_ns) or (number == BLOCKS_MAX and not picked.first_ns):
            break
    return picked.notes()


def errors_of(ring: Ring, zxids: range) -> dict[int, int]:
    """Of the requests of one batch that ended with an error: zxid → ZooKeeper's negative code."""
    errors: dict[int, int] = {}
    for number, (_sent_ns, columns) in enumerate(ring.read(zxids[0]), 1):
        for note in columns[_FAILED].notes if _FAILED in columns else ():
            failed = Noted._make(note)
            for zxid in range(max(failed.zxid, zxids[0]), min(failed.zxid + failed.part, zxids[-1]) + 1):
                errors.setdefault(zxid, -failed.count)
        if number == BLOCKS_MAX or (_REPLIED in columns and columns[_REPLIED].zxids[-1] >= zxids[-1]):
            break
    return errors


def _last_upto(columns: Columns, key: int, zxid: int) -> Noted | None:
    """The last note of this kind that names *zxid* or an earlier one."""
    column = columns.get(key)
    if column is None:
        return None
    at = bisect_right(column.zxids, zxid)
    return Noted._make(column.notes[at - 1]) if at else None


def fragment_of(rings: dict[str, Ring], zxid: int, followers: Collection[int] = ()) -> Fragment:
    """What all processes of one member noted. *rings*: by name of the process."""
    processes = {}
    for name, ring in rings.items():
        notes = pick(ring, zxid, followers)
        if notes:
            processes[name] = pack_notes(notes)
    broadcast = rings.get("broadcast")
    return Fragment(
        zxid, processes, broadcast.oldest if broadcast is not None else 0,
        broadcast.newest if broadcast is not None else 0)
