"""Which writes become traces, and that what does not is counted."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.sampling import Batch, Batches, Loss, Pick, Reason, Sampler
from transport.timings import Note, Timings
from transport.zxid import make_zxid

MS, SECOND = 1_000_000, 1_000_000_000
NOW = 50 * SECOND


def sampler(*, ratio: float = 1.0, budget: int = 10) -> Sampler:
    return Sampler(ratio=ratio, budget=budget, slow_ns=100 * MS)


def batch(first: int = 1, requests: int = 1, *, ms: int = 2, was_kept_up: bool = False, traced: int = 0) -> Batch:
    return Batch(first, requests, ms * MS, was_kept_up, traced)


def singles(count: int, first: int = 1, *, ms: int = 2) -> list[Batch]:
    return [batch(zxid, ms=ms) for zxid in range(first, first + count)]


def kept_of(each: Sampler, batches: list[Batch], now_ns: int = NOW) -> int:
    return sum(len(each.offer(one, now_ns)[0]) for one in batches)


def test_every_write_is_kept_while_the_budget_lasts() -> None:
    each = sampler()

    assert each.offer(batch(first=7, requests=3), NOW) == ([Pick(zxid, Reason.SAMPLED) for zxid in (7, 8, 9)], False)
    assert kept_of(each, singles(20, 10)) == 9
    assert each.kept[Reason.SAMPLED] == 12
    assert each.dropped[Loss.BUDGET] == 11


def test_the_budget_counts_batches_and_their_other_writes_ride_along_within_bounds() -> None:
    each = sampler()

    assert [kept_of(each, [batch(requests=60)]) for _ in range(12)] == [51, *[1] * 9, 0, 0]
    assert each.dropped[Loss.BUDGET] == 12 * 60 - 60


def test_the_budget_comes_back_with_time_and_never_beyond_a_second_of_it() -> None:
    each = sampler()
    kept_of(each, singles(10))

    assert kept_of(each, singles(10), NOW + SECOND // 2) == 5
    assert kept_of(each, singles(100), NOW + 60 * SECOND) == 10


@pytest.mark.parametrize(("late", "reason"), [
    (batch(requests=60, ms=100), Reason.SLOW), (batch(requests=60, was_kept_up=True), Reason.ELECTION)])
def test_slow_writes_and_those_of_an_election_go_past_the_budget(late: Batch, reason: Reason) -> None:
    each = sampler()
    kept_of(each, singles(10))

    assert each.offer(late, NOW) == ([Pick(zxid, reason) for zxid in late.zxids], False)


def test_past_the_cap_even_slow_writes_are_dropped_and_counted() -> None:
    each = sampler()

    assert kept_of(each, singles(50, ms=500)) == 30
    assert each.dropped[Loss.URGENT_CAP] == 20
    assert kept_of(each, [batch(requests=1000, ms=500)], NOW + SECOND) == 301
    assert each.dropped[Loss.URGENT_CAP] == 20 + 699


def test_of_what_is_slow_the_slowest_goes_first_and_the_rest_stays_in_its_order() -> None:
    offered = [batch(1), batch(2, ms=150), batch(3), batch(4, ms=300), batch(5)]

    assert [one.first_zxid for one in sampler().in_order(offered)] == [4, 2, 1, 3, 5]


def test_slow_writes_are_paid_for_by_the_rest() -> None:
    each = sampler()
    kept_of(each, singles(15, ms=500))

    assert each.offer(batch(), NOW + SECOND // 2) == ([], False)
    assert len(each.offer(batch(), NOW + SECOND)[0]) == 1


def test_a_batch_with_contexts_is_read_first_unless_it_is_kept_anyway() -> None:
    each = sampler()

    assert each.offer(batch(traced=1), NOW) == ([], True)
    assert each.offer(batch(traced=1, ms=300), NOW) == ([Pick(1, Reason.SLOW)], False)


def test_what_a_client_samples_goes_before_the_rest_and_may_overdraw() -> None:
    each = sampler()
    kept_of(each, singles(10))

    picks = each.client([(1, None), (2, True), (3, False), (4, True)], NOW)

    # The first gets the stages; what nobody asked for rides along, since they are told anyway.
    assert picks == [Pick(2, Reason.CLIENT), Pick(4, Reason.CLIENT), Pick(1, Reason.SAMPLED)]
    assert each.dropped == {Loss.BUDGET: 0, Loss.CLIENT_BUDGET: 0, Loss.URGENT_CAP: 0, Loss.RATIO: 1}
    told = [len(each.client([(zxid, True)], NOW)) for zxid in range(30)]
    assert sum(told) == 9  # a second's worth, and no more
    assert each.dropped[Loss.CLIENT_BUDGET] == 21


def test_the_ratio_keeps_its_share_of_neighbouring_zxids_and_every_member_the_same() -> None:
    one, other = sampler(ratio=0.25, budget=2_000), sampler(ratio=0.25, budget=2_000)
    first = 3 << 40

    picks, _ = one.offer(batch(first, 4000), NOW)

    assert 990 <= len(picks) <= 1010
    assert one.dropped[Loss.RATIO] == 4000 - len(picks)
    assert [pick.zxid for pick in picks] == [zxid for zxid in range(first, first + 4000) if other.is_chosen(zxid)]


@pytest.mark.parametrize(("ratio", "kept"), [(0.0, 0), (1.0, 5)])
def test_none_and_all_are_ratios(ratio: float, kept: int) -> None:
    assert len(sampler(ratio=ratio).offer(batch(requests=5), NOW)[0]) == kept


def test_a_budget_of_nothing_keeps_nothing() -> None:
    each = sampler(budget=0)

    assert each.offer(batch(ms=900), NOW) == ([], False)
    assert each.client([(1, True)], NOW) == []


@given(st.lists(st.tuples(
    st.integers(0, SECOND), st.integers(1, 300), st.sampled_from([1, 500]), st.booleans(),
    st.sampled_from([0, 1])), max_size=30), st.sampled_from([0.0, 0.3, 1.0]))
def test_every_write_is_kept_or_dropped_once_and_the_cap_holds(
        offers: list[tuple[int, int, int, bool, int]], ratio: float) -> None:
    each, now, first, picks = sampler(ratio=ratio), NOW, 1, []
    for later, requests, ms, was_kept_up, traced in offers:
        now += later
        some, unread = each.offer(batch(first, requests, ms=ms, was_kept_up=was_kept_up, traced=traced), now)
        if unread:
            some = each.client([(zxid, (None, True, False)[zxid % 3]) for zxid in range(first, first + requests)], now)
        picks += some
        first += requests

    assert sum(each.kept.values()) == len(picks)
    assert sum(each.kept.values()) + sum(each.dropped.values()) == first - 1
    assert all(a.zxid < b.zxid for a, b in pairwise(sorted(picks)))
    seconds = (now - NOW) / SECOND
    assert len(picks) <= (10 + 10 + 30 + 50 + 300) * (seconds + 1) + 1


def test_notes_of_a_processor_become_finished_batches() -> None:
    notes, batches = Timings(), Batches()
    notes.note(Note.READ, 10, 1000, count=3)
    notes.note(Note.SUBMITTED, 10, 1500, who=1, part=2, count=1)
    notes.note(Note.READ, 20, 2000, count=1)
    notes.note(Note.SUBMITTED, 20, 2100, who=1, part=1)
    notes.note(Note.APPLIED, 12, 3000, count=3)
    notes.note(Note.REPLIED, 12, 4000, count=3)

    assert batches.take(notes.take()) == [Batch(10, 3, 3000, True, 1)]

    notes.note(Note.REPLIED, 20, 5000, count=1)
    assert batches.take(notes.take()) == [Batch(20, 1, 3000, False, 0)]


def test_one_note_may_answer_several_batches_and_lost_ones_do_not_pile_up() -> None:
    notes, batches = Timings(), Batches()
    for zxid in range(3000):
        notes.note(Note.READ, zxid, 1000, count=1)
    assert batches.take(notes.take()) == []

    notes.note(Note.REPLIED, 2999, 2000, count=1)
    finished = batches.take(notes.take())

    assert [each.first_zxid for each in finished] == list(range(3000 - 1024, 3000))
    assert batches.lost == 3000 - 1024


def test_what_was_kept_until_somebody_led_met_an_election() -> None:
    notes, batches = Timings(), Batches()
    old, new = make_zxid(epoch=3, counter=9), make_zxid(epoch=4, counter=1)
    told = ((old, 0, 1), (new, 10, 90), (new + 1, 60, 91), (new + 2, 89, 92), (new + 3, 200, 300))
    for zxid, read_ms, submitted_ms in told:
        notes.note(Note.READ, zxid, read_ms * MS, count=1)
        notes.note(Note.SUBMITTED, zxid, submitted_ms * MS, who=1, part=1)
        notes.note(Note.REPLIED, zxid, 400 * MS, count=1)

    assert [each.was_kept_up for each in batches.take(notes.take())] == [False, True, True, False, False]


def test_a_first_batch_after_a_quiet_election_met_none() -> None:
    notes, batches = Timings(), Batches()
    for zxid, read_ms in ((make_zxid(epoch=3, counter=9), 0), (make_zxid(epoch=4, counter=1), 500)):
        notes.note(Note.READ, zxid, read_ms * MS, count=1)
        notes.note(Note.SUBMITTED, zxid, read_ms * MS + 1000, who=1, part=1)
        notes.note(Note.REPLIED, zxid, 600 * MS, count=1)

    assert [each.was_kept_up for each in batches.take(notes.take())] == [False, False]
