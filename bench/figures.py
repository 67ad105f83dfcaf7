"""What the numbers of a bench run say: medians, ratios, verdicts, and the table.

Pure: numbers in, text out.  A round measures the subject and the reference one after the other, so
a ratio is taken within a round: what slows the machine for a minute slows both.  The verdict is on
the median of those ratios, and the range says how far it can be trusted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median


class Verdict(StrEnum):
    REACHED = "reached"
    MISSED = "missed"
    FAILED = "failed"  # a round of the subject gave no figure, or wrong replies
    UNKNOWN = "unknown"


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
        if self.value_below is not None and value >= self.value_below:
            return Verdict.MISSED
        if not self.needs_ratio:
            return Verdict.REACHED
        if ratio is None:
            return Verdict.UNKNOWN
        too_low = self.ratio_min is not None and ratio < self.ratio_min
        too_high = self.ratio_max is not None and ratio > self.ratio_max
        return Verdict.MISSED if too_low or too_high else Verdict.REACHED


@dataclass(frozen=True)
class Figure:
    """One line of the table.  key: where a measurement holds its value, and its name in JSON."""

    key: str
    title: str
    unit: str
    target: Target


@dataclass(frozen=True)
class Summary:
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Result:
    """A figure over all rounds.  None: there was no round in which it could be measured."""

    figure: Figure
    subject: Summary | None
    reference: Summary | None
    ratio: Summary | None
    verdict: Verdict


def summarise(values: Sequence[float]) -> Summary | None:
    return Summary(median(values), min(values), max(values)) if values else None


def ratios(rounds: Iterable[tuple[float | None, float | None]]) -> list[float]:
    """subject/reference of each round that has both; a reference of 0 has no ratio."""
    return [s / r for s, r in rounds if s is not None and r is not None and r > 0]


def reduce(figure: Figure, rounds: Sequence[tuple[float | None, float | None]]) -> Result:
    """rounds: (subject, reference) of each; None where it failed, or had no reference to run."""
    subject = summarise([s for s, _ in rounds if s is not None])
    ratio = summarise(ratios(rounds))
    verdict = Verdict.UNKNOWN
    if any(s is None for s, _ in rounds):
        verdict = Verdict.FAILED
    elif subject is not None:
        verdict = figure.target.verdict(
            value=subject.median, ratio=None if ratio is None else ratio.median
        )
    reference = summarise([r for _, r in rounds if r is not None])
    return Result(figure, subject, reference, ratio, verdict)


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


def table(results: Sequence[Result], *, subject: str, reference: str | None) -> str:
    """Aligned columns of plain text, one line per figure; without a reference, no ratios."""
    titles = ["", "unit", subject, reference or "", "ratio", "target", "verdict"]
    rows = [titles] + [
        [
            result.figure.title,
            result.figure.unit,
            spread(result.subject),
            spread(result.reference),
            spread(result.ratio, "×"),
            str(result.figure.target),
            result.verdict.value,
        ]
        for result in results
    ]
    if reference is None:
        rows = [row[:3] + row[5:] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "  ".join("─" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], rule, *lines[1:]])


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
        "reference": plain(result.reference),
        "ratio": plain(result.ratio),
        "target": str(result.figure.target),
        "verdict": result.verdict.value,
    }
