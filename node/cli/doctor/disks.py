"""Disks: slow syncs, little room, rooms that fill."""

from typing import Final

from node.cli.doctor.subject import Scrapes, Subject
from node.cli.scrape import quantile
from node.cli.shell.values import size_text
from node.self_check.finding import Finding, Level

SLOW_S, VERY_SLOW_S = 0.1, 1.0
FREE_BYTES_MIN: Final = 64 << 20  # less than a segment of the log
FULL_SOON_S, FULL_NOW_S = 86400.0, 3600.0
_NAME: Final = "disks"


def check(subject: Subject) -> list[Finding]:
    return [finding for each in subject.scrapes for finding in judge(each)]


def judge(each: Scrapes) -> list[Finding]:
    return [*_latency(each), *_room(each)]


def _latency(each: Scrapes) -> list[Finding]:
    """Since it runs, and while it was observed: the worse of the two."""
    now, before = (figures.buckets("corral_fsync_seconds") for figures in (each.now, each.before))
    p99_s = max(quantile(0.99, now) or 0.0, quantile(0.99, now, before) or 0.0)
    if p99_s < SLOW_S:
        return []
    level = Level.FAILURE if p99_s >= VERY_SLOW_S else Level.WARNING
    return [Finding(_NAME, level, f"{each.member}: syncs of its log take {p99_s * 1000:,.0f} ms at the 99th percentile",
                    "give the log a disk of its own (dataLogDir), with power-loss protection; see who else uses it")]


def _room(each: Scrapes) -> list[Finding]:
    found = []
    for labels, free in each.now.series("corral_disk_free_bytes"):
        place = f"{each.member}, {labels.get('directory', '')}"
        full_s = each.now.most("corral_disk_full_in_seconds", **{k: v for k, v in labels.items() if k == "directory"})
        if free < FREE_BYTES_MIN or (full_s is not None and full_s < FULL_NOW_S):
            found.append(Finding(_NAME, Level.FAILURE, f"{place}: {size_text(free)} free{_when(full_s)}",
                                 "make room now: a full disk ends the member's broadcast"))
        elif full_s is not None and full_s < FULL_SOON_S:
            found.append(Finding(_NAME, Level.WARNING, f"{place}: {size_text(free)} free{_when(full_s)}",
                                 "make room, or keep fewer snapshots (autopurge.snapRetainCount)"))
    return found


def _when(full_s: float | None) -> str:
    return "" if full_s is None or full_s >= FULL_SOON_S else f", full in {full_s / 3600:.1f} hours if this goes on"
