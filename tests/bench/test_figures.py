"""What a bench run says about its numbers."""

import pytest

from bench.figures import Figure, Summary, Target, Verdict, as_json, number, reduce, spread, table

SET = Figure("ops_per_sec", "set", "ops/s", Target(ratio_min=4))
GAP = Figure("longest_gap_ms", "gap", "ms", Target(ratio_max=0.5, value_below=1000))
MEMORY = Figure("pss_mb", "memory", "MB", Target(value_below=150))


def test_the_ratio_is_taken_within_a_round_and_its_median_decides() -> None:
    # The machine slows down for both in round two: medians of each side would give 80/20.
    rounds = [(100.0, 20.0), (40.0, 8.0), (80.0, 40.0)]

    result = reduce(SET, rounds)

    assert result.ratio == Summary(median=5.0, low=2.0, high=5.0)
    assert result.subject == Summary(median=80.0, low=40.0, high=100.0)
    assert result.reference == Summary(median=20.0, low=8.0, high=40.0)
    assert result.verdict is Verdict.REACHED


@pytest.mark.parametrize(
    ("target", "value", "ratio", "verdict"),
    [
        (Target(ratio_min=4), 1, 4.0, Verdict.REACHED),
        (Target(ratio_min=4), 1, 3.99, Verdict.MISSED),
        (Target(ratio_max=0.5), 1, 0.5, Verdict.REACHED),
        (Target(ratio_max=0.5), 1, 0.51, Verdict.MISSED),
        (Target(ratio_max=0.5), 1, None, Verdict.UNKNOWN),
        (Target(value_below=150), 149.9, None, Verdict.REACHED),
        (Target(value_below=150), 150, 0.1, Verdict.MISSED),
        (Target(ratio_max=0.5, value_below=1000), 1200, 0.2, Verdict.MISSED),
        (Target(ratio_max=0.5, value_below=1000), 900, 0.6, Verdict.MISSED),
        (Target(ratio_max=0.5, value_below=1000), 900, 0.4, Verdict.REACHED),
    ],
)
def test_every_bound_of_a_target_must_hold(
    target: Target, value: float, ratio: float | None, verdict: Verdict
) -> None:
    assert target.verdict(value=value, ratio=ratio) is verdict


def test_a_round_in_which_the_subject_failed_is_never_a_success() -> None:
    result = reduce(SET, [(100.0, 10.0), (None, 10.0), (100.0, 10.0)])

    assert result.ratio == Summary(10.0, 10.0, 10.0)
    assert result.verdict is Verdict.FAILED


def test_a_round_without_a_reference_has_no_ratio_and_spoils_no_other() -> None:
    rounds = [(100.0, 10.0), (100.0, None), (100.0, 0.0)]

    assert reduce(SET, rounds).ratio == Summary(10.0, 10.0, 10.0)
    assert reduce(SET, [(100.0, None)]).verdict is Verdict.UNKNOWN
    assert reduce(MEMORY, [(100.0, None)]).verdict is Verdict.REACHED


def test_a_row_that_never_ran_says_so() -> None:
    result = reduce(SET, [])

    assert result.verdict is Verdict.UNKNOWN
    assert spread(result.ratio) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(148210.4, "148,210"), (100, "100"), (12.54, "12.5"), (8.126, "8.13"), (0.734, "0.734")],
)
def test_numbers_keep_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_the_table_has_a_line_per_figure_with_target_and_verdict() -> None:
    results = [reduce(SET, [(500.0, 100.0), (300.0, 100.0), (450.0, 100.0)])]
    results.append(reduce(GAP, [(1200.0, 3000.0)]))

    assert table(results, subject="corral", reference="zookeeper").splitlines() == [
        "     unit   corral         zookeeper  ratio              target              verdict",
        "───  ─────  ─────────────  ─────────  ─────────────────  ──────────────────  ───────",
        "set  ops/s  450 (300–500)  100        4.50× (3.00–5.00)  ≥ 4×                reached",
        "gap  ms     1,200          3,000      0.400×             ≤ 0.5× and < 1,000  missed",
    ]


def test_without_a_reference_the_table_has_no_ratios() -> None:
    results = [reduce(MEMORY, [(120.0, None)])]

    assert table(results, subject="corral", reference=None).splitlines() == [
        "        unit  corral  target  verdict",
        "──────  ────  ──────  ──────  ───────",
        "memory  MB    120     < 150   reached",
    ]


def test_json_has_what_the_table_has() -> None:
    told = as_json(reduce(GAP, [(300.0, 1000.0)]))

    assert told["ratio"] == {"median": 0.3, "low": 0.3, "high": 0.3}
    assert told["target"] == "≤ 0.5× and < 1,000"
    assert told["verdict"] == "reached"
