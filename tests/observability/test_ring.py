"""Notes are found again by zxid, whatever blocks they came in, and the oldest go first."""

from hypothesis import given
from hypothesis import strategies as st

from observability.fragments import errors_of, pick
from observability.ring import BLOCK_BYTES, Ring, unpack_notes
from tests.observability.synthetic import Ensemble
from transport.timings import NOTE, Note
from transport.zxid import make_zxid

EPOCH = 4


def zxid(counter: int) -> int:
    return make_zxid(epoch=EPOCH, counter=counter)


def notes_of_a_leader(writes: int) -> list[bytes]:
    ensemble = Ensemble()
    for counter in range(1, writes + 1):
        ensemble.write(counter, begin_ms=counter * 2.0)
    return ensemble.sent[1, "broadcast"]


def filled(notes: list[bytes], sizes: list[int], *, writes_max: int = 100_000) -> Ring:
    """The notes in messages of so many each, as a process sends them."""
    ring, at, newest, number = Ring(writes_max), 0, 0, 0
    while at < len(notes):
        size = sizes[number % len(sizes)]
        piece = b"".join(notes[at:at + size])
        newest = max(newest, *(each.zxid for each in unpack_notes(piece)))
        ring.take(pid=1, now_ns=next(reversed(list(unpack_notes(piece)))).at_ns, zxid=newest, notes=piece)
        at += size
        number += 1
    return ring


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), counter=st.integers(1, 60))
def test_a_write_is_found_whole_whatever_messages_its_notes_came_in(sizes: list[int], counter: int) -> None:
    notes = notes_of_a_leader(60)
    whole = pick(filled(notes, [len(notes)]), zxid(counter), followers=(2, 3))

    found = pick(filled(notes, sizes), zxid(counter), followers=(2, 3))

    assert found == whole
    assert {Note(each.kind) for each in found} >= {
        Note.TAKEN, Note.PROPOSED, Note.SENT, Note.ACKED, Note.SYNCED, Note.COMMITTED, Note.PUBLISHED}


@given(counters=st.lists(st.integers(1, 60), min_size=1, max_size=8), size=st.integers(1, 40))
def test_what_was_asked_before_a_block_grew_changes_nothing(counters: list[int], size: int) -> None:
    notes = notes_of_a_leader(60)
    ring = Ring(100_000)
    for at in range(0, len(notes), size):
        piece = b"".join(notes[at:at + size])
        last = max(unpack_notes(piece), key=lambda each: each.zxid)
        ring.take(pid=1, now_ns=last.at_ns, zxid=max(last.zxid, ring.newest), notes=piece)
        pick(ring, zxid(counters[at % len(counters)]), followers=(2, 3))

    whole = filled(notes, [len(notes)])
    for counter in counters:
        assert pick(ring, zxid(counter), followers=(2, 3)) == pick(whole, zxid(counter), followers=(2, 3))


def test_the_errors_of_a_batch_are_those_of_its_writes_alone() -> None:
    notes = [
        NOTE.pack(Note.READ, 0, 0, 10, zxid(5), 1, 0), NOTE.pack(Note.FAILED, 0, 2, 101, zxid(3), 2, 0),
        NOTE.pack(Note.FAILED, 0, 1, 110, zxid(8), 3, 0), NOTE.pack(Note.FAILED, 0, 9, 103, zxid(14), 4, 0),
        NOTE.pack(Note.REPLIED, 0, 0, 10, zxid(14), 5, 0)]
    ring = filled(notes, [2])

    assert errors_of(ring, range(zxid(5), zxid(15))) == {
        zxid(5): -101, zxid(8): -110, zxid(9): -110, zxid(14): -103}


def test_blocks_that_are_full_are_compressed_and_read_the_same() -> None:
    notes = notes_of_a_leader(1000)
    ring = filled(notes, [100])

    assert ring.bytes_kept < len(notes) * NOTE.size // 2
    assert len(pick(ring, zxid(3), followers=(2, 3))) == len(pick(ring, zxid(990), followers=(2, 3)))


def test_the_oldest_go_once_enough_newer_writes_are_covered() -> None:
    ring = filled(notes_of_a_leader(3000), [50], writes_max=1000)

    assert ring.newest == zxid(3000)
    assert zxid(1000) < ring.oldest <= zxid(2001)
    assert not pick(ring, zxid(100))
    assert pick(ring, zxid(2001))
    assert ring.bytes_kept < BLOCK_BYTES * 8


def test_a_restarted_process_may_name_older_zxids_again() -> None:
    ring = filled(notes_of_a_leader(10), [3])
    again = NOTE.pack(Note.SYNCED, 0, 0, 0, zxid(4), 10**12, 5)

    ring.take(pid=2, now_ns=10**12, zxid=zxid(4), notes=again)

    assert ring.newest == zxid(10)
    assert pick(ring, zxid(10))


def test_a_new_epoch_counts_its_own_writes_only() -> None:
    ring = filled(notes_of_a_leader(10), [10], writes_max=100)
    later = make_zxid(epoch=9, counter=50)

    ring.take(pid=1, now_ns=10**12, zxid=later, notes=NOTE.pack(Note.SYNCED, 0, 0, 0, later, 10**12, 5))

    assert pick(ring, zxid(10)), "sixty writes are covered, not four epochs' worth"


def test_after_lost_messages_no_late_note_is_taken_for_the_first() -> None:
    notes = notes_of_a_leader(30)
    ring = Ring(1000)

    def take(part: list[bytes], *, dropped: int) -> None:
        found = list(unpack_notes(b"".join(part)))
        ring.take(
            pid=1, now_ns=found[-1].at_ns, zxid=max(each.zxid for each in found), notes=b"".join(part), dropped=dropped)

    take(notes[:100], dropped=0)
    take(notes[150:], dropped=1)

    whole = [Note(each.kind) for each in pick(ring, zxid(28), followers=(2, 3))]
    assert Note.PROPOSED in whole
    lost = next(each.zxid for each in unpack_notes(b"".join(notes[110:])) if each.kind == Note.PROPOSED)
    assert {Note(each.kind) for each in pick(ring, lost)} <= {Note.PUBLISHED}
