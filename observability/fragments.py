"""What one process noted about one zxid: picked from its ring.

A fragment is some notes, packed as they came: members send them to each other, and observability/assembly.py makes
stages of them.
"""

from collections.abc import Collection

import msgspec

from observability.ring import Noted, Ring, pack_notes
from transport.timings import NOTE, Note
from transport.zxid import epoch_of

AWAIT_NS = 30_000_000_000  # so long after the first note, what must come is looked for
AWAIT_ACKS_NS = 1_500_000_000  # and an ack of a follower, which may be down

STALLED_BEFORE_NS = 20_000_000  # a stop that ended just before the first note is why that came late
BLOCKS_MAX = 64  # in which nothing about it was found: it is not there

# How a note covers zxids: all up to it; so many from it on; so many that end with it; itself, or in ways of its own.
_UPTO, _FIRST, _LAST, _ACK, _OTHER = range(5)
_COVERS = [_OTHER] * 256
for _kind in (Note.SENT, Note.SYNCED, Note.ACK_SENT, Note.COMMITTED, Note.PUBLISHED):
    _COVERS[_kind] = _UPTO
for _kind in (Note.TAKEN, Note.PROPOSED, Note.RECEIVED, Note.READ):
    _COVERS[_kind] = _FIRST
for _kind in (Note.APPLIED, Note.REPLIED):
    _COVERS[_kind] = _LAST
_COVERS[Note.ACKED] = _ACK
_SYNCED = int(Note.SYNCED)


class Fragment(msgspec.Struct, frozen=True, array_like=True):
    """*processes*: name → packed notes about *zxid*; those with none are not in it.

    *oldest*, *newest*: which zxids this member's notes cover, 0 where it has none.
    """

    zxid: int
    processes: dict[str, bytes]
    oldest: int
    newest: int


class _Picked:
    """*found*: by kind, or by kind and follower; the first that covers the zxid."""

    def __init__(self, zxid: int) -> None:
        self.zxid = zxid
        self.found: dict[int, Noted] = {}
        self.submitted: Noted | None = None
        self.synced_before: Noted | None = None
        self.stalls: list[Noted] = []
        self.epoch: Noted | None = None
        self.first_ns = 0

    def take(self, notes: bytes) -> None:
        """Some thousand of them at full load, nearly all about other zxids: so nothing is made of those."""
        wanted, found, covers = self.zxid, self.found, _COVERS
        before = None
        for note in NOTE.iter_unpack(notes):
            kind, zxid = note[0], note[4]
            how = covers[kind]
            if how == _UPTO:
                if zxid < wanted:
                    if kind == _SYNCED:
                        before = note
                    continue
            elif how == _FIRST:
                if zxid > wanted or wanted >= zxid + note[3]:
                    continue
            elif how == _ACK:
                if zxid < wanted:
                    continue
                kind = _ack_of(note[1])
            elif how == _OTHER:
                self._take_other(note)
                continue
            elif wanted > zxid or zxid - note[3] >= wanted:
                continue
            if kind not in found:
                found[kind] = Noted._make(note)
                self.first_ns = self.first_ns or note[5]
        if before is not None:
            self.synced_before = Noted._make(before)

    def _take_other(self, raw: tuple[int, ...]) -> None:
        note = Noted._make(raw)
        if note.kind == Note.STALLED:
            self.stalls.append(note)
        elif note.zxid > self.zxid:
            return
        elif note.kind == Note.SUBMITTED:
            self.submitted = note
        elif note.kind == Note.EPOCH:
            self.epoch = note
        elif self.zxid == note.zxid or (note.kind == Note.FAILED and self.zxid <= note.zxid + note.part):
            self.found.setdefault(note.kind, note)

    def has(self, kind: Note) -> bool:
        return kind in self.found

    def is_waited_for(self, sent_ns: int, followers: Collection[int]) -> bool:
        """Whether notes that were sent after *sent_ns* may still bring something."""
        if not self.first_ns:
            return True
        waited_ns = sent_ns - self.first_ns
        if waited_ns > AWAIT_NS:
            return False
        if self.has(Note.READ) and not self.has(Note.REPLIED):
            return True
        if waited_ns < AWAIT_ACKS_NS:
            if self.has(Note.PROPOSED) and any(_ack_of(each) not in self.found for each in followers):
                return True
            if self.has(Note.RECEIVED) and not self.has(Note.ACK_SENT):
                return True
        return not self.has(Note.PUBLISHED) and not self.has(Note.APPLIED)

    def notes(self) -> list[Noted]:
        """In the order of time; also the sync before the one that covers it, and its epoch's start if that is near."""
        picked = list(self.found.values())
        if not any(_COVERS[each.kind] in (_FIRST, _LAST) for each in picked):
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
    picked = _Picked(zxid)
    for number, (sent_ns, notes) in enumerate(ring.read(zxid), 1):
        picked.take(notes)
        if not picked.is_waited_for(sent_ns, followers) or (number == BLOCKS_MAX and not picked.first_ns):
            break
    return picked.notes()


def _ack_of(follower: int) -> int:
    return follower << 8 | Note.ACKED


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
