"""Buckets of half a power of two."""

import bisect

from hypothesis import given
from hypothesis import strategies as st

from observability.histogram import Histogram, bounds, count_histogram


def bucket_of(value: int, histogram: Histogram) -> int:
    histogram.observe(value)
    return next(at for at, count in enumerate(histogram.counts) if count)


def test_bounds_are_powers_of_two_and_the_halves_between() -> None:
    assert bounds(3, 6) == [8, 12, 16, 24, 32]


@given(st.integers(0, 1 << 40))
def test_a_value_is_in_the_first_bucket_whose_bound_is_not_below_it(value: int) -> None:
    for histogram in (Histogram(), count_histogram()):
        upper = bounds(histogram.first, len(histogram.counts))

        assert bucket_of(value, histogram) == bisect.bisect_left(upper, value)


def test_what_is_observed_many_times_counts_many_times() -> None:
    histogram = Histogram(0, 3)
    histogram.observe(3, 5)
    histogram.observe(100)
    histogram.observe(0, 2)

    assert histogram.figure() == {"first": 0, "buckets": [2, 0, 0, 5, 0, 0, 0, 1], "sum": 115}
