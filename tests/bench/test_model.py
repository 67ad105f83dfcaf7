"""The model of a write's time says what it means."""

import pytest

from bench.model import LIMIT_PER_S, latency_ms, predictions, rate_per_s


def test_one_write_waits_for_one_round_trip_and_one_sync() -> None:
    assert latency_ms(rtt_ms=5, sync_ms=2, software_us=700) == pytest.approx(7.7)


def test_what_is_in_flight_shares_them_up_to_the_limit() -> None:
    one = rate_per_s(1, rtt_ms=9, sync_ms=0.3, software_us=700)

    assert one == pytest.approx(100)
    assert rate_per_s(100, rtt_ms=9, sync_ms=0.3, software_us=700) == pytest.approx(10_000)
    assert rate_per_s(10_000, rtt_ms=9, sync_ms=0.3, software_us=700) == LIMIT_PER_S


def test_the_table_says_it_for_each_network_and_disk() -> None:
    lines = predictions(700, 82_600).splitlines()

    assert "| 5 ms | 1 ms | 6.7 ms | 149/s | 14,925/s | 82,600/s |" in lines
    assert len(lines) == 2 + 6 * 5
