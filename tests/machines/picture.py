"""A run as one page: throughput, latency and availability over time, and the faults under them. Nothing is loaded."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from tests.histories.checks import Finding
from tests.histories.operation import Operation
from tests.machines.faults import KINDS, row
from tests.machines.nemesis import Strike
from tests.machines.summary import TIMED, WRITES, Figures

WIDTH: Final = 1160
LEFT: Final = 190
RIGHT: Final = 20
PANEL: Final = 130
LANE: Final = 17
GAP: Final = 44
GAP_S: Final = 0.05  # without a write: shorter ones are not worth a line
STYLE: Final = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 28px auto; max-width: 1180px; padding: 0 12px;
       color: #1d2733; background: #fff; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 26px 0 6px; }
p { margin: 4px 0; } table { border-collapse: collapse; } td, th { padding: 2px 14px 2px 0; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } .good { color: #18794e; } .bad { color: #c62a2f; }
pre { background: #fff0f0; padding: 8px; overflow-x: auto; }
svg { display: block; width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: #4a5868; }
svg .title { font-weight: 600; fill: #1d2733; } svg .axis { stroke: #dde3ea; }
"""
READ_COLOUR, WRITE_COLOUR, P50_COLOUR, P99_COLOUR = "#9db8d9", "#2f6db5", "#2f6db5", "#d9822b"
COLOURS: Final = {"processes": "#b23a48", "network": "#6b5ca5", "disk": "#c98a1b", "clock": "#3a8f8a"}


