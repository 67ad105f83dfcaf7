"""The table of log events, the calls that write them, and the page that explains them say the same."""

from collections import Counter

from observability.events import EVENTS, find_event, level_of
from observability.events_page import PAGE, with_table
from tests.observability.calls import log_calls


def test_every_event_has_one_row() -> None:
    assert [name for name, rows in Counter(event.name for event in EVENTS).items() if rows > 1] == []


def test_every_line_of_the_log_has_a_name_of_the_table() -> None:
    assert [call for call in log_calls() if find_event(call.event) is None] == []


def test_every_event_of_the_table_is_written_by_somebody() -> None:
    written = {call.event for call in log_calls()}

    assert [event.name for event in EVENTS if event.name not in written] == []


def test_the_levels_of_calls_are_those_of_the_table() -> None:
    def differs(event: str, level: str) -> bool:
        row = find_event(event)
        return row is not None and bool(level) and level != row.level

    assert [call for call in log_calls() if differs(call.event, call.level)] == []


def test_what_an_operator_must_act_on_says_how() -> None:
    assert [event.name for event in EVENTS if event.level == "error" and not event.act] == []


def test_a_name_that_the_table_lacks_is_an_error() -> None:
    assert level_of("never_heard_of") == level_of("refused")


def test_the_table_in_the_docs_is_up_to_date() -> None:
    page = PAGE.read_text()

    assert page == with_table(page), "python -m observability.events_page"
