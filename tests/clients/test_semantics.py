"""Which test holds each of the fifty semantics of zookeeper-surface A1.8: in test_semantics_*.py, or named here."""

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
ELSEWHERE = {
    11: "differential/test_corral.py::test_every_path_is_judged_alike",
    24: "clients/test_kazoo_sessions.py::test_a_session_whose_client_was_killed_ends_with_its_ephemerals",
    41: "tree/test_records.py::test_a_gap_and_a_repetition_are_refused",  # of zxids, which Corral splits otherwise
    42: "processes/test_clock.py::test_after_a_suspend_leases_have_run_out",
    48: "clients/test_kazoo_sessions.py::test_a_session_that_lives_outlives_one_that_was_killed",
}


def named_tests(file: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)


def test_each_of_the_fifty_is_held_by_a_test() -> None:
    files = (TESTS / "clients").glob("test_semantics_*.py")
    named = {int(name[5:7]) for file in files for name in named_tests(file) if name[5:7].isdigit()}

    assert named | set(ELSEWHERE) == set(range(1, 51))


def test_the_tests_that_stand_elsewhere_are_there() -> None:
    for place in ELSEWHERE.values():
        file, _, name = place.partition("::")
        assert name in named_tests(TESTS / file), place
