"""Clocks of other members, from questions and answers."""

from hypothesis import given
from hypothesis import strategies as st

from observability.clocks import SAMPLES, ClockEstimate, Offset, narrowed
from observability.peers import Answer, Questions

MS = 1_000_000
SECOND = 1_000 * MS


def observed(estimate: ClockEstimate, *, ahead_ns: int, there_ns: int, back_ns: int, at_ns: int = 0) -> None:
    """One round trip to a clock that is ahead of ours by so much."""
    received = at_ns + there_ns + ahead_ns
    estimate.observe(
        asked_ns=at_ns, received_ns=received, answered_ns=received + MS, now_ns=at_ns + there_ns + MS + back_ns,
        wall_ns=0)


@given(
    ahead=st.integers(-10**15, 10**15),
    ways=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=40))
def test_the_truth_lies_within_what_is_stated(ahead: int, ways: list[tuple[int, int]]) -> None:
    estimate = ClockEstimate()
    for number, (there, back) in enumerate(ways):
        observed(estimate, ahead_ns=ahead, there_ns=there, back_ns=back, at_ns=number * SECOND)

    offset = estimate.offset(len(ways) * SECOND)

    assert offset is not None
    assert abs(offset.offset_ns + ahead) <= offset.uncertainty_ns


def test_the_shortest_round_trip_of_late_counts() -> None:
    estimate = ClockEstimate()
    observed(estimate, ahead_ns=5 * MS, there_ns=MS // 10, back_ns=MS // 10)
    for number in range(1, 6):
        observed(estimate, ahead_ns=5 * MS, there_ns=80 * MS, back_ns=MS, at_ns=number * SECOND)

    offset = estimate.offset(6 * SECOND)

    assert offset is not None
    assert offset.uncertainty_ns < MS


def test_what_is_old_counts_less_and_is_forgotten() -> None:
    estimate = ClockEstimate()
    observed(estimate, ahead_ns=0, there_ns=MS // 10, back_ns=MS // 10)
    an_hour_later = 3_600 * SECOND
    for number in range(SAMPLES):
        observed(estimate, ahead_ns=120 * MS, there_ns=MS, back_ns=MS, at_ns=an_hour_later + number)

    offset = estimate.offset(an_hour_later + SECOND)

    assert offset is not None
    assert abs(offset.offset_ns + 120 * MS) <= offset.uncertainty_ns < 2 * MS


def test_what_a_write_proves_narrows_the_estimate() -> None:
    assert narrowed(Offset(0, 100), None, None) == Offset(0, 100)
    assert narrowed(Offset(0, 100), 20, 40) == Offset(20, 20)
    assert narrowed(Offset(0, 100), -30, 10) == Offset(0, 30)
    assert narrowed(Offset(0, 100), 500, 600) == Offset(500, 100), "the estimate is worth nothing"


def test_an_answer_that_comes_too_late_still_tells_the_clock() -> None:
    questions = Questions([2])
    question = questions.ask([7], 0)
    (late,) = questions.take_finished(SECOND)

    questions.answered(2, Answer(question.ask.id, 0, 50, 60, 1_000, []), 2 * SECOND)

    assert late.waiting == {2}
    assert questions.wall_offsets(2 * SECOND, 1_000).keys() == {2}


def test_an_answer_of_a_stranger_or_to_no_question_is_passed_over() -> None:
    questions = Questions([2])
    question = questions.ask([7], 0)

    questions.answered(9, Answer(question.ask.id, 0, 50, 60, 0, []), 100)
    questions.answered(2, Answer(question.ask.id + 1, 0, 50, 60, 0, []), 100)

    assert question.waiting == {2}
