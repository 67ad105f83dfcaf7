"""What one member's processes say about one zxid, by kind of note; and the times of one clock moved to another."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from observability.clocks import Offset
from observability.ring import Noted
from transport.timings import Note

Kinds = dict[int, Noted]


@dataclass(slots=True)
class Process:
    """One process's notes. *acked*: by follower. *stalls*: from, to, ns."""

    name: str
    kinds: Kinds = field(default_factory=dict)
    acked: Kinds = field(default_factory=dict)
    stalls: list[tuple[int, int]] = field(default_factory=list)
    synced_before: int = 0  # zxid

    def at(self, kind: Note) -> int | None:
        note = self.kinds.get(kind)
        return None if note is None else note.at_ns

    def stalled_ns(self, from_ns: int, to_ns: int) -> int:
        """How much of that time the process did not run."""
        return sum(max(0, min(end, to_ns) - max(begin, from_ns)) for begin, end in self.stalls)


@dataclass(slots=True)
class Told:
    """One member's. *offset*: from its CLOCK_MONOTONIC to that of who asks. *wall_ns*: to its own wall clock."""

    member: int
    offset: Offset
    wall_ns: int
    broadcast: Process
    processors: list[Process]


def told(member: int, processes: dict[str, Iterable[Noted]], zxid: int, *, offset: Offset, wall_ns: int) -> Told:
    by_name = {name: _process(name, notes, zxid) for name, notes in processes.items()}
    processors = [each for name, each in sorted(by_name.items()) if name.startswith("processor")]
    return Told(member, offset, wall_ns, by_name.get("broadcast", Process("broadcast")), processors)


def _process(name: str, notes: Iterable[Noted], zxid: int) -> Process:
    process = Process(name)
    for note in notes:
        if note.kind == Note.ACKED:
            process.acked.setdefault(note.who, note)
        elif note.kind == Note.STALLED:
            process.stalls.append((note.at_ns - note.took_ns, note.at_ns))
        elif note.kind == Note.SYNCED and note.zxid < zxid:
            process.synced_before = note.zxid
        else:
            process.kinds.setdefault(note.kind, note)
    return process
