"""What one process noted about one zxid: picked from its ring.

A fragment is some notes, packed as they came: members send them to each other, and observability/assembly.py makes
stages of them.
"""

from collections.abc import Collection

import msgspec

from observability.ring import Noted, Ring, pack_notes
from transport.timings import Note
from transport.zxid import epoch_of

AWAIT_NS = 30_000_000_000  # so long after the first note, what must come is looked for
AWAIT_ACKS_NS = 1_500_000_000  # and an ack of a follower, which may be down

_FIRST = frozenset((Note.TAKEN, Note.PROPOSED, Note.RECEIVED, Note.READ))  # zxid of the first, and how many
_LAST = frozenset((Note.APPLIED, Note.REPLIED))  # zxid of the last, and how many
_UPTO = frozenset((Note.SENT, Note.SYNCED, Note.ACK_SENT, Note.COMMITTED, Note.PUBLISHED))


class Fragment(msgspec.Struct, frozen=True, array_like=True):
    """*processes*: name → packed notes about *zxid*; those with none are not in it.

    *oldest*, *newest*: which zxids this member's notes cover, 0 where it has none.
    """

    zxid: int
    processes: dict[str, bytes]
    oldest: int
    newest: int


class _Picked:
    def __init__(self, zxid: int) -> None:
        self.zxid = zxid
        self.found: dict[tuple[int, int], Noted] = {}
        self.submitted: dict[int, Noted] = {}
        self.synced_before: Noted | None = None
        self.stalls: list[Noted] = []
        self.epoch: Noted | None = None
        self.first_ns = 0

    def take(self, note: Noted) -> None:
        kind = note.kind
        if kind in _UPTO:
            if note.zxid >= self.zxid:
                self._keep((kind, 0), note)
            elif kind == Note.SYNCED:
                self.synced_before = note
        elif kind == Note.ACKED:
            if note.zxid >= self.zxid:
                self._keep((kind, note.who), note)
        elif kind in _FIRST:
            if note.zxid <= self.zxid < note.zxid + note.count:
                self._keep((kind, 0), note)
        elif kind in _LAST:
            if note.zxid - note.count < self.zxid <= note.zxid:
                self._keep((kind, 0), note)
        elif kind == Note.STALLED:
            self.stalls.append(note)
        elif note.zxid > self.zxid:
            return
        elif kind == Note.SUBMITTED:
            self.submitted[note.zxid] = note
        elif kind == Note.EPOCH:
            self.epoch = note
        elif kind == Note.NOTIFIED:
            if note.zxid == self.zxid:
                self._keep((kind, 0), note)
        elif kind == Note.FAILED and self.zxid <= note.zxid + note.part:
            self._keep((kind, 0), note)

    def _keep(self, key: tuple[int, int], note: Noted) -> None:
        if key not in self.found:
            self.found[key] = note
            self.first_ns = self.first_ns or note.at_ns

    def has(self, kind: Note) -> bool:
        return (kind, 0) in self.found

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
            if self.has(Note.PROPOSED) and any((Note.ACKED, each) not in self.found for each in followers):
                return True
            if self.has(Note.RECEIVED) and not self.has(Note.ACK_SENT):
                return True
        return not self.has(Note.PUBLISHED) and not self.has(Note.APPLIED)

    def notes(self) -> list[Noted]:
        """In the order of time; also the sync before the one that covers it, and its epoch's start if that is near."""
        picked = list(self.found.values())
        if not any(kind in _FIRST or kind in _LAST for kind, _ in self.found):
            # Its beginning is lost: who knows whether what is here is the first to cover it.
            return [each for each in picked if each.kind == Note.PUBLISHED]
        read = self.found.get((Note.READ, 0))
        if read is not None and read.zxid in self.submitted:
            picked.append(self.submitted[read.zxid])
        if not picked:
            return []
        began_ns = min(each.at_ns for each in picked)
        ended_ns = max(each.at_ns for each in picked)
        picked += [each for each in self.stalls if began_ns <= each.at_ns and each.at_ns - each.took_ns <= ended_ns]
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
    take = picked.take
    for sent_ns, notes in ring.read(zxid):
        for note in notes:
            take(note)
        if not picked.is_waited_for(sent_ns, followers):
            break
    return picked.notes()


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
