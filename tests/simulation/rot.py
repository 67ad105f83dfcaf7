"""Where bit rot strikes: bytes that were durable and whose loss can be told from a torn write.

A record that nothing behind it proves durable looks, once it has rotted, as a power cut would have left it: what a
single member then loses is a minority's, but no member can know. Such bytes are left alone here. The envelopes are
walked by hand, as durable.py does.
"""

from pathlib import Path
from random import Random

from node.storage.layout import END, ENVELOPE, HEADER
from tests.simulation.disk import SimulatedDisk
from transport.entry import RECORD

Place = tuple[Path, int]  # file, offset


def place_in_log(disk: SimulatedDisk, directory: Path, *, executed: int, rng: Random) -> Place | None:
    """In a record that all of the member's replicas have *executed*: what they go on reading is younger."""
    places = []
    for path in sorted(each for each in disk.paths() if each.parent == directory and is_segment(each)):
        places += [(path, start, end) for start, end, last in proven_records(disk.content(path)) if last <= executed]
    if not places:
        return None
    path, start, end = rng.choice(places)
    return path, rng.randrange(start, end)


def place_in_snapshot(disk: SimulatedDisk, directory: Path, *, rng: Random) -> Place | None:
    """In the newest one."""
    paths = [each for each in disk.paths() if each.parent == directory and is_snapshot(each)]
    if not paths:
        return None
    newest = max(paths)
    return newest, rng.randrange(len(disk.content(newest)))


def is_segment(path: Path) -> bool:
    return path.name.startswith("log.") and len(path.name) == 20


def is_snapshot(path: Path) -> bool:
    return path.name.startswith("snapshot.") and len(path.name) == 25


def proven_records(content: bytes) -> list[tuple[int, int, int]]:
    """(start, end, last zxid) of those that a later envelope of the segment says were durable."""
    records: list[tuple[int, int, int]] = []
    at, proven = HEADER.size, 0
    while at + ENVELOPE.size + RECORD.size <= len(content):
        length, _, _, _, durable_upto = ENVELOPE.unpack_from(content, at)
        if length in (0, END):
            break
        first_zxid, count, *_ = RECORD.unpack_from(content, at + ENVELOPE.size)
        end = at + ENVELOPE.size + length
        if end > len(content):
            break
        records.append((at, end, first_zxid + count - 1))
        proven = max(proven, durable_upto)
        at = end
    return [each for each in records if each[2] <= proven]
