"""What a bench run says about its numbers."""

import pytest

from bench.figures import (
    NO_TARGET,
    Figure,
    Result,
    Round,
    Summary,
    Target,
    Verdict,
    as_json,
    markdown,
    number,
    reduce,
    spread,
    table,
)

SET = Figure("ops_per_sec", "set", "ops/s", Target(ratio_min=4), Target(ratio_min=8))
GAP = Figure("longest_gap_ms", "gap", "ms", Target(ratio_max=0.5, value_below=1000))
MEMORY = Figure("pss_mb", "memory", "MB", Target(value_below=150), Target(value_below=100))


def reduced(figure: Figure, *pairs: tuple[float | None, float | None], generator: tuple[float, ...] = ()) -> Result:
    rounds: list[Round] = [{"corral": own, "zookeeper": other} for own, other in pairs]
    return reduce(figure, rounds, "corral", ["zookeeper"], generator)


def alone(figure: Figure, *values: float) -> Result:
    return reduce(figure, [{"corral": value} for value in values], "corral", [])


def test_the_ratio_is_taken_within_a_round_and_its_median_decides() -> None:
    # The machine slows down for both in round two: medians of each side would give 80/20.
    result = reduced(SET, (100.0, 20.0), (40.0, 8.0), (80.0, 40.0))

    assert result.ratio == Summary(median=5.0, low=2.0, high=5.0)
    assert result.subject == Summary(median=80.0, low=40.0, high=100.0)
    assert result.references[0].summary == Summary(median=20.0, low=8.0, high=40.0)
    assert result.verdict is Verdict.REACHED
    assert result.goal is Verdict.MISSED


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


def test_without_a_target_there_is_no_verdict_but_that_it_failed() -> None:
    figure = Figure("x", "x", "µs")

    assert NO_TARGET.verdict(value=1, ratio=None) is Verdict.NONE
    assert reduced(figure, (1.0, 2.0)).verdict is Verdict.NONE
    assert reduced(figure, (None, 2.0)).verdict is Verdict.FAILED


def test_a_round_in_which_the_subject_failed_is_never_a_success() -> None:
    result = reduced(SET, (100.0, 10.0), (None, 10.0), (100.0, 10.0))

    assert result.ratio == Summary(10.0, 10.0, 10.0)
    assert result.verdict is result.goal is Verdict.FAILED


def test_a_round_without_a_reference_has_no_ratio_and_spoils_no_other() -> None:
    assert reduced(SET, (100.0, 10.0), (100.0, None), (100.0, 0.0)).ratio == Summary(10.0, 10.0, 10.0)
    assert reduced(SET, (100.0, None)).verdict is Verdict.UNKNOWN
    assert alone(MEMORY, 100.0).verdict is Verdict.REACHED


def test_a_second_reference_is_shown_and_decides_nothing() -> None:
    rounds: list[Round] = [{"corral": 100.0, "zookeeper": 10.0, "etcd": 50.0}, {"corral": 100.0, "zookeeper": 10.0}]

    result = reduce(SET, rounds, "corral", ["zookeeper", "etcd"])

    assert result.goal is Verdict.REACHED
    assert [each.ratio and each.ratio.median for each in result.references] == [10.0, 2.0]


def test_a_row_whose_generator_was_as_busy_as_it_can_be_says_so() -> None:
    assert reduced(SET, (100.0, 10.0), generator=(0.69, 0.71, 0.9)).is_bound
    assert not reduced(SET, (100.0, 10.0), generator=(0.69, 0.7, 0.9)).is_bound
    assert not reduced(SET, (100.0, 10.0)).is_bound


def test_a_row_that_never_ran_says_so() -> None:
    result = reduced(SET)

    assert result.verdict is Verdict.UNKNOWN
    assert spread(result.ratio) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(148210.4, "148,210"), (100, "100"), (12.54, "12.5"), (8.126, "8.13"), (0.734, "0.734")],
)
def test_numbers_keep_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_the_table_has_a_line_per_figure_with_target_and_verdict() -> None:
    results = [reduced(SET, (500.0, 100.0), (300.0, 100.0), (450.0, 100.0), generator=(0.9,))]
    results.append(reduced(GAP, (1200.0, 3000.0)))

    lines = table(results, subject="corral", references=["zookeeper"]).splitlines()

    assert [line.split("  ") for line in lines[1:2]] == [["─" * len(part) for part in lines[1].split("  ")]]
    assert [" ".join(line.split()) for line in (lines[0], *lines[2:])] == [
        "unit corral zookeeper ratio target goal generator",
        "set ops/s 450 (300–500) 100 4.50× (3.00–5.00) ≥ 4× reached ≥ 8× missed 0.90 (bound by it)",
        "gap ms 1,200 3,000 0.400× ≤ 0.5× and < 1,000 missed – –",
    ]


def test_without_a_reference_the_table_has_no_ratios() -> None:
    assert markdown([alone(MEMORY, 120.0)], subject="corral", references=[]).splitlines() == [
        "|  | unit | corral | target |  | goal |  | generator |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| memory | MB | 120 | < 150 | reached | < 100 | missed | – |",
    ]


def test_json_has_what_the_table_has() -> None:
    told = as_json(reduced(GAP, (300.0, 1000.0)))

    assert told["references"] == {
        "zookeeper": {"value": {"median": 1000.0, "low": 1000.0, "high": 1000.0},
                      "ratio": {"median": 0.3, "low": 0.3, "high": 0.3}}}
    assert told["target"] == "≤ 0.5× and < 1,000"
    assert (told["verdict"], told["goal_verdict"]) == ("reached", "–")
