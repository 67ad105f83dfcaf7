"""A Timeline's JSON (observability/timeline.py) on a terminal: bars on one axis of time, the verdict first."""

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 160  # where the output is no terminal
BAR_WIDTH_MIN, BAR_WIDTH_MAX = 16, 60
OTHER_COLUMNS = 84  # what the bars leave to them
UNNEEDED = ("append", "fsync", "ack")

# Of terminals, and those that turn the direction of what follows: paths are clients' words.
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

Stage = Mapping[str, Any]


def draw(timeline: Mapping[str, Any]) -> None:
    timeline = harmless(timeline)
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)
    verdict = timeline["verdict"]
    if verdict is not None:
        console.print(Text(verdict["sentence"], style="bold"), soft_wrap=True)
    console.print(_write(timeline), soft_wrap=True)
    console.print(_waterfall(timeline, console.width))
    for line in _provisos(timeline):
        console.print(Text(line, style="dim"), soft_wrap=True)
    console.print()


def harmless(value: Any) -> Any:
    """The same JSON, with what a terminal would obey written as the audit log does: \\uXXXX."""
    if isinstance(value, str):
        return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", value)
    if isinstance(value, Mapping):
        return {name: harmless(each) for name, each in value.items()}
    return [harmless(each) for each in value] if isinstance(value, list) else value


def _write(timeline: Mapping[str, Any]) -> str:
    write = timeline["write"]
    what = f"{write['op']} {write['path']}".strip() if write["known"] else "a write that the log does not hold any more"
    error = write["error"]
    outcome = "answer not seen" if error is None else "ok" if error == 0 else f"error {error}"
    who = f", session {write['session_hex']}" if write["session"] else ""
    led = f"; member {timeline['leader']} led" if timeline["leader"] else ""
    total = timeline["total_ns"]
    took = f", {milliseconds(total)} in all" if total is not None else ""
    return escape(
        f"{what}: {outcome}{took}; zxid {write['zxid_text']} ({write['zxid_hex']}){who}; "
        f"answered by member {timeline['origin']}{led}")


def _waterfall(timeline: Mapping[str, Any], width: int) -> Table:
    stages = timeline["stages"]
    begin = min((each["start_ns"] for each in stages), default=0)
    # What may wait for long is cut off: the bars of the rest are to be seen.
    meant = [each for each in stages if not each["values"].get("unattended")] or stages
    end = max((each["start_ns"] + each["duration_ns"] for each in meant), default=1)
    bar_width = max(BAR_WIDTH_MIN, min(BAR_WIDTH_MAX, width - OTHER_COLUMNS))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("MEMBER", "PROCESS", "STAGE"):
        table.add_column(name, no_wrap=True)
    table.add_column(f"0 … {milliseconds(end - begin)}", no_wrap=True, min_width=bar_width)
    table.add_column("TOOK", justify="right", no_wrap=True)
    table.add_column("REMARKS", overflow="fold")
    for depth, stage in _in_order(stages):
        style = _style(stage, timeline["verdict"])
        table.add_row(
            _member(stage), stage["process"], "  " * depth + stage["name"],
            Text(_bar(stage, begin, max(end - begin, 1), bar_width), style=style), milliseconds(stage["duration_ns"]),
            escape(", ".join(_remarks(stage))))
    return table


def _in_order(stages: list[Stage], parent: int = -1, depth: int = 0) -> Iterator[tuple[int, Stage]]:
    """Each stage before those inside it, siblings by time."""
    inside = [at for at, each in enumerate(stages) if each["parent"] == parent]
    for at in sorted(inside, key=lambda each: (stages[each]["start_ns"], each)):
        yield depth, stages[at]
        yield from _in_order(stages, at, depth + 1)


def _member(stage: Stage) -> str:
    follower = stage["values"].get("follower")
    return f"{stage['member']}" if follower is None else f"{stage['member']} ⇄ {follower}"


def _bar(stage: Stage, begin: int, span: int, width: int) -> str:
    left: int = max(0, min((stage["start_ns"] - begin) * width // span, width - 1))
    length = stage["duration_ns"] * width / span
    bar = "█" * round(length) if length >= 1 else "▌" if length >= _HALF else "▏"
    drawn = " " * left + bar
    return drawn if len(drawn) <= width else drawn[:width - 1] + "…"


def _style(stage: Stage, verdict: Mapping[str, Any] | None) -> str:
    values = stage["values"]
    if verdict is not None and stage["name"] == verdict["stage"] and verdict["member"] in (
            stage["member"], values.get("follower")) and values.get("follower", verdict["member"]) == verdict["member"]:
        return "red"
    if stage["name"] in UNNEEDED and values.get("needed") is False:
        return "bright_black"
    return "cyan" if stage["name"] in ("request", "commit") else "green"


def _remarks(stage: Stage) -> Iterator[str]:
    values = stage["values"]
    if values.get("stalled_s"):
        whose = f"{values['stalled_process']} of {values['stalled_member']}" if "stalled_member" in values else "it"
        yield f"{whose} did not run for {_seconds(values['stalled_s'])}"
    if values.get("completed_by"):
        yield f"member {values['completed_by']} completed the quorum"
    if values.get("needed") is False:
        yield "the quorum did without it"
    if values.get("times_sent", 1) > 1:
        yield f"sent {values['times_sent']} times"
    if stage["name"] == "election":
        yield f"member {values.get('leader')} leads epoch {values.get('epoch')}"
    for key, words in _WORDS.items():
        if values.get(key, 0) >= _SHOWN_S:
            yield f"{words} {_seconds(values[key])}"
    if values.get("shared_by", 1) > 1:
        yield f"shared by {values['shared_by']} writes"
    if values.get("unattended"):
        yield "no clients there: it may wait"
    if values.get("watchers"):
        yield f"{values['watchers']} watchers told"


_HALF = 0.5
_SHOWN_S = 0.000_1
_WORDS = {
    "collect_s": "collected for", "network_s": "network, both ways,", "queue_s": "queued for up to",
    "residence_s": "kept there for", "held_s": "ack put off for", "learned_s": "told of the commit after",
    "leader_s": "the leader counted it after",
    "wait_s": "waited", "execute_s": "executed in", "uncertainty_s": "true within ±"}


def _provisos(timeline: Mapping[str, Any]) -> Iterator[str]:
    moved = [each for each in timeline["clocks"] if each["member"] != timeline["origin"]]
    if moved:
        shown = ", ".join(
            f"member {each['member']}'s by {each['offset_ns'] / 1e6:+.3f} ms ± {each['uncertainty_ns'] / 1e6:.3f} ms"
            for each in moved)
        yield f"clocks were moved to member {timeline['origin']}'s: {shown}; durations are each by one clock"
    if timeline["missing"]:
        members = ", ".join(map(str, timeline["missing"]))
        yield f"missing: member {members} did not answer, or has no notes of this write"


def milliseconds(ns: int) -> str:
    return _seconds(ns / 1e9)


def _seconds(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 0.01 else f"{seconds * 1e3:.2f} ms"