class Scale:
    """Seconds to x."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(seconds, 1.0)

    def x(self, second: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(second, 0.0), self.seconds) / self.seconds

    def ticks(self) -> list[int]:
        step = next((each for each in (5, 10, 30, 60, 120, 300, 600) if self.seconds / each <= 14), 1200)
        return list(range(0, int(self.seconds) + 1, step))


def draw(
    seed: int, operations: Sequence[Operation], strikes: Sequence[Strike], findings: Sequence[Finding], figures: Figures
) -> str:
    scale = Scale(figures.seconds)
    verdict = ('<p class="good">Nothing was found wrong.</p>' if not findings else
               f'<p class="bad">{len(findings)} findings:</p>'
               + "".join(f"<pre>{escape(str(each))}</pre>" for each in findings[:20]))
    said = "".join(f"<p>{escape(line)}</p>" for line in str(figures).splitlines())
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Corral under faults, seed {seed}</title>'
            f"<style>{STYLE}</style><h1>Three members under faults</h1><p>seed {seed}</p>{said}{verdict}"
            f"{_picture(scale, operations, strikes)}<h2>Faults</h2>{_table(operations, strikes, figures)}</html>\n")


def _picture(scale: Scale, operations: Sequence[Operation], strikes: Sequence[Strike]) -> str:
    parts: list[str] = []
    y = 20.0
    for panel in (_throughput(scale, operations), _latency(scale, operations)):
        parts.append(f'<g transform="translate(0 {y})">{panel}</g>')
        y += PANEL + GAP
    for lanes, count in (_availability(scale, operations), _faults(scale, strikes)):
        parts.append(f'<g transform="translate(0 {y})">{lanes}</g>')
        y += count * LANE + GAP
    shades = "".join(
        f'<rect x="{scale.x(each.began_s):.1f}" y="0" width="{_width(scale, each):.1f}" height="{y:.0f}" '
        f'fill="#8a94a3" opacity="0.10"/>' for each in strikes)
    ticks = "".join(
        f'<line class="axis" x1="{scale.x(at):.1f}" x2="{scale.x(at):.1f}" y1="0" y2="{y - GAP:.0f}"/>'
        f'<text x="{scale.x(at):.1f}" y="{y - GAP + 14:.0f}" text-anchor="middle">{at // 60}:{at % 60:02}</text>'
        for at in scale.ticks())
    return (f'<svg viewBox="0 0 {WIDTH} {y:.0f}" role="img" aria-label="throughput, latency, availability and faults '
            f'over time">{shades}{ticks}{"".join(parts)}</svg>')


def _width(scale: Scale, strike: Strike) -> float:
    return max(scale.x(strike.ended_s or scale.seconds) - scale.x(strike.began_s), 1.5)


# Panels ----------------------------------------------------------------------------------------------


def _throughput(scale: Scale, operations: Sequence[Operation]) -> str:
    """Per second, writes below reads."""
    writes, reads = [0] * (int(scale.seconds) + 1), [0] * (int(scale.seconds) + 1)
    for each in operations:
        if each.is_ok and each.ended_s <= scale.seconds:
            (writes if each.name in WRITES else reads)[int(each.ended_s)] += 1
    both = [w + r for w, r in zip(writes, reads, strict=True)]
    most = _round_up(max(both, default=1))
    return (_frame("acknowledged per second", [(0, "0"), (1, f"{most:,.0f}")])
            + _area(scale, both, most, READ_COLOUR) + _area(scale, writes, most, WRITE_COLOUR)
            + _key([("writes", WRITE_COLOUR), ("reads", READ_COLOUR)]))


def _latency(scale: Scale, operations: Sequence[Operation]) -> str:
    """On a logarithmic scale, from 1 ms to 10 s."""
    times: dict[int, list[float]] = defaultdict(list)
    for each in operations:
        if each.is_ok and each.name in TIMED and each.ended_s <= scale.seconds:
            times[int(each.ended_s)].append((each.ended_s - each.invoked_s) * 1000)

    def points(share: float) -> Iterator[tuple[int, float]]:
        for second, found in sorted(times.items()):
            value = sorted(found)[int(len(found) * share)]
            yield second, min(max(math.log10(max(value, 1.0)) / 4, 0.0), 1.0)

    grid = [(step / 4, label) for step, label in enumerate(["1 ms", "10 ms", "100 ms", "1 s", "10 s"])]
    return (_frame("latency", grid) + _line(scale, points(0.99), P99_COLOUR) + _line(scale, points(0.5), P50_COLOUR)
            + _key([("p50", P50_COLOUR), ("p99", P99_COLOUR)]))


def _availability(scale: Scale, operations: Sequence[Operation]) -> tuple[str, int]:
    """A lane per client: where it was answered."""
    answered: dict[str, set[int]] = defaultdict(set)
    for each in operations:
        if each.is_ok and each.ended_s <= scale.seconds:
            answered[each.client.partition("/")[0]].add(int(each.ended_s))
    parts = ['<text class="title" x="0" y="-6">seconds in which a client was answered</text>']
    clients = sorted(name for name, seconds in answered.items() if len(seconds) > 1)
    for lane, client in enumerate(clients):
        y = lane * LANE + 4
        parts.append(f'<text x="{LEFT - 10}" y="{y + 10}" text-anchor="end">{escape(client)}</text>')
        parts += [f'<rect x="{scale.x(first):.1f}" y="{y}" width="{scale.x(after) - scale.x(first):.1f}" '
                  f'height="{LANE - 5}" fill="#57a773"/>' for first, after in _runs(answered[client])]
    return "".join(parts), len(clients)


def _faults(scale: Scale, strikes: Sequence[Strike]) -> tuple[str, int]:
    parts = ['<text class="title" x="0" y="-6">faults</text>']
    kinds = [kind for kind in KINDS if any(strike.kind == kind for strike in strikes)]
    for lane, kind in enumerate(kinds):
        y = lane * LANE + 4
        parts.append(f'<text x="{LEFT - 10}" y="{y + 10}" text-anchor="end">{kind}</text>')
        parts += [f'<rect x="{scale.x(each.began_s):.1f}" y="{y}" width="{_width(scale, each):.1f}" '
                  f'height="{LANE - 5}" rx="2" fill="{COLOURS[row(kind).group]}"><title>{escape(str(each))}</title>'
                  "</rect>" for each in strikes if each.kind == kind]
    return "".join(parts), len(kinds)


def _table(operations: Sequence[Operation], strikes: Sequence[Strike], figures: Figures) -> str:
    """Per kind: how often, and the longest time without an acknowledged write that touches one of them."""
    written = sorted(each.ended_s for each in operations if each.is_ok and each.name in WRITES)
    gaps = [(a, b) for a, b in zip([0.0, *written], [*written, figures.seconds], strict=True) if b - a > GAP_S]
    longest: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for strike in strikes:
        count[strike.kind] += 1
        ended_s = strike.ended_s or figures.seconds
        for before, after in gaps:
            if after > strike.began_s and before < ended_s:
                longest[strike.kind] = max(longest[strike.kind], after - before)
    rows = "".join(f'<tr><td>{kind}</td><td class="n">{count[kind]}</td><td class="n">{longest[kind]:.1f} s</td></tr>'
                   for kind in sorted(count, key=lambda kind: -longest[kind]))
    return ("<table><tr><th>kind</th><th>times</th><th>longest time without an acknowledged write</th></tr>"
            f"{rows}</table>")


# Pieces ----------------------------------------------------------------------------------------------


def _frame(title: str, grid: Sequence[tuple[float, str]]) -> str:
    lines = "".join(
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(share):.1f}" y2="{_y(share):.1f}"/>'
        f'<text x="{LEFT - 10}" y="{_y(share) + 4:.1f}" text-anchor="end">{label}</text>' for share, label in grid)
    return f'<text class="title" x="0" y="-6">{title}</text>{lines}'


def _key(entries: Sequence[tuple[str, str]]) -> str:
    return "".join(f'<rect x="0" y="{16 + 20 * at}" width="10" height="10" fill="{colour}"/>'
                   f'<text x="16" y="{25 + 20 * at}">{name}</text>' for at, (name, colour) in enumerate(entries))


def _area(scale: Scale, values: Sequence[int], most: float, colour: str) -> str:
    points = [f"{scale.x(0):.1f},{PANEL}"]
    for second, value in enumerate(values):
        points += [f"{scale.x(each):.1f},{_y(value / most):.1f}" for each in (second, second + 1)]
    points.append(f"{scale.x(len(values)):.1f},{PANEL}")
    return f'<polygon points="{" ".join(points)}" fill="{colour}" opacity="0.9"/>'


def _line(scale: Scale, points: Iterator[tuple[int, float]], colour: str) -> str:
    """Broken where there is nothing."""
    paths: list[str] = []
    before = -2
    for second, share in points:
        paths.append(f"{'L' if second == before + 1 else 'M'}{scale.x(second + 0.5):.1f} {_y(share):.1f}")
        before = second
    return f'<path d="{" ".join(paths)}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linecap="round"/>'


def _y(share: float) -> float:
    return PANEL * (1 - share)


def _round_up(value: float) -> float:
    """To a number that reads well."""
    power = math.pow(10, math.floor(math.log10(max(value, 1))))
    return next(power * step for step in (1, 2, 3, 4, 5, 6, 8, 10) if power * step >= value)


def _runs(seconds: set[int]) -> Iterator[tuple[int, int]]:
    """(first, after the last) of seconds without a gap."""
    ordered = sorted(seconds)
    first = before = ordered[0]
    for second in ordered[1:]:
        if second != before + 1:
            yield first, before + 1
            first = second
        before = second
    yield first, before + 1
