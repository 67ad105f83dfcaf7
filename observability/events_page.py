"""The table in docs/logs.md, made from events.py: python -m observability.events_page writes it there."""

from pathlib import Path

from observability.events import EVENTS, Event

PAGE = Path(__file__).parent.parent / "docs/logs.md"
BEGIN, END = "<!-- events -->\n", "<!-- end of events -->\n"
_HEAD = "| event | level | written by | meaning | what to do |\n| --- | --- | --- | --- | --- |\n"


def with_table(page: str) -> str:
    """The page with the table as the code has it, between its two marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{_HEAD}{''.join(map(_row, EVENTS))}{END}{after}"


def _row(event: Event) -> str:
    level = f"{event.level}, limited" if event.limited else event.level
    return f"| `{event.name}` | {level} | {event.processes} | {event.meaning} | {event.act or '—'} |\n"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
