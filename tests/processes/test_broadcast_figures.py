"""How far behind a follower is, in time; why a member looks for a leader."""

import pytest

from node.processes.broadcast_figures import MARK_MS, MARKS_MAX, Marks, cause_of
from transport.zxid import Zxid


def marked(*turns: tuple[int, int]) -> Marks:
    """(last zxid, at ms) of each turn."""
    marks = Marks()
    for zxid, at in turns:
        marks.on_turn(Zxid(zxid), at)
    return marks


def test_who_has_acked_everything_waits_for_nothing() -> None:
    assert marked((1, 100), (2, 200)).waiting_s(Zxid(2), Zxid(2), now=5000) == 0.0


def test_a_follower_is_behind_since_the_first_record_that_it_lacks_was_logged() -> None:
    marks = marked((1, 100), (2, 200), (3, 1200))

    assert marks.waiting_s(Zxid(1), Zxid(3), now=2200) == 2.0
    assert marks.waiting_s(Zxid(2), Zxid(3), now=2200) == 1.0


def test_records_of_one_moment_are_one_mark() -> None:
    marks = marked(*((zxid, 1000 + zxid * MARK_MS // 10) for zxid in range(100)))

    assert marks.waiting_s(Zxid(0), Zxid(99), now=2000) == pytest.approx(1.0, abs=2 * MARK_MS / 1000)


def test_an_idle_log_makes_no_marks() -> None:
    marks = marked((1, 100), *((1, at) for at in range(200, 10_000, 100)), (2, 10_000))

    assert marks.waiting_s(Zxid(1), Zxid(2), now=10_500) == 0.5


def test_what_is_forgotten_counts_from_the_oldest_that_is_known() -> None:
    marks = marked(*((zxid, zxid * MARK_MS) for zxid in range(2 * MARKS_MAX)))

    assert marks.waiting_s(Zxid(0), Zxid(2 * MARKS_MAX), now=2 * MARKS_MAX * MARK_MS) == MARKS_MAX * MARK_MS / 1000


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("the stream to leader 3 has ended", "leader_lost"),
        ("leader 2 is silent while following", "leader_silent"),
        ("no quorum has answered within the lease", "lease_lost"),
        ("refused by 1: looking", "refused"),
        ("expected zxid 5, received 9", "protocol_error"),
    ],
)
def test_a_reason_is_one_of_a_few_causes(reason: str, cause: str) -> None:
    assert cause_of(reason) == cause
