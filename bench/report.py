"""The results of runs as files: JSON that later runs add to, tables and charts in the docs.

    python -m bench.report     from build/bench/results.json and growth.json to docs/performance.md and docs/pictures/

The text of docs/performance.md is written by hand; what stands between two comments of the kind `<!-- figures -->` and
`<!-- end of figures -->` is replaced.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Compared, Figure, Result, Summary, Verdict, as_json, markdown
from bench.fit import shape
from bench.rows import GROUPS, ROWS, Row

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "build" / "bench" / "results.json"
GROWTH = ROOT / "build" / "bench" / "growth.json"
PAGE = "performance.md"
PICTURES = "pictures"
TITLES = {
    "core": "Throughput and latency", "values": "Larger values", "open": "At half of ZooKeeper's maximum",
    "sessions": "Sessions and watches", "memory": "Memory and idling", "recovery": "Starting and failing",
}

Stored = dict[str, Any]


def as_stored(
    about: Mapping[str, str], names: Sequence[str], results: Sequence[tuple[Row, Result]], *, is_quick: bool,
) -> Stored:
    """By row, so that another run can replace some of them."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    rows: dict[str, Any] = {}
    for row, result in results:
        entry = rows.setdefault(
            row.name, {"measured": now, "is_quick": is_quick, "names": list(names), "load": list(row.load),
                       "figures": []})
        entry["figures"].append(as_json(result))
    return {"about": dict(about), "rows": rows}


def write_json(file: Path, value: object) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(value, indent=2, ensure_ascii=False) + os.linesep)
    new.replace(file)


def merge(file: Path, stored: Stored) -> None:
    """Rows that were not measured this time stay as they were."""
    old: Stored = json.loads(file.read_text()) if file.exists() else {"about": {}, "rows": {}}
    write_json(file, {"about": old["about"] | stored["about"], "rows": old["rows"] | stored["rows"]})


def results_of(row: Row, entry: Stored) -> list[Result]:
    """Those of its figures that the table of rows still has."""
    figures = {figure.key: figure for figure in row.figures}
    return [_result(figures[told["figure"]], told) for told in entry["figures"] if told["figure"] in figures]


def _result(figure: Figure, told: Stored) -> Result:
    def summary(value: dict[str, float] | None) -> Summary | None:
        return None if value is None else Summary(**value)

    references = tuple(
        Compared(name, summary(each["value"]), summary(each["ratio"])) for name, each in told["references"].items())
    return Result(
        figure, summary(told["subject"]), references, Verdict(told["verdict"]), Verdict(told["goal_verdict"]),
        told["generator"])


def by_group(stored: Stored) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {group: [] for group in GROUPS}
    for row in ROWS:
        if row.name in stored["rows"]:
            found[row.group] += results_of(row, stored["rows"][row.name])
    return {group: results for group, results in found.items() if results}


def figures_text(stored: Stored) -> str:
    """Machine, versions, and a table for each group of rows."""
    entries = stored["rows"].values()
    dates = sorted(entry["measured"] for entry in entries)
    names = next(iter(entries))["names"]
    lines = [f"Measured {dates[0]} to {dates[-1]} UTC.", ""]
    if any(entry["is_quick"] for entry in entries):
        lines += ["**Some of it by a quick run: no figure to rely on.**", ""]
    lines += [f"- {name}: {value}" for name, value in stored["about"].items()]
    for group, results in by_group(stored).items():
        lines += ["", f"### {TITLES[group]}", "", markdown(results, subject=names[0], references=names[1:])]
    lines += ["", f"![Ratios to ZooKeeper]({PICTURES}/performance-ratios.png)"]
    return "\n".join(lines)


def growth_text(curves: Sequence[Stored]) -> str:
    """A sentence on the shape of each curve."""
    lines = [f"![Growth]({PICTURES}/performance-growth.png)", "", "| | measured | it | exponent |"]
    lines.append("| --- | --- | --- | --- |")
    for curve in curves:
        fitted = curve["exponent"]
        points = "; ".join(f"{x:,g}: {y:,.4g}" for x, y in curve["points"])
        lines.append(f"| {curve['title']}, {curve['unit']} | {points} | {shape(fitted)} | {fitted:.2f} |")
    return "\n".join(lines)


def with_section(page: str, name: str, text: str) -> str:
    """Raises ValueError: the page has no such section."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{PAGE} has no {begin} … {end}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def write_docs(results: Path, docs: Path, growth: Path = GROWTH) -> None:
    """What there is of either file."""
    from bench import charts  # matplotlib takes a second

    page = docs / PAGE
    text = page.read_text()
    pictures = docs / PICTURES
    pictures.mkdir(exist_ok=True)
    if results.exists():
        stored = json.loads(results.read_text())
        text = with_section(text, "figures", figures_text(stored))
        ratios = [result for group in by_group(stored).values() for result in group if result.ratio]
        charts.draw_ratios(ratios, pictures / "performance-ratios.png")
    if growth.exists():
        curves = json.loads(growth.read_text())
        text = with_section(text, "growth", growth_text(curves))
        charts.draw_growth(curves, pictures / "performance-growth.png")
    page.write_text(text)


def main() -> None:
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    write_docs(RESULTS, ROOT / "docs")


if __name__ == "__main__":
    main()
