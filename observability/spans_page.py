"""The tables in docs/otlp.md, made from spans.py: python -m observability.spans_page writes them there."""

from pathlib import Path

from observability.spans import SPANS, VALUES

PAGE = Path(__file__).parent.parent / "docs/otlp.md"
SPANS_MARK, VALUES_MARK, END = "<!-- spans -->\n", "<!-- values -->\n", "<!-- end -->\n"


def with_tables(page: str) -> str:
    """The page with the tables as the code has them, each between its two marks."""
    return _with(_with(page, SPANS_MARK, _spans()), VALUES_MARK, _values())


def _with(page: str, mark: str, table: str) -> str:
    before, rest = page.split(mark)
    _old, after = rest.split(END, 1)
    return f"{before}{mark}{table}{END}{after}"


def _spans() -> str:
    rows = [f"| `{span.name}` | {f'`{span.parent}`' if span.parent else '—'} | {span.meaning} |\n" for span in SPANS]
    return "| span | stands in | measured by, from, to |\n| --- | --- | --- |\n" + "".join(rows)


def _values() -> str:
    rows = [f"| `corral.{value.name}` | {value.meaning} |\n" for value in VALUES]
    return "| attribute | meaning |\n| --- | --- |\n" + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
