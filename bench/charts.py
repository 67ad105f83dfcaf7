"""The charts of docs/performance.md, by matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Sheet

from bench.figures import Result

mpl.use("agg")

BETTER, WORSE, GOAL = "#2a7f62", "#b5532f", "#333333"
DPI = 110
COLUMNS = 3


def draw_ratios(results: Sequence[Result], file: Path) -> None:
    """A bar per figure, on a logarithmic axis; a mark where its goal is."""
    sheet = Sheet(figsize=(10, 0.34 * len(results) + 1.2), layout="constrained")
    axes = sheet.subplots()
    for at, result in enumerate(reversed(results)):
        assert result.ratio
        goal = result.figure.goal
        is_good = result.ratio.median >= 1 if _wants_more(result) else result.ratio.median <= 1
        axes.barh(at, result.ratio.median - 1, left=1, color=BETTER if is_good else WORSE, height=0.65)
        axes.plot([result.ratio.low, result.ratio.high], [at, at], color=GOAL, linewidth=1)
        wanted = goal.ratio_min if goal.ratio_min is not None else goal.ratio_max
        if wanted is not None:
            axes.plot([wanted, wanted], [at - 0.4, at + 0.4], color=GOAL, linewidth=2)
    axes.set_xscale("log")
    axes.axvline(1, color="#888888", linewidth=0.8)
    axes.set_yticks(range(len(results)), _labels(results)[::-1], fontsize=8)
    axes.set_xlabel(f"Corral / {results[0].references[0].name if results else ''}   (thin line: range; mark: goal)")
    axes.margins(y=0.01)
    sheet.savefig(file, dpi=DPI)


def _wants_more(result: Result) -> bool:
    """Of a rate, more is better; of a time or a size, less."""
    return result.figure.unit in ("ops/s", "per s")


def _labels(results: Sequence[Result]) -> list[str]:
    """With an arrow to where it is better. "…" stands for the title before, up to its last comma."""
    found, before = [], ""
    for result in results:
        title = result.figure.title.replace("…", before.rpartition(",")[0] + ",")
        before = title
        found.append(title + (" ↑" if _wants_more(result) else " ↓"))
    return found


def draw_growth(curves: Sequence[dict[str, Any]], file: Path) -> None:
    """Small pictures side by side: each curve on logarithmic axes, with its exponent."""
    rows = -(-len(curves) // COLUMNS)
    sheet = Sheet(figsize=(4 * COLUMNS, 2.7 * rows), layout="constrained")
    for number, curve in enumerate(curves):
        axes = sheet.add_subplot(rows, COLUMNS, number + 1)
        xs, ys = zip(*curve["points"], strict=True)
        axes.plot(xs, ys, marker="o", markersize=3, color=BETTER)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(f"{curve['title']}: N^{curve['exponent']:.2f}", fontsize=8)
        axes.set_xlabel(curve["x"], fontsize=7)
        axes.set_ylabel(curve["unit"], fontsize=7)
        axes.tick_params(labelsize=7)
    sheet.savefig(file, dpi=DPI)
