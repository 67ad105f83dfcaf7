"""What the numbers of a bench run say: medians, ratios, verdicts, and the table.

Pure: numbers in, text out.  A round measures the subject and the reference one after the other, so
a ratio is taken within a round: what slows the machine for a minute slows both.  The verdict is on
the median of those ratios, and the range says how far it can be trusted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median


class Verdict(StrEnum):
    REACHED = "reached"
    MISSED = "missed"
    FAILED = "failed"  # a round of the subject gave no figure, or wrong replies
    UNKNOWN = "unknown"
    NONE = "–"  # there is no target


@dataclass(frozen=True, kw_only=True)
class Target:
    """Every bound that is set must hold.

    Ratios are subject/reference; a value is in the figure's unit.
    """

    ratio_min: float | None = None
    ratio_max: float | None = None
    value_below: float | None = None

    def __str__(self) -> str:
        bounds = [
            "" if self.ratio_min is None else f"≥ {self.ratio_min:g}×",
            "" if self.ratio_max is None else f"≤ {self.ratio_max:g}×",
            "" if self.value_below is None else f"< {self.value_below:,g}",
        ]
        return " and ".join(filter(None, bounds))

    @property
    def needs_ratio(self) -> bool:
        return self.ratio_min is not None or self.ratio_max is not None

    def verdict(self, *, value: float, ratio: float | None) -> Verdict:
        if self == NO_TARGET:
            return Verdict.NONE
        if self.value_below is not None and value >= self.value_below:
            return Verdict.MISSED
        if not self.needs_ratio:
            return Verdict.REACHED
        if ratio is None:
            return Verdict.UNKNOWN
        too_low = self.ratio_min is not None and ratio < self.ratio_min
        too_high = self.ratio_max is not None and ratio > self.ratio_max
        return Verdict.MISSED if too_low or too_high else Verdict.REACHED


NO_TARGET = Target()


@dataclass(frozen=True)
class Figure:
    """One line of the table.  key: where a measurement holds its value, and its name in JSON.

    target: what a release must reach.  goal: what is wanted after that.
    """

    key: str
    title: str
    unit: str
    target: Target = NO_TARGET
    goal: Target = NO_TARGET


@dataclass(frozen=True)
class Summary:
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Compared:
    """A reference.  None: there was no round in which it could be measured, or it has no such operation."""

    name: str
    summary: Summary | None
    ratio: Summary | None


@dataclass(frozen=True)
class Result:
    """A figure over all rounds.  generator: cores that the load generator took while it loaded the subject."""

    figure: Figure
    subject: Summary | None
    references: tuple[Compared, ...]
    verdict: Verdict
    goal: Verdict
    generator: float | None = None

    @property
    def is_bound(self) -> bool:
        """The generator was about as busy as it can be: the subject may be able to do more."""
        return self.generator is not None and self.generator > GENERATOR_MAX

    @property
    def ratio(self) -> Summary | None:
        """To the first reference."""
        return self.references[0].ratio if self.references else None


Round = Mapping[str, float | None]  # ensemble -> value; None: it failed; absent: it has no such operation

GENERATOR_MAX = 0.7  # of a core: it has one thread


def summarise(values: Sequence[float]) -> Summary | None:
    return Summary(median(values), min(values), max(values)) if values else None


def values_of(name: str, rounds: Sequence[Round]) -> list[float]:
    return [value for each in rounds if (value := each.get(name)) is not None]


def ratios(rounds: Sequence[Round], subject: str, reference: str) -> list[float]:
    """subject/reference of each round that has both; a reference of 0 has no ratio."""
    pairs = [(each.get(subject), each.get(reference)) for each in rounds]
    return [s / r for s, r in pairs if s is not None and r is not None and r > 0]


def reduce(
    figure: Figure, rounds: Sequence[Round], subject: str, references: Sequence[str], generator: Sequence[float] = (),
) -> Result:
    """The verdicts are on the median of the ratios to the first reference."""
    own = summarise(values_of(subject, rounds))
    compared = tuple(
        Compared(name, summarise(values_of(name, rounds)), summarise(ratios(rounds, subject, name)))
        for name in references)
    first = compared[0].ratio if compared else None
    ratio = None if first is None else first.median
    if any(each.get(subject) is None for each in rounds):
        target = goal = Verdict.FAILED
    elif own is None:
        target = goal = Verdict.UNKNOWN
    else:
        target = figure.target.verdict(value=own.median, ratio=ratio)
        goal = figure.goal.verdict(value=own.median, ratio=ratio)
    return Result(figure, own, compared, target, goal, median(generator) if generator else None)


def number(value: float) -> str:
    """Three significant digits or all before the point, whichever is more: 0.734, 12.5, 148,210."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def spread(summary: Summary | None, suffix: str = "") -> str:
    """'8.13× (7.60–8.42)'; the range is left out where it says nothing."""
    if summary is None:
        return "–"
    middle, low, high = map(number, (summary.median, summary.low, summary.high))
    return f"{middle}{suffix}" if low == high else f"{middle}{suffix} ({low}–{high})"


def generator_cell(result: Result) -> str:
    if result.generator is None:
        return "–"
    return f"{result.generator:.2f}" + (" (bound by it)" if result.is_bound else "")


def cells(results: Sequence[Result], *, subject: str, references: Sequence[str]) -> list[list[str]]:
    """The table as rows of text, titles first."""
    compared = [title for name in references for title in (name, "ratio")]
    rows = [["", "unit", subject, *compared, "target", "", "goal", "", "generator"]]
    for result in results:
        figure = result.figure
        others = [
            text for each in result.references for text in (spread(each.summary), spread(each.ratio, "×"))]
        rows.append([
            figure.title, figure.unit, spread(result.subject), *others,
            str(figure.target), result.verdict.value, str(figure.goal), result.goal.value, generator_cell(result)])
    return rows


def table(results: Sequence[Result], *, subject: str, references: Sequence[str]) -> str:
    """Aligned columns of plain text, one line per figure."""
    rows = cells(results, subject=subject, references=references)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "  ".join("─" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], rule, *lines[1:]])


def markdown(results: Sequence[Result], *, subject: str, references: Sequence[str]) -> str:
    """The same as a table of Markdown."""
    rows = cells(results, subject=subject, references=references)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def as_json(result: Result) -> dict[str, object]:
    def plain(summary: Summary | None) -> dict[str, float] | None:
        if summary is None:
            return None
        return {"median": summary.median, "low": summary.low, "high": summary.high}

    return {
        "figure": result.figure.key,
        "title": result.figure.title,
        "unit": result.figure.unit,
        "subject": plain(result.subject),
        "references": {
            each.name: {"value": plain(each.summary), "ratio": plain(each.ratio)} for each in result.references},
        "target": str(result.figure.target),
        "verdict": result.verdict.value,
        "goal": str(result.figure.goal),
        "goal_verdict": result.goal.value,
        "generator": result.generator,
        "is_bound": result.is_bound,
    }
